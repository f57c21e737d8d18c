# SPDX-License-Identifier: MIT
"""exec by a pending call: CPython 3.8 to 3.13. The program's own calls are all made, in their
order, whatever pysample does beside them."""

import os
import re
import signal

import process
import pytest
from hosts import MARK, host_in, run_in  # noqa: F401

SHORT = ("--timeout", "300ms")
LONG = ("--timeout", "10m")


@pytest.fixture
def ring_in(host_in):
    """ring_in(interpreter, doing) → Child; .order(words) → what it says to that."""

    def run(interpreter, doing):
        child = host_in(interpreter, doing, script="ring.py")

        def order(*words):
            child.popen.stdin.write(" ".join(map(str, words)).encode() + b"\n")
            return None if words == ("go",) else child.said()

        child.order = order
        return child

    return run


def ended_well(child, *ran):
    """What ran in it is this, and each of its own calls was made once and in order."""
    child.order("go")
    said = child.said()
    assert said["ran"] == list(ran), said
    assert said["made"] == list(range(1, said["added"] + 1)), said
    assert child.wait() == 0
    return said


# Beside what the program does ---------------------------------------------------------------


@pytest.mark.parametrize("doing", ["busy", "adding", "signals", "many", "traced"])
def test_it_runs_beside(ring, ring_in, run_in, doing):
    child = ring_in(ring, doing)
    for i in range(5):
        result = run_in(child, "print(__name__)\n" + MARK.format(i), options=LONG)
        assert (result.code, result.out, result.err) == (0, "__main__\n", ""), result
    said = ended_well(child, *range(5))
    assert (said["added"] > 0) == (doing == "adding"), said


def test_many_at_once_beside_calls_of_the_program(ring, ring_in, pysample):
    child = ring_in(ring, "adding")
    running = [
        pysample.start("exec", *LONG, child.pid, "-c", MARK.format(i)) for i in range(8)
    ]
    for p in running:
        result = pysample.finish(p)
        assert result.code == 0, result
    child.order("go")
    said = child.said()
    assert sorted(said["ran"]) == list(range(8)), said
    assert said["made"] == list(range(1, said["added"] + 1)) and said["added"], said
    assert child.wait() == 0


def test_only_the_main_thread(ring, ring_in, run_in):
    child = ring_in(ring, "many")
    code = "import threading; print(threading.current_thread() is threading.main_thread())"
    for which in ("any", "main", child.pid):
        result = run_in(child, code, options=[*LONG, "--thread", which])
        assert (result.code, result.out) == (0, "True\n"), result
    others = {int(tid) for tid in os.listdir(f"/proc/{child.pid}/task")} - {child.pid}
    result = run_in(child, code, options=["--thread", min(others)])
    assert result.code == 2 and f"no thread {min(others)}" in result.err, result
    assert "only the main thread" in result.err, result
    ended_well(child)


# Where it has to wait -----------------------------------------------------------------------


def asleep(child):
    process.until(lambda: process.state(child.pid) == "S", "its main thread to wait")


def test_other_calls_go_first(ring, ring_in, run_in, pysample):
    child = ring_in(ring, "wait_then_busy")
    asleep(child)
    assert child.order("add", 10) == {"added": 10}
    result = run_in(child, MARK.format(0), options=SHORT)
    assert result.code == 3 and "busy" in result.err, result
    p = pysample.start("exec", *LONG, child.pid, "-c", MARK.format(1))
    process.sampling(p, 20)
    assert child.order("release") == {"released": True}
    result = pysample.finish(p)
    assert result.code == 0, result
    assert ended_well(child, 1)["added"] == 10


def waiting(child, pysample, mark):
    """pysample, whose request waits in the ring: its text is in the target's memory."""
    p = pysample.start("exec", "--timeout", "1h", child.pid, "-c", MARK.format(mark))
    process.until(lambda: requested(child.pid), "the request to be made")
    return p


def requested(pid):
    """Is the text of one in its memory? The ring is written in the same stop."""
    needle = b"try:__import__('builtins').exec(__import__('builtins').compile("
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            where, permissions, *rest = line.split()
            start, end = (int(x, 16) for x in where.split("-"))
            if not permissions.startswith("rw") or end - start > 1 << 26:
                continue
            try:
                memory.seek(start)
                if needle in memory.read(end - start):
                    return True
            except (OSError, ValueError, OverflowError):
                continue
    return False


def test_calls_that_come_behind_it_stay(ring, ring_in, pysample):
    child = ring_in(ring, "wait")
    p = waiting(child, pysample, 1)
    added = child.order("add", 40)["added"]
    assert added >= 29, "the ring has room for as many as ever, but one or two"
    child.order("go")
    result = pysample.finish(p)
    assert result.code == 0, result
    said = child.said()
    assert said["ran"] == [1] and said["made"] == [*range(1, added + 1)], said
    assert child.wait() == 0


