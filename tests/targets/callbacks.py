# SPDX-License-Identifier: MIT
"""Python called back from C, again and again on one stack."""

import bisect
import ctypes
import functools
import operator
import re

from oracle import hold

steps = []


def step(function):
    steps.append(function)
    return function


@step
def by_sorted(then):
    return sorted([2, 1], key=lambda x: then())


@step
def by_reduce(then):
    return functools.reduce(lambda a, b: then(), [1, 2])


@step
def by_map(then):
    return list(map(lambda x: then(), [1]))


@step
def by_filter(then):
    def keep(x):
        return then()

    return [*filter(keep, [1])]


@step
def by_re(then):
    return re.sub("a", lambda match: then() or "b", "a")


@step
def by_compare(then):
    class Item:
        def __lt__(self, other):
            return then() or True

    return bisect.bisect([Item()], Item())


@step
def by_getattr(then):
    class Lazy:
        def __getattr__(self, name):
            return then()

    return operator.attrgetter("missing")(Lazy())


@step
def by_hash(then):
    class Key:
        def __hash__(self):
            return then() and 0 or 0

    return {Key(): 1}


@step
def by_del(then):
    class Dying:
        def __del__(self):
            then()

    dying = Dying()
    del dying


@step
def by_format(then):
    class Shown:
        def __format__(self, spec):
            then()
            return spec

    return f"{Shown():x}"


@step
def by_ctypes(then):
    compare = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)

    def smaller(a, b):
        then()
        return 0

    array = (ctypes.c_int * 2)(2, 1)
    ctypes.CDLL(None).qsort(array, 2, ctypes.sizeof(ctypes.c_int), compare(smaller))


@step
def by_import(then):
    import sys
    import types

    class Finder:
        def find_spec(self, name, path, target=None):
            if name == "no_such_module_of_ours":
                sys.meta_path.remove(self)
                then()

    sys.meta_path.insert(0, Finder())
    try:
        import no_such_module_of_ours  # noqa: F401
    except ImportError:
        return types


def descend(n):
    if n == len(steps):
        return hold()
    return steps[n](lambda: descend(n + 1))


descend(0)
