"""Deep recursion with a known law: down(n) calls only down(n - 1), or at the bottom
turn() which calls only leaf_a() or leaf_b().

The depth varies from 100 to 300, over several chunks of the data stack.
"""

import itertools
import sys

sys.setrecursionlimit(100000)

CYCLES = itertools.repeat(None, int(sys.argv[1])) if sys.argv[1:] else itertools.repeat(None)


def leaf_a(n):
    return n + 1


def leaf_b(n):
    return leaf_a(n) + 1


def turn(n):
    for _ in range(3):
        n = leaf_a(n)
        n = leaf_b(n)
    return n


def down(n):
    if n == 0:
        return turn(1)
    return down(n - 1) + 1


def main():
    for _ in CYCLES:
        for depth in (100, 137, 190, 230, 300):
            down(depth)


print("ready", flush=True)
main()
