"""Two families of functions that never call each other, in a tight loop.

a1 -> a2 -> ... -> a8 and b1 -> ... -> b8; a call lasts some 30 ns. A stack that skips a
generation or mixes the families never existed.
"""

import itertools
import sys

CYCLES = itertools.repeat(None, int(sys.argv[1])) if sys.argv[1:] else itertools.repeat(None)

def a1(n):
    return a2(n)


def a2(n):
    return a3(n)


def a3(n):
    return a4(n)


def a4(n):
    return a5(n)


def a5(n):
    return a6(n)


def a6(n):
    return a7(n)


def a7(n):
    return a8(n)


def a8(n):
    return n + 1


def b1(n):
    return b2(n)


def b2(n):
    return b3(n)


def b3(n):
    return b4(n)


def b4(n):
    return b5(n)


def b5(n):
    return b6(n)


def b6(n):
    return b7(n)


def b7(n):
    return b8(n)


def b8(n):
    return n + 1


def main():
    for _ in CYCLES:
        a1(1)
        b1(2)
        a3(1)
        b5(1)
        b2(1)
        a6(1)


print("ready", flush=True)
main()
