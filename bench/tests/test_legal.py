# SPDX-License-Identifier: MIT
"""Stacks are judged by what the oracle told; and the oracle tells what a program does."""

import json
import os
import subprocess

import pytest

import interpreters
from accuracy import legal, measure

# <module> calls main at 9; main calls f at 5, or g at 6; f calls g at 2. Another function
# of the name g, with other lines, is called by f at 3.
TOLD = {
    "functions": [["<module>", "/x/a.py", [1, 9]], ["main", "/x/a.py", [4, 5, 6]],
                  ["f", "/x/a.py", [1, 2, 3]], ["g", "/x/a.py", [7, 8]], ["g", "/x/a.py", [17]]],
    "nodes": [[-1, 0, 0], [0, 9, 1], [1, 5, 2], [1, 6, 3], [2, 2, 3], [2, 3, 4]],
}


def stack(words):
    return tuple((name, "a.py", int(line)) for name, _, line in (w.partition(":") for w in words.split()))


@pytest.mark.parametrize("words, verdict", (
    ("<module>:1", legal.LEGAL),
    ("<module>:9 main:4", legal.LEGAL),
    ("<module>:9 main:5 f:1", legal.LEGAL),
    ("<module>:9 main:5 f:2 g:8", legal.LEGAL),
    ("<module>:9 main:5 f:3 g:17", legal.LEGAL),
    ("<module>:9 main:6 g:7", legal.LEGAL),
    ("<module>:2", legal.WRONG_LINE),             # not a line of it
    ("<module>:9 main:4 f:1", legal.WRONG_LINE),  # calls nothing there
    ("<module>:9 main:6 f:1", legal.WRONG_LINE),  # calls another there
    ("<module>:9 main:5 f:2 g:17", legal.WRONG_LINE),  # a line of the other g
    ("<module>:9 main:5 f:0", legal.WRONG_LINE),
    ("main:5 f:1", legal.IMPOSSIBLE),             # without its root
    ("<module>:9 f:1", legal.IMPOSSIBLE),         # main is skipped
    ("<module>:9 main:6 g:7 f:1", legal.IMPOSSIBLE),
    ("<module>:9 main:5 f:2 g:8 g:8", legal.IMPOSSIBLE),
    ("", legal.IMPOSSIBLE),
))
def test_a_stack_is_judged(words, verdict):
    assert legal.Law(TOLD).judge(stack(words)) == verdict


def test_shares_are_of_samples():
    shares, bad = legal.shares(legal.Law(TOLD), {stack("<module>:1"): 96, stack("main:5"): 1, stack("<module>:2"): 3})
    assert shares == {legal.LEGAL: 96, legal.IMPOSSIBLE: 1, legal.WRONG_LINE: 3}
    assert bad == {(legal.IMPOSSIBLE, stack("main:5")): 1, (legal.WRONG_LINE, stack("<module>:2")): 3}


def test_where_a_stack_breaks():
    law = legal.Law(TOLD)
    assert legal.first_break(law, stack("<module>:9 main:6 g:7 f:1")) == 3
    assert legal.first_break(law, stack("<module>:9 main:5")) == 2


PROGRAM = """\
import sys

def made(n):
    yield from inner(n)

def inner(n):
    yield leaf(n)

def leaf(n):
    return n

class Thing:
    def __init__(self):
        leaf(1)

def main():
    thing = made(3)
    for _ in thing:
        sorted([1], key=leaf)
    Thing()

main()
"""


@pytest.mark.parametrize("version", ("3.13", "3.14", "3.15"))
def test_the_oracle_tells_what_a_program_does(version, tmp_path):
    script = tmp_path / "program.py"
    script.write_text(PROGRAM)
    python = interpreters.find([version])[0]
    with python.folder(str(script), os.path.join(interpreters.HERE, "accuracy", "oracle.py")) as (outside, inside):
        subprocess.run(python.command("-B", f"{inside}/oracle.py", f"{inside}/told", f"{inside}/program.py", "1"),
                       check=True)
        with open(os.path.join(outside, "told"), encoding="utf-8") as f:
            law = legal.Law(json.load(f))

    def verdict(words):
        return law.judge(tuple((n, "program.py", line) for n, _, line in stack(words)))

    for words in ("<module>:22 main:18 made:4 inner:7 leaf:10", "<module>:22 main:19 leaf:10",
                  "<module>:22 main:20 __init__:14 leaf:10", "<module>:22 main:17",
                  "<module>:22 main:17 made:3",  # the frame of a generator that is being made
                  "<module>:22 main:18 made:4 inner:6"):
        assert verdict(words) == legal.LEGAL, words
    for words in ("<module>:22 main:17 leaf:10", "<module>:22 main:18 made:3 inner:7",
                  "<module>:22 main:20 leaf:10", "<module>:22 main:18 inner:7"):
        assert verdict(words) != legal.LEGAL, words


def test_every_program_is_there():
    for program in measure.PROGRAMS:
        assert os.path.exists(measure.script_of(program))


def test_turns_put_nobody_always_first():
    order = [names for _, names in measure.turns(["a", "b", "c"], 3)]
    assert order == [["a", "b", "c"], ["b", "c", "a"], ["c", "a", "b"]]


def test_the_known_split_is_compared_by_points():
    def counts(**n):
        return {(("<module>", "split.py", 9), (name, "split.py", 1)): k for name, k in n.items()}

    assert measure.off_split(counts(tenth=10, third=30, most=60)) == pytest.approx(0)
    assert measure.off_split(counts(tenth=20, third=30, most=50)) == pytest.approx(10)
