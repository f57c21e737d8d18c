# SPDX-License-Identifier: MIT
"""Which Pythons are found, and what a program that does not answer comes to."""

import os
import sys
import types

import interpreters
import pytest


def pyenv(tmp_path, **pythons):
    """Folders as pyenv's, of names with _ for the dots: what starts, and what does not."""
    for name, starts in pythons.items():
        name = name.strip("_").replace("_", ".")
        path = tmp_path / "versions" / name / "bin" / ("python3." + name.split(".")[1])
        path.parent.mkdir(parents=True)
        path.write_text(f"#!/bin/sh\n{f'exec {sys.executable}' if starts else 'exit 3 #'} \"$@\"\n")
        path.chmod(0o755)


@pytest.fixture
def alone(tmp_path, monkeypatch):
    """No Python but those of this test."""
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    monkeypatch.setattr(interpreters, "CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(interpreters.shutil, "which", lambda name: None)
    return tmp_path


def folders(pythons):
    return [p.program.split("/")[-3] for p in pythons]


def test_names_of_every_form_are_sorted():
    names = ["3.13.0t", "3.13.2-other", "3.13.0a3", "3.13.0b1", "3.13.0rc1", "3.13.0rc2", "3.13.0", "3.13.9", "3.13.10"]
    paths = [f"/p/versions/{n}/bin/python3.13" for n in names]
    assert sorted(reversed(paths), key=interpreters.age) == paths
    interpreters.age("/p/versions/3.13.x/bin/python3.13")


def test_the_newest_of_each_minor_version_is_taken(alone):
    pyenv(alone, _3_8_9=True, _3_8_10=True, _3_14_0rc1=True, _3_15_0a3=True, _3_13_0t=True)
    assert folders(interpreters.hosts()) == ["3.8.10", "3.13.0t", "3.14.0rc1", "3.15.0a3"]


def test_what_does_not_start_is_left_out_with_a_word(alone, capsys):
    pyenv(alone, _3_9_1=True, _3_9_2=False, _3_10_1=False)
    assert folders(interpreters.hosts()) == ["3.9.1"]
    words = capsys.readouterr().err
    assert "3.9.2" in words and "3.10.1" in words and "3.9.1" not in words


def test_that_nothing_is_found_is_said_with_what_was_asked_for(alone):
    with pytest.raises(SystemExit, match="3.8"):
        interpreters.find(["3.8"])


def target(tmp_path, text):
    script = tmp_path / "script.py"
    script.write_text(text)
    return interpreters.Outside(sys.executable, "3").target(str(script))


def test_a_program_that_ends_is_an_error_whenever_it_is_asked(tmp_path):
    with target(tmp_path, "print('ready', flush=True)\nprint(input(), flush=True)") as t:
        assert t.ask("words") == "words"
        t.process.wait()
        for _ in range(2):
            with pytest.raises(RuntimeError, match="ended"):
                t.ask("more")
    with target(tmp_path, "import os\nprint('ready', flush=True)\ninput()\nos.kill(os.getpid(), 9)") as t:
        with pytest.raises(RuntimeError, match="ended"):
            t.ask("go")


def test_a_program_that_says_nothing_is_not_waited_for_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(interpreters, "ANSWER_S", 0.1)
    process = types.SimpleNamespace(pid=0, stdout=None, stdin=None)
    r, w = os.pipe()
    with open(r) as process.stdout, open(w, "w"):
        with pytest.raises(RuntimeError, match="no answer"):
            interpreters.Target(None, "script.py", process, "", "").answer()


def test_a_program_that_does_not_start_is_an_error(tmp_path):
    with pytest.raises(RuntimeError):
        with target(tmp_path, "raise SystemExit(0)"):
            pass
