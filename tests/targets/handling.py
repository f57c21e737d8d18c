# SPDX-License-Identifier: MIT
"""Threads that stay while they handle an exception: in a function, in a generator, in a
coroutine, in what is called from an except block; and one that does not."""

import threading

from oracle import hold, park, started


def in_function():
    try:
        raise ValueError
    except ValueError:
        park()


def in_generator():
    def generator():
        try:
            raise ValueError
        except ValueError:
            yield park()

    for _ in generator():
        pass


def in_coroutine():
    async def coroutine():
        try:
            raise ValueError
        except ValueError:
            park()

    coroutine().send(None)


def called():
    def generator():
        yield park()

    try:
        raise ValueError
    except ValueError:
        next(generator())


def without():
    try:
        raise ValueError
    except ValueError:
        pass
    park()


started(
    [
        threading.Thread(target=target, name=name)
        for target, name in (
            (in_function, "a function"),
            (in_generator, "a generator"),
            (in_coroutine, "a coroutine"),
            (called, "called from an except block"),
            (without, "no exception"),
        )
    ]
)
try:
    raise ValueError
except ValueError:
    hold()
