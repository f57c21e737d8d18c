# SPDX-License-Identifier: MIT
"""Fixtures for targets that scripts are run in."""

import os
import shutil
import tempfile

import process
import pytest

MARK = "import sys; sys.modules['__main__'].ran.append({})"


@pytest.fixture
def host_in(start, places):
    """host_in(interpreter, doing) → Child that does so; .tid is its main thread as it says, and
    .temporary() what is in its temporary folder, which is its own. With root, that is in a
    folder to which it is to change its root."""
    made = []

    def run(interpreter, doing, user=None, script="host.py", root=False, **how):
        place = places(interpreter)
        folder = tempfile.mkdtemp(dir=place.outside)
        made.append(folder)
        os.chmod(folder, 0o1777)
        inside = os.path.join(place.inside, os.path.basename(folder))
        temporary = os.path.join(folder, "tmp") if root else folder
        if root:
            os.mkdir(temporary)
            os.chmod(temporary, 0o1777)
        env = {**interpreter.environment(), **how.pop("env", {}), "TMPDIR": inside}
        child = start(interpreter, script, doing, *([user] if user else []), env=env, **how)
        child.tid = child.said()["tid"]
        child.folder = folder
        child.temporary = lambda: os.listdir(temporary)
        return child

    yield run
    for folder in made:
        shutil.rmtree(folder)


@pytest.fixture
def run_in(pysample):
    """run_in(child, code, *args) → Result of pysample exec."""

    def run(child, code, *args, options=(), **how):
        return pysample("exec", *options, child.pid, "-c", code, *args, **how)

    return run


def under_way(child):
    """Waits until what executes, and has said that it is there, is at it."""
    begun = process.ran(child.pid) + 50_000_000
    process.until(lambda: process.ran(child.pid) >= begun, "it to be at it")
    return child


def ended_well(child, *ran):
    """It went on, what ran in it is this, and nothing else has changed."""
    child.go()
    said = child.said()
    assert said["ran"] == list(ran), said
    assert said["same"], said
    assert child.wait() == 0
