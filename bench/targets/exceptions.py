"""Exceptions that unwind many frames, through finally, except and with."""

import itertools
import sys

CYCLES = itertools.repeat(None, int(sys.argv[1])) if sys.argv[1:] else itertools.repeat(None)


class Lost(Exception):
    pass


class Guard:
    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        return note(kind)


def note(kind):
    return kind is KeyError


def fail(n):
    if n == 0:
        raise Lost("bottom")
    return fail(n - 1)


def cleaned(n):
    try:
        return fail(n)
    finally:
        note(n)


def caught(n):
    try:
        return cleaned(n)
    except Lost:
        return recover(n)


def recover(n):
    return note(n)


def swallowed():
    with Guard():
        return missing({})


def missing(table):
    return table["nothing"]


def reraised(n):
    try:
        fail(n)
    except Lost as e:
        raise ValueError(n) from e


def outer(n):
    try:
        reraised(n)
    except ValueError:
        note(n)


def main():
    for _ in CYCLES:
        caught(12)
        swallowed()
        outer(3)
        caught(0)


print("ready", flush=True)
main()
