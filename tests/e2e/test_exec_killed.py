# SPDX-License-Identifier: MIT
"""pysample is killed while it runs code in a target, at any moment: the target goes on, nothing
is left in it or beside it, and what was asked ran once or not at all."""

import random
import time

import process
from hosts import MARK, host_in, run_in  # noqa: F401

TIMES = 60


def kill_at_random(pysample, child, times, longest):
    """longest: seconds until the kill, at most."""
    for i in range(times):
        p = pysample.start("exec", child.pid, "-c", MARK.format(i))
        time.sleep(random.uniform(0, longest))
        p.kill()
        p.communicate()


def duration(run_in, child):
    began = time.monotonic()
    result = run_in(child, "pass")
    assert result.code == 0, result
    return time.monotonic() - began


def clean(child):
    process.until(lambda: child.temporary() == [], "the guards to clean up")
    process.until(lambda: process.state(child.pid) in "RS", "the target to go on")


def test_killed_at_any_moment(host, host_in, run_in, pysample):
    child = host_in(host, "busy")
    kill_at_random(pysample, child, TIMES, 1.5 * duration(run_in, child))
    clean(child)
    result = run_in(child, MARK.format(TIMES))
    assert result.code == 0, result
    child.go()
    said = child.said()
    assert sorted(set(said["ran"])) == sorted(said["ran"]) and said["same"], said
    assert said["ran"][-1] == TIMES, said
    assert child.wait() == 0


def test_killed_while_it_waits(host, host_in, run_in, pysample):
    child = host_in(host, "read")
    for i in range(10):
        p = pysample.start("exec", "--timeout", "1h", child.pid, "-c", MARK.format(i))
        process.until(child.temporary, "the script to be laid down")
        process.sampling(p, 10 * (i % 3))
        p.kill()
        p.communicate()
        clean(child)
    child.go()
    said = child.said()
    assert said["ran"] == [] and said["same"], said
    assert child.wait() == 0
