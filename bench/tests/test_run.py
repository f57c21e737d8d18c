# SPDX-License-Identifier: MIT
"""A run ends with a report, whatever fails on the way."""

import argparse
import importlib.machinery
import importlib.util
import json
import os
import sys

import interpreters
import peers
import pytest
import report
from test_report import FACTS, injected, part

PATH = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "run")


@pytest.fixture
def run(monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    spec = importlib.util.spec_from_loader("bench_run", importlib.machinery.SourceFileLoader("bench_run", PATH))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "others", lambda: 0.0)
    monkeypatch.setattr(module, "facts", lambda bench: FACTS)
    monkeypatch.setattr(module.accuracy, "trial", lambda python, entrants: dict.fromkeys(entrants, ""))
    return module


class Python:
    version = exact = label = "3.15"


def arguments(folder, *parts, **more):
    return argparse.Namespace(**{**dict.fromkeys(("who", "program", "target", "seconds", "rounds", "injections", "minutes", "millions",
                                                  "extra_rate", "explain", "python", "budget", "resume")),
                                 "parts": list(parts), "out": str(folder), "quick": True, "pysample": "pysample", **more})


@pytest.fixture
def prepared(run, monkeypatch):
    """What prepare() would do: (parts, versions) -> what was installed for which versions."""
    done = []

    def install(versions):
        done.append(list(versions))
        return []

    def find(versions):
        if versions == ["3.8"]:
            raise SystemExit("none")
        return [Python()]

    monkeypatch.setattr(run.subprocess, "run", lambda *a, **k: argparse.Namespace(returncode=0))
    monkeypatch.setattr(peers, "install", install)
    monkeypatch.setattr(interpreters, "find", find)

    def prepare(*parts, python=None):
        done.clear()
        run.prepare(arguments("", *parts, python=python))
        return done

    return prepare


def test_code_is_run_in_pythons_that_are_not_sampled(prepared):
    assert prepared("exec", python=["3.8"]) == []


def test_what_works_inside_a_python_is_installed_for_heap_alone(prepared):
    assert prepared("speed", python=["3.8"]) == [[]]
    assert prepared("heap") == [["3.15"]] and prepared() == [["3.15"]]
    with pytest.raises(SystemExit):
        prepared("heap", python=["3.8"])


def text_of(folder):
    return (folder / "README.md").read_text(encoding="utf-8")


def measured(run, monkeypatch, folder, results, *parts):
    monkeypatch.setattr(interpreters, "find", lambda versions: [Python()])
    monkeypatch.setattr(interpreters, "hosts", lambda versions: [Python()])
    return run.run_parts(arguments(folder, *parts), results)


def breaks(*args):
    raise KeyError("a peer's nonsense")


def test_a_part_that_breaks_is_told_and_the_others_are_measured(run, monkeypatch, tmp_path):
    monkeypatch.setattr(run.injection, "measure", lambda *a: ([injected()], ["one failed"]))
    monkeypatch.setattr(run.modes, "has_modes", breaks)
    for of in ("accuracy", "speed", "overhead", "heap"):
        monkeypatch.setattr(getattr(run, of), "measure", breaks)
    for name in ("table", "curve", "first_samples"):
        monkeypatch.setattr(run.cost, name, breaks)
    assert measured(run, monkeypatch, tmp_path, {}, *run.PARTS)
    results, words = json.loads((tmp_path / "results.json").read_text()), text_of(tmp_path)
    assert list(results) == list(run.PARTS) and results["exec"]["rows"] == [injected()]
    assert "* one failed" in words and "| 3.13.0 | ring | 10 000 |" in words
    for name in run.PARTS:
        assert results[name]["failures"]
    assert words.count("broke off: KeyError") == sum(len(p["failures"]) for p in results.values()) - 1
    assert words.count("What failed, and is missing above:") == len(run.PARTS)


def test_a_measurement_that_breaks_costs_only_itself(run, monkeypatch, tmp_path):
    def measure(python, kind, *rest):
        if kind == "1 thread":
            raise KeyError("nonsense")
        s = {"middle": 2.0, "low": 1.0, "high": 3.0}
        return [{"target": kind, "python": "3.15", "who": "pysample", "rate": 1000, "hz": 1.0, "cpu": s, "clock": s, "pairs": 6, "of": 6}], []

    monkeypatch.setattr(run.overhead, "measure", measure)
    assert measured(run, monkeypatch, tmp_path, {}, "overhead")
    assert "150 threads, Python 3.15:" in text_of(tmp_path)
    assert "* 1 thread under 3.15 broke off: KeyError" in text_of(tmp_path)


def test_what_is_done_is_written_before_the_next_part(run, monkeypatch, tmp_path):
    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(run.injection, "measure", lambda *a: ([injected()], []))
    monkeypatch.setattr(run.heap, "measure", interrupted)
    monkeypatch.setattr(run.heap, "can", lambda python: True)
    with pytest.raises(KeyboardInterrupt):
        measured(run, monkeypatch, tmp_path, {"modes": part(rows=[])}, "exec", "heap")
    assert set(json.loads((tmp_path / "results.json").read_text())) == {"modes", "exec"}
    assert "## Running code in a program" in text_of(tmp_path)
    assert sorted(os.listdir(tmp_path)) == ["README.md", "results.json"]


def test_a_python_that_is_not_there_is_said(run, monkeypatch, tmp_path):
    got = {"rows": [], "failures": []}
    monkeypatch.setattr(interpreters, "hosts", lambda versions: [])
    run.Bench(arguments(tmp_path, "exec", python=["3.99"]), []).exec(got)
    assert "3.99" in got["failures"][0]


def test_results_that_cannot_be_read_are_put_aside(run, tmp_path, capsys):
    assert run.stored(str(tmp_path)) == {}
    for text in ('{"exec": {"rows"', "[]"):
        (tmp_path / "results.json").write_text(text)
        assert run.stored(str(tmp_path)) == {}
        assert (tmp_path / "results.json.unreadable").read_text() == text and "cannot be read" in capsys.readouterr().err
    run.store({"exec": 1}, str(tmp_path))
    assert run.stored(str(tmp_path)) == {"exec": 1}


def test_rows_of_an_earlier_form_are_left_out_with_a_word(tmp_path, capsys):
    old = part(rows=[{"python": "3.13.0", "times": 200, "whole": [1.0, 2.0], "theirs": [], "beside": None}])
    report.write({"exec": old, "modes": part(rows=[], failures=["no --mode"])}, str(tmp_path))
    assert "Running code" not in text_of(tmp_path) and "* no --mode" in text_of(tmp_path)
    assert "exec is left out" in capsys.readouterr().err
    report.write({"exec": part(rows=[injected()]), "heap": part(rows=[{"python": "3.15"}]), "speed": {}}, str(tmp_path))
    words = capsys.readouterr().err
    assert "heap is left out" in words and "speed is left out" in words and "exec" not in words
    assert "## Running code in a program" in text_of(tmp_path)
