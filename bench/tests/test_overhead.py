# SPDX-License-Identifier: MIT
"""What holds profilers, and what is reckoned of pairs."""

import os
import random
import subprocess
import sys

import overhead
import profilers
import pytest

LOOP = "while True: pass"


@pytest.fixture
def process():
    found = subprocess.Popen([sys.executable, "-c", LOOP])
    yield found
    found.kill()
    found.wait()


def state(pid):
    with open(f"/proc/{pid}/stat") as f:
        return f.read().rpartition(")")[2].split()[0]


class Target:
    """Counts what it is asked, and notices whether the profiler is held meanwhile."""

    def __init__(self, pid, profiler):
        self.pid, self.profiler, self.states = pid, profiler, []

    def ask(self, words):
        held = state(self.profiler) == "T"
        self.states.append(held)
        n = int(words)
        return f"{n * (1000 if held else 1500)} {n * (1000 if held else 1100)}"


def test_work_is_timed_with_the_profiler_held_and_let_go(process, monkeypatch):
    monkeypatch.setattr(overhead, "LEAD", 0)
    target = Target(os.getpid(), process.pid)
    switch = overhead.Switch(process.pid, target, False)
    found = overhead.pairs(target, switch, 20, 0.3, 0, random.Random(1))
    row = overhead.row_of(found)
    assert row["of"] == len(found) == len(target.states) / 2
    for first, second in zip(target.states[::2], target.states[1::2]):
        assert first != second
    assert {True, False} == set(target.states[::2])  # in random order
    assert row["clock"]["middle"] == pytest.approx(50) and row["cpu"]["middle"] == pytest.approx(10)
    switch.turn(True)
    assert state(process.pid) != "T" and switch.seconds() > 0


def test_one_that_has_the_target_stopped_is_not_held(process, monkeypatch):
    """The target would stand for as long."""
    monkeypatch.setattr(overhead, "HOLD_S", 0.05)
    real, traced = overhead.of_all_threads, []

    def seen(pid, name, pattern):
        traced.append(pattern)
        return real(pid, name, pattern) if not pattern.startswith("TracerPid") else False

    monkeypatch.setattr(overhead, "of_all_threads", seen)
    switch = overhead.Switch(process.pid, Target(os.getpid(), process.pid), True)
    with pytest.raises(profilers.Failed, match="whenever it is to be held"):
        switch.turn(False)
    assert state(process.pid) != "T" and "TracerPid:\t0" in traced
    overhead.Switch(process.pid, Target(os.getpid(), process.pid), False).turn(False)
    assert state(process.pid) == "T"


def test_disturbed_pairs_do_not_count_but_half_of_them_always_do():
    quiet, loud = (2.0, 1.0, 2.0, 1.0, 0.0), (9.0, 1.0, 9.0, 1.0, 1.0)
    assert overhead.clean([quiet] * 8 + [loud] * 4) == [quiet] * 8
    kept = overhead.clean([loud] * 9 + [(*quiet[:4], 0.5)] * 7)
    assert len(kept) == 8 and kept.count(loud) == 1
    assert len(overhead.clean([loud] * 7)) == 6


def test_nobody_and_we_are_looked_at_for_longest():
    plan = overhead.plan(["pysample", "py-spy", "profiling.sampling"], (1000, 10000, "max"))
    assert plan[0] == ("nobody", 0, 3) and ("pysample", 1000, 3) in plan and ("pysample", "max", 1) in plan
    assert [r for who, r, _ in plan if who == "py-spy"] == [1000] and plan[-1] == ("a busy core", "max", 1)
    assert overhead.plan(["Austin 4"], (1000,)) == [("nobody", 0, 3), ("Austin 4", 1000, 1)]
