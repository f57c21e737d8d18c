# SPDX-License-Identifier: MIT
"""Spends its time in ways that are told apart by what a sample records, and measures how much
in each. Its threads stand still until it is sent a byte; then they work until they have spent
enough in each way, stand still again, and it says what they measured: seconds by the wall
clock and of CPU time, by the function in which they were spent."""

import ctypes
import gc
import hashlib
import os
import queue
import sys
import threading
import time
import zlib

from oracle import say

ENOUGH, ENOUGH_OF_ALL = 0.2, 1.0  # seconds


own = threading.local()


class Measured:
    """By one thread."""

    def __init__(self):
        self.spent, self.cpu = {}, {}

    def is_enough(self):
        least, all = min(self.spent.values(), default=0), sum(self.spent.values())
        return least >= ENOUGH and all >= ENOUGH_OF_ALL

    def spend(self, way):
        # To ask for CPU time is a system call, in which it may lose the CPU for long.
        name, ran, began = way.__name__, time.thread_time(), time.perf_counter()
        inside = way()  # of what counts, where that is not all
        took = time.perf_counter() - began if inside is None else inside
        self.spent[name] = self.spent.get(name, 0) + took
        self.cpu[name] = self.cpu.get(name, 0) + time.thread_time() - ran


def spin(seconds):
    """How long it took: another thread or program may have had the CPU meanwhile."""
    began = time.perf_counter()
    while time.perf_counter() < began + seconds:
        pass
    return time.perf_counter() - began


def repeat(function, seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        function()


# C code that lets the GIL go, and C code that does not ----------------------------------

DATA = bytes(range(256)) * (1 << 15)


def hashes():
    repeat(lambda: hashlib.sha256(DATA), 0.04)


def compresses():
    repeat(lambda: zlib.compress(DATA, 1), 0.04)


def thinks():
    spin(0.04)


def sleeps():
    time.sleep(0.04)


def holds():
    """Blocks without letting the GIL go."""
    ctypes.PyDLL(None).usleep(40_000)


# Collections -----------------------------------------------------------------------------


class Node:
    pass


def dies():
    spin(0.02)


class Dies:
    def __del__(self):
        own.measured.spend(dies)


def collects():
    gc.collect()


def finalizes():
    """The collection finds a cycle that takes its time to die, and that is measured as well."""
    a = Dies()
    a.itself = a
    del a
    gc.collect()


def fill(n):
    """What each collection goes over."""
    for _ in range(n):
        node = Node()
        node.itself = node
        yield node


# Exceptions ------------------------------------------------------------------------------


def handles():
    try:
        raise ValueError
    except ValueError:
        return spin(0.01)


def generates():
    def generator():
        try:
            raise ValueError
        except ValueError:
            yield spin(0.01)

    for took in generator():
        pass
    return took


def awaits():
    async def inner():
        try:
            raise ValueError
        except ValueError:
            return spin(0.01)

    async def outer():
        return await inner()

    try:
        outer().send(None)
    except StopIteration as end:
        return end.value


def inherits():
    """What is called while an exception is handled, be it a generator."""

    def generator():
        yield spin(0.01)

    try:
        raise ValueError
    except ValueError:
        return next(generator())


def cleans_up():
    try:
        try:
            raise ValueError
        finally:
            took = spin(0.01)
    except ValueError:
        return took


def has_handled():
    def generator():
        try:
            raise ValueError
        except ValueError:
            pass
        spin(0.01)
        yield 1

    next(generator())
    spin(0.01)


def suspended():
    """A generator that handles one, but is not running."""

    def generator():
        try:
            raise ValueError
        except ValueError:
            yield 1

    waiting = generator()
    next(waiting)
    spin(0.02)


def falls():
    """Goes 400 calls down, and an exception comes all the way up."""

    def down(n):
        if n == 0:
            raise ValueError
        down(n - 1)

    def all_the_way():
        try:
            down(400)
        except ValueError:
            pass

    repeat(all_the_way, 0.04)


# How they follow upon one another --------------------------------------------------------

# In another interpreter --------------------------------------------------------------------

INSIDE = """
import time

def spins_inside():
    end = time.perf_counter() + 0.1
    while time.perf_counter() < end:
        pass

spins_inside()
"""


def enters():
    _interpreters.exec(another, INSIDE)


WAYS = {
    "native": (hashes, compresses, thinks),
    "crowd": (hashes,),
    "held": (holds, thinks),
    "naps": (sleeps, thinks),
    "garbage": (thinks, collects),
    "finalizers": (thinks, finalizes),
    "exceptions": (handles, generates, awaits, inherits, cleans_up, has_handled, suspended),
    "falling": (falls,),
    "contention": (thinks,),
    "interpreters": (enters, thinks),
}


def works(ways, gate, done):
    while True:
        gate.acquire()
        measured = own.measured = Measured()
        while not measured.is_enough():
            for way in ways:
                measured.spend(way)
        done.put(measured)


# Names -----------------------------------------------------------------------------------


def names():
    def waits():
        threading.Event().wait()

    threads = [threading.Thread(target=waits, daemon=True, name=name) for name in ("first", "second", "third")]
    for thread in threads:
        thread.start()
    threads[1].name = "named after its start"
    say(pid=os.getpid())
    os.read(0, 1)
    threads[2].name = "named while it is recorded"


work = sys.argv[1]
if work == "names":
    names()
if work == "interpreters":
    import _interpreters

    another = _interpreters.create("isolated")
kept = list(fill(30_000)) if work == "garbage" else None
done = queue.SimpleQueue()
gates = [threading.Semaphore(0) for _ in range({"crowd": 4, "contention": 2, "names": 0}.get(work, 1))]
for i, gate in enumerate(gates):
    args = (WAYS[work], gate, done)
    threading.Thread(target=works, args=args, name=f"works {i}", daemon=True).start()
say(pid=os.getpid())
while os.read(0, 1):
    began = time.perf_counter()
    for gate in gates:
        gate.release()
    all = [done.get() for _ in gates]
    say(
        spent={k: sum(m.spent[k] for m in all) for m in all for k in m.spent},
        cpu={k: sum(m.cpu[k] for m in all) for m in all for k in m.cpu},
        seconds=time.perf_counter() - began,
    )
