# SPDX-License-Identifier: MIT
"""A program like any other: does some work, prints, ends with the status it is given. It may
be told to wait for its input first."""

import sys


def work(n):
    return sum(i * i for i in range(n))


def main():
    if sys.argv[3:] == ["wait"]:
        sys.stdin.readline()
    total = 0
    for _ in range(int(sys.argv[2])):
        total += work(20_000)
    print("done", total > 0)
    sys.exit(int(sys.argv[1]))


main()
