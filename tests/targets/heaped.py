# SPDX-License-Identifier: MIT
"""A program of which heap dumps are taken while it is at something. Usage: heaped.py DOING. It
says that it has begun, does what it is told until it gets a byte, and then says what ran in it
(nothing that pysample has not put there), and whether it is as it was.

A hostile one does what it does in the forked copy, by the handlers that a program may have there."""

import gc
import os
import select
import signal
import stat
import sys
import time
import weakref
from collections import deque

from oracle import open_files, say

PYPY = sys.implementation.name == "pypy"
ran = []


class Planted:
    def __init__(self, number):
        self.number = number


planted = [Planted(i) for i in range(1000)]
large = []


def state():
    collector = [] if PYPY else [gc.isenabled(), gc.get_freeze_count() > 0, len(gc.callbacks)]
    return {"fds": open_files(), "collector": collector}


def busy():
    while not select.select([0], [], [], 0)[0]:
        sum(i * i for i in range(500))


# Garbage collections


def collecting(phase):
    held = []

    def callback(now, info):
        if now == phase and not held:
            held.append(1)
            say(there=True)
            busy()

    gc.callbacks.append(callback)
    before.update(state())
    gc.collect()


def collecting_begins():
    collecting("start")


def collecting_ends():
    collecting("stop")


class Trash:
    """A cycle. The one that says so holds the collection up."""

    def __init__(self, says, things):
        self.me, self.says, self.things = self, says, things

    def __del__(self):
        if self.says:
            say(there=True)
            busy()


def finalizing():
    gc.disable()
    Trash(True, [Planted(i) for i in range(1000)])
    gc.enable()
    gc.collect()


def collector_is_off():
    gc.disable()
    before.update(state())
    say(there=True)
    busy()


def frozen():
    gc.freeze()
    before.update(state())
    say(there=True)
    busy()


# What ends meanwhile, and what is born


def forkable():
    busy()


def ends_before():
    os.register_at_fork(before=lambda: os._exit(7))
    busy()


def ends_after():
    os.register_at_fork(after_in_parent=lambda: os._exit(7))
    busy()


def killed_before():
    os.register_at_fork(before=lambda: os.kill(os.getpid(), signal.SIGKILL))
    busy()


def killed_after():
    os.register_at_fork(after_in_parent=lambda: os.kill(os.getpid(), signal.SIGKILL))
    busy()


def make_large():
    large.extend([[i] for i in range(50000 if PYPY else 300000)])  # PyPy takes its time


def many():
    make_large()
    say(there=True)
    busy()


