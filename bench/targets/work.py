"""work.py KIND THREADS: does work when asked, and answers how many ns it took, by the clock and on
a CPU (of all its threads).

Asked is a number of pieces, which the threads share. KIND is "calls" (Python that calls),
"alloc" (memory taken, touched and given back, by small objects and by whole pages), or
"waiting" (calls on one thread; the others wait on a lock all the time).
"""

import _thread
import sys
from time import perf_counter_ns, process_time_ns

KIND, THREADS = sys.argv[1], int(sys.argv[2])


def one(n):
    return n + 1


def two(n):
    return one(n) + one(n)


def calls():
    n = 0
    for _ in range(50):
        n = two(n) % 1000003
    return n


def alloc():
    page = bytearray(1 << 20)  # from the kernel and back, page by page
    page[::4096] = bytes(256)
    table = {i: [i] * 8 for i in range(60)}
    return len(table), len(page)


PIECE = alloc if KIND == "alloc" else calls


def pieces(n):
    for _ in range(n):
        PIECE()


class Worker:
    def __init__(self):
        self.go, self.done, self.n = _thread.allocate_lock(), _thread.allocate_lock(), 0
        self.go.acquire()
        self.done.acquire()
        _thread.start_new_thread(self.run, ())

    def run(self):
        while True:
            self.go.acquire()
            pieces(self.n)
            self.done.release()


def share(workers, n):
    for worker in workers:
        worker.n = n
        worker.go.release()
    for worker in workers:
        worker.done.acquire()


def work(workers, n):
    used, began = process_time_ns(), perf_counter_ns()
    if KIND == "waiting" or not workers:
        pieces(n)
    else:
        share(workers, max(1, n // len(workers)))
    took = perf_counter_ns() - began
    return took, process_time_ns() - used


def main():
    workers = [Worker() for _ in range(THREADS)] if THREADS > 1 else []
    print("ready", flush=True)
    for line in sys.stdin:
        print(*work(workers, int(line)), flush=True)


main()
