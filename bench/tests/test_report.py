# SPDX-License-Identifier: MIT
"""The report says what the figures say."""

import report


def row(who, tvd, **more):
    return {"program": "families", "python": "3.15", "who": who, "tvd": tvd, "floor": 3.0, "tvd_lines": tvd + 1,
            "floor_lines": 4.0, "impossible": 0.0, "wrong_line": 0.0, "n": 5000, "least": [tvd - 2.0, 0.5], "usable": 100.0, "samples": 9000,
            "differs": [(20.0, 10.0, "<module>;main;a1")], **more}


FACTS = {"versions": {"pysample": "1", "py-spy": "2"}, "commands": {"pysample": "pysample record", "py-spy": "py-spy record",
         "stopped target": "pysample --blocking"}, "support": {"3.15": {"pysample": "", "py-spy": "not this one"}},
         "commit": "abc", "pythons": {"3.15": "3.15.2"}, "cpu": "some CPU", "cores": 2, "kernel": "6.1.0-x", "quick": True}


def part(**more):
    return {"when": "2026-01-01 00:00", "took": 60, "others": [0.0, 0.0], "facts": FACTS, "failures": [], **more}


def accuracy_part(*rows):
    return part(rows=list(rows), seconds={"families 3.15": 1}, rounds=2)


def test_percent_tells_none_from_zero():
    assert report.percent(0.0) == "0" and report.percent(None) == "–" and report.percent(0.004, 3) == "0.004"


def test_programs_are_counted_against_peers_that_let_the_target_run():
    peers = [row("py-spy", 1.0), row("py-spy --nonblocking", 60.0), row("profiling.sampling", 30.0)]
    assert report.compare([row("pysample", 3.5), *peers]) == (1, 1, 1)
    assert report.compare([row("pysample", 40.0), *peers]) == (0, 0, 1)
    assert report.compare([row("pysample", 40.0, program="shortlived")]) == (0, 0, 0)


def test_who_has_fewer_samples_is_not_said_to_be_further_for_that():
    few = {"n": 800, "least": [9.0, 1.0]}
    assert report.compare([row("pysample", 12.0), row("Austin 4", 40.0, **few)]) == (0, 0, 1)
    assert report.compare([row("pysample", 10.0), row("Austin 4", 11.0, **few)]) == (1, 0, 1)


def test_goals_that_are_missed_are_said():
    bad = row("pysample", 3.5, impossible=0.5, usable=93.0)
    words = "\n".join(report.goals({"accuracy": accuracy_part(row("truth", 3.0), bad)}))
    assert "| impossible stacks, every program, 3.14 and newer | ≤ 0.01 % | 0.5000 % (`families`, 3.15) | **no** |" in words
    assert "| usable samples, every program | ≥ 99 % | 93.00 % (`families`, 3.15) | **no** |" in words


def test_an_interval_without_zero_is_bold():
    assert report.interval({"middle": 3.0, "low": 1.0, "high": 5.0}) == "**+3.0 % (+1.0 to +5.0)**"
    assert report.interval({"middle": 0.3, "low": -1.0, "high": 1.6}) == "+0.3 % (-1.0 to +1.6)"
    assert report.interval({"middle": 3.0, "low": float("nan"), "high": float("nan")}) == "+3.0 % (too few pairs)"


def test_a_slowdown_is_within_its_goal_if_all_its_interval_is():
    def of(low, high):
        return {"middle": (low + high) / 2, "low": low, "high": high}

    nan, wide = of(float("nan"), float("nan")), of(-40.0, 40.0)
    assert report.within(1, of(0.2, 0.9), wide) is True
    assert report.within(1, of(0.2, 1.2), wide) is None and report.within(1, nan, wide) is None
    assert report.within(1, of(1.0, 1.2), wide) is False and report.within(1, of(0.2, 0.9), of(1.5, 9.0)) is False