def unforgiving():
    """What does not ignore that nobody reads."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    many()


def held():
    """Where our text opens the pipe to pysample, until there is a byte."""
    over = []

    def look(frame, event, function):
        if event == "c_call" and function is os.open and frame.f_code.co_name == "take":
            sys.setprofile(None)
            say(there=True)
            os.read(0, 1)
            over.append(1)

    sys.setprofile(look)
    while not over:  # calls nothing: what is run in the midst of look() is not looked at
        pass
    busy()


def walked():
    """A walk that takes its time. Told by a byte, it forks, and says which child lives on."""
    make_large()
    say(there=True)
    busy()
    os.read(0, 1)
    child = os.fork()
    if not child:
        while True:
            time.sleep(1000)
    say(child=child)
    busy()


def forks_as_well():
    """In the moment of the fork another one is made, which has all files that are open, and
    lives on."""
    done = []

    def again():
        if done:
            return
        done.append(1)
        child = os.fork()
        if not child:
            os.close(1)
            while True:
                time.sleep(1000)
        say(child=child)

    os.register_at_fork(after_in_parent=again)
    busy()


# What the copy may do


def stream():
    """The pipe to pysample, as the copy finds it. The other one, for what a script prints, does
    not block."""
    for fd in open_files():
        if fd > 2 and stat.S_ISFIFO(os.fstat(fd).st_mode) and os.get_blocking(fd):
            return fd


def in_copy(action):
    def act():
        action(stream())
        os._exit(0)

    os.register_at_fork(after_in_child=act)
    busy()


def write(fd, data):
    while data:
        data = data[os.write(fd, data) :]


HEAD = b"PSHEAP\r\n\1\0\0\0\4\3\2\1"


def endless():
    def tell(fd):
        size = 1 << 20
        chunk = b"\x08\0\0\0\0\0\0\0" + size.to_bytes(8, "little") + b"x" * size
        write(fd, HEAD)
        while True:
            write(fd, chunk)

    in_copy(tell)


def nonsense():
    in_copy(lambda fd: write(fd, b"GET / HTTP/1.1\r\n\r\n" * 100000))


def claims_much():
    in_copy(lambda fd: write(fd, HEAD + b"\4\0\0\0\0\0\0\0" + b"\xf8" + b"\xff" * 7 + b"\0" * 100))


def ends_early():
    in_copy(lambda fd: write(fd, HEAD + b"\4\0\0\0\0\0\0\0" + b"\0\0\1" + b"\0" * 5 + b"\0" * 100))


def says_nothing():
    in_copy(lambda fd: None)


def hangs():
    def wait(fd):
        while True:
            time.sleep(1000)

    in_copy(wait)


# Objects whose code never ends


def forever(*args, **how):
    while True:
        time.sleep(1000)


TRAPS = """__sizeof__ __repr__ __str__ __eq__ __hash__ __len__ __iter__ __bool__ __getattr__
__getattribute__ __getitem__ __contains__ keys values items __dir__ __call__ __index__ __del__""".split()


def loops():
    traps = dict.fromkeys(TRAPS, forever)
    properties = {name: property(forever) for name in ("__class__", "__dict__")}
    meta, made = type("EndlessMeta", (type,), {}), []
    for base in (object, dict, list, tuple, set, frozenset, deque, str, bytes, int, Exception):
        cls = meta("Endless" + base.__name__, (base,), dict(properties))
        large.append(base.__new__(cls))
        made.append((cls, traps))
    made.append((meta, {k: v for k, v in traps.items() if k not in ("__call__", "__del__")}))
    # Only now, for PyPy asks some of it when an object or a class is made.
    for cls, traps in made:
        for name, trap in traps.items():
            type.__setattr__(cls, name, trap)
    say(there=True)
    busy()
    os._exit(0)


# Containers


class Held:
    pass


def boxed(o):
    box = Held()
    box.inside = o
    return box


NESTED = {
    "list": lambda o: [o], "tuple": lambda o: (o,), "frozenset": lambda o: frozenset([o]),
    "deque": lambda o: deque([o]), "dict": lambda o: {"inside": o}, "object": boxed,
}  # fmt: skip


def raising(*args):
    raise RuntimeError("it was run")


class Lying(weakref.ref):
    __call__ = forever


def shaped():
    """Some that are nested a hundred deep, or hold themselves, and weak references whose callbacks
    raise or never end."""
    for name, put in NESTED.items():
        inner = Planted(-1)
        for _ in range(100):
            inner = put(inner)
        setattr(holder, name, inner)
    holder.cycle = [{}]
    holder.cycle[0]["back"] = holder.cycle
    holder.target = Planted(-2)
    holder.weak = [weakref.ref(holder.target, f) for f in (raising, forever)]
    holder.weak += [weakref.proxy(holder.target, forever), Lying(holder.target, forever)]
    say(there=True)
    busy()
    os._exit(0)


class Holder:
    pass


holder = Holder()


def huge():
    """Containers of many entries: all others, and all the same."""
    n = int(os.environ["ENTRIES"])
    holder.dict = dict(zip(range(n), map(float, range(n))))
    holder.set = set(range(n))
    holder.list = [None] * n
    say(there=True, **{} if PYPY else {k: sys.getsizeof(o) for k, o in vars(holder).items()})
    busy()


before = state()
say(tid=os.getpid(), pid=os.getpid())
globals()[sys.argv[1]]()
after = state()
for _ in range(100):  # a thread that ends has the C library load what it ends with
    if after == before:
        break
    time.sleep(0.05)
    after = state()
say(ran=ran, same=before == after, before=before, after=after)
