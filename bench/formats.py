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
MARK = re.compile(r"<GC>|<native>|thread \(\d+\)|tid:\d|\[no Python code\]|process \d+:")


GC = ("<GC>", "", 0)


class Unreadable(Exception):
    pass


def bare(name):
    return name.rpartition(".")[2] if not name.startswith("<") else name


def frame(name, file, line):
    return bare(name), os.path.basename(file), int(line or 0)


def _lines(text):
    """(stack, count as text); a torn name may hold a line's end, so what has no count goes on."""
    kept = ""
    for line in text.split("\n"):
        if not line or line.startswith("# "):
            continue
        stack, _, count = (kept + line).rpartition(" ")
        if not re.fullmatch(r"\d+(,-?\d+)*", count):
            kept += line
            continue
        kept = ""
        yield stack, count
    if kept:
        raise Unreadable(kept[:200])


def _torn(part):
    """What stands for a frame whose text is none: judged like any other, so impossible."""
    return "<torn>", part[:40], 0


def parenthesised(text, marks=False):
    """pysample and py-spy: `name (file:line);name (file:line) COUNT`. With marks, <GC> is kept."""
    counts = collections.Counter()
    for stack, count in _lines(text):
        frames = []
        for part in stack.split(";"):
            if MARK.match(part):
                if marks and part == GC[0]:
                    frames.append(GC)
                continue
            found = PYSAMPLE_FRAME.match(part)
            if part:
                frames.append(frame(*found.groups()) if found else _torn(part))
        counts[tuple(frames)] += int(count)
    return counts


def colons(text, marks=False):
    """profiling.sampling: `tid:N;file:name:line;file:name:line COUNT`. Marks as above."""
    counts = collections.Counter()
    for stack, count in _lines(text):
        frames = []
        for part in stack.split(";"):
            if MARK.match(part) or "<GC>" in part or "<native>" in part:
                if marks and GC[0] in part:
                    frames.append(GC)
                continue
            found = re.fullmatch(r"(.*):(.*):(-?\d+)", part, re.S)
            if part:
                frames.append(frame(found[2], found[1], found[3]) if found else _torn(part))
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
            found = re.fullmatch(r"(.*):(.*):(-?\d+)", part, re.S)
            frames.append(frame(found[2], found[1], found[3]) if found else _torn(part))
        if frames:
            counts[tuple(frames)] += int(metric.split(",")[0])
    return counts, samples, invalid


def austin_binary(data):
    """Austin 4, as austin_text()."""
    counts, samples, invalid, stacks = collections.Counter(), collections.Counter(), 0, {}
    for sample in mojo.samples(data):
        samples[sample.thread] += 1
        if sample.invalid:
            invalid += 1
        elif sample.frames:
            if sample.frames not in stacks:
                stacks[sample.frames] = tuple(frame(*f) for f in sample.frames)
            counts[stacks[sample.frames]] += sample.time
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
