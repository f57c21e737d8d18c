# SPDX-License-Identifier: MIT
"""What each profiler wrote, as stacks of one form. Nothing in here touches a process.

A stack is a tuple of frames, root first; a frame is (name, file, line): the bare name of
the function (profilers differ in qualified names), the base name of the file, and the
line, 0 where there was none.
"""

import collections
import os
import re

import mojo

PYSAMPLE_FRAME = re.compile(r"(.*) \((.*?)(?::(\d+))?\)$", re.S)
# Frames that stand for no Python function: marks, and the thread's own line.
MARK = re.compile(r"<GC>|<native>|thread \(|tid:|\[no Python code\]|process \d+:")


class Unreadable(Exception):
    pass


def bare(name):
    return name.rpartition(".")[2] if not name.startswith("<") else name


def frame(name, file, line):
    return bare(name), os.path.basename(file), int(line or 0)


def _lines(text):
    for line in text.splitlines():
        if not line or line.startswith("# "):
            continue
        stack, _, count = line.rpartition(" ")
        yield stack, count


def parenthesised(text):
    """pysample and py-spy: `name (file:line);name (file:line) COUNT`."""
    counts = collections.Counter()
    for stack, count in _lines(text):
        frames = []
        for part in stack.split(";"):
            if MARK.match(part):
                continue
            found = PYSAMPLE_FRAME.match(part)
            if not found:
                raise Unreadable(part)
            frames.append(frame(*found.groups()))
        counts[tuple(frames)] += int(count)
    return counts


def colons(text):
    """profiling.sampling: `tid:N;file:name:line;file:name:line COUNT`."""
    counts = collections.Counter()
    for stack, count in _lines(text):
        frames = []
        for part in stack.split(";"):
            if MARK.match(part) or "<GC>" in part or "<native>" in part:
                continue
            file, name, line = part.rsplit(":", 2)
            frames.append(frame(name, file, line))
        counts[tuple(frames)] += int(count)
    return counts


def austin_text(text):
    """Austin 3: `P1;T0:2;file:name:line;... MICROSECONDS`, a line for each sample.

    Gives the stacks weighted by time, how many samples of each thread, and how many were
    invalid.
    """
    counts, samples, invalid = collections.Counter(), collections.Counter(), 0
    for stack, metric in _lines(text):
        frames = []
        parts = stack.split(";")
        if len(parts) < 2:
            raise Unreadable(stack)
        samples[parts[1]] += 1
        parts = parts[2:]
        if ":INVALID:" in parts:
            invalid += 1
            continue
        for part in parts:
            if part == ":GC:":
                continue
            file, name, line = part.rsplit(":", 2)
            frames.append(frame(name, file, line))
        if frames:
            counts[tuple(frames)] += int(metric.split(",")[0])
    return counts, samples, invalid


def austin_binary(data):
    """Austin 4, as austin_text()."""
    counts, samples, invalid = collections.Counter(), collections.Counter(), 0
    for sample in mojo.samples(data):
        samples[sample.thread] += 1
        if sample.invalid:
            invalid += 1
        elif sample.frames:
            counts[tuple(frame(*f) for f in sample.frames)] += sample.time
    return counts, samples, invalid


def from_target(counts, script):
    """Drops what lies below the script's own <module>: launchers, and tracers."""
    out = collections.Counter()
    for stack, n in counts.items():
        for i, (name, file, _) in enumerate(stack):
            if name == "<module>" and file == script:
                stack = stack[i:]
                break
        if stack:
            out[stack] += n
    return out


def functions(counts):
    """The same stacks without lines."""
    out = collections.Counter()
    for stack, n in counts.items():
        out[tuple((name, file) for name, file, _ in stack)] += n
    return out
