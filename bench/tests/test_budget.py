# SPDX-License-Identifier: MIT
"""A run ends in the time that it has, whatever its parts take."""

import functools
import json
import types

import budget
import cost
import interpreters
import overhead
import profilers
import pytest
import speed
from test_run import arguments, run  # noqa: F401 (a fixture)


class Clock:
    """A time that goes on by what is said to have taken it."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(run, monkeypatch):  # noqa: F811
    found = Clock()
    monkeypatch.setattr(run, "time", types.SimpleNamespace(monotonic=found, time=found, strftime=lambda *a: "", localtime=lambda t: t))
    monkeypatch.setattr(budget, "Division", functools.partial(budget.Division, now=found))
    return found


def test_a_time_is_divided_by_weight_and_what_is_left_is_divided_again():
    clock = Clock()
    d = budget.Division(1100, [1, 3, 1], clock)
    assert d.next(1) == 20
    clock.now += 10  # half as long as it should have
    assert d.next(3) == 67.5 and d.left() == 90
    clock.now += 95
    assert d.next(1) == 0 and d.left() == 0


def test_what_takes_longer_than_its_share_takes_from_those_after_it():
    clock = Clock()
    d = budget.Division(1100, [1, 3, 1], clock)
    assert d.next(1) == 20
    clock.now += 40  # twice as long as it should have
    assert d.next(3) == 0.5 * 60 * 3 / 4


def test_recordings_share_what_is_left_after_their_starts():
    assert budget.seconds(30, 10, 0.5, 1) == 2 and budget.seconds(1, 10, 0.5, 1) == 0.5


class Python:
    def __init__(self, version):
        self.version = self.exact = self.label = version
        self.minor, self.pypy = int(version[2:]), ""

    def has_tachyon(self):
        return self.version == "3.15"


PYTHONS = [Python(v) for v in ("3.13", "3.14", "3.15")]


def fakes(run, monkeypatch, clock, slow=1.0, done=None):  # noqa: F811
    """Measurements that only take their time: `slow` times what is reckoned with."""
    done = {} if done is None else done

    def takes(part, seconds, what):
        clock.now += slow * seconds
        done.setdefault(part, []).append(what)
        return [], []

    def accuracy(python, program, who, seconds, rounds, extra, exe):
        return takes("accuracy", rounds * (len(who) + len(extra) + 2) * (seconds + 0.35), (program, python.version, rounds * seconds))

    def overheads(python, kind, who, rates, seconds):
        plan = overhead.plan(who, rates)
        return takes("overhead", 5 + sum(seconds * share + 1.3 for *_, share in plan), (kind, python.version, seconds))

    def heap(python, sizes, rounds, exe, only, until):
        takes("heap", 60 if len(only) == 1 else 200, (python.version, tuple(sizes), only, until))
        return {"held": [], "whole": [], "beside": []}, []

    def watched(part, each):
        return lambda python, who, *rest: takes(part, each(who, *rest), (python.version, rest))

    monkeypatch.setattr(run.accuracy, "measure", accuracy)
    monkeypatch.setattr(run.overhead, "measure", overheads)
    monkeypatch.setattr(run.heap, "measure", heap)
    monkeypatch.setattr(run.modes, "has_modes", lambda exe: True)
    monkeypatch.setattr(run.modes, "measure", lambda python, seconds, exe: takes("modes", 10 * (1 + python.has_tachyon()) * (seconds + 0.6), seconds))
    monkeypatch.setattr(run.speed, "measure", lambda python, who, threads, leaf, seconds, rounds, exe: takes(
        "speed", rounds * (len(who) + 1) * (seconds + 0.8), (python.version, threads, leaf, seconds)))
    monkeypatch.setattr(run.injection, "measure", lambda python, times, seconds, minutes, exe: takes(
        "exec", min(60 * minutes, 12), (python.label, minutes)))
    monkeypatch.setattr(cost, "table", watched("cost", lambda who, rates, threads, s: len(who) * len(rates) * len(threads) * (s + 1.4)))
    monkeypatch.setattr(cost, "curve", watched("cost", lambda who, what, xs, rate, s: len(who) * len(xs) * (s + 1.4)))
    monkeypatch.setattr(cost, "first_samples", watched("cost", lambda who, rate, rounds: 2 * rounds * len(who)))
    monkeypatch.setattr(interpreters, "find", lambda versions: PYTHONS)
    monkeypatch.setattr(interpreters, "hosts", lambda versions: [Python(f"3.{n}") for n in range(8, 18)])
    monkeypatch.setattr(run.accuracy, "trial", lambda python, entrants: {
        n: "" if n.startswith("py") or n == "profiling.sampling" and python.has_tachyon() or n == "Austin 4" and python.minor < 15 else "no"
        for n in profilers.all_of()})
    monkeypatch.setattr(run.report, "write", lambda *a: None)
    return done


@pytest.mark.parametrize("slow", (0.5, 1.0, 1.5))
def test_all_parts_are_done_within_the_budget(run, monkeypatch, clock, tmp_path, slow):  # noqa: F811
    done = fakes(run, monkeypatch, clock, slow)
    run.run_parts(arguments(tmp_path, quick=False, budget=55, began=clock.now), {})
    assert list(done) == list(budget.SHARES)  # also their order
    assert clock.now - 1000 < 55 * 60
    results = json.loads((tmp_path / "results.json").read_text())
    assert not [f for name, part in results.items() for f in part["failures"] if slow <= 1 or name != "cost"]
    seconds = {(program, python): s for program, python, s in done["accuracy"]}
    assert len(done["speed"]) == 2 * len(speed.KINDS) and ("callbacks", "3.13") not in seconds and len(seconds) == 36
    if slow == 1:
        assert clock.now - 1000 > 50 * 60
        for program in budget.LONG:
            assert seconds[program, "3.15"] > 15 and seconds[program, "3.13"] > 8
        assert min(seconds.values()) > 1.2
        assert min(s for _, _, s in done["overhead"]) > 4
    assert done["heap"][0][:3] == ("3.15", (1, 3, 10), ("held", "whole", "beside"))
    assert done["heap"][1][:3] == ("3.14", (1, 3), ("held",))


def test_what_has_no_time_left_is_said(run, monkeypatch, clock, tmp_path):  # noqa: F811
    """A measurement that hangs until its limit costs those after it their length, not the run its end."""
    done = fakes(run, monkeypatch, clock)
    real = run.accuracy.measure

    def hangs(python, program, *rest):
        if (program, python.version) == ("recursion", "3.15"):
            clock.now += 27 * 60
        return real(python, program, *rest)

    monkeypatch.setattr(run.accuracy, "measure", hangs)
    run.run_parts(arguments(tmp_path, "cost", "accuracy", "speed", quick=False, budget=45, began=clock.now), {})
    results = json.loads((tmp_path / "results.json").read_text())
    assert list(done) == ["accuracy", "speed", "cost"] and clock.now - 1000 < 45 * 60
    assert any("the time was over" in f for f in results["accuracy"]["failures"])


def test_what_is_whole_is_not_measured_again(run, monkeypatch, clock, tmp_path):  # noqa: F811
    done = fakes(run, monkeypatch, clock)
    facts = run.facts(None)
    monkeypatch.setattr(run, "commit_of", lambda: facts["commit"])
    results = {"speed": {"whole_run": True, "facts": facts}, "modes": {"whole_run": False, "facts": facts},
               "cost": {"whole_run": True, "facts": {**facts, "commit": "another"}}}
    args = arguments(tmp_path, "speed", "modes", "cost", quick=False, resume=True, began=clock.now)
    run.run_parts(args, results)
    assert list(done) == ["modes", "cost"]
