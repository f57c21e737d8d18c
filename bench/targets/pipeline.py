"""A pipeline of generators that delegate to one another, each alive for hundreds of values.

Ordinary use of generators: made once, resumed often, three levels of `yield from`.
"""

import itertools
import sys

CYCLES = itertools.repeat(None, int(sys.argv[1])) if sys.argv[1:] else itertools.repeat(None)


def weigh(n):
    return n * 7 % 13


def source(count):
    for i in range(count):
        yield i


def keep(values):
    for v in values:
        if weigh(v) > 3:
            yield v


def inner(count):
    yield from source(count)


def middle(count):
    yield from inner(count)
    yield from keep(inner(count))


def outer(count):
    yield from middle(count)


def consume():
    total = 0
    for v in outer(400):
        total += v
    return total


def by_c():
    return sum(keep(source(400)))


def main():
    for _ in CYCLES:
        consume()
        by_c()


print("ready", flush=True)
main()
