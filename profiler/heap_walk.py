# SPDX-License-Identifier: MIT
"""Writes all objects of this process to a file descriptor, in the format of docs/heap-format.md.
heap_stacks.py stands in front of it, in one namespace: see there for what has no definition here.

This text is embedded into pysample and executed inside the target, by CPython 3.8 to 3.15 and
PyPy, mostly in a forked copy of it. So it is a guest in a house that it does not know:

1. It imports built-in modules only (array, if it is there): no lock is taken, no file opened.
2. It runs no code of the target. Of an object of the target it uses type(o), id(o), the
   collector's view of it (gc.get_referents), and descriptors that are written in C and belong
   to a built-in type, or are the slots of a class: never o.attribute, o == p, hash(o), len(o)
   or iter(o) where the type is not exactly a built-in one.
   Keys of dicts are told apart by id. Classes' dicts are read by their keys that are exact str.
3. A tuple or list may be half made: the C code that fills it may be calling Python code just
   now, and iterating over it would crash. So the collector is asked for their items.
4. What it makes itself is made after gc.get_objects() was called, or is in `mine`.

2 million objects should take less than 4 s, so everything that may be numerous is handled by
the thousand in calls of C functions (map, get_referents(*objects), array): plans, one for each
type, know how. What is rare is handled object by object, in `odd`.
"""

gc = built_in("gc", "get_objects")
itertools = built_in("itertools", "chain")
posix = built_in("posix", "write")
time = built_in("time", "time_ns")
_signal = built_in("_signal", "pthread_sigmask")
_weakref = built_in("_weakref", "ref")
_collections = built_in("_collections", "deque")
builtins = built_in("builtins", "len")
# These are files of their own in some builds, and used only if they are there already.
array = getattr(built_in("array", "array"), "array", None)
_struct = built_in("_struct", "pack")
WORD = "L" if array and array("L").itemsize == 8 else "Q"  # "L" is filled three times as fast
HEADER, STRINGS, TYPE, OBJECTS, MORE, THREAD, ROOTS, PROBLEM, END = range(1, 10)
ATTRIBUTE, KEY, INDEX, LOCAL, CELL, WEAK, INTERNAL, ELEMENT = range(1, 9)
FIXED, COUNTED, NAMED = range(1, 4)
DICT, MRO, BASES, BASE, CONTENTS = 1, 3, 4, 5, 6  # words of the format
WEAK_WORD, MODULES, BUILTINS, STATIC = 10, 11, 12, 13
WORDS_END = 1 << 16  # below are words, from here on addresses
PYPY = sys.implementation.name == "pypy"
# Of one chunk, where they may be split. A PyPy frees, while its collector is off, only what is young.
OBJECTS_MAX, EDGES_MAX = (1024, 1 << 12) if PYPY else (8192, 1 << 16)
FIELDS_MAX = 1 << 18  # edges of a chunk, for good
FRAMES_MAX = 10000  # of a thread
COLUMNS_MAX = 1024
ODD_MAX, ODD_CONTENT_MAX = 256, 500  # their product is less than FIELDS_MAX
BATCH = 2 * OBJECTS_MAX  # objects that are sorted by type at a time
SEEN_MAX = 1000000  # ids that are remembered for a while; beyond that, atoms may be told twice
SAMPLES_MAX = 8
NAME_MAX, VALUE_MAX = 256, 1024  # bytes
NO_TEXT = 0xFFFFFFFF
WHOLE_OF = slice(None)
GC_FLAG, HEAP_FLAG, MANAGED_DICT, MANAGED_WEAK = 1 << 14, 1 << 9, 1 << 4, 1 << 3
WORD_MASK = (1 << 64) - 1
WHOLE = PYPY and hasattr(gc, "dump_rpy_heap") and hasattr(gc, "get_typeids_z")

INTERNED = sys.intern("a word of the walker of pysample")
Code = type((lambda: 0).__code__)
Frame = type(sys._getframe())
Member = type(Function.__dict__["__globals__"])
Method = type(str.join)
Proxy = type(type.__dict__)
FROZENDICT = getattr(builtins, "frozendict", None)  # CPython 3.15


def generator():
    yield


async def coroutine():
    return None


async def asynchronous():
    yield


def shapes():
    """id of a built-in type → what docs/heap-format.md calls its shape."""
    awaited = coroutine()
    awaited.close()
    rows = {
        1: (str,), 2: (bytes,), 3: (bytearray,), 4: (memoryview,), 5: (int,), 6: (bool,),
        7: (float,), 8: (complex,), 9: (type(None), type(...), type(NotImplemented)),
        10: (list,), 11: (tuple,), 12: (dict,), 13: (set,), 14: (frozenset,), 15: (property,),
        16: (type,), 17: (Module,), 18: (Function,), 19: (type(Maker().make),),
        20: (type(len), Method), 21: (Code,), 22: (Frame,), 23: (type(generator()),),
        24: (type(awaited),), 25: (type(asynchronous()),), 26: (type(cell_of(0)),), 27: (_weakref.ref,),
        28: (BaseException,), 29: traceback_type(), 30: (_collections.deque,), 31: (Proxy,),
    }
    found = {id(kind): shape for shape, kinds in rows.items() for kind in kinds}
    if FROZENDICT is not None:
        found[id(FROZENDICT)] = 12
    return found


class Maker:
    def make(self):
        pass


def cell_of(value):
    return (lambda: value).__closure__[0]


def traceback_type():
    try:
        raise ValueError
    except ValueError as e:
        return (type(e.__traceback__),)


STR, BYTES, BYTEARRAY, INT, BOOL, FLOAT, COMPLEX, NONE = 1, 2, 3, 5, 6, 7, 8, 9
LIST, TUPLE, DICTIONARY, SET, FROZENSET, TYPE_OBJECT, FUNCTION, CODE_OBJECT = 10, 11, 12, 13, 14, 16, 18, 21
FRAME_OBJECT, GENERATORS, CELL_OBJECT, WEAKREF, EXCEPTION, DEQUE = 22, (23, 24, 25), 26, 27, 28, 30
ATOMS = (STR, BYTES, BYTEARRAY, INT, BOOL, FLOAT, COMPLEX, NONE)

