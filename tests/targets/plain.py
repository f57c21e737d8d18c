# SPDX-License-Identifier: MIT
"""Calls of every ordinary kind, with qualified names of every shape."""

import functools

from oracle import hold


def function(then):
    def inner(then):
        return (lambda: then())()

    return inner(then)


class Outer:
    class Inner:
        def method(self, then):
            return then()

        @classmethod
        def of_class(cls, then):
            return then()

        @staticmethod
        def static(then):
            return then()

        @property
        def attribute(self):
            return self.then()

        def __call__(self, then):
            self.then = then
            return self.attribute

    def over_lines(
        self,
        then,
        *rest,
        **named,
    ):
        return max(
            (
                0,
                then() or 0,
            ),
            key=abs,
        ) if rest else (
            then
        )()


def decorated(function):
    @functools.wraps(function)
    def wrapper(*args):
        return function(*args)

    return wrapper


@decorated
def wrapped(then):
    for once in [then() for _ in range(1)]:
        return once


def many_arguments(a, b, c, d, e, /, f, g=7, *args, h, i=9, **kwargs):
    x = y = z = a
    return h(), x, y, z


instance = Outer.Inner()
exec_source = "def made(then):\n\n\n    return then()\n"
namespace = {}
exec(compile(exec_source, "<made at run time>", "exec"), namespace)

steps = [
    function,
    instance.method,
    Outer.Inner.of_class,
    Outer.Inner.static,
    instance,
    Outer().over_lines,
    lambda then: Outer().over_lines(then, 1, 2, named=3),
    wrapped,
    lambda then: many_arguments(1, 2, 3, 4, 5, 6, h=then),
    namespace["made"],
    functools.partial(function),
]


def descend(rest):
    if not rest:
        return hold()
    return rest[0](lambda: descend(rest[1:]))


class Body:
    """A class body is a frame too."""

    descend(steps)
