# SPDX-License-Identifier: MIT
"""A busy program in which numbered scripts are run: host.py NUMBERS. It counts how often each of
them ran. For a line "FIRST END" it says of these numbers how many ran once and how many not at
all, when the last script of all began, and how many blocks of memory it has (0: no such count)."""

import gc
import os
import sys
import threading
import time

answers = os.fdopen(os.dup(1), "w")
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # for what PyPy says of each script, which nobody reads
ran, last = bytearray(int(sys.argv[1])), 0


def note(number):
    global last
    last = time.monotonic_ns()
    ran[number] = min(ran[number] + 1, 255)
    return last


def answer():
    for line in sys.stdin:
        first, end = map(int, line.split())
        gc.collect()
        part = ran[first:end]
        blocks = getattr(sys, "getallocatedblocks", int)()
        print(part.count(1), part.count(0), last, blocks, file=answers, flush=True)


def work():
    return sum(i * i for i in range(1000))


threading.Thread(target=answer, daemon=True).start()
print("ready", file=answers, flush=True)
while True:
    work()
