"""Instances made all the time: __init__ with super(), properties, operators, __getattr__."""

import itertools
import sys

CYCLES = itertools.repeat(None, int(sys.argv[1])) if sys.argv[1:] else itertools.repeat(None)


class Base:
    def __init__(self, x):
        self.x = check(x)


class Middle(Base):
    def __init__(self, x):
        super().__init__(x)
        self.y = x + 1


class Point(Middle):
    def __init__(self, x):
        super().__init__(x)
        self.part = Part(x)

    @property
    def norm(self):
        return size(self.x)

    def __add__(self, other):
        return join(self, other)

    def __getattr__(self, name):
        return lookup(name)

    def __eq__(self, other):
        return same(self.x, other.x)


class Part:
    __slots__ = ("n",)

    def __new__(cls, n):
        return object.__new__(cls)

    def __init__(self, n):
        self.n = check(n)

    def __del__(self):
        forget(self.n)


def check(x):
    return x * 2


def size(x):
    return x * x


def join(a, b):
    return a.x + b.x


def lookup(name):
    return len(name)


def same(a, b):
    return a == b


def forget(n):
    return n


def work(i):
    p = Point(i)
    q = Point(i + 1)
    p.norm
    p.absent
    p + q
    return p == q


def main():
    for _ in CYCLES:
        for i in range(10):
            work(i)


print("ready", flush=True)
main()
