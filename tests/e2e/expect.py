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
    """As dump shows it: what would break a line or steer a terminal is shown as an escape."""

    def escape(match):
        c = match.group()
        return "\\n" if c == "\n" else f"\\x{ord(c):02x}"

    return re.sub("[\0-\x1f\x7f-\x9f]", escape, characters(text))


def frame(name, file, line):
    return f"{printable(name)} ({printable(file)}:{line})"


def frames(stack):
    return [frame(*f) for f in stack]


# pysample dump ----------------------------------------------------------------------------

THREAD = re.compile(
    r"Thread (?P<tid>\d+)(?: \((?P<inner>\d+) inside\))? \((?P<state>.*?)\)"
    r'(?:: "(?P<name>.*)")?(?: in interpreter (?P<interpreter>\d+))?'
)
OMITTED = "[frames left out: the stack is too deep]"
NOTE = re.compile(r"    \[[^()]*\]")


class Thread:
    def __init__(self, found):
        self.tid, self.inner = int(found["tid"]), int(found["inner"] or found["tid"])
        self.state, self.name = found["state"], found["name"]
        self.interpreter = int(found["interpreter"] or 0)
        self.frames, self.notes = [], []

    def __repr__(self):
        return f"{self.tid} {self.state} {self.name!r} {self.notes} {self.frames}"


def dump(text):
    """The threads, each with its frames as printed and with remarks in brackets."""
    threads = []
    for line in text.split("\n"):
        found = THREAD.fullmatch(line)
        if found:
            threads.append(Thread(found))
        elif threads and NOTE.fullmatch(line) and line.strip() != OMITTED:
            threads[-1].notes.append(line.strip())
        elif threads and line.startswith("    "):
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


def separated(text):
    """Names may not hold what separates frames and lines: it is replaced."""
    text = characters(text).replace(";", ":") or "?"
    return re.sub("[\0-\x1f\x7f-\x9f\u2028\u2029]", " ", text)


def stack(leaf_first):
    return ";".join(f"{separated(n)}{place(f, line)}" for n, f, line in reversed(leaf_first))


def place(file, line):
    return f" ({separated(file)}:{line})" if file else ""
