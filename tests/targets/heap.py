# SPDX-License-Identifier: MIT
"""Dumps its own heap by the walker's text, and says what must be in the dump.

heap.py WALKER OUT [forked] [live] [values] [frozen] [nogc] [fakes] [broken]

Prints JSON: what was planted, with ids, sizes and edges as Python itself tells them."""

import collections
import contextlib
import functools
import gc
import json
import os
import sys
import threading
import weakref

WALKER, OUT, OPTIONS = sys.argv[1], sys.argv[2], set(sys.argv[3:])
PYPY = sys.implementation.name == "pypy"

SIZES = []  # objects whose size sys.getsizeof tells
EDGES = []  # (object, kind, name, target)
TOUCHED = []  # which code of ours was run by the walk
KEEP = []


def keep(o, *edges):
    KEEP.append(o)
    SIZES.append(o)
    EDGES.extend((o, *e) for e in edges)
    return o


# Objects that behave


class Plain:
    def __init__(self, first, second):
        self.first, self.second = first, second


class Slots:
    __slots__ = ("here", "unset", "__private", "__weakref__")

    def __init__(self, here):
        self.here, self.__private = here, [here]


class Both(Slots):
    __slots__ = ("more", "__dict__")


class Planted:
    def __init__(self, number):
        self.number = number


class Sizeless:  # the size of a class that overrides __sizeof__ is that of one that does not
    def __init__(self):
        self.attribute = 1


class Twin:
    def __init__(self):
        self.attribute = 1


def containers():
    a, b = "a value", ["an item"]
    keep(b, ("index", 0, b[0]))
    keep({"one": a, 2: b, b"three": a, None: b}, ("key", "one", a), ("key", "2", b),
         ("key", "b'three'", a), ("key", "None", b))  # fmt: skip
    keep([a, b, a], ("index", 0, a), ("index", 1, b), ("index", 2, a))
    keep((b, a), ("index", 0, b), ("index", 1, a))
    keep({a, 7}, ("element", None, a))
    keep(frozenset([a]), ("element", None, a))
    keep(collections.deque([b, a]), ("index", 0, b), ("index", 1, a))
    keep(collections.OrderedDict(one=b), ("key", "one", b))
    keep(collections.defaultdict(list, one=b), ("key", "one", b), ("attribute", "default_factory", list))
    keep(collections.namedtuple("Named", "x y")(a, b), ("index", 0, a), ("index", 1, b))
    key = Plain(1, 2)
    keep({key: a}, ("key", id(key), a), ("internal", "key", key))
    odd = "\ud800 lone\n" + "x" * 300
    keep({odd: a})
    for o in (1, 10**40, 1.5, 2j, "text", "\u20ac", b"bytes", bytearray(b"more"), True, None, range(3), object()):
        keep([o], ("index", 0, o))
        SIZES.append(o)
    r = keep(range(1000, 2000, 3000))
    EDGES.extend((r, "attribute", n, getattr(r, n)) for n in ("start", "stop", "step") if not PYPY)


def instances():
    value = ["first"]
    p = keep(Plain(value, "second"))
    keep(Plain(value, "second")).third = value
    q = keep(Plain(value, value))
    q.__dict__["made"] = value  # a dict of its own
    keep(q.__dict__, ("key", "first", value), ("key", "made", value))
    if "live" not in OPTIONS or not collector_hides_dicts():
        EDGES.append((q, "internal", "__dict__", q.__dict__))
    keep(Plain(value, "x").__dict__)
    s = keep(Slots(value), ("attribute", "here", value))
    EDGES.append((s, "attribute", "_Slots__private", s._Slots__private))
    b = keep(Both("here"))
    b.more = value
    EDGES.append((b, "attribute", "more", value))
    b.extra = value
    e = keep(ValueError(value))
    EDGES.append((e, "attribute", "args", e.args))
    keep(functools.partial(print, value), ("attribute", "func", print))
    keep(p.__class__)
    return {"plain": [id(p), id(value)], "both": [id(b), id(value)], "own": [id(q), id(value)]}


def functions():
    captured = ["captured"]

    def inner(default=captured):
        return captured, default

    cell = inner.__closure__[0]
    keep(inner, ("cell", "captured", cell), ("attribute", "__code__", inner.__code__),
         ("attribute", "__globals__", globals()), ("attribute", "__defaults__", inner.__defaults__),
         ("attribute", "__closure__", inner.__closure__))  # fmt: skip
    keep(cell, ("internal", "cell_contents", captured))

    def generator(argument):
        local = [argument]
        EDGES.append((of_locals(running), "local", "local", local))
        yield local

    running = generator(captured)
    next(running)
    keep(running)

    async def coroutine(argument):
        local = [argument]
        EDGES.append((of_locals(started), "local", "local", local))
        await Pause()

    started = coroutine(captured)
    started.send(None)
    keep(started)
    fresh = keep(generator(captured))
    EDGES.append((of_locals(fresh), "local", "argument", captured))
    method = keep(Plain.__init__.__get__(fresh))
    EDGES.append((method, "attribute", "__self__", fresh))
    EDGES.append((method, "attribute", "__func__", Plain.__init__))
    keep(property(inner), ("attribute", "fget", inner))
    keep(staticmethod(inner))
    target = Planted(-1)
    KEEP.append(target)
    keep(weakref.ref(target, print), ("weak", "weak", target))
    keep(Plain, ("internal", "__dict__", gc.get_referents(vars(Plain))[0]), ("attribute", "__mro__", Plain.__mro__),
         ("attribute", "__base__", object))  # fmt: skip
    keep(sys, ("internal", "__dict__", vars(sys)))


