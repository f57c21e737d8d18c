"""stacks.py BITS: two to the power of BITS distinct stacks, visited in a shuffled order,
each for some fifty microseconds."""

import sys

BITS = int(sys.argv[1])


def left(code, n):
    return work() if n == 0 else (left if code & 1 else right)(code >> 1, n - 1)


def right(code, n):
    return work() if n == 0 else (left if code & 1 else right)(code >> 1, n - 1)


def work():
    n = 1
    for _ in range(1000):
        n = n * 3 % 1000003
    return n


def main():
    code = 1
    while True:
        code = (code * 6364136223846793005 + 1442695040888963407) & 0xFFFFFFFFFFFFFFFF
        left(code >> 20, BITS)


print("ready", flush=True)
main()
