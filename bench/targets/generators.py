"""Generators that are resumed by bytecode and by C code, made anew all the time.

A generator lives for half a microsecond: the hardest case for who does not stop the target.
"""

import itertools
import sys

CYCLES = itertools.repeat(None, int(sys.argv[1])) if sys.argv[1:] else itertools.repeat(None)


def leaf_p(n):
    return n + 1


def leaf_q(n):
    return n + 2


def gen_p(n):
    for i in range(n):
        yield leaf_p(i)


def gen_q(n):
    for i in range(n):
        yield leaf_q(i)


def gen_from(n):
    yield from gen_p(n)


def loop_p():
    total = 0
    for v in gen_p(4):
        total += v
    return total


def loop_q():
    total = 0
    for v in gen_q(3):
        total += v
    return total


def sum_q():
    return sum(gen_q(5))


def loop_from():
    total = 0
    for v in gen_from(3):
        total += v
    return total


def sorted_key(n):
    return leaf_q(-n)


def sort():
    return sorted((3, 1, 2), key=sorted_key)


def main():
    for _ in CYCLES:
        loop_p()
        sum_q()
        loop_q()
        loop_from()
        sort()


print("ready", flush=True)
main()
