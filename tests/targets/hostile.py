# SPDX-License-Identifier: MIT
"""Spoils what it tells of itself: for each byte it is sent, other words of the table that
readers go by are other than they were. The interpreter itself does not use the table."""

import ctypes
import os
import random
import sys

from oracle import say

WORDS = {13: 73, 14: 95, 15: 111}[sys.version_info.minor]
FIRST = 3  # after the cookie, the version and the flavour
VALUES = [0, 1, 7, 8, 16, 4096, 1 << 20, 1 << 31, 1 << 32, 1 << 47, (1 << 63) - 1, (1 << 64) - 8]

table = (ctypes.c_uint64 * WORDS).in_dll(ctypes.pythonapi, "_PyRuntime")
good = list(table)
chance = random.Random(int(sys.argv[1]))


def spoil():
    table[:] = good
    for _ in range(chance.choice([1, 1, 1, 2, 5, 50])):
        at = chance.randrange(FIRST, WORDS)
        table[at] = chance.choice([*VALUES, good[at] + 8, good[at] - 8, good[at] * 2]) % (1 << 64)


def recurse(n):
    if n:
        return recurse(n - 1)
    while say(pid=os.getpid()) or os.read(0, 1):
        spoil()


recurse(50)
