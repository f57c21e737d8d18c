# SPDX-License-Identifier: MIT
"""Construction: the interpreter puts a frame of its own between a class and its
__init__ once a call has been made often enough."""

import dataclasses

from oracle import hold


class Plain:
    def __init__(self, then):
        self.value = then()


class Slots:
    __slots__ = ("value",)

    def __init__(self, then):
        self.value = then()


class Derived(Plain):
    def __init__(self, then):
        super().__init__(then)


class New:
    def __new__(cls, then):
        then()
        return super().__new__(cls)


class Meta(type):
    def __call__(cls, *args):
        return super().__call__(*args)


class Made(metaclass=Meta):
    def __init__(self, then):
        then()


@dataclasses.dataclass
class Data:
    then: object

    def __post_init__(self):
        self.then()


def make(cls, then):
    return cls(then)


def plain(then):
    return Plain(then)


def slots(then):
    return Slots(then)


def derived(then):
    return Derived(then)


def new(then):
    return New(then)


def made(then):
    return Made(then)


def data(then):
    return Data(then)


makers = [plain, slots, derived, new, made, data]


def nothing():
    return None


def descend(n):
    if n == len(makers):
        return hold()
    return makers[n](lambda: descend(n + 1))


for maker in makers:
    for _ in range(5000):
        maker(nothing)
        make(Plain, nothing)
descend(0)
