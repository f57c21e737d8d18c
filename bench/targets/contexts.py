"""Context managers made of generators, which enter others: a generator stands below the call
that runs another generator by the very same instruction."""

import contextlib
import itertools
import sys

CYCLES = itertools.repeat(None, int(sys.argv[1])) if sys.argv[1:] else itertools.repeat(None)


def leaf(n):
    return n + 1


@contextlib.contextmanager
def inner(n):
    leaf(n)
    yield n
    leaf(n)


@contextlib.contextmanager
def other(n):
    yield leaf(n)


@contextlib.contextmanager
def outer(n):
    with inner(n), other(n):
        yield leaf(n)


def enter():
    with outer(1) as n:
        return leaf(n)


def both():
    with other(1), outer(2):
        pass


def main():
    for _ in CYCLES:
        enter()
        both()


print("ready", flush=True)
main()
