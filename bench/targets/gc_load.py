"""Garbage collections over many objects, and computing for three times as long.

Known: collect() takes a quarter of the time by the wall clock: think() takes three times
what the collection before it took. While it runs, the stack is
<module> > main > collect > <GC>; <GC> stands on nothing else but for the moments of the
interpreter's own young collections, for which make() gives cause: less than a hundredth.

Stacks: <module> > main > collect, think, make; think > spin; <GC> on any of them.
"""

import gc
import time


class Node:
    __slots__ = ("other", "more")


def make(n):
    """Pairs that refer to each other: kept, so that each collection goes over all."""
    made = []
    for _ in range(n):
        a, b = Node(), Node()
        a.other, b.other = b, a
        a.more = b.more = [a, b]
        made.append(a)
    return made


def spin(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


def collect():
    began = time.perf_counter()
    gc.collect()
    return time.perf_counter() - began


def think(seconds):
    spin(seconds)


def main():
    print("ready", flush=True)
    while True:
        think(3 * collect())


kept = make(100_000)
main()
