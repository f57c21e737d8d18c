# SPDX-License-Identifier: MIT
"""Profilers and programs that crash, hang, are missing or write nonsense: each costs what it was
to measure, and no more."""

import json
import os
import shlex
import signal
import subprocess
import sys
import types

import cost
import heap
import injection
import interpreters
import overhead
import peers
import profilers
import pytest
import report_heap
import speed
import stats
from accuracy import measure as accuracy
from accuracy import modes

LOOP = "import time\nprint('ready', flush=True)\ntime.sleep(600)"


@pytest.fixture
def python():
    """The one that runs this, as one to measure on."""
    found = interpreters.Outside(sys.executable, "3.11")
    found.version = "3.11"
    return found


@pytest.fixture
def target(python, tmp_path):
    script = tmp_path / "loop.py"
    script.write_text(LOOP)
    with python.target(str(script)) as t:
        yield t


class Scripted(profilers.Profiler):
    """A profiler that does what a shell script does; OUT is where it is to write."""

    name, fastest = "scripted", 1

    def __init__(self, script):
        self.script = script

    def options(self, target, out, rate):
        return ["sh", "-c", f"OUT={shlex.quote(out)}\n{self.script}"]

    def read(self, path, words):
        with open(path) as f:
            return profilers.formats.parenthesised(f.read()), 1, 100.0, profilers.number(r"Rate: (\d+)", words, "rate")


def finished(profiler, target):
    """What it recorded, asked for after it has ended of itself."""
    with profiler.running(target, 1) as run:
        os.waitid(os.P_PID, run.process.pid, os.WEXITED | os.WNOWAIT)
        return run.finish()


def test_a_profiler_that_crashes(target):
    for script in ("kill -SEGV $$", "echo no such process; exit 1", "echo 'a (b:1) 1' > $OUT; exit 1"):
        with pytest.raises(profilers.Failed, match="ended early"):
            finished(Scripted(script), target)
    with pytest.raises(profilers.Failed, match="ended early"):
        Scripted("exit 1").record(target, 1, 600)


def test_a_profiler_that_hangs_is_ended(target, monkeypatch):
    monkeypatch.setattr(profilers, "END_S", 0.1)
    with pytest.raises(profilers.Failed, match="did not end within"):
        with Scripted("exec sleep 600").running(target, 1) as run:
            # As if it ignored Ctrl-C from its beginning on; Popen.kill() is os.kill() here.
            run.process.send_signal = lambda number: None
            run.process.kill = lambda: os.kill(run.process.pid, signal.SIGKILL)
            run.finish()
    assert run.process.returncode == -9 and not os.path.exists(run.path)


def test_a_profiler_that_is_not_there(target):
    class Missing(Scripted):
        def options(self, *args):
            return ["/no/such/profiler"]

    with pytest.raises(profilers.FAILURES):
        Missing("").record(target, 1, 1)
    assert peers.version_of("/no/such/profiler") == "?"
    assert "no/such" in peers.problem_of(["/no/such/program"])
    assert peers.problem_of(["sh", "-c", "echo why >&2; exit 1"]) == "why" and not peers.problem_of(["true"])
    assert peers.problem_of(["false"]) == "exit 1"


class Breaking:
    """A profiler of which nothing comes but this error."""

    name, stops, catches_up = "breaking", False, 0

    def __init__(self, error=profilers.Failed("it broke")):
        self.error = error

    def record(self, *args):
        raise self.error

    running = record


class Dead:
    """A Python whose programs end before they begin."""

    version = label = exact = "3.15"
    pypy, minor, root = "", 15, "/"

    def target(self, *args, **more):
        raise RuntimeError("it did not start")

    def has_tachyon(self):
        return False


ERRORS = (profilers.Failed("it broke"), profilers.mojo.Broken("it broke"), profilers.formats.Unreadable("it broke"),
          BrokenPipeError("it broke"), ValueError("it broke"), IndexError("it broke"),
          subprocess.CalledProcessError(1, "it broke"))


def test_who_cannot_record_is_left_out(python):
    for error in ERRORS:
        who = {"breaking": Breaking(error)}
        assert "it broke" in accuracy.trial(python, who)["breaking"]
        taken, failures = accuracy.gather(python, "families", who, {"breaking": 1}, 1, 2)
        assert not taken and len(failures) == 2
        for rows, failures in (cost.table(python, who, (1,), (1,), 1, ()), cost.curve(python, who, "frames", (10,), 1, 1),
                               cost.first_samples(python, who, 1, 1)):
            assert not rows and len(failures) == 1 and "it broke" in failures[0]