def of_locals(o):
    """Up to 3.10 a generator has a frame, and only that has locals."""
    frame = getattr(o, "gi_frame", None) or getattr(o, "cr_frame", None)
    return frame if sys.version_info < (3, 11) else o


def collector_hides_dicts():
    o = Plain(1, 2)
    return not any(r is vars(o) for r in gc.get_referents(o))


class Pause:
    def __await__(self):
        yield


# Objects that misbehave: whatever is run of them leaves a trace


def trap(name, result=None):
    def method(*args, **how):
        TOUCHED.append(name)
        if result is RuntimeError:
            raise RuntimeError(name)
        return result

    return method


TRAPS = """__sizeof__ __repr__ __str__ __eq__ __hash__ __len__ __iter__ __bool__ __getattr__
__getattribute__ __getitem__ __contains__ keys values items __dir__ __call__ __get__ __index__
__reduce__ __instancecheck__ __subclasscheck__ __format__ __next__ __missing__ bit_length
encode __lt__ __int__ __float__ copy __length_hint__ __reversed__ __subclasses__ mro""".split()


def hostile():
    body = {name: trap(name, RuntimeError) for name in TRAPS if name != "mro"}
    for name in ("__class__", "__module__", "__doc__", "__name__", "__qualname__", "__weakref__"):
        body.setdefault(name, property(trap(name, RuntimeError)))
    del body["__name__"], body["__qualname__"]
    quiet = {k: v for k, v in body.items() if k not in ("__hash__", "__eq__")}
    meta_body = {k: v for k, v in body.items() if k not in ("__class__", "__call__", "mro", "__doc__", "__module__")}
    meta_body["__module__"] = meta_body["__dict__"] = property(trap("metaclass", RuntimeError))
    meta = type("Meta", (type,), meta_body)
    made = []
    for base in (object, dict, list, tuple, set, frozenset, str, bytes, int, float, Exception,
                 collections.deque, collections.OrderedDict, weakref.ref, threading.local):  # fmt: skip
        name = "Bad" + base.__name__
        cls = type.__call__(meta, name, (base,), dict(body))
        arguments = (made[0],) if base is weakref.ref else ()
        made.append(base.__new__(cls, *arguments))
        lying = type(name + "Dict", (base,), {**quiet, "__dict__": property(trap("__dict__", RuntimeError))})
        made.append(base.__new__(lying, *arguments))
    KEEP.append(made)
    # As keys and attributes: they are put there while they behave.
    holder = {}
    kind = type("BadKey", (str,), {})
    holder[kind("bad key")] = "a value"
    kind.__hash__ = trap("key's __hash__", RuntimeError)
    kind.__eq__ = trap("key's __eq__", RuntimeError)
    kind.__str__ = trap("key's __str__", RuntimeError)
    KEEP.append(holder)
    value = ["a value"]
    bad_list = made[4]
    list.append(bad_list, value)
    bad_dict = made[2]
    dict.__setitem__(bad_dict, "name", value)
    EDGES.append((bad_list, "index", 0, value))
    EDGES.append((bad_dict, "key", "name", value))
    EDGES.append((holder, "key", "bad key", holder_value(holder)))
    KEEP.append(weakref.ref(keep(Planted(-2)), trap("callback")))
    KEEP.append(type("a name\n\u2028" + "n" * 500, (), {"__module__": made[0]})())
    KEEP.append(type(kind("spoofed"), (), {})())
    sys.modules["odd"] = made[0]
    sys.modules["odder"] = bad_dict
    Sizeless.__sizeof__ = trap("__sizeof__", 12345)
    return [id(o) for o in made]


def holder_value(holder):
    return next(iter(holder.values()))


def shapes():
    cyclic = []
    cyclic.append(cyclic)
    keep(cyclic, ("index", 0, cyclic))
    ring = {}
    keep(ring).update(me=ring)
    EDGES.append((ring, "key", "me", ring))
    nested = inner = []
    for _ in range(5000):
        inner.append([])
        EDGES.append((inner, "index", 0, inner[0])) if len(EDGES) < 3000 else None
        inner = inner[0]
    KEEP.append(nested)
    long = list(range(1000, 1700)) * 100
    KEEP.append(long)
    wide = {"w%d" % i: long for i in range(70000)}
    KEEP.append(wide)
    KEEP.append("huge" * 1000000)
    return {"long": id(long), "wide": id(wide), "nested": id(nested)}


