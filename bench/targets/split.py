"""A time split that is known by construction, to a clock: 10, 30 and 60 parts.

Each part calls small functions until its share of a millisecond is over, by a clock that is
read anew at the beginning of each millisecond only, so that the parts' overruns cancel out.
"""

import itertools
import sys
from time import perf_counter_ns

CYCLES = itertools.repeat(None, int(sys.argv[1])) if sys.argv[1:] else itertools.repeat(None)


def dense(n):
    return denser(n)


def denser(n):
    return n + 1


def tenth(until):
    while perf_counter_ns() < until:
        dense(1)


def third(until):
    while perf_counter_ns() < until:
        sorted((3, 1, 2), key=dense)


def most(until):
    n = 0
    while perf_counter_ns() < until:
        for i in range(10):
            n += i * i


def main():
    for _ in CYCLES:
        at = perf_counter_ns()
        tenth(at + 100_000)
        third(at + 400_000)
        most(at + 1_000_000)


print("ready", flush=True)
main()
