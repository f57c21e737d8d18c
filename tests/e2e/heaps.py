# SPDX-License-Identifier: MIT
"""Fixtures for targets of which heap dumps are taken while they are at something."""

import os

import process
import psheap
import pytest


def others(child):
    """The processes that have come of it, wherever they belong by now: by their environment."""
    mark = b"\0TMPDIR=" + child.inside.encode() + b"\0"
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/environ", "rb") as f:
                if mark in b"\0" + f.read() and int(pid) != child.pid:
                    found.append(int(pid))
        except OSError:
            pass
    return found


@pytest.fixture
def hard(host_in, places):
    """hard(interpreter, doing) → Child; what it has forked ends with the test."""
    made = []

    def start(interpreter, doing, **how):
        child = host_in(interpreter, doing, script="heaped.py", **how)
        child.inside = os.path.join(places(interpreter).inside, os.path.basename(child.folder))
        made.append(child)
        return child

    yield start
    for child in made:
        for pid in others(child):
            process.kill(pid)


def nothing_is_left(child, folder, *but):
    """No copy, nothing in its temporary folder, no file of ours."""
    process.until(lambda: sorted(others(child)) == sorted(but), "the copy to end")
    process.until(lambda: child.temporary() == [], "the guard to clean up")
    assert os.listdir(folder) == []


def children_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as f:
        return list(map(int, f.read().split()))


def planted_in(path):
    heap = psheap.read(path)
    return heap, len(heap.instances("Planted"))


HOW = pytest.mark.parametrize("how", [[], ["--in-process"]], ids=["copy", "in-process"])
