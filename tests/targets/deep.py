# SPDX-License-Identifier: MIT
"""Recursion as deep as asked for."""

import sys

from oracle import hold


def even(n):
    if n == 0:
        return hold()
    return odd(n - 1)


def odd(n):
    if n == 0:
        return hold()
    a, b, c = n, n, n
    return even(a - 1) or b or c


depth = int(sys.argv[1])
sys.setrecursionlimit(depth + 1000)
even(depth)
