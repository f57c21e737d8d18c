# SPDX-License-Identifier: MIT
"""Fixtures for programs that are debugged, and for the terminals on which that is done."""

import contextlib
import json
import os
import tempfile

import process
import pytest
import terminal

PROMPT = "(Pdb) "


class Program:
    """A debuggee, whose state can be asked while it runs."""

    def __init__(self, start, place, interpreter, *words):
        self.folder = tempfile.mkdtemp(dir=place.outside)
        inside = place.inside + self.folder[len(place.outside) :]
        self.file = place.inside + "/debuggee.py"
        self.child = start(interpreter, "debuggee.py", inside, *words)
        process.until(lambda: os.path.exists(self.folder + "/pid"), "the program to start")
        with open(self.folder + "/pid") as f:
            self.pid = int(f.read())
        self.child.others.append(self.pid)

    def line(self, text):
        """Where that stands in it."""
        with open(os.path.join(os.path.dirname(self.folder), "debuggee.py")) as f:
            return f"{self.file}:{f.read().split(text)[0].count(chr(10)) + 1}"

    def whereabouts(self):
        """What it does, for those who wait in vain."""
        found = []
        for name in ("stat", "syscall", "wchan"):
            try:
                with open(f"/proc/{self.pid}/{name}") as f:
                    found.append(f"{name}: {f.read().strip()}")
            except OSError as e:
                found.append(f"{name}: {e.strerror}")
        return "; ".join(found)

    def describe(self):
        with open(self.folder + "/ask", "w"):
            pass
        return self.told("answer")

    def told(self, name):
        """What it writes into that file, once it has."""
        path = os.path.join(self.folder, name)

        def written():
            state = process.state(self.pid)  # before that: it may write, and end
            if os.path.exists(path):
                return True
            assert state not in (None, "Z", "X"), f"the program has ended, without {name}"
            return False

        try:
            process.until(written, f"the program to write {name}")
        except AssertionError as e:
            raise AssertionError(f"{e}; {self.whereabouts()}") from None
        with open(path) as f:
            said = json.load(f)
        os.unlink(path)
        return said

    def go_on(self):
        with open(self.folder + "/go", "w"):
            pass


@pytest.fixture
def program(start, places):
    return lambda interpreter, *words: Program(start, places(interpreter), interpreter, *words)


@pytest.fixture
def debug(pysample):
    """debug(pid, *options) → a terminal with pysample debug at its first prompt."""
    opened = []

    def begin(pid, *options, wait=True):
        if "--timeout" not in options:
            options = ("--timeout", str(process.PATIENCE), *options)
        t = terminal.Terminal([pysample.program, "debug", *options, str(pid)], pysample.environment)
        opened.append(t)
        if wait:
            t.expect(PROMPT)
        return t

    yield begin
    for t in opened:
        t.close()


@pytest.fixture
def session(program, debug):
    """with session(interpreter, *words) as (p, t): a program, and a terminal with pysample debug at
    its first prompt. At the end the debugger is left at a prompt, and the program is as it was, and
    at work."""

    @contextlib.contextmanager
    def begin(interpreter, *words, options=(), leave="q\r"):
        p = program(interpreter, *words)
        before = p.describe()
        t = debug(p.pid, *options)
        yield p, t
        t.type(leave)
        assert t.end() == 0, t.text()
        check_unchanged(before, p.describe())

    return begin


def check_unchanged(before, after):
    """As it was, and at work."""
    assert after["n"] > before["n"]
    # PyPy closes files when it collects garbage, and its own door opens some.
    free = ["n", "files"] if before["pypy"] else ["n"]
    differs = {k: (before[k], after[k]) for k in before if before[k] != after[k] and k not in free}
    assert not differs, differs


def check_stack(p, t):
    """It stands in the program, and not in what has made it stand."""
    stack = t.command("w")
    assert p.file in stack
    assert not [name for name in ("<string>", "<pysample debug>", "bdb.py") if name in stack], stack


def gone(program, before):
    """Waits until the program has noticed that it is debugged no more: perhaps in the middle of
    an answer, so that is not the one that counts."""
    process.until(lambda: not program.describe()["session"], "the debugger to leave")
    check_unchanged(before, program.describe())
