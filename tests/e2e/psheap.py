# SPDX-License-Identifier: MIT
"""A strict reader of heap dumps, by docs/heap-format.md alone: whatever is not as it says there
is an error. It keeps everything in memory and is not made to be fast."""

import collections
import os
import struct

import interpreters

MAGIC = b"PSHEAP\r\n"
KINDS = "HEADER STRINGS TYPE OBJECTS MORE THREAD ROOTS PROBLEM END".split()
EDGES = "attribute key index local cell weak internal element".split()
WORDS = {
    1: "__dict__", 2: "__class__", 3: "__mro__", 4: "__bases__", 5: "__base__",
    6: "cell_contents", 7: "key", 8: "__closure__", 9: "element", 10: "weak",
    11: "sys.modules", 12: "builtins", 13: "static type", 14: "__code__", 15: "__globals__",
    16: "__defaults__", 17: "tb_frame", 18: "tb_next", 19: "f_back", 20: "f_code",
    21: "f_globals", 22: "f_builtins", 23: "awaits", 24: "frame",
}  # fmt: skip
FIXED, COUNTED, NAMED = 1, 2, 3
EDGES_MAX, PAYLOAD_MAX = 1 << 18, 1 << 26

Header = collections.namedtuple(
    "Header", "pid time hexversion word flags tracked implementation version"
)
Type = collections.namedtuple("Type", "id basicsize itemsize shape flags module name")
Edge = collections.namedtuple("Edge", "kind name target")
Frame = collections.namedtuple("Frame", "function file line frame code globals locals")
Thread = collections.namedtuple("Thread", "ident native name frames")
Root = collections.namedtuple("Root", "kind name target")


class Malformed(Exception):
    pass


def must(condition, what):
    if not condition:
        raise Malformed(what)


def chunks(path):
    """(kind, flags, payload) of each, for what is too large for a Dump."""
    with open(path, "rb") as f:
        must(f.read(16) == MAGIC + struct.pack("<II", 1, 0x01020304), "head")
        while True:
            head = f.read(16)
            if not head:
                return
            kind, flags, length = struct.unpack("<IIQ", head)
            must(1 <= kind <= len(KINDS) and length <= PAYLOAD_MAX, "chunk")
            payload = f.read(length)
            must(len(payload) == length, "cut off")
            yield KINDS[kind - 1], flags, payload


class Cursor:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, size):
        must(0 <= size <= len(self.data) - self.at, f"{size} bytes at {self.at} of {len(self.data)}")
        self.at += size
        return self.data[self.at - size : self.at]

    def u32(self):
        return struct.unpack("<I", self.take(4))[0]

    def u64(self):
        return struct.unpack("<Q", self.take(8))[0]

    def pad(self):
        must(not any(self.take(-self.at % 8)), "padding is not zero")

    def array(self, letter, n):
        found = struct.unpack(f"<{n}{letter}", self.take(n * struct.calcsize("<" + letter)))
        self.pad()
        return found

    def u32s(self, n):
        return self.array("I", n)

    def u64s(self, n):
        return self.array("Q", n)

    def end(self):
        self.pad()
        must(self.at == len(self.data), f"{len(self.data) - self.at} bytes too many")


class Obj:
    __slots__ = ("id", "type", "size", "edges", "value")

    def named(self, name, kind=None):
        """The target of the one edge with this name."""
        found = [e.target for e in self.edges if e.name == name and kind in (None, e.kind)]
        assert len(found) == 1, (name, kind, self.edges)
        return found[0]

    def of(self, kind):
        return [e for e in self.edges if e.kind == kind]