# Attributes of built-in types that are stored objects, but are no members in C.
STORED = {
    EXCEPTION: ("args", "__traceback__", "__context__", "__cause__"),
    FUNCTION: ("__code__", "__defaults__", "__kwdefaults__", "__name__", "__qualname__"),
    29: ("tb_next",),
    20: ("__self__",),
}
# Members of code objects that are objects. The others are numbers, or made by asking.
CODE_MEMBERS = """co_consts co_names co_filename co_name co_qualname co_linetable co_lnotab
co_exceptiontable co_varnames co_freevars co_cellvars co_code""".split()
COLUMNS = (15, FUNCTION, 19, 20, CODE_OBJECT, CELL_OBJECT, 29, 31)


# Types, asked without running anything of them



def fact(kind, name, default=0):
    """An attribute of a type, as `type` itself tells it, not its metaclass."""
    try:
        return type.__dict__[name].__get__(kind)
    except Exception:
        return default


def dict_of_type(kind):
    """The dict that is behind the proxy which Python code sees."""
    inner = gc.get_referents(TYPE_DICT(kind)) if is_ready(kind) else ()
    return inner[0] if inner and type(inner[0]) is dict else None


# Text

def clean(text):
    if not text.isprintable():
        text = "".join([c if c.isprintable() else ascii(c)[1:-1] for c in text])
    return text.encode("utf-8", "backslashreplace")


def cut(data, most):
    if len(data) <= most:
        return data
    return data[: most - 3].decode("utf-8", "ignore").encode() + b"\xe2\x80\xa6"


def text_of(o, shape, most):
    """What to show of an atom, as bytes of UTF-8; None for what is none."""
    if shape == STR:
        return cut(clean(str.__getitem__(o, slice(0, most + 1))), most)
    if shape == BYTES or shape == BYTEARRAY:
        kind = bytes if shape == BYTES else bytearray
        return cut(repr(bytes(kind.__getitem__(o, slice(0, most)))).encode(), most)
    if shape == BOOL:
        return b"True" if o is True else b"False"
    if shape == INT:
        bits = int.bit_length(o)
        return (int.__repr__(o) if bits <= 512 else "int of %d bits" % bits).encode()
    if shape == FLOAT:
        return float.__repr__(o).encode()
    if shape == COMPLEX:
        return complex.__repr__(o).encode()
    if o is None:
        return b"None"
    return None


# Bytes

def padding(size):
    return b"\0" * (-size % 8)


def small(value, size=8):
    return value.to_bytes(size, "little")


def words(values, size=8):
    """A list of integers as bytes, padded."""
    if array:
        made = array(WORD if size == 8 else "I", values)
        if size == 4 and len(values) & 1:
            made.append(0)
        return made
    if _struct:
        data = _struct.pack("%d%s" % (len(values), "Q" if size == 8 else "I"), *values)
        return data + padding(len(data))
    room = bytearray((len(values) * size + 7) & ~7)
    view = memoryview(room).cast("Q" if size == 8 else "I")
    for at, value in enumerate(values):
        view[at] = value
    return room


if PYPY:
    # There, ids of numbers and short strings are made of their value: small, negative, or long.
    def ident(o):
        i = id(o) & WORD_MASK
        return i if i >= WORDS_END else i | 1 << 63

else:
    ident = id


def ids_of(objects):
    return list(map(ident, objects))


def group(kind, form, number, *parts):
    return [small(kind, 4), small(form, 4), small(number), *parts]


class Out:
    """Chunks into a file descriptor."""

    def __init__(self, fd):
        self.fd = fd
        self.chunks = 0

    def write(self, data):
        left = memoryview(data)
        while left:
            try:
                left = left[posix.write(self.fd, left) :]
            except InterruptedError:
                pass

    def begin(self):
        self.write(b"PSHEAP\r\n" + small(1, 4) + small(0x01020304, 4))

    def chunk(self, kind, parts, flags=0):
        data = b"".join(parts)
        data += padding(len(data))
        self.chunks += 1
        self.write(small(kind, 4) + small(flags, 4) + small(len(data)) + data)


def take(left, value):
    if left.get(id(value)):
        left[id(value)].pop()


class Plan:
    """How the objects of one type are told."""

    __slots__ = ("kind", "id", "shape", "queue", "tell", "size", "sizer", "members", "getter")
    __slots__ += ("known", "samples")  # names of attributes, and how many objects taught them