def test_the_whole_is_written(tmp_path):
    slow, none = {"middle": 2.0, "low": 1.0, "high": 3.0}, {"middle": 0.0, "low": -1.0, "high": 1.0}
    results = {
        "accuracy": accuracy_part(row("truth", 3.0), row("pysample", 50.0), row("py-spy", 3.2)),
        "speed": part(rows=[{"who": "pysample", "python": "3.15", "threads": 1, "leaf": "calls", "looks": 12.0, "possible": 90.0, "hz": [10.0, 12.0], "middle": 11.0,
                             "ratio": {"middle": 1.0, "low": 1.0, "high": 1.0}, "usable": 100.0}], seconds=1, rounds=2),
        "overhead": part(rows=[{"target": "1 thread", "python": "3.15", "who": "pysample", "rate": 1000, "hz": 990.0, "cpu": slow, "clock": none, "pairs": 9, "of": 12},
                               {"target": "1 thread", "python": "3.15", "who": "nobody", "rate": 0, "hz": 0, "cpu": none, "clock": none, "pairs": 9, "of": 12}]),
    }
    results["accuracy"]["others"] = [80.0, 3.0]
    results["accuracy"]["failures"] = ["families under 3.15: somebody: words"]
    report.write(results, str(tmp_path))
    text = (tmp_path / "README.md").read_text()
    for words in ("| families | 50.0 · 51.0 | 3.2 · 4.2 | 3.0 · 4.0 | 5 000 |",
                  "| families | 48.0 ± 1.0 | 1.2 ± 1.0 | 1.0 ± 1.0 |", "1 thread, calls, Python 3.15:", "| pysample | 11 (10–12) | 12 | 100.0 | 90.0 |", "**The machine was not idle: other processes used 80 %",
                  "* families under 3.15: somebody: words", "distance 50.0 over a floor of 3.0", "| pysample | 1 000 Hz | 990 | **+2.0 % (+1.0 to +3.0)** | +0.0 % (-1.0 to +1.0) | 9 of 12 |",
                  "| slowdown at 1 kHz, 1 thread, 3.15 | ≤ 1 % | CPU +2.0 % (+1.0 to +3.0), clock +0.0 % (-1.0 to +1.0); "
                  "nobody: CPU +0.0 % (-1.0 to +1.0), clock +0.0 % (-1.0 to +1.0) | **no** |"):
        assert words in text


def injected(**more):
    def told(middle):
        return {"n": 3, "middle": middle, "most_of": middle + 1, "least": middle, "most": middle + 1}

    return {"python": "3.13.0", "way": "ring", "asked": 10000, "times": 10000, "once": 10000, "never": 0, "more": 0, "failed": 0,
            "fds": 0, "files": 0, "blocks": 5, "memory": 8192, "slope": 0.5, "marks": [], "whole": told(10), "picked": told(2),
            "stood": told(0.1), "theirs": {"n": 0}, "alone": None, "looks": None, "beside": None, **more}


def test_injections_are_reported():
    recorded = {"hz": 1000.0, "usable": 100.0, "samples": 20000, "impossible": 0, "seconds": 20}
    row = injected(alone=recorded, looks=recorded, beside={**recorded, "hz": 998.0, "impossible": 2})
    results = {"exec": part(rows=[row])}
    words = "\n".join(report.injections(results["exec"]) + report.goals(results))
    for line in ("| 3.13.0 | ring | 10 000 | 10 000 | 0 | 0 | 0 | 10.00 ms (11.00) | 2.00 ms (3.00) | 0.10 ms (1.10) | – |",
                 "| 3.13.0 | 0 | 0 | 5 | 8 KiB | 0.5 bytes |",
                 "| 3.13.0 | 1000 Hz | 1000 Hz | 998 Hz | 100.000 % | 100.000 % | 100.000 % | 0 of 20 000 | 0 of 20 000 | 2 of 20 000 |",
                 "| request to start of the script, busy program | ≤ 5 ms | 2.00 ms (3.13.0) | yes |",
                 "| time that the program stands for it | ≤ 1 ms | 0.10 ms (3.13.0) | yes |",
                 "| injections that ran exactly once | all | 10 000 of 10 000 (3.13.0) | yes |",
                 "| a recording beside it | as beside looks: ≥ 99 % of the rate; ≥ 99 % usable | 99.8 %, 100.00 % (3.13.0) | yes |"):
        assert line in words, words
    assert "**no**" not in words


