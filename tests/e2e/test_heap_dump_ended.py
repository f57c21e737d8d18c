# SPDX-License-Identifier: MIT
"""heap dump that is interrupted or killed at whatever moment: the target runs on as it was, no copy of
it is left, and no file but a whole one."""

import os
import signal

import process
import pytest
from conftest import FEW
from heaps import HOW, children_of, hard, nothing_is_left, others  # noqa: F401
from hosts import ended_well, host_in  # noqa: F401
from process import over, written
from terminal import Terminal

MIB = 1 << 20
FORMATS = pytest.mark.parametrize("format", ["psheap", "heapsnapshot"])


def at(p, threshold):
    process.until(lambda: written(p.pid) >= threshold or over(p.pid), "it to write")


class Dumps:
    """Of one target that lets a walk take its time, into one file."""

    def __init__(self, child, pysample, folder, options=(), format="psheap"):
        assert child.said()["there"]
        self.path = os.path.join(folder, "a." + format)
        self.argv = ("heap", "dump", child.pid, "-o", self.path, *options)
        self.pysample = pysample
        whole = self.start()
        process.until(lambda: over(whole.pid), "a whole dump")
        self.all = written(whole.pid)
        result = pysample.finish(whole)
        assert result.code == 0, result
        self.size = os.path.getsize(self.path)
        os.unlink(self.path)

    def start(self):
        return self.pysample.start(*self.argv)

    def stopped(self, least, most):
        """One that stands still when it has written so much."""
        for _ in range(50):
            p = self.start()
            at(p, least)
            p.send_signal(signal.SIGSTOP)
            process.until(lambda: process.state(p.pid) in ("T", "Z"), "it to stand still")
            if not over(p.pid) and written(p.pid) <= most:
                return p
            p.send_signal(signal.SIGCONT)
            assert self.pysample.finish(p).code == 0
            os.unlink(self.path)
        raise AssertionError("it was never met in the middle")


def end(p, pysample, number=signal.SIGINT):
    """Sends it to one that stands still, and lets it go on. Its result, and what it wrote since."""
    before = written(p.pid)
    p.send_signal(number)
    p.send_signal(signal.SIGCONT)
    process.until(lambda: over(p.pid), "it to end")
    since = written(p.pid) - before
    return pysample.finish(p), since


def goes_first(pid):
    """Does the kernel end it before others, if memory runs out?"""
    with open(f"/proc/{pid}/oom_score_adj") as f:
        return int(f.read()) == 1000


