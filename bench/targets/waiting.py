"""waiting.py THREADS: one thread at work and the others waiting on a lock, ten frames deep."""

import _thread
import sys

LOCK = _thread.allocate_lock()
LOCK.acquire()


def wait():
    LOCK.acquire()


def down(n):
    return wait() if n == 0 else down(n - 1)


def one(n):
    return n + 1


def main():
    n = 0
    while True:
        n = one(n) % 1000003


for _ in range(int(sys.argv[1]) - 1):
    _thread.start_new_thread(down, (8,))
print("ready", flush=True)
main()
