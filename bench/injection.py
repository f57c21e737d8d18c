# SPDX-License-Identifier: MIT
"""Running code in a program: how soon it begins, how long the program stands for it, and
whether anything is left in the program after many times."""

import os
import re
import statistics
import subprocess
import time

import profilers
from interpreters import HERE

SAID = re.compile(r"picked up after ([\d.]+) ms; .* stood for ([\d.]+) ms")
CODE = "import sys, time; sys.modules['__main__'].note(time.monotonic_ns())"
THEIRS = "import sys, time; t = time.monotonic_ns(); sys.remote_exec(int(sys.argv[1]), sys.argv[2]); print(t)"
BY_ANOTHER = "sys.remote_exec"


def can(python):
    """Is this one that pysample runs code in?"""
    return tuple(map(int, python.version.split("."))) >= (3, 14)


def target(python):
    return python.target(os.path.join(HERE, "targets", "host.py"))


def state(t):
    """(times a script ran, when the last began, blocks of memory, open files) as the program says."""
    return [int(v) for v in t.ask("state").split()]


def by_pysample(pysample, t):
    """Milliseconds from the command to the script's first line, from the request to it, and that
    the program stood."""
    began = time.monotonic_ns()
    result = subprocess.run([pysample, "exec", "-v", str(t.pid), "-c", CODE], capture_output=True, text=True,
                            stdin=subprocess.DEVNULL)
    said = SAID.search(result.stderr)
    if result.returncode or not said:
        raise profilers.Failed(f"exit {result.returncode}: {result.stderr.strip()}")
    return (state(t)[1] - began) / 1e6, float(said[1]), float(said[2])


def by_remote_exec(python, t):
    """Milliseconds from the call to the script's first line; its interpreter runs already."""
    with open(os.path.join(t.outside, "theirs.py"), "w") as f:
        f.write(CODE)
    ran = state(t)[0]
    result = subprocess.run(python.command("-c", THEIRS, str(t.pid), f"{t.inside}/theirs.py"), capture_output=True,
                            text=True, stdin=subprocess.DEVNULL)
    if result.returncode:
        raise profilers.Failed(result.stderr.strip())
    until = time.monotonic() + 10
    while state(t)[0] == ran:
        if time.monotonic() > until:
            raise profilers.Failed("it did not run within 10 s")
    return (state(t)[1] - int(result.stdout)) / 1e6


def measure(python, times, pysample=profilers.PYSAMPLE):
    """Rows of what was measured, in turns, and what is left afterwards."""
    rows, failures = [], []
    with target(python) as t:
        for _ in range(3):  # what a first time makes in the program: modules, caches
            by_pysample(pysample, t)
        before, ours, theirs = state(t), [], []
        for _ in range(times):
            try:
                ours.append(by_pysample(pysample, t))
            except profilers.Failed as e:
                failures.append(f"pysample exec under {python.version}: {e}")
        after = state(t)
        for _ in range(min(times, 50)):
            try:
                theirs.append(by_remote_exec(python, t))
            except profilers.Failed as e:
                failures.append(f"{BY_ANOTHER} under {python.version}: {e}")
                break
        left = [n for n in os.listdir(os.path.join(python.root, "tmp")) if n.startswith(".pysample-")]
    rows.append({"python": python.version, "times": times, "ran": after[0] - before[0], "blocks": after[2] - before[2],
                 "files": after[3] - before[3], "left": len(left), "whole": [o[0] for o in ours],
                 "picked": [o[1] for o in ours], "stood": [o[2] for o in ours], "theirs": theirs})
    return rows, failures


def line_of(row):
    def middle(v):
        return f"{statistics.median(v):.2f}" if v else "–"

    return (f"{row['python']:5} {row['times']} times: ran {row['ran']}, begun {middle(row['whole'])} ms after the command, "
            f"{middle(row['picked'])} ms after the request, stood {middle(row['stood'])} ms; left: {row['blocks']} blocks, "
            f"{row['files']} files, {row['left']} folders; {BY_ANOTHER}: {middle(row['theirs'])} ms")