@HOW
def test_interrupted_in_the_middle(host, hard, pysample, folder, how):
    child = hard(host, "many")
    dumps = Dumps(child, pysample, folder, how)
    p = dumps.stopped(MIB, dumps.size // 2)
    assert [goes_first(pid) for pid in (child.pid, *others(child))] == [False] + [True] * (not how)
    result, since = end(p, pysample)
    assert result.code == 1 and "interrupted" in result.err, result
    assert since < 4 * MIB
    nothing_is_left(child, folder)
    ended_well(child)


@HOW
def test_interrupted_while_nothing_comes(host, hard, pysample, folder, how):
    child = hard(host, "held")
    p = pysample.start("heap", "dump", child.pid, "-o", os.path.join(folder, "a.psheap"), *how)
    assert child.said()["there"]
    p.send_signal(signal.SIGINT)
    result = pysample.finish(p)
    assert result.code == 1 and "interrupted" in result.err, result
    child.go()
    ended_well(child)
    nothing_is_left(child, folder)


def test_interrupted_while_it_waits_to_be_picked_up(host, host_in, pysample, folder):
    child = host_in(host, "read")
    p = pysample.start("heap", "dump", "--timeout", "1h", child.pid, cwd=folder)
    process.until(child.temporary, "the script to be laid down")
    process.sampling(p, 10)
    p.send_signal(signal.SIGINT)
    result = pysample.finish(p)
    assert result.code == 3 and "interrupted" in result.err and "did not run" in result.err, result
    assert child.temporary() == [] and os.listdir(folder) == []
    ended_well(child)


def test_interrupted_while_it_comes_without_end(one, hard, pysample, folder):
    """The pipe is never empty."""
    child = hard(one, "endless")
    for _ in range(50):
        p = pysample.start("heap", "dump", child.pid, "-o", os.path.join(folder, "a.psheap"))
        at(p, MIB)
        p.send_signal(signal.SIGSTOP)
        process.until(lambda: process.state(p.pid) in ("T", "Z"), "it to stand still")
        if not over(p.pid):
            break
        pysample.finish(p)
    result, since = end(p, pysample)
    assert result.code == 1 and "interrupted" in result.err, result
    assert since < 4 * MIB
    nothing_is_left(child, folder)
    ended_well(child)


@pytest.mark.parametrize("format", ["heapsnapshot", "jsonl"])
def test_interrupted_while_it_is_converted(one, hard, pysample, folder, format):
    """That is our own work, and nobody asks meanwhile: the signal ends it."""
    child = hard(one, "many")
    dumps = Dumps(child, pysample, folder, format=format)
    p = dumps.stopped(dumps.all - dumps.size // 2, dumps.all - dumps.size // 4)
    result, _ = end(p, pysample)
    assert result.code == -signal.SIGINT, result
    nothing_is_left(child, folder)
    ended_well(child)


def test_interrupted_while_it_is_joined(pypy, hard, pysample, folder):
    child = hard(pypy, "many")
    dumps = Dumps(child, pysample, folder)
    p = dumps.stopped(dumps.all - dumps.size // 2, dumps.all - dumps.size // 4)
    result, _ = end(p, pysample)
    assert result.code == -signal.SIGINT, result
    nothing_is_left(child, folder)
    ended_well(child)


# --- killed


@FORMATS
@pytest.mark.parametrize("old", [None, "old"], ids=["new", "replaced"])
def test_killed_at_any_moment(one, hard, pysample, folder, format, old):
    child = hard(one, "many")
    dumps = Dumps(child, pysample, folder, format=format)
    moments = 4 if FEW else 10
    for i in range(moments):
        if old:
            with open(dumps.path, "w") as f:
                f.write(old)
        p = dumps.start()
        at(p, dumps.all * i // moments)
        p.kill()
        pysample.finish(p)
        if old or os.path.exists(dumps.path):
            with open(dumps.path, "rb") as f:
                assert f.read() == b"old" or os.path.getsize(dumps.path) > dumps.size * 0.99
            os.unlink(dumps.path)
        nothing_is_left(child, folder)
    ended_well(child)


@HOW
def test_killed_before_the_target_opens_its_pipe(host, hard, pysample, folder, how):
    """Whose other end nobody opens any more: to wait for that would be for ever. Who cleans up
    is late."""
    child = hard(host, "held")
    p = pysample.start("heap", "dump", child.pid, "-o", os.path.join(folder, "a.psheap"), *how)
    assert child.said()["there"]
    (guard,) = children_of(p.pid)
    os.kill(guard, signal.SIGSTOP)
    try:
        p.kill()
        pysample.finish(p)
        child.go()
        ended_well(child)
    finally:
        os.kill(guard, signal.SIGCONT)
    nothing_is_left(child, folder)


def test_killed_while_its_copy_hangs(host, hard, pysample, folder):
    """In a fork handler of the program, where it does not notice."""
    child = hard(host, "hangs")
    p = pysample.start("heap", "dump", child.pid, "-o", os.path.join(folder, "a.psheap"))
    process.until(lambda: others(child), "the copy")
    process.sampling(p, 5)  # it knows of it
    p.kill()
    pysample.finish(p)
    nothing_is_left(child, folder)
    process.until(lambda: children_of(child.pid) == [], "no zombie")
    ended_well(child)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_target_that_a_closed_pipe_would_end(host, hard, pysample, folder, number):
    child = hard(host, "unforgiving")
    dumps = Dumps(child, pysample, folder, ["--in-process"])
    p = dumps.stopped(MIB, dumps.size // 2)
    end(p, pysample, number)
    ended_well(child)
    nothing_is_left(child, folder)


# --- to its end


def test_what_is_told_on_a_terminal(one, hard, pysample, folder):
    child = hard(one, "many")
    assert child.said()["there"]
    path = os.path.join(folder, "a.heapsnapshot")
    argv = [pysample.program, "heap", "dump", str(child.pid), "-o", path]
    terminal = Terminal(argv, pysample.environment)
    try:
        terminal.expect(f"A copy of process {child.pid} may need ")
        assert " MiB" in terminal.expect(" leaves ")
        terminal.expect("heap dump: ")
        terminal.expect(" MB")
        terminal.expect(f"Wrote heapsnapshot: {path}")
        assert terminal.end() == 0
    finally:
        terminal.close()
    ended_well(child)
