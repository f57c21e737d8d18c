# SPDX-License-Identifier: MIT
"""--blocking stops the target for each sample, and leaves it running whatever happens."""

import os
import random
import re
import signal

import expect
import process
import pytest
from test_record import read


def tracer(pid):
    with open(f"/proc/{pid}/status") as f:
        return int(re.search(r"^TracerPid:\s+(\d+)", f.read(), re.M).group(1))


def runs_on(pid):
    """No tracer, not stopped, and its CPU time grows."""
    process.until(lambda: tracer(pid) == 0, "no tracer to be left")
    process.until(lambda: process.state(pid) in "RS", "the target to run")
    before = process.cpu(pid)
    process.until(lambda: process.cpu(pid) > before, "the target to work on")


@pytest.mark.parametrize("name", ["SIGKILL", "SIGTERM", "SIGINT", "SIGHUP"])
def test_the_target_runs_on_after_any_end_of_ours(python, name, start, pysample, folder):
    child = start(python, "busy.py")
    child.said()
    file = os.path.join(folder, "out.txt")
    p = pysample.start("record", child.pid, "--blocking", "-r", "2k", "-o", file)
    process.sampling(p)
    p.send_signal(getattr(signal, name))
    if name == "SIGKILL":
        p.communicate()
    else:
        assert pysample.finish(p).code == 0
        assert expect.collapsed(read(file))
    runs_on(child.pid)


def test_killed_at_any_moment(one, start, pysample, folder):
    child = start(one, "busy.py")
    child.said()
    chance = random.Random(1)
    for i in range(30):
        file = os.path.join(folder, f"{i}.txt")
        p = pysample.start("record", child.pid, "--blocking", "-r", "max", "-o", file)
        enough = chance.randrange(8)
        process.until(lambda: p.poll() is not None or process.cpu(p.pid) >= enough, "pysample to run")
        p.kill()
        p.communicate()
        runs_on(child.pid)
    assert os.listdir(folder) == []


def test_many_threads_run_on(one, start, pysample, folder):
    child = start(one, "threads.py", 50)
    truth = child.said()
    file = os.path.join(folder, "out.txt")
    p = pysample.start("record", child.pid, "--blocking", "-i", "-r", "100", "-o", file)
    process.sampling(p)
    p.kill()
    p.communicate()
    for t in truth["threads"]:
        path = f"{child.pid}/task/{t['tid']}"
        process.until(lambda path=path: process.state(path) == "S", "a thread to run on")


def test_a_stop_signal_of_its_own_still_stops_it(one, start, pysample, folder):
    """Signals that arrive while it is stopped for us are its own, and are delivered."""
    child = start(one, "busy.py")
    child.said()
    file = os.path.join(folder, "out.txt")
    p = pysample.start("record", child.pid, "--blocking", "-r", "2k", "-o", file)
    process.sampling(p)
    os.kill(child.pid, signal.SIGSTOP)
    p.send_signal(signal.SIGINT)
    assert pysample.finish(p).code == 0
    process.until(lambda: process.state(child.pid) == "T", "its own stop to hold")
    os.kill(child.pid, signal.SIGCONT)
    runs_on(child.pid)


def test_its_signals_are_not_lost(one, start, pysample, folder):
    child = start(one, "signals.py", "SIGUSR1")
    child.said()
    file = os.path.join(folder, "out.txt")
    p = pysample.start("record", child.pid, "--blocking", "-r", "max", "-o", file)
    process.sampling(p)
    for _ in range(20):
        os.kill(child.pid, signal.SIGWINCH)
        assert child.said() == {"signal": "SIGWINCH"}
    os.kill(child.pid, signal.SIGUSR1)
    assert child.said() == {"signal": "SIGUSR1"}
    assert child.wait() == 7
    assert pysample.finish(p).code == 0
    assert expect.collapsed(read(file))


def test_another_tracer_is_named(one, start, pysample, folder):
    child = start(one, "busy.py")
    child.said()
    first = pysample.start("record", child.pid, "--blocking", "-o", os.path.join(folder, "1.txt"))
    process.sampling(first)
    result = pysample("record", child.pid, "--blocking", "-o", os.path.join(folder, "2.txt"))
    assert result.code == 4 and str(first.pid) in result.err, result
    reading = pysample("record", child.pid, "-d", "100ms", "-o", os.path.join(folder, "3.txt"))
    assert reading.code == 0, reading
    first.send_signal(signal.SIGINT)
    assert pysample.finish(first).code == 0
    runs_on(child.pid)