class Walk:
    def __init__(self, fd, values, forked, exact, sizeless=False):
        self.out = Out(fd)
        self.values = values
        self.forked = forked
        self.sizeless = sizeless
        self.is_tracked = None if exact else gc.is_tracked
        self.shapes = shapes()
        self.plans = {}  # id of a type → Plan
        self.queues = {}  # id of a type → its plan's queue
        self.atoms = set()  # ids of types without edges
        self.seen = set()  # ids of what was queued of late
        self.kept = set()  # those of all that was queued and is no atom
        self.named = set()  # ids that have a string
        self.skip = set()  # ids of what is ours
        self.real_dicts = set()  # ids of all dicts, where the collector hides those of objects
        self.static = []
        self.locals = {}  # id of a frame of a thread → [(name, value)]
        self.objects = self.edges = self.strings = self.types = 0

    # What is there: everything that is met goes into its type's queue, once

    def sort(self, objects):
        queues = self.queues
        for o in objects:
            try:
                queues[id(type(o))].append(o)
            except KeyError:
                self.meet(type(o)).append(o)

    def reach(self, objects):
        """Queues those of the objects that gc.get_objects() did not give and are new."""
        if self.is_tracked:
            objects = list(itertools.filterfalse(self.is_tracked, objects))
        fresh = dict(zip(map(id, objects), objects))
        new = itertools.filterfalse(self.seen.__contains__, fresh)
        new = list(itertools.filterfalse(self.kept.__contains__, new))
        if not new:
            return
        if len(self.seen) > SEEN_MAX:
            self.seen = set()
        self.seen.update(new)
        queues, atoms, keep = self.queues, self.atoms, self.kept.add
        for i in new:
            o = fresh[i]
            t = id(type(o))
            try:
                queues[t].append(o)
            except KeyError:
                self.meet(type(o)).append(o)
            if t not in atoms:
                keep(i)

    def drain(self, least):
        """Tells what is in queues of this length at least. True if there was something."""
        some = False
        for plan in list(self.plans.values()):
            while len(plan.queue) >= least:
                some = True
                objects = plan.queue[:OBJECTS_MAX]
                del plan.queue[:OBJECTS_MAX]
                if not self.skip.isdisjoint(map(id, objects)):
                    objects = [o for o in objects if id(o) not in self.skip]
                if objects:
                    plan.tell(plan, objects)
        return some

    # Types

    def meet(self, kind):
        plan = Plan()
        plan.kind, plan.id, plan.queue = kind, ident(kind), []
        plan.known, plan.samples = [], 0
        mro = mro_of(kind)
        plan.shape = next((self.shapes[id(c)] for c in mro if id(c) in self.shapes), 0)
        plan.members, plan.getter = self.members_of(mro, plan.shape)
        plan.size, plan.sizer = self.size_of(kind, mro)
        plan.tell = self.teller(plan, mro)
        if plan.tell == self.tell_atoms:
            self.atoms.add(id(kind))
        self.plans[id(kind)] = plan
        self.queues[id(kind)] = plan.queue
        self.tell_type(plan)
        if not fact(kind, "__flags__") & HEAP_FLAG:
            self.static.append(kind)
        self.reach([kind])
        return plan.queue

    def members_of(self, mro, shape):
        """([(name, getter)], getter of the instance dict or None): only what C gives."""
        members, getter = [], None
        for c in mro:
            for name, value in own_attributes(c).items():
                if name == "__dict__":
                    if getter is None and type(value) in (Getset, Member) and c is not type:
                        getter = value.__get__
                elif type(value) is Member and name != "__weakref__":
                    if shape == CODE_OBJECT and name not in CODE_MEMBERS:
                        continue
                    members.append((name, value.__get__))
                elif type(value) is Getset and name in STORED.get(shape, ()):
                    members.append((name, value.__get__))
        return members, getter

    def size_of(self, kind, mro):
        """(the size of all instances, or None; a function that tells the size of one)"""
        if self.sizeless:
            return 0, None
        if PYPY:
            return None, gc.get_rpy_memory_usage
        found = [own_attributes(c).get("__sizeof__") for c in mro]
        found = [f for f in found if f is not None]
        genuine = next((f for f in found if type(f) is Method), object.__sizeof__)
        flags = fact(kind, "__flags__")
        if not found or genuine is found[0]:
            sizer = sys.getsizeof
        else:  # overridden by the target's code: what sys.getsizeof adds is added here
            extra = 16 if flags & GC_FLAG else 0
            if sys.version_info >= (3, 11) and flags & (MANAGED_DICT | MANAGED_WEAK):
                extra += 16

            def sizer(o):
                return genuine(o) + extra

        same = genuine is object.__dict__["__sizeof__"] and not fact(kind, "__itemsize__")
        return ("same" if same else None), sizer

    def sizes(self, plan, objects):
        """(width, bytes)"""
        if plan.size == "same":
            plan.size = self.size_one(plan, objects[0])
        if plan.size is not None:
            return 0, small(plan.size)
        try:
            found = list(map(plan.sizer, objects))
            if min(found) < 0:
                raise ValueError
        except Exception:
            found = [self.size_one(plan, o) for o in objects]
        most = max(found)
        if most == min(found):
            return 0, small(most)
        return (4, words(found, 4)) if most <= NO_TEXT else (8, words(found))

    def size_one(self, plan, o):
        try:
            return max(0, min(plan.sizer(o), WORD_MASK >> 1))
        except Exception:
            return max(0, fact(plan.kind, "__basicsize__"))

    def tell_type(self, plan):
        kind, flags = plan.kind, fact(plan.kind, "__flags__")
        module = fact(kind, "__module__", None)
        names = []
        for name in (module, fact(kind, "__qualname__", None) or fact(kind, "__name__", "?")):
            shown = STR in (self.shapes.get(id(c)) for c in mro_of(type(name)))
            names.append(text_of(name, STR, VALUE_MAX) if shown else b"?")
        self.types += 1
        self.out.chunk(
            TYPE,
            [
                small(plan.id),
                small(max(0, fact(kind, "__basicsize__"))),
                small(max(0, fact(kind, "__itemsize__"))),
                small(plan.shape, 4),
                small((1 if flags & GC_FLAG else 0) | (2 if flags & HEAP_FLAG else 0), 4),
                small(len(names[0]), 4),
                small(len(names[1]), 4),
                *names,
            ],
        )

    def teller(self, plan, mro):
        kind, shape = plan.kind, plan.shape
        if shape in ATOMS and id(kind) in self.shapes:
            return self.tell_atoms
        if id(kind) in self.shapes and not PYPY:
            exact = {LIST: self.tell_items, TUPLE: self.tell_items, DICTIONARY: self.tell_dicts}
            exact.update({SET: self.tell_sets, FROZENSET: self.tell_sets, DEQUE: self.tell_odd})
            if shape in exact:
                return exact[shape]
        if PYPY or shape or not self.is_plain(plan, mro):
            if not plan.members and plan.getter is None and not shape and not fact(kind, "__flags__") & GC_FLAG:
                return self.tell_atoms
            collected = fact(kind, "__flags__") & GC_FLAG
            if not PYPY and (shape in COLUMNS or not shape and plan.getter is None and collected):
                return self.tell_columns
            return self.tell_odd
        return self.tell_instances

    def is_plain(self, plan, mro):
        """Is it a class without storage but slots and a dict? Then its size is their sum."""
        size = fact(object, "__basicsize__") + 8 * len(plan.members)
        size += 8 * (fact(plan.kind, "__dictoffset__") > 0)
        size += 8 * (fact(plan.kind, "__weakrefoffset__") > 0)
        heap = [fact(c, "__flags__") & HEAP_FLAG for c in mro if c is not object]
        slots = all("__slots__" in own_attributes(get.__self__.__objclass__) for _, get in plan.members)
        return all(heap) and heap != [] and slots and size == fact(plan.kind, "__basicsize__")

    # Strings

    def name(self, ids, objects):
        """Makes sure that the objects, which serve as names, have their strings."""
        fresh = dict(zip(ids, objects))
        new = list(itertools.filterfalse(self.named.__contains__, fresh))
        if not new:
            return
        if len(self.named) > SEEN_MAX:
            self.named = set()
        self.named.update(new)
        known, texts = [], []
        for i in new:
            o = fresh[i]
            if type(o) is str and len(o) <= NAME_MAX and o.isascii() and o.isprintable():
                text = o.encode()
            else:
                shape = next((self.shapes[id(c)] for c in mro_of(type(o)) if id(c) in self.shapes), 0)
                text = text_of(o, shape, NAME_MAX)
            if text is not None:
                known.append(i)
                texts.append(text)
        for at in range(0, len(known), OBJECTS_MAX):
            self.tell_strings(known[at : at + OBJECTS_MAX], texts[at : at + OBJECTS_MAX])

    def tell_strings(self, ids, texts):
        ends = list(itertools.accumulate(map(len, texts)))
        self.strings += len(ids)
        self.out.chunk(STRINGS, [small(len(ids)), words(ids), words(ends, 4), *texts])

    # Objects

    def tell(self, plan, objects, ids, groups, edges):
        width, sizes = self.sizes(plan, objects)
        parts = [
            small(plan.id),
            small(len(objects)),
            small(len(groups), 4),
            small(width, 4),
            words(ids),
            sizes,
        ]
        for g in groups:
            parts += g
        flags = 0
        if self.values and plan.shape in ATOMS:
            texts = [text_of(o, plan.shape, VALUE_MAX) for o in objects]
            parts.append(words([NO_TEXT if t is None else len(t) for t in texts], 4))
            parts += [t for t in texts if t]
            flags = 1
        self.objects += len(objects)
        self.edges += edges
        self.out.chunk(OBJECTS, parts, flags)

    def more(self, i, kind, targets, names=None):
        """The edges of an object that has very many."""
        for at in range(0, len(targets), EDGES_MAX):
            part = ids_of(targets[at : at + EDGES_MAX])
            rows = [words(part)]
            if names is not None:
                rows.insert(0, words(self.keys_of(kind, names[at : at + EDGES_MAX])))
            self.edges += len(part)
            head = [small(i), small(at), small(kind, 4), small(COUNTED if names is None else NAMED, 4)]
            self.out.chunk(MORE, [*head, small(len(part)), *rows])
            self.reach(targets[at : at + EDGES_MAX])
            if kind == KEY:
                self.reach(names[at : at + EDGES_MAX])

    def in_parts(self, objects, counts):
        """Splits the objects so that no part has more edges than a chunk may; one with more
        than that is alone."""
        at = total = 0
        for end, count in enumerate(counts):
            if total + count > EDGES_MAX and end > at:
                yield objects[at:end], counts[at:end]
                at, total = end, 0
            total += count
        if at < len(objects):
            yield objects[at:], counts[at:]

    def halves(self, tell, plan, objects):
        """One of these objects is odd: the others are not to be told one by one."""
        middle = len(objects) // 2
        for part in (objects[:middle], objects[middle:]):
            tell(plan, part, list(map(len, part)))

    def tell_atoms(self, plan, objects):
        self.tell(plan, objects, ids_of(objects), [], 0)

    def tell_items(self, plan, objects):
        for part, counts in self.in_parts(objects, list(map(len, objects))):
            self.tell_items_of(plan, part, counts)

    def tell_items_of(self, plan, objects, counts):
        # The collector gives the items of each backwards, so all of it backwards is in order.
        items = gc.get_referents(*objects)
        if len(items) != sum(counts):  # half made, or changed by another thread
            if len(objects) > 1:
                self.halves(self.tell_items_of, plan, objects)
                return
            counts = [len(items)]
        items.reverse()
        objects.reverse()
        counts.reverse()
        self.tell_counted(plan, objects, counts, INDEX, items)

    def tell_counted(self, plan, objects, counts, kind, items):
        ids = ids_of(objects)
        if len(items) > EDGES_MAX:
            self.tell(plan, objects, ids, [], 0)
            self.more(ids[0], kind, items)
            return
        parts = group(kind, COUNTED, len(items), words(counts, 4), words(ids_of(items)))
        self.tell(plan, objects, ids, [parts] if items else [], len(items))
        self.reach(items)

    def tell_sets(self, plan, objects):
        for part, counts in self.in_parts(objects, list(map(len, objects))):
            self.tell_sets_of(plan, part, counts)

    def tell_sets_of(self, plan, objects, counts):
        items = gc.get_referents(*objects)
        if len(items) != sum(counts):
            if len(objects) > 1:
                self.halves(self.tell_sets_of, plan, objects)
                return
            counts = [len(items)]
        self.tell_counted(plan, objects, counts, ELEMENT, items)

    def tell_dicts(self, plan, objects):
        objects = [o for o in objects if len(o) < 500 or not is_interned(o)]
        for part, counts in self.in_parts(objects, list(map(len, objects))):
            self.tell_dicts_of(plan, part, counts)

    def tell_dicts_of(self, plan, objects, counts):
        kind, chain = plan.kind, itertools.chain.from_iterable
        try:
            keys = list(chain(map(kind.keys, objects)))
            values = list(chain(map(kind.values, objects)))
        except RuntimeError:  # changed by another thread
            keys = values = ()
        if not len(keys) == len(values) == sum(counts):
            if len(objects) > 1:
                self.halves(self.tell_dicts_of, plan, objects)
                return
            entries = list(kind.items(objects[0]))
            keys, values = [k for k, _ in entries], [v for _, v in entries]
            counts = [len(keys)]
        ids = ids_of(objects)
        if len(keys) > EDGES_MAX:
            self.tell(plan, objects, ids, [], 0)
            self.more(ids[0], KEY, values, keys)
            return
        names = ids_of(keys)
        self.name(names, keys)
        parts = group(
            KEY, NAMED, len(keys), words(counts, 4), words(names), words(ids_of(values))
        )
        self.tell(plan, objects, ids, [parts] if keys else [], len(keys))
        self.reach(keys)
        self.reach(values)

    # Instances of classes that are written in Python

    def tell_instances(self, plan, objects):
        most = FIELDS_MAX // (len(plan.members) + 32)  # a dict inside an object has 30 at most
        for at in range(0, len(objects), most):
            self.tell_instances_of(plan, objects[at : at + most])

    def tell_instances_of(self, plan, objects):
        ids = ids_of(objects)
        groups, edges = [], 0
        found = gc.get_referents(*objects)
        if plan.members:
            columns = [self.column(get, objects) for _, get in plan.members]
            names = [name for name, _ in plan.members]
            groups.append(self.fixed(ATTRIBUTE, names, columns))
            edges += len(names) * len(objects)
        if plan.getter is not None:
            look = self.attributes if self.forked else self.attributes_untouched
            more, count = look(plan, objects, found)
            groups += more
            edges += count
        self.tell(plan, objects, ids, groups, edges)
        self.reach(found)

    def column(self, get, objects):
        try:
            return ids_of(list(map(get, objects)))
        except Exception:
            return [self.slot(get, o) for o in objects]

    def slot(self, get, o):
        try:
            return ident(get(o))
        except Exception:
            return 0

    def fixed(self, kind, names, columns):
        ids = names
        if names and type(names[0]) is str:
            ids = ids_of(names)
            self.name(ids, names)
        return group(kind, FIXED, len(ids), words(ids), *map(words, columns))

    def attributes(self, plan, objects, found):
        """Groups for the attributes in instance dicts. A dict that the collector did not give
        is one that was made by asking for it: the attributes are inside the object."""
        dicts = list(map(plan.getter, objects))
        told = ids_of(dicts)
        real = set(told).intersection(ids_of(found))
        if self.real_dicts:
            real |= self.real_dicts.intersection(told)
        groups, edges = [], 0
        if real:
            column = [i if i in real else 0 for i in told]
            groups.append(self.fixed(INTERNAL, [DICT], [column]))
            edges += len(column)
            if len(real) == len(dicts):
                return groups, edges
            dicts = [{} if i in real else d for i, d in zip(told, dicts)]
        rows = set(map(tuple, dicts))
        chain = itertools.chain.from_iterable
        values = ids_of(list(chain(map(dict.values, dicts))))
        if len(rows) == 1:
            names = list(rows.pop())
            if names:
                columns = [values[at :: len(names)] for at in range(len(names))]
                groups.append(self.fixed(ATTRIBUTE, names, columns))
        else:
            names = list(chain(dicts))
            keys = ids_of(names)
            self.name(keys, names)
            counts = words(list(map(len, dicts)), 4)
            groups.append(group(ATTRIBUTE, NAMED, len(keys), counts, words(keys), words(values)))
        return groups, edges + len(values)

    # The same in a live process, in which no dicts should be made for millions of objects: at
    # most SAMPLES_MAX of a type teach the names, and those that have a dict among their values.

    def attributes_untouched(self, plan, objects, found):
        rows = [self.untouched(plan, o, gc.get_referents(o)) for o in objects]
        groups, edges = [], 0
        for at, kind in enumerate((INTERNAL, ATTRIBUTE)):
            put = {n: row[at] for n, row in enumerate(rows) if row[at]}
            names = {n: [name for name, _ in row] for n, row in put.items()}
            targets = {n: [value for _, value in row] for n, row in put.items()}
            if put:
                made, count = self.odd_group(kind, True, names, targets, len(objects))
                groups.append(made)
                edges += count
        return groups, edges

    def untouched(self, plan, o, refs):
        """([(word, target)], [(name, value)])"""
        left = {}
        for r in refs:
            if r is not plan.kind:
                left.setdefault(id(r), []).append(r)
        for _, get in plan.members:
            try:
                take(left, get(o))
            except AttributeError:
                pass
        if any(type(r) is dict for r in refs):
            d = plan.getter(o)
            if id(d) in left:
                return [(DICT, d)], []
            return [], list(d.items())
        found = self.inside(plan, o)
        for _, value in found:
            take(left, value)
        if any(left.values()) and plan.samples < SAMPLES_MAX:
            self.learn(plan, o)
            found = self.inside(plan, o)
            for _, value in found:
                take(left, value)
        return [(0, r) for rest in left.values() for r in rest], found

    def learn(self, plan, o):
        plan.samples += 1
        d = plan.getter(o)
        if type(d) is not dict:
            return
        taken = [own_attributes(c) for c in mro_of(plan.kind)]
        for name in d:
            if type(name) is str and name not in plan.known:
                if not any(name in attributes for attributes in taken):
                    plan.known.append(name)

    def inside(self, plan, o):
        """The attributes of these names: none is known to the class, so no code is run."""
        found = []
        for name in plan.known:
            try:
                found.append((name, object.__getattribute__(o, name)))
            except AttributeError:
                pass
        return found

    # Built-in types of which there are many: members in columns, and what else the collector knows

    def tell_columns(self, plan, objects):
        for at in range(0, len(objects), COLUMNS_MAX):
            self.tell_columns_of(plan, objects[at : at + COLUMNS_MAX])

    def tell_columns_of(self, plan, objects):
        refs = list(map(gc.get_referents, objects))
        reached = list(itertools.chain.from_iterable(refs))
        # Of a member that is a number in C, the object is made by asking. It is none of these.
        numbers = (int, bool, float, type(None))
        known = {id(r) for r in reached if type(r) not in numbers}
        names, columns = [], []
        for name, get in plan.members:
            try:
                values = list(map(get, objects))
            except Exception:
                values = [self.value(get, o) for o in objects]
            if plan.shape == CODE_OBJECT:
                column = [0 if v is None else id(v) for v in values]
                reached += values
            else:
                column = [i if i in known else 0 for i in map(id, values)]
            if any(column):
                names.append(name)
                columns.append(column)
        groups = [self.fixed(ATTRIBUTE, names, columns)] if names else []
        edges = len(names) * len(objects)
        extra = [self.rest(plan, refs, columns)]
        if plan.shape == FUNCTION:
            extra.append(self.cells(objects))
        for made, count in extra:
            if count:
                groups.append(made)
                edges += count
        self.tell(plan, objects, ids_of(objects), groups, edges)
        self.reach(reached)

    def value(self, get, o):
        try:
            return get(o)
        except Exception:
            return None

    def rest(self, plan, refs, columns):
        """What the collector gave and no column has."""
        rows = zip(*columns) if columns else itertools.repeat(())
        kind = plan.kind
        left = [
            [id(r) for r in of if r is not kind and id(r) not in row] for of, row in zip(refs, rows)
        ]
        flat = list(itertools.chain.from_iterable(left))
        if plan.shape == CELL_OBJECT:
            parts = words([CONTENTS]), words([x[0] if x else 0 for x in left])
            return group(INTERNAL, FIXED, 1, *parts), len(left)
        counts = words(list(map(len, left)), 4)
        return group(INTERNAL, COUNTED, len(flat), counts, words(flat)), len(flat)

    def cells(self, objects):
        names, targets = {}, {}
        for at, closure in enumerate(map(Function.__closure__.__get__, objects)):
            if closure:
                targets[at] = closure
                names[at] = Function.__code__.__get__(objects[at]).co_freevars[: len(closure)]
        return self.odd_group(CELL, True, names, targets, len(objects))

    # Everything else, one by one

    def tell_odd(self, plan, objects):
        for at in range(0, len(objects), ODD_MAX):
            self.tell_odd_of(plan, objects[at : at + ODD_MAX])

    def tell_odd_of(self, plan, objects):
        big = []
        rows = {}  # (kind, with names) → for each object a list of names, and of targets
        reached = []
        ids = ids_of(objects)
        for at, o in enumerate(objects):
            edges, content = self.edges_of(plan, o, reached)
            if content:
                if len(content[1]) > ODD_CONTENT_MAX:
                    big.append((ids[at], content))
                else:
                    kind, targets, names = content
                    put = rows.setdefault((kind, names is not None), ({}, {}))
                    put[0][at] = names or ()
                    put[1][at] = targets
                    reached += targets
                    reached += names or ()
            if len(edges) > ODD_CONTENT_MAX:
                for kind in {kind for kind, _, _ in edges}:
                    some = [(t, name) for k, name, t in edges if k == kind]
                    big.append((ids[at], (kind, [t for t, _ in some], [name for _, name in some])))
                edges = ()
            for kind, name, target in edges:
                put = rows.setdefault((kind, True), ({}, {}))
                put[0].setdefault(at, []).append(name)
                put[1].setdefault(at, []).append(target)
        groups, total = [], 0
        for (kind, named), (names, targets) in rows.items():
            made, count = self.odd_group(kind, named, names, targets, len(objects))
            groups.append(made)
            total += count
        self.tell(plan, objects, ids, groups, total)
        self.reach(reached)
        for i, (kind, targets, names) in big:
            self.more(i, kind, targets, names)

    def keys_of(self, kind, names):
        """Ids of names, of which some may be words of the format; with their strings told."""
        keys = [
            x if type(x) is int and x < WORDS_END and kind != KEY else ident(x) for x in names
        ]
        objects = [(k, x) for k, x in zip(keys, names) if k >= WORDS_END]
        self.name([k for k, _ in objects], [x for _, x in objects])
        return keys

    def odd_group(self, kind, named, names, targets, n):
        counts = [len(targets.get(at, ())) for at in range(n)]
        flat = [t for at in range(n) for t in targets.get(at, ())]
        ends = words(ids_of(flat))
        if not named:
            return group(kind, COUNTED, len(flat), words(counts, 4), ends), len(flat)
        keys = self.keys_of(kind, [x for at in range(n) for x in names.get(at, ())])
        return group(kind, NAMED, len(flat), words(counts, 4), words(keys), ends), len(flat)

    def edges_of(self, plan, o, reached):
        """([(kind, name, target)], (kind, targets, names) of its content as a container)"""
        shape = plan.shape
        content = self.content_of(o, shape)
        # PyPy has members of `list` that are none.
        if content and (id(plan.kind) in self.shapes or not (plan.members or plan.getter)):
            return [], content
        refs = gc.get_referents(o)
        names = {}
        for name, get in plan.members:
            self.note(names, ATTRIBUTE, name, get, o)
        if shape == TYPE_OBJECT:
            self.note_type(names, refs, o)
        elif shape == FRAME_OBJECT or shape in GENERATORS:
            self.note_locals(names, refs, o, shape)
        elif plan.getter is not None:
            self.note_dict(names, refs, plan.getter, o)
        if not refs and shape != TYPE_OBJECT and names:  # unknown to the collector
            numbers = (int, bool, float) if plan.kind is not range else ()
            refs = [v for _, _, v in names.values() if type(v) not in numbers]
        if content:  # what the container itself does not hold comes first
            refs = refs[: len(plan.members) + 16]
            wanted = set(map(id, refs))  # PyPy's intersection() would make a set of all others
            others = itertools.chain(content[1], content[2] or ())
            inside = set(filter(wanted.__contains__, map(id, others)))
        else:
            inside = ()
        edges = []
        for r in refs:
            if r is plan.kind or (id(r) in inside and id(r) not in names):
                continue
            kind, name, _ = names.get(id(r), (INTERNAL, 0, None))
            edges.append((kind, name, r))
            reached.append(r)
        if shape == WEAKREF:
            target = _weakref.ref.__call__(o)
            if target is not None:
                edges.append((WEAK, WEAK_WORD, target))
                reached.append(target)
        return edges, content

    def content_of(self, o, shape):
        # By slices: the iterators of PyPy ask for the length, as a subclass has it.
        if shape == LIST:
            return INDEX, list.__getitem__(o, WHOLE_OF), None
        if shape == TUPLE:
            return INDEX, list(tuple.__getitem__(o, WHOLE_OF)), None
        if shape == SET:
            return ELEMENT, list(set.__iter__(o)), None
        if shape == FROZENSET:
            return ELEMENT, list(frozenset.__iter__(o)), None
        if shape == DICTIONARY:
            base = dict
            if not isinstance_of(o, dict):
                base = FROZENDICT
            entries = list(iter(base.items(o)))  # PyPy asks a view for its dict's length
            return KEY, [v for _, v in entries], [k for k, _ in entries]
        if shape == DEQUE:
            return INDEX, list(_collections.deque.__iter__(o)), None
        return None

    def note(self, names, kind, name, get, o):
        """Members may also be numbers in C, for which an object is made at each look."""
        try:
            value = get(o)
            if value is not None and value is get(o):
                names.setdefault(id(value), (kind, name, value))
        except Exception:
            pass

    def note_dict(self, names, refs, getter, o):
        """Makes no dict in a live process: there it looks only if there is one."""
        if not (self.forked or PYPY or any(isinstance_of(r, dict) for r in refs)):
            return
        try:
            d = getter(o)
        except Exception:
            return
        if any(r is d for r in refs):
            names[id(d)] = (INTERNAL, DICT, d)
        elif type(d) is dict:
            for name, value in d.items():
                if type(name) is str:
                    names.setdefault(id(value), (ATTRIBUTE, name, value))
                    if PYPY:  # it keeps numbers inside the object, without an object for them
                        refs.append(value)

    def note_type(self, names, refs, o):
        if not is_ready(o):
            return
        inner = dict_of_type(o)
        wanted = [(DICT, inner), (MRO, TYPE_MRO(o)), (BASES, fact(o, "__bases__", None))]
        wanted.append((BASE, fact(o, "__base__", None)))
        known = set(map(id, refs))
        for word, value in wanted:
            if value is not None:
                names[id(value)] = (INTERNAL if word == DICT else ATTRIBUTE, word, value)
                if id(value) not in known:  # static types are unknown to the collector
                    refs.append(value)
                    known.add(id(value))

    def note_locals(self, names, refs, o, shape):
        found = self.locals.get(id(o))
        if found is None:
            frame = o if shape == FRAME_OBJECT else frame_of(o)
            found = locals_of(frame) if frame is not None else ()
        by_value = {id(value): name for name, value in found}
        for r in refs:
            name = by_value.get(id(r))
            if name is None and self.shapes.get(id(type(r))) == CELL_OBJECT:
                inner = gc.get_referents(r)
                name = by_value.get(id(inner[0])) if inner else None
            if name is not None:
                names[id(r)] = (LOCAL, name, r)

    # Roots

    def tell_thread(self, thread):
        ident, native, title, frames = thread
        title = text_of(title, STR, VALUE_MAX)
        if len(frames) > FRAMES_MAX:
            self.problem("of %d frames of a thread, those in the middle are left out" % len(frames))
            frames = frames[: FRAMES_MAX // 2] + frames[-FRAMES_MAX // 2 :]
        if sum([len(f[6]) for f in frames]) > FIELDS_MAX:
            self.problem("local variables of a thread are left out: there are too many")
            frames = [(*f[:6], ()) for f in frames]
        for f in frames:
            self.locals[id(f[3])] = f[6]
        columns = [[f[at] for f in frames] for at in range(6)]
        names = [name for f in frames for name, _ in f[6]]
        values = [value for f in frames for _, value in f[6]]
        strings = columns[0] + columns[1] + names
        self.name(ids_of(strings), strings)
        parts = [small(ident & WORD_MASK), small(native), small(len(title), 4), small(len(frames), 4)]
        parts += [title, padding(len(title))]
        columns[2] = [line or 0 for line in columns[2]]
        parts += [words(c if at == 2 else ids_of(c)) for at, c in enumerate(columns)]
        parts += [words([len(f[6]) for f in frames], 4), small(len(names))]
        self.out.chunk(THREAD, [*parts, words(ids_of(names)), words(ids_of(values))])
        self.reach(columns[0] + columns[1] + columns[4] + columns[5] + names + values)

    def tell_roots(self):
        rows = [(2, MODULES, sys.modules), (2, BUILTINS, vars(builtins))]
        if isinstance_of(sys.modules, dict):
            rows += [(1, name, module) for name, module in list(dict.items(sys.modules))]
        rows += [(3, STATIC, kind) for kind in self.static]
        for at in range(0, len(rows), EDGES_MAX):
            self.tell_some_roots(rows[at : at + EDGES_MAX])

    def tell_some_roots(self, rows):
        keys = words(self.keys_of(0, [name for _, name, _ in rows]))
        kinds = words([kind for kind, _, _ in rows], 4)
        targets = words(ids_of([target for _, _, target in rows]))
        self.out.chunk(ROOTS, [small(len(rows)), kinds, keys, targets])

    def problem(self, text):
        self.out.chunk(PROBLEM, [text.encode()])

    def header(self, tracked, started, frozen, pid):
        flags = (1 if self.values else 0) | (2 if self.forked else 0) | (4 if PYPY else 0)
        flags |= 8 if frozen else 0
        flags |= 16 if not getattr(sys, "_is_gil_enabled", lambda: True)() else 0
        name, version = sys.implementation.name.encode(), sys.version.encode()
        numbers = (pid, started, sys.hexversion, 8 if sys.maxsize > 1 << 32 else 4, flags, tracked)
        parts = [*map(small, numbers), small(len(name), 4), small(len(version), 4), name, version]
        self.out.chunk(HEADER, parts)

    def end(self):
        numbers = (self.objects, self.edges, self.strings, self.types, self.out.chunks + 1)
        self.out.chunk(END, [*map(small, numbers), b"PSHEAP\r\n"])


def is_interned(d):
    """Is it the interpreter's table of interned strings? Some releases show it to the collector.
    It does not own its strings, and must not seem to."""
    for key, value in d.items():
        if key is not value or type(key) is not str:
            return False
    return any(key is INTERNED for key in d)


def isinstance_of(o, kind):
    return any(c is kind for c in mro_of(type(o)))


# Frames

def frame_of(o):
    for name in ("gi_frame", "cr_frame", "ag_frame"):
        for c in mro_of(type(o)):
            get = own_attributes(c).get(name)
            if type(get) is Getset or type(get) is Member:
                return get.__get__(o)
    return None


# What is ours

def is_strange(o):
    """Is it shared with the target, though something of ours refers to it?"""
    if type(o) in (Getset, Member):
        return o.__objclass__ not in (Out, Plan, Walk, Maker)
    return type(o) is Function and o.__globals__ is not globals()


def mine(roots, below):
    """ids of these objects and of what they are made of, and of the frames above `below`."""
    found = {}
    parts = (Function, Code, tuple, type(cell_of(0)), Getset, Member, type(Plan.kind), dict)
    strangers = {id(globals()), id(vars(builtins)), id(())}
    todo = [v for v in globals().values() if type(v) is Function and v.__globals__ is globals()]
    todo += [Out, Plan, Walk, Maker, *roots]
    while todo:
        o = todo.pop()
        if id(o) in found or id(o) in strangers:
            continue
        found[id(o)] = o
        if type(o) is Code:
            todo += [o.co_consts, o.co_names]
        elif type(o) in parts or type(o) is type:
            parts_of = gc.get_referents(o) + ([dict_of_type(o)] if type(o) is type else [])
            todo += [
                r
                for r in parts_of
                if type(r) in parts and not is_strange(r)
            ]
    frame = sys._getframe()
    while frame is not None and frame is not below:
        found[id(frame)] = None  # the frame itself would make a cycle that holds everything
        frame = frame.f_back
    found[id(globals())] = None
    return set(found)


# RPython

def tell_rpython(out, threads, own, below):
    """What RPython knows of all objects, ahead of the dump: see heap_rpy.h. In between no
    object may move, so first the young ones grow old: dump_rpy_heap() sees to that."""
    ours = [globals(), threads, *own]
    frame = sys._getframe()
    while frame is not None and frame is not below:
        ours.append(frame)
        frame = frame.f_back
    names = gc.get_typeids_z()
    out.write(b"PSHRPY\r\n" + small(1, 4) + small(0x01020304, 4))
    out.write(small(len(names)) + names + padding(len(names)))
    out.write(small(len(ours)) + bytes(words(ids_of(ours))))
    gc.dump_rpy_heap(out.fd)
    out.write(small(WORD_MASK - 1))


# The walk

def walk(fd, *, below=None, own=(), values=False, forked=False, threads=None, pid=None, whole=False):
    """Streams a dump of this process to `fd`. Raises OSError if that can't be written to.

    below    the innermost frame of this thread that is the target's own (frames above it are
             not told), by default the caller's
    own      objects of the caller that are not to be told
    values   tell what is in str, bytes and numbers
    forked   this is a copy that will end with os._exit: nothing has to be put back
    threads  what stacks() gave before the fork
    pid      of the process whose copy this is
    whole    of a PyPy, tell what RPython knows ahead of the dump; sizes are told only there
    """
    started = time.time_ns()
    below = below or sys._getframe(1)
    collecting = gc.isenabled()
    gc.disable()
    if threads is None:
        threads = stacks()
    threads = [(*t[:3], stack_of(below) if t[3] is None else t[3]) for t in threads]
    frozen = not PYPY and gc.get_freeze_count() > 0
    if forked and frozen:
        gc.unfreeze()
    whole = whole and WHOLE
    quiet = hush() if whole else None  # PyPy gives up if a signal gets between
    try:
        if whole:
            tell_rpython(Out(fd), threads, own, below)
        objects = gc.get_objects()
        quiet = quiet or hush()
        run(fd, objects, threads, below, own, values, forked, started, frozen, pid, whole)
    finally:
        if not forked:
            if quiet:
                speak(quiet)
            if collecting:
                gc.enable()


def hides_dicts():
    """In some releases of 3.13 the collector does not tell the dict of an object that has its
    attributes inside as well."""
    o = Maker()
    o.attribute = None
    made = vars(o)
    return not any(r is made for r in gc.get_referents(o))


def is_collecting():
    """Was the copy made in the midst of a collection, by a finalizer, say? Then what is being
    collected lies in lists that gc.get_objects() does not see. Nothing is collected anew: all but
    a cycle of ours is frozen. A collector that is at work does not begin again, and leaves that.
    Callbacks are the target's code; a list that has taken the place of the collector's own, which
    C refers to, hides them."""
    callbacks = getattr(gc, "callbacks", None)
    probe = [None]
    beside = {"callbacks": probe}  # as those are held by a local variable and by a module
    if type(callbacks) is not list or sys.getrefcount(callbacks) <= sys.getrefcount(probe):
        return False
    del beside
    held = callbacks[:]
    del callbacks[:]
    gc.freeze()
    o = Maker()
    o.itself = o
    left = _weakref.ref(o)
    del o
    gc.collect(0)
    callbacks.extend(held)
    return left() is not None


def hush():
    """No signal handler, no other thread, and no tracing gets between: what was before."""
    before = [None, sys.getswitchinterval(), sys.gettrace(), sys.getprofile(), True]
    if _signal is not None:
        wanted = [*range(1, 32), *range(34, 65)]  # 32 and 33 are the C library's own
        before[0] = _signal.pthread_sigmask(_signal.SIG_BLOCK, wanted)
        before[4] = _signal.SIGPIPE in _signal.sigpending()
    if not PYPY:
        sys.setswitchinterval(1000)
    if before[2] is not None:
        sys.settrace(None)
    if before[3] is not None:
        sys.setprofile(None)
    return before


def speak(before):
    sys.setprofile(before[3])
    sys.settrace(before[2])
    sys.setswitchinterval(before[1])
    if before[0] is not None:
        # That nobody reads what is written must not end a program that does not ignore SIGPIPE.
        if not before[4] and _signal.SIGPIPE in _signal.sigpending():
            if PYPY:
                _signal.sigwait({_signal.SIGPIPE})
            else:
                _signal.sigtimedwait({_signal.SIGPIPE}, 0)
        _signal.pthread_sigmask(_signal.SIG_SETMASK, before[0])


def run(fd, objects, threads, below, own, values, forked, started, frozen, pid, sizeless):
    # In a copy everything that the collector tracks is in `objects`. In a live process other
    # threads make more, and frozen objects are not given: there all ids are remembered.
    collecting = forked and not PYPY and is_collecting()
    exact = PYPY or not forked or collecting
    w = Walk(fd, values, forked, exact, sizeless)
    w.skip = mine((own, *own), below)
    w.out.begin()
    w.header(len(objects), started, frozen, pid or posix.getpid())
    if not forked and not PYPY:
        # A tuple that C code is filling must not have a second owner when it goes on. Nothing
        # refers to it, so it is enough to tell those tuples that something refers to.
        objects = [o for o in objects if type(o) is not tuple]
    if exact:
        w.kept = set(map(id, objects))
    if hides_dicts():
        w.real_dicts = set(map(id, (o for o in objects if type(o) is dict)))
    if collecting:
        w.problem("garbage was being collected: what of it nothing else refers to is not told")
    for thread in threads:
        w.tell_thread(thread)
    for at in range(0, len(objects), BATCH):
        w.sort(objects[at : at + BATCH])
        w.drain(OBJECTS_MAX // 2)
    w.reach([sys.modules, *(dict.values(sys.modules) if isinstance_of(sys.modules, dict) else ())])
    while w.drain(1):
        pass
    w.tell_roots()
    while w.drain(1):
        pass
    w.end()
