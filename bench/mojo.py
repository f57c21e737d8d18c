# SPDX-License-Identifier: MIT
"""Reads MOJO, the binary form in which Austin 4 writes.

The layout was taken from Austin's documentation of the format and from files that Austin
4.0.0 wrote: "MOJ", a version, then events of one type byte each; numbers are of variable
length with a sign; names are given once and referred to by key.
"""

import collections
import re

METADATA, STACK, FRAME, INVALID, FRAME_REF, KERNEL, GC, IDLE, TIME, MEMORY, STRING, STRING_REF = range(1, 13)

# All references to frames that follow upon one another, whole: nearly all of a file is these.
REFERENCES = re.compile(rb"(?:\x05[\x80-\xff]*[\x00-\x7f])+", re.S)

Sample = collections.namedtuple("Sample", "pid thread frames time invalid idle")


class Broken(Exception):
    pass


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def byte(self):
        if self.at >= len(self.data):
            raise Broken("the file ends inside an event")
        self.at += 1
        return self.data[self.at - 1]

    def number(self):
        """Six bits and a sign in the first byte, seven bits in each further one."""
        b = self.byte()
        negative, value, shift = b & 0x40, b & 0x3F, 6
        while b & 0x80:
            b = self.byte()
            value |= (b & 0x7F) << shift
            shift += 7
        return -value if negative else value

    def string(self):
        end = self.data.find(b"\0", self.at)
        if end < 0:
            raise Broken("a string does not end")
        text = self.data[self.at:end].decode("utf-8", "replace")
        self.at = end + 1
        return text


def _frame(r, version):
    key, file, name, line = r.number(), r.number(), r.number(), r.number()
    if version >= 2:
        r.number(), r.number(), r.number()
    return key, (file, name, line)


def referred(data):
    """The keys of such references."""
    r, keys = Reader(data), []
    while r.at < len(data):
        r.byte()
        keys.append(r.number())
    return tuple(keys)


def samples(data):
    """Yields a Sample for each stack; its frames are (name, file, line), root first. Equal stacks
    are mostly one and the same tuple: a file has hundreds of thousands of a few."""
    r = Reader(data)
    if data[:3] != b"MOJ":
        raise Broken("no MOJO file")
    r.at = 3
    version = r.number()
    strings, frames = {}, {}
    keys_of, frames_of = {}, {}  # what was read before, of bytes and of keys
    pid, current = 0, None

    def resolve(pid, key):
        if (pid, key) not in frames:
            raise Broken(f"a frame {key} that was never described")
        file, name, line = frames[pid, key]
        return (strings.get((pid, name), "<unknown>"), strings.get((pid, file), "<unknown>"), line)

    def finished():
        stack = pid, current["frames"]
        if stack not in frames_of:
            frames_of[stack] = tuple(resolve(pid, k) for k in current["frames"])
        return Sample(pid, current["thread"], frames_of[stack], current["time"], current["invalid"], current["idle"])

    while r.at < len(data):
        event = r.byte()
        if event == METADATA:
            r.string(), r.string()
        elif event == STACK:
            if current:
                yield finished()
            pid = r.number()
            if version >= 3:
                r.number()
            current = {"thread": r.string(), "frames": (), "time": 0, "invalid": False, "idle": False}
        elif event == STRING:
            key = r.number()
            strings[pid, key] = r.string()
            frames_of.clear()  # they may mean something else now
        elif event == STRING_REF:
            r.number()
        elif event == FRAME:
            key, what = _frame(r, version)
            frames[pid, key] = what
            frames_of.clear()
        elif event == FRAME_REF:
            block = REFERENCES.match(data, r.at - 1)
            if not block:
                raise Broken("the file ends inside an event")
            if block[0] not in keys_of:
                keys_of[block[0]] = referred(block[0])
            current["frames"] += keys_of[block[0]]
            r.at = block.end()
        elif event == INVALID:
            current["invalid"] = True
        elif event == KERNEL:
            r.string()
        elif event == GC:
            pass
        elif event == IDLE:
            current["idle"] = True
        elif event == TIME:
            current["time"] += r.number()
        elif event == MEMORY:
            r.number()
        else:
            raise Broken(f"an event of type {event} at byte {r.at - 1}")
    if current:
        yield finished()