def test_overhead_tells_the_others(python, monkeypatch):
    monkeypatch.setattr(overhead, "SETTLE", 0)
    monkeypatch.setattr(overhead, "QUANTUM", 0.001)
    rows, failures = overhead.measure(python, "1 thread", {"breaking": Breaking()}, (1000, "max"), 0.2)
    assert [r["who"] for r in rows] == [overhead.NOBODY, overhead.SPINNING] and len(failures) == 2
    for row in rows:
        assert row["of"] >= row["pairs"] >= overhead.LEAST and row["cpu"]["low"] <= row["cpu"]["middle"] <= row["cpu"]["high"]


def test_programs_that_do_not_start_are_said():
    who = {"pysample": Breaking()}
    for got, failures in (accuracy.gather(Dead(), "families", who, {}, 1, 1), modes.measure(Dead(), 1),
                          speed.measure(Dead(), {}, 1, "quiet", 1, 1), cost.table(Dead(), who, (1,), (1,), 1),
                          cost.curve(Dead(), who, "frames", (1,), 1, 1), cost.first_samples(Dead(), who, 1, 1),
                          overhead.measure(Dead(), "1 thread", who, (1,), 1), injection.measure(Dead(), 1, 1)):
        assert not got and failures and all("did not start" in f for f in failures)
    assert "did not start" in accuracy.trial(Dead(), who)["pysample"]
    found, failures = heap.measure(Dead(), (1,), 1)
    assert not any(found.values()) and len(failures) == 3
    words = report_heap.text({"rows": []}, lambda *a: []), list(report_heap.goals({"rows": []}))
    assert words[1] == []


def test_speed_compares_rounds_that_both_have():
    rows = speed.rows_of({"pysample": {1: 100.0}, "py-spy": {0: 1.0, 1: 50.0}, "Austin 4": {0: 7.0}, "Austin 3": {}}, {})
    ratios = {r["who"]: r["ratio"]["middle"] for r in rows}
    assert ratios["py-spy"] == 2 and ratios["pysample"] == 1 and ratios["Austin 4"] != ratios["Austin 4"]
    assert "Austin 3" not in ratios
    assert speed.rows_of({"py-spy": {0: 1.0}}, {})[0]["ratio"]["low"] != 1


def test_looks_count_that_were_worth_it():
    below = [("<module>", "deep.py", 1), ("main", "deep.py", 2)] + [("down", "deep.py", 3)] * (speed.DEPTH - 3)
    good, cut, torn = (tuple(below + [(n, "deep.py", 4) for n in top]) for top in (("calling", "two"), (), ("two", "one")))
    assert speed.possible(good) and speed.possible(good[1:]) and not speed.possible(cut) and not speed.possible(torn)
    r = profilers.Recording({good: 6, torn: 3, cut: 1}, 10, 50.0, 1000.0, 1, "", 0, 0)
    assert speed.worth(r, None) == (pytest.approx(300), 60) and speed.worth(r, "stacks") == (pytest.approx(600), 60)
    assert speed.worth(r._replace(stacks={}), None) == (0, 0)


# --- Heap dumps.

class Program:
    """A program that answers as heap.py does, and is dead after so many answers."""

    pid = 1

    def __init__(self, answers, error):
        self.left, self.error = answers, error

    def __enter__(self):
        return self

    def __exit__(self, *args):
        pass

    def ask(self, words):
        self.left -= 1
        if self.left < 0:
            raise self.error
        return json.dumps(1.5)


def heap_of(monkeypatch, answers, error, said="100 objects in 1 thread, held for 2.5 ms, all took 0.1 s"):
    def run(*command):
        if "-o" in command:
            with open(command[command.index("-o") + 1], "w"):
                pass
        return said, 1.0, 1.0, 1.0

    monkeypatch.setattr(heap, "run", run)
    monkeypatch.setattr(heap, "target", lambda python, millions: Program(answers, error))
    return heap.measure(Dead(), (1,), 2, "pysample")