class Dump:
    """header, types, objects (by id), strings, threads, roots, problems"""

    def __init__(self, data):
        self.types, self.objects, self.strings = {}, {}, dict(WORDS)
        self.threads, self.roots, self.problems = [], [], []
        self.header, self.ended, self.repeated = None, False, 0
        self.written = collections.Counter()
        self.partial = {}  # id of an object → number of edges that MORE told
        c = Cursor(data)
        must(c.take(8) == MAGIC, "magic")
        must(c.u32() == 1 and c.u32() == 0x01020304, "version or byte order")
        while c.at < len(data):
            must(not self.ended, "something after the end")
            kind, flags, length = c.u32(), c.u32(), c.u64()
            must(1 <= kind <= len(KINDS), f"kind {kind}")
            must(length % 8 == 0 and length <= PAYLOAD_MAX, f"length {length}")
            must(flags & ~(1 if KINDS[kind - 1] == "OBJECTS" else 0) == 0, f"flags {flags}")
            must((self.header is None) == (KINDS[kind - 1] == "HEADER"), "header first, and once")
            inside = Cursor(c.take(length))
            self.written["chunks"] += 1
            getattr(self, "read_" + KINDS[kind - 1].lower())(inside, flags)
            inside.end()
        must(self.ended, "no END")

    # Names

    def name(self, i, anything=False):
        """A string for an id that is a name. Keys of dicts may have none."""
        if i == 0:
            return None
        if i in self.strings:
            return self.strings[i]
        must(anything and i >= 65536, f"name {i:#x} has no string")
        return i

    def text(self, data):
        text = bytes(data).decode("utf-8")
        must(text.isprintable(), repr(text))
        return text

    # Chunks

    def read_header(self, c, _):
        numbers = [c.u64() for _ in range(6)]
        lengths = c.u32(), c.u32()
        name, version = (bytes(c.take(n)).decode() for n in lengths)
        self.header = Header(*numbers, name, version)

    def read_strings(self, c, _):
        n = c.u64()
        ids, ends = c.u64s(n), c.u32s(n)
        at = 0
        for i, end in zip(ids, ends):
            must(at <= end <= at + 256, "end of a string")
            must(i >= 256, "a word of the format")
            text = self.text(c.take(end - at))
            must(self.strings.setdefault(i, text) == text, "a string that changed")
            at = end
        self.written["strings"] += n

    def read_type(self, c, _):
        i, basicsize, itemsize, shape, flags = c.u64(), c.u64(), c.u64(), c.u32(), c.u32()
        lengths = c.u32(), c.u32()
        module, name = (self.text(c.take(n)) for n in lengths)
        must(i not in self.types and i >= 65536, "type told twice")
        must(shape <= 31 and flags <= 3, "shape or flags")
        self.types[i] = Type(i, basicsize, itemsize, shape, flags, module, name)
        self.written["types"] += 1

    def read_objects(self, c, flags):
        kind, n, groups, width = c.u64(), c.u64(), c.u32(), c.u32()
        must(kind in self.types, "an object before its type")
        must(1 <= n <= 65536, f"{n} objects")
        ids = c.u64s(n)
        must(width in (0, 4, 8), f"width {width}")
        sizes = [c.u64()] * n if width == 0 else c.u32s(n) if width == 4 else c.u64s(n)
        edges = [[] for _ in ids]
        total = sum(self.read_group(c, n, edges) for _ in range(groups))
        must(total <= EDGES_MAX, f"{total} edges")
        values = self.read_values(c, n) if flags & 1 else [None] * n
        for row in zip(ids, sizes, edges, values):
            self.add(kind, *row)
        self.written["objects"] += n

    def add(self, kind, i, size, edges, value):
        must(i >= 65536, f"id {i}")
        o = Obj()
        o.id, o.type, o.size, o.edges, o.value = i, self.types[kind], size, edges, value
        if i in self.objects:
            must(not edges and not self.objects[i].edges, "an object with edges, told twice")
            self.repeated += 1
        else:
            self.objects[i] = o

    def read_values(self, c, n):
        lengths = c.u32s(n)
        must(all(x <= 1024 or x == 0xFFFFFFFF for x in lengths), "length of a value")
        found = [None if x == 0xFFFFFFFF else self.text(c.take(x)) for x in lengths]
        c.pad()
        return found

    def read_group(self, c, n, edges):
        kind, form, number = c.u32(), c.u32(), c.u64()
        must(1 <= kind <= len(EDGES) and 1 <= form <= 3, f"kind {kind}, form {form}")
        kind = EDGES[kind - 1]
        if form == FIXED:
            names = [self.name(i) for i in c.u64s(number)]
            for name in names:
                for at, target in enumerate(c.u64s(n)):
                    if target:
                        edges[at].append(Edge(kind, name, target))
            self.written["edges"] += number * n
            return number * n
        counts = c.u32s(n)
        must(sum(counts) == number, "counts that do not add up")
        self.read_rows(c, kind, form, counts, edges, 0)
        return number

    def read_rows(self, c, kind, form, counts, edges, first):
        names = c.u64s(sum(counts)) if form == NAMED else None
        targets = c.u64s(sum(counts))
        self.written["edges"] += len(targets)
        at = 0
        for count, found in zip(counts, edges):
            for j in range(count):
                if names is None:
                    name = first + j if kind == "index" else None
                else:
                    name = self.name(names[at], kind == "key")
                found.append(Edge(kind, name, targets[at]))
                if kind == "key" and names[at] >= 65536:
                    found.append(Edge("internal", "key", names[at]))
                at += 1

    def read_more(self, c, _):
        i, first, kind, form, total = c.u64(), c.u64(), c.u32(), c.u32(), c.u64()
        must(i in self.objects and 1 <= kind <= len(EDGES) and form in (2, 3), "MORE")
        must(total <= EDGES_MAX and first == self.partial.get(i, 0), "order of MORE")
        self.partial[i] = first + total
        self.read_rows(c, EDGES[kind - 1], form, [total], [self.objects[i].edges], first)

    def read_thread(self, c, _):
        ident, native, length, n = c.u64(), c.u64(), c.u32(), c.u32()
        title = self.text(c.take(length))
        c.pad()
        columns = [c.u64s(n) for _ in range(6)]
        counts = c.u32s(n)
        total = c.u64()
        must(total == sum(counts), "counts of locals")
        names, targets = c.u64s(total), c.u64s(total)
        frames, at = [], 0
        for row, count in zip(zip(*columns), counts):
            own = [(self.name(names[j]), targets[j]) for j in range(at, at + count)]
            frames.append(Frame(self.name(row[0]), self.name(row[1]), *row[2:], dict(own)))
            at += count
        self.threads.append(Thread(ident, native, title, frames))

    def read_roots(self, c, _):
        n = c.u64()
        kinds, names, targets = c.u32s(n), c.u64s(n), c.u64s(n)
        must(all(1 <= k <= 3 for k in kinds), "kind of a root")
        self.roots += [Root(k, self.name(x, True), t) for k, x, t in zip(kinds, names, targets)]

    def read_problem(self, c, _):
        self.problems.append(bytes(c.take(len(c.data))).rstrip(b"\0").decode())

    def read_end(self, c, _):
        told = dict(zip(("objects", "edges", "strings", "types", "chunks"), c.u64s(5)))
        must(c.take(8) == MAGIC, "magic of the end")
        must(told == {k: self.written[k] for k in told}, f"{told} but {self.written}")
        self.ended = True

    # What tests ask

    def instances(self, name, module="__main__"):
        """Objects by the qualified name of their type."""
        found = [o for o in self.objects.values() if o.type.name == name]
        return [o for o in found if o.type.module == module]

    def attributes(self, o):
        """name → id, whether they lie in a dict or in the object."""
        found = {e.name: e.target for e in o.of("attribute")}
        for e in o.of("internal"):
            if e.name == "__dict__":
                inner = self.objects[e.target].of("key")
                found.update({k.name: k.target for k in inner})
        return found

    def reachable(self):
        """ids of what strong edges lead to from the roots."""
        todo = [r.target for r in self.roots]
        for thread in self.threads:
            for f in thread.frames:
                todo += [f.code, f.globals, *f.locals.values()]
        found = set()
        while todo:
            i = todo.pop()
            if i in found or i not in self.objects:
                continue
            found.add(i)
            o = self.objects[i]
            todo += [e.target for e in o.edges if e.kind != "weak"]
            todo.append(o.type.id)
        return found


def flags(path):
    """Those of the header."""
    return struct.unpack_from("<Q", next(chunks(path))[2], 32)[0]


def read(path):
    with open(path, "rb") as f:
        return Dump(memoryview(f.read()))


def write_walker(folder):
    """The walker's texts as one file there, called heap_walk.py."""
    with open(os.path.join(folder, "heap_walk.py"), "w", encoding="utf-8") as out:
        for name in ("heap_stacks.py", "heap_walk.py"):
            path = os.path.join(interpreters.REPO, "profiler", name)
            with open(path, encoding="utf-8") as f:
                out.write(f.read())
