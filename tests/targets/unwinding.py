# SPDX-License-Identifier: MIT
"""Stacks in the middle of exceptions: finally, except, with, groups, chained."""

import contextlib

from oracle import hold


def in_finally(then):
    try:
        raise ValueError("first")
    finally:
        then()


def in_except(then):
    try:
        {}["missing"]
    except KeyError:
        then()


def in_else(then):
    try:
        pass
    except ValueError:
        pass
    else:
        then()


class Manager:
    def __init__(self, then):
        self.then = then

    def __enter__(self):
        return self

    def __exit__(self, *why):
        self.then()
        return True


def in_exit(then):
    with Manager(then):
        raise RuntimeError("second")


@contextlib.contextmanager
def managed(then):
    try:
        yield
    except OSError:
        then()


def in_contextmanager(then):
    with managed(then):
        raise OSError("third")


def in_group(then):
    try:
        raise ExceptionGroup("several", [ValueError(1), TypeError(2)])
    except* TypeError:
        then()
    except* ValueError:
        pass


def in_return(then):
    for _ in range(2):
        try:
            return 1
        finally:
            then()
            break


steps = [in_finally, in_except, in_else, in_exit, in_contextmanager, in_group, in_return]


def descend(n):
    if n == len(steps):
        return hold()
    return steps[n](lambda: descend(n + 1))


descend(0)
