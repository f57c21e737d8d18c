"""Python called by C code and by wrappers: sorted(key=...), reduce, map, re.sub, decorators."""

import functools
import itertools
import re
import sys

CYCLES = itertools.repeat(None, int(sys.argv[1])) if sys.argv[1:] else itertools.repeat(None)
WORDS = "the quick brown fox jumps over the lazy dog".split()
VOWEL = re.compile("[aeiou]")


def counted(function):
    @functools.wraps(function)
    def counting(*args):
        counting.calls += 1
        return function(*args)

    counting.calls = 0
    return counting


def doubled(function):
    def doubling(n):
        return function(n) + function(n)

    return doubling


@counted
@doubled
def plain(n):
    return n + 1


def key(word):
    return measure(word)


def measure(word):
    return len(word) * 3


def add(a, b):
    return plain(a) + b


def upper(match):
    return letter(match[0])


def letter(c):
    return c.upper()


def square(n):
    return n * n


def by_sorted():
    return sorted(WORDS, key=key)


def by_reduce():
    return functools.reduce(add, range(10))


def by_map():
    return list(map(square, range(20)))


def by_sub():
    return VOWEL.sub(upper, "the quick brown fox")


@functools.lru_cache(maxsize=4)
def cached(n):
    return square(n) + 1


def by_cache():
    return [cached(n) for n in range(6)]


def main():
    for _ in CYCLES:
        by_sorted()
        by_reduce()
        by_map()
        by_sub()
        by_cache()


print("ready", flush=True)
main()
