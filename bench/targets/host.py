# SPDX-License-Identifier: MIT
"""A busy program in which scripts are run, and which says what they have left in it."""

import gc
import os
import sys
import threading

ran, last = 0, 0


def note(when):
    global ran, last
    ran, last = ran + 1, when


def open_files():
    def is_open(fd):
        try:
            return bool(os.fstat(fd))
        except OSError:
            return False

    return sum(is_open(fd) for fd in range(256))


def answer():
    for _ in sys.stdin:
        gc.collect()
        print(ran, last, sys.getallocatedblocks(), open_files(), flush=True)


threading.Thread(target=answer, daemon=True).start()
print("ready", flush=True)
while True:
    sum(i * i for i in range(1000))