# The threads: one at work in the walk itself, others that wait where they are told to


def outer(name, ready, end):
    marker = [name]
    waits(marker, ready, end)


def waits(argument, ready, end):
    captured = argument

    def innermost():
        ready.set()
        end.wait()
        return captured

    innermost()


def type_name(o):
    return type.__dict__["__name__"].__get__(type(o))


def stack(frame):
    found = []
    while frame:
        plain = frame.f_code.co_flags & 1
        names = {k: id(v) for k, v in frame.f_locals.items()} if plain else {}
        code = frame.f_code
        name = getattr(code, "co_qualname", code.co_name)
        found.append([name, code.co_filename, frame.f_lineno, names])
        frame = frame.f_back
    return found


class Fake:
    def __getattr__(self, name):
        TOUCHED.append("fake module: " + name)
        raise AttributeError(name)


@contextlib.contextmanager
def fakes():
    """While it lasts, modules that the walker needs are something else."""
    names = ("gc", "itertools", "time", "array", "_struct", "_weakref", "_collections", "threading")
    found = {name: sys.modules[name] for name in names if name in sys.modules}
    if "fakes" in OPTIONS:
        sys.modules.update((name, Fake()) for name in found)
    yield
    sys.modules.update(found)


def load():
    namespace = {}
    with open(WALKER, encoding="utf-8") as f:
        text = f.read()
    with fakes():
        exec(compile(text, "<walker>", "exec"), namespace)
    return namespace


def dump(namespace, own, fd):
    """In the forked copy through a pipe, which the parent copies to the file."""
    here = sys._getframe(1)
    how = {"values": "values" in OPTIONS, "own": own, "below": here}
    if "live" in OPTIONS:
        with fakes():
            namespace["walk"](fd, **how)
        return
    r, w = os.pipe()
    threads = namespace["stacks"](here)
    pid = os.fork()
    if not pid:
        try:
            os.close(r)
            with fakes():
                namespace["walk"](w, forked=True, threads=threads, **how)
            code = 2 if TOUCHED else 0
            os.write(2, repr(TOUCHED[:20]).encode() if TOUCHED else b"")
        except OSError:
            code = 3
        except BaseException:
            sys.excepthook(*sys.exc_info())
            code = 1
        os._exit(code)
    os.close(w)
    if "broken" in OPTIONS:
        os.close(r)
    else:
        while True:
            data = os.read(r, 1 << 20)
            if not data:
                break
            os.write(fd, data)
    _, status = os.waitpid(pid, 0)
    if status != (3 << 8 if "broken" in OPTIONS else 0):
        sys.exit("the copy ended with %x" % status)


def main():
    containers()
    told = instances()
    functions()
    if not PYPY:
        told["hostile"] = hostile()
        told.update(shapes())
    KEEP.append([Planted(i) for i in range(1234)])
    KEEP.append(Sizeless())
    told["sizeless"], told["twin"] = id(KEEP[-1]), sys.getsizeof(Twin()) if not PYPY else 0
    secret = "".join(["the ", "secret"])
    KEEP.append([secret])
    ends = []
    for name in ("one", "two \ud800"):
        ready, end = threading.Event(), threading.Event()
        ends.append(end)
        threading.Thread(target=outer, args=(name, ready, end), name=name, daemon=True).start()
        ready.wait()
    if "frozen" in OPTIONS and not PYPY:
        gc.freeze()
    if "nogc" in OPTIONS:
        gc.disable()
    namespace = load()
    fd = os.open(OUT, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)

    def item():
        dump(namespace, (namespace,), fd)
        told["main"] = stack(sys._getframe())
        yield 1

    TOUCHED.clear()
    state = sys.getswitchinterval(), gc.isenabled(), sys.gettrace()
    tuple(item() if not PYPY else list(item()))  # a tuple that is half made now
    assert state == (sys.getswitchinterval(), gc.isenabled(), sys.gettrace())
    assert not TOUCHED, TOUCHED
    told["threads"] = {str(i): stack(f) for i, f in sys._current_frames().items()}
    told["names"] = {str(t.ident): ascii(t.name)[1:-1] for t in threading.enumerate()}
    told["natives"] = {str(t.ident): getattr(t, "native_id", None) or 0 for t in threading.enumerate()}
    told["here"] = str(threading.get_ident())
    told["pid"], told["hex"] = os.getpid(), sys.hexversion
    told["sizes"] = [(id(o), type_name(o), sys.getsizeof(o)) for o in SIZES] if not PYPY else []
    told["edges"] = [(id(o), type_name(o), kind, name, id(t)) for o, kind, name, t in EDGES]
    told["modules"] = [k for k in sys.modules if type(k) is str]
    print(json.dumps(told))


main()