def test_a_program_that_is_killed_beside_a_dump_leaves_what_was_measured(monkeypatch):
    for error in (RuntimeError("it ended"), BrokenPipeError("it ended")):
        found, failures = heap_of(monkeypatch, 5, error)
        assert {r["who"]: len(r["ms"]) for r in found["held"]} == {"fork": 2, "pysample": 1, "felt": 1}
        assert found["held"][0]["objects"] == 100 and list(heap.lines_of(found))
        assert not found["whole"] and not found["beside"] and len(failures) == 3
        assert failures[0] == "held with 1 million objects under 3.15: it ended"


def test_a_command_that_says_something_else_has_failed(monkeypatch):
    found, failures = heap_of(monkeypatch, 99, None, "Segmentation fault")
    assert [r["who"] for r in found["held"]] == ["fork"]
    assert len(failures) == 3 and all("Segmentation fault" in f for f in failures)


def test_a_copy_that_never_ends_has_no_figure(monkeypatch):
    monkeypatch.setattr(heap.time, "monotonic", iter(range(0, 1000, 20)).__next__)
    with pytest.raises(profilers.Failed, match="did not end"):
        heap.children_after(Program(99, None), 1.5)


def test_commands_that_fail_or_hang(monkeypatch):
    with pytest.raises(profilers.Failed, match="exit 3: why"):
        heap.run("sh", "-c", "echo why >&2; exit 3")
    assert heap.run("sh", "-c", "echo words >&2")[0] == "words\n"
    with pytest.raises(profilers.Failed, match="(?s)not started.*nowhere"):
        heap.run("/nowhere/at/all", "heap", "dump")
    monkeypatch.setattr(heap, "LIMIT_S", 0.1)
    with pytest.raises(profilers.Failed, match="not done after"):
        heap.run("sleep", "600")
    monkeypatch.setattr(injection, "COMMAND_S", 0.1)
    with pytest.raises(profilers.Failed, match="not done after"):
        injection.run_quietly(["sleep", "600"])


# --- Running code.

class Host:
    """A program that scripts are run in, as far as it is asked for its state."""

    script, pid, outside, inside = "host.py", os.getpid(), "", ""
    process = types.SimpleNamespace(poll=lambda: None)

    def ask(self, words):
        return "1 0 5 9"


def measurement(python, times):
    return injection.Measurement(python, Host(), times, "pysample")


class Door(Dead):
    version = label = "3.14"
    minor = 14


def test_the_peak_of_a_command_is_its_own():
    much = bytearray(os.urandom(4096)) * (300 << 8)  # 300 MiB of ours, all of them touched
    peak = heap.run("sh", "-c", "true")[3]
    assert len(much) == 300 << 20 and peak < 100


def test_injections_are_given_up_where_all_fail(monkeypatch):
    monkeypatch.setattr(injection, "by_pysample", Breaking().record)
    m = measurement(Door(), 1000)
    m.inject()
    assert m.done == injection.IN_A_ROW and len(m.failures) == injection.TOLD_MAX and m.marks[-1]["done"] == m.done


def test_a_recording_that_fails_costs_no_injection(monkeypatch):
    monkeypatch.setattr(injection, "by_pysample", lambda *args: (3.0, 2.0, 1.0))
    monkeypatch.setattr(profilers, "Pysample", lambda exe: Breaking(OSError("it broke")))
    m = measurement(Door(), 5)
    assert m.beside(1) == dict.fromkeys(injection.RECORDED) and m.done == len(m.took) == 5 and m.failed == 0
    assert m.failures == ["a recording under 3.14: it broke"]


def test_a_program_that_dies_of_another_client_keeps_its_row(monkeypatch):
    monkeypatch.setattr(injection, "by_remote_exec", Breaking(RuntimeError("it ended")).record)
    m = measurement(Door(), 5)
    assert m.others() == [] and m.failures == ["sys.remote_exec under 3.14: it ended"]


def test_an_ended_program_has_no_state(monkeypatch):
    gone = subprocess.Popen(["true"])
    os.waitid(os.P_PID, gone.pid, os.WEXITED | os.WNOWAIT)  # not reaped: it is still in /proc
    host = Host()
    host.pid = gone.pid
    with pytest.raises(profilers.Failed, match="has ended"):
        injection.state(host, 1)
    assert profilers.reap(gone, 0)[0] == 0 and stats.quantile([], 0.5) is None
