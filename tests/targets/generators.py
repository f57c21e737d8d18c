# SPDX-License-Identifier: MIT
"""Generators that delegate, are driven by others, and stand suspended elsewhere."""

import itertools

from oracle import hold


def leaf():
    yield 1
    hold()
    yield 2


def delegates(n):
    if n:
        yield from delegates(n - 1)
    else:
        yield from leaf()


class Iterable:
    def __iter__(self):
        yield from delegates(3)


def expression():
    return sum(x for x in Iterable())


def driven():
    sent = yield
    while True:
        sent = yield sent()


def suspended():
    yield 1
    yield 2


def through_c():
    return list(itertools.chain(map(lambda x: expression(), [1])))


waiting = suspended()
next(waiting)
driver = driven()
next(driver)
driver.send(through_c)
