"""Twenty threads that compete for one GIL, with stacks of different depth and speed."""

import _thread
import itertools
import sys


def cycles():
    return itertools.repeat(None, int(sys.argv[1])) if sys.argv[1:] else itertools.repeat(None)


def leaf(n):
    return n + 1


def quick(n):
    return leaf(n) + leaf(n)


def slow(n):
    for _ in range(200):
        n = n * 3 % 1000003
    return n


def down(depth, n):
    if depth:
        return down(depth - 1, n)
    return quick(n) + slow(n)


def member(depth, done):
    for _ in cycles():
        down(depth, 1)
        quick(2)
    done.release()


def main():
    locks = []
    for depth in range(20):
        done = _thread.allocate_lock()
        done.acquire()
        locks.append(done)
        _thread.start_new_thread(member, (depth, done))
    print("ready", flush=True)
    for done in locks:
        done.acquire()


main()
