"""Exceptions handled in a function, in a generator and in a coroutine, and raised.

Known, by the wall clock: of each round of 20 ms, 2 ms each are spent in handled(),
generator() and coroutine() while they handle an exception, and so in work() called from an
except block; 2 ms more in cleanup(), which is a finally block with an exception on its way;
12 ms in plain(), without any. So --mode exception shows two fifths of the time, a quarter of
that each below handled, generator, coroutine and cleanup, and nothing below plain.

Stacks: <module> > main > handled, drive_generator > generator, drive_coroutine > coroutine,
swallow > cleanup, plain; each of the last ones > spin.
"""

import time


def spin(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


def handled():
    try:
        raise ValueError
    except ValueError:
        spin(0.002)


def generator():
    try:
        raise ValueError
    except ValueError:
        spin(0.002)
        yield 1


def drive_generator():
    for _ in generator():
        pass


async def coroutine():
    try:
        raise ValueError
    except ValueError:
        spin(0.002)


def drive_coroutine():
    try:
        coroutine().send(None)
    except StopIteration:
        pass


def cleanup():
    try:
        raise ValueError
    finally:
        spin(0.002)


def swallow():
    try:
        cleanup()
    except ValueError:
        pass


def plain():
    spin(0.012)


def main():
    while True:
        handled()
        drive_generator()
        drive_coroutine()
        swallow()
        plain()


print("ready", flush=True)
main()