def test_of_many_pythons_the_worst_is_told():
    rows = [injected(), injected(python="3.9", once=9000, slope=-3.0), injected(python="3.10", picked={"n": 0})]
    words = "\n".join(report.goals({"exec": part(rows=rows)}))
    assert "| injections that ran exactly once | all | 9 000 of 10 000 (the worst of 3: 3.9) | **no** |" in words
    assert "| memory left behind by each | < 16 bytes | 0.5 bytes (the worst of 3: 3.13.0) | yes |" in words
    assert "| request to start of the script, busy program | ≤ 5 ms | 2.00 ms (the worst of 2: 3.13.0) | yes |" in words


def test_injections_that_do_not_reach_their_goals_are_said():
    for more in ({"once": 9999, "never": 1}, {"once": 9999, "more": 1}, {"times": 40, "once": 40}, {"fds": 1}, {"files": 1},
                 {"slope": 100.0}, {"picked": {"n": 1, "middle": 6, "most_of": 7}}, {"stood": {"n": 1, "middle": 2, "most_of": 3}}):
        assert "\n".join(report.goals({"exec": part(rows=[injected(**more)])})).count("**no**") == 1, more


def test_injections_alone_compare_nobody(tmp_path):
    alone = part(rows=[injected(way="door")], facts={**FACTS, "pythons": {}, "support": {}, "versions": {}})
    report.write({"exec": alone}, str(tmp_path))
    text = (tmp_path / "README.md").read_text()
    assert "## Running code in a program" in text and "Who was compared" not in text
    assert "stands for it" not in text


def heap_part(fork, held, felt, without, beside):
    step = {"s": 1.5, "cpu": 1.4, "mib": 230.0}
    rows = [{"python": "3.15", "millions": 3, "objects": 3020000, "who": who, "ms": ms}
            for who, ms in (("pysample", held), ("fork", fork), ("felt", felt), ("objgraph", [1200.0]))]
    return part(rows=rows, whole=[{"python": "3.15", "millions": 2, "objects": 2020000, "copy": 3.5, "bytes": 4e7,
                                   "shown": 2e8, "dump": step, "convert": step, "summary": {**step, "s": 4.0}}],
                beside=[{"python": "3.15", "millions": 2, "fork": [9.0], "without": without, "with": beside}])


def test_a_heap_dump_is_measured_against_a_fork():
    words = "\n".join(report.goals({"heap": heap_part([20.0, 10.0, 15.0], [30.0, 34.0, 31.0], [33.0], [2.0], [40.0])}))
    assert "longer than for a fork, 3 million objects, 3.15 | ≤ 20 ms | 16.0 ms | yes |" in words
    assert "| CPU of the copy that dumps, 2 million objects, 3.15 | ≤ 4 s | 3.50 s | yes |" in words
    assert "| ≤ 5 s, ≤ 1 GiB | 5.50 s, 230 MiB | **no** |" in words
    assert "| ≤ 9 ms: a fork | 38 ms | **no** |" in words


def test_heap_dumps_are_told_beside_others(tmp_path):
    report.write({"heap": heap_part([20.0], [30.0, 34.0, 31.0], [33.0], [2.0], [40.0])}, str(tmp_path))
    words = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "| 3.15 | 3 | 20.0 ms | 31.0 ms (30.0–34.0) | 33.0 ms | 1200.0 ms |" in words
    assert "| 3.15 | 2 020 000 | 3.50 s | 40 MB |" in words
