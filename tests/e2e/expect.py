# SPDX-License-Identifier: MIT
"""What pysample prints, read back, and what it ought to print for what a target says.

Names can hold what separates fields, so whole printed frames are compared, not parsed.
"""

import re
from collections import Counter


def characters(text):
    """Lone surrogates have no UTF-8."""
    return "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in text)


def printable(text):
    """As on a line of text: what would break it is shown as an escape."""
    return characters(text)


def frame(name, file, line):
    return f"{printable(name)} ({printable(file)}:{line})"


def frames(stack):
    return [frame(*f) for f in stack]


# pysample dump ----------------------------------------------------------------------------

THREAD = re.compile(r'^Thread (?P<tid>\d+)(?: \((?P<state>[^)]*)\))?(?:: "(?P<name>.*)")?')


class Thread:
    def __init__(self, tid, state, name):
        self.tid, self.state, self.name, self.frames = int(tid), state, name, []

    def __repr__(self):
        return f"{self.tid} {self.state} {self.name!r} {self.frames}"


def dump(text):
    threads = []
    for line in text.splitlines() if "\r" not in text else text.split("\n"):
        found = THREAD.match(line)
        if found:
            threads.append(Thread(found["tid"], found["state"], found["name"]))
        elif line.startswith("    ") and threads:
            threads[-1].frames.append(line[4:])
    return threads


# pysample record -f collapsed -------------------------------------------------------------


def collapsed(text):
    """Stack as printed → count."""
    stacks = Counter()
    for line in text.split("\n"):
        if line:
            stack, _, count = line.rpartition(" ")
            assert count.isdecimal() and int(count) > 0, f"no count: {line!r}"
            assert stack not in stacks, f"twice: {line!r}"
            stacks[stack] = int(count)
    return stacks


def stack(leaf_first):
    return ";".join(
        frame(*f).replace(";", "_") for f in reversed(leaf_first)
    )