def test_withdrawn_from_among_others(ring, ring_in, run_in, pysample):
    child = ring_in(ring, "wait")
    p = waiting(child, pysample, 1)
    assert child.order("add", 5) == {"added": 5}
    p.send_signal(signal.SIGINT)
    result = pysample.finish(p)
    assert result.code == 3 and "withdrawn and did not run" in result.err, result
    assert child.order("add", 3) == {"added": 3}
    assert ended_well(child)["added"] == 8


def test_killed_among_others(ring, ring_in, run_in, pysample):
    child = ring_in(ring, "wait")
    for i in range(10):
        p = pysample.start("exec", "--timeout", "1h", child.pid, "-c", MARK.format(i))
        process.sampling(p, 5 * (i % 4))
        child.order("add", 2)
        p.kill()
        p.communicate()
    process.until(lambda: child.temporary() == [], "the guards to clean up")
    assert ended_well(child)["added"] == 20


def test_a_long_call_of_the_program(ring, ring_in, run_in):
    child = ring_in(ring, "in_a_call")
    assert child.said() == {"at_work": True}
    result = run_in(child, MARK.format(1), options=SHORT)
    assert result.code == 3, result
    if ring.version >= (3, 12):
        assert "busy" in result.err, result
    ended_well(child)


def test_an_exception_for_the_main_thread(ring, ring_in, run_in):
    child = ring_in(ring, "wait")
    asleep(child)
    assert child.order("send") == {"sent": True}
    result = run_in(child, MARK.format(1), options=SHORT)
    assert result.code == 3 and "exception" in result.err, result
    assert ended_well(child)["sent"]


def test_close_to_the_recursion_limit(ring, ring_in, run_in):
    child = ring_in(ring, "deep")
    assert child.said() == {"deep": True}
    result = run_in(child, MARK.format(1), options=SHORT)
    assert result.code == 3 and "recursion limit" in result.err, result
    ended_well(child)


def is_in_epoll_wait(pid):
    with open(f"/proc/{pid}/syscall") as f:
        return f.read().split()[0] in ("232", "281")  # epoll_wait, epoll_pwait of x86-64


def test_an_idle_event_loop(ring, host_in, run_in):
    """It is not woken by a stop: these versions look at calls between bytecodes only."""
    child = host_in(ring, "wait_for_events")
    process.until(lambda: is_in_epoll_wait(child.pid), "it to be idle")
    result = run_in(child, MARK.format(1), options=[*SHORT, "--wake"])
    assert result.code == 3 and "withdrawn and did not run" in result.err, result
    child.go()
    assert child.said()["ran"] == []
    assert child.wait() == 0


# Where it cannot be -------------------------------------------------------------------------


def test_audit_hooks(ring, ring_in, run_in, pysample):
    child = ring_in(ring, "hooked")
    process.until(lambda: run_in(child, "1", options=SHORT).code == 4, "the hook")
    result = run_in(child, MARK.format(1))
    assert result.code == 4 and "audit hooks" in result.err and "hint" in result.err, result
    result = pysample("doctor", child.pid)
    assert re.search("NO +audit hooks +the program has some", result.out), result
    result = pysample("ls", "-q")
    assert re.search(f"^ *{child.pid} .* no: audit hooks ", result.out, re.M), result
    ended_well(child)


def test_interpreters(ring, ring_in, run_in):
    child = ring_in(ring, "interpreters")
    if ring.version >= (3, 9):
        result = run_in(child, MARK.format(1), options=LONG)
        assert result.code == 0, result
        ended_well(child, 1)
    else:
        result = process.until(
            lambda: [r for r in [run_in(child, "1", options=SHORT)] if r.code == 3], "the other"
        )[0]
        assert "several interpreters" in result.err, result
        ended_well(child)


def test_without_a_main_thread(ring, ring_in, run_in):
    child = ring_in(ring, "without_main")
    process.until(lambda: process.state(child.pid) == "Z", "its main thread to end")
    result = run_in(child, MARK.format(1), options=SHORT)
    assert result.code == 3 and "no main thread" in result.err, result


def test_a_child_with_a_copy_of_the_request(ring, ring_in, pysample):
    child = ring_in(ring, "wait")
    p = waiting(child, pysample, 1)
    assert child.order("fork") == {"child": 0}
    child.order("go")
    result = pysample.finish(p)
    assert result.code == 0, result
    assert child.said()["ran"] == [1]
    assert child.wait() == 0
