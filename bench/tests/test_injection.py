# SPDX-License-Identifier: MIT
"""What is reckoned of many injections."""

import collections

import injection
import pytest
import stats

HERE = "host.py"


def stack(*names, file=HERE):
    return tuple((name, file, 1) for name in names)


def test_only_the_programs_own_frames_are_judged():
    script = (("<module>", "s", 1), ("pysample_inject", "s", 9), ("note", HERE, 20))
    counts = collections.Counter({
        stack("<module>", "work", "<genexpr>"): 5,
        stack("<module>", "work") + script: 3,  # a script that runs there
        stack("<module>", "<genexpr>"): 2,  # nobody calls that from there
        stack("_bootstrap", "run", file="threading.py"): 7,  # another thread's
    })
    assert injection.judge(counts, HERE) == (10, 2)


def test_quantiles_are_values_that_were_seen():
    values = list(range(100, 0, -1))
    assert stats.quantile(values, 0.5) == 50 and stats.quantile(values, 0.95) == 95
    assert stats.quantile([7], 0.5) == 7 and stats.quantile([], 0.5) is None


def marks(*memory):
    return [{"done": 100 * i, "memory": m, "fds": 3, "blocks": 9} for i, m in enumerate(memory)]


def test_memory_grows_by_what_is_never_given_back():
    assert injection.growth(marks(0, 900, 1000, 1100, 1200)) == pytest.approx(1)
    assert injection.growth(marks(0, 900, 900, 900, 900)) == 0
    assert injection.growth(marks(0, 500, 500, 500, 500, 900, 500, 900, 900, 500)) == 0, "an arena comes and goes"
    assert injection.growth(marks(0, 500, 500, 500, 500, 900, 500, 900, 500, 900, 900, 900)) == 0, "it stays at last"
    assert injection.growth(marks(7)) == 0, "one mark tells nothing"


class Silent:
    """A target that says what it is asked to."""

    class python:
        label, pypy, minor = "3.14.0", False, 14

    script, pid, outside = HERE, 0, ""

    def __init__(self, answer):
        self.answer, self.asked = answer, []

    def ask(self, words):
        self.asked.append(words)
        return self.answer


def test_each_number_counts_that_did_not_run_exactly_once(monkeypatch):
    monkeypatch.setattr(injection, "left_files", lambda t: 0)
    t = Silent("96 3 12345 0")
    m = injection.Measurement(t.python, t, 200, "pysample")
    m.done = 100  # of the 200: its time was over
    m.marks = [{"done": n, "memory": 10 * n, "fds": 3, "blocks": 9} for n in (0, 25, 50, 75, 100)]
    m.took = [(3.0, 2.0, 1.0)] * 97
    row = m.row(dict.fromkeys(injection.RECORDED))
    assert t.asked == ["0 100"]
    assert (row["asked"], row["times"], row["once"], row["never"], row["more"]) == (200, 100, 96, 3, 1)
    assert row["slope"] == pytest.approx(10) and row["memory"] == 1000 and row["picked"]["middle"] == 2.0
