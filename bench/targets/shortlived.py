"""Threads that live for a fraction of a millisecond, four at a time, for ever new ones."""

import _thread
import itertools
import sys

CYCLES = itertools.repeat(None, int(sys.argv[1])) if sys.argv[1:] else itertools.repeat(None)


def leaf_a(n):
    return n * 3 % 7


def leaf_b(n):
    return n * 5 % 11


def spin_a(n):
    for _ in range(150):
        n = leaf_a(n)
    return n


def spin_b(n):
    for _ in range(150):
        n = leaf_b(n)
    return n


def thread_a(done):
    spin_a(1)
    spin_b(1)
    done.release()


def thread_b(done):
    for _ in range(3):
        spin_b(2)
    done.release()


def start(function):
    done = _thread.allocate_lock()
    done.acquire()
    _thread.start_new_thread(function, (done,))
    return done


def crowd():
    for done in [start(thread_a), start(thread_b), start(thread_a), start(thread_b)]:
        done.acquire()


def main():
    for _ in CYCLES:
        crowd()


print("ready", flush=True)
main()
