# SPDX-License-Identifier: MIT
"""exec --wake: whom it reaches that is not reached without, and what else it does to the program."""

import os
import subprocess

import process
import pytest
from hosts import MARK, host_in, run_in  # noqa: F401

# Comes back when a wait for events has ended without one so often, or when there is one.
WAITS = r"""
#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>
int count_wakes(int most)
{
	struct epoll_event wanted = { .events = EPOLLIN }, got;
	int fd = epoll_create1(0), wakes = 0;
	char byte;
	while (read(0, &byte, 1) < 0 && errno == EINTR)
		;
	epoll_ctl(fd, EPOLL_CTL_ADD, 0, &wanted);
	while (wakes < most && epoll_wait(fd, &got, 1, -1) < 0 && errno == EINTR)
		wakes++;
	close(fd);
	return wakes;
}
"""


@pytest.fixture
def waits(host_in, places):
    """waits(interpreter, most) → Child that waits for a byte, and then for events, all in C."""

    def begin(interpreter, most):
        place = places(interpreter)
        library = os.path.join(place.outside, "waits.so")
        gcc = ["gcc", "-shared", "-fPIC", "-x", "c", "-", "-o", library]
        subprocess.run(gcc, input=WAITS.encode(), check=True)
        env = {"WAITS": os.path.join(place.inside, "waits.so"), "MOST": str(most)}
        child = host_in(interpreter, "waits_in_c", env=env)
        process.until(lambda: process.waits_for_input(child.pid), "it to wait for a byte")
        return child

    return begin


def waits_for_events(pid):
    with open(f"/proc/{pid}/wchan") as f:
        return f.read() in ("ep_poll", "do_epoll_wait")


def test_what_comes_to_wait_later_is_reached(door, waits, pysample):
    """It was stopped for the request before that, where a stop does not end a wait."""
    child = waits(door, 1)
    code = MARK.format(1)
    p = pysample.start("exec", "--wake", "--timeout", "1h", child.pid, "-c", code)
    process.until(child.temporary, "the script to be laid down")
    process.sampling(p, 20)
    child.go()
    result = pysample.finish(p)
    assert result.code == 0, result
    assert child.said() == {"wakes": 1}
    child.go()
    assert child.said()["ran"] == [1]


def test_without_it_that_is_not_reached(door, waits, pysample):
    child = waits(door, 1 << 30)
    p = pysample.start("exec", "--timeout", "1h", child.pid, "-c", MARK.format(1))
    process.until(child.temporary, "the script to be laid down")
    process.sampling(p, 20)
    child.go()
    process.until(lambda: waits_for_events(child.pid), "it to wait for events")
    process.sampling(p, 100)
    assert p.poll() is None
    p.terminate()
    assert pysample.finish(p).code == 3
    child.go()
    assert child.said()["wakes"] <= 2  # to ask, if that came late, and to take it back
    child.go()
    assert child.said()["ran"] == []


@pytest.mark.parametrize("options", [[], ["--wake"]], ids=["without", "wake"])
def test_how_often_the_program_is_woken(host, waits, pysample, options):
    child = waits(host, 1 << 30)
    child.go()
    process.until(lambda: waits_for_events(child.pid), "it to wait for events")
    p = pysample.start("exec", *options, "--timeout", "1h", child.pid, "-c", MARK.format(1))
    process.until(child.temporary, "the script to be laid down")
    process.sampling(p, 500)
    assert p.poll() is None
    p.terminate()
    result = pysample.finish(p)
    assert result.code == 3 and "withdrawn and did not run" in result.err, result
    child.go()
    wakes = child.said()["wakes"]
    if options and host.implementation == "cpython" and host.version >= (3, 14):
        assert wakes > 4, wakes
    else:  # to ask, and to take it back
        assert wakes <= 2, wakes
    child.go()
    assert child.said()["ran"] == []
    assert child.wait() == 0
