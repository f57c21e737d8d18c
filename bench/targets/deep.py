"""deep.py THREADS DEPTH [LEAF]: CPU-bound threads, each that many Python frames deep.

The leaf calls nothing, or with LEAF "calls" small functions all the time.
"""

import _thread
import sys

THREADS, DEPTH = int(sys.argv[1]), int(sys.argv[2])
sys.setrecursionlimit(DEPTH + 100)


def one(n):
    return n + 1


def two(n):
    return one(n) + one(n)


def quiet():
    n = 0
    while True:
        n = n * 3 % 1000003 + 1


def calling():
    n = 0
    while True:
        n = two(n) % 1000003


LEAF = calling if sys.argv[3:] == ["calls"] else quiet


def down(n):
    return LEAF() if n == 0 else down(n - 1)


def main():
    down(DEPTH - 4)


for _ in range(THREADS - 1):
    _thread.start_new_thread(main, ())
print("ready", flush=True)
main()
