"""Coroutines that await coroutines, driven by a scheduler of our own.

Each task suspends at the bottom of a chain of awaits; asynchronous generators, `async for`
and `async with` lie on the way.
"""

import itertools
import sys
import types

CYCLES = itertools.repeat(None, int(sys.argv[1])) if sys.argv[1:] else itertools.repeat(None)


@types.coroutine
def pause():
    yield


def work(n):
    for i in range(20):
        n = n * 3 + i
    return n


class Guard:
    async def __aenter__(self):
        await pause()
        return work(1)

    async def __aexit__(self, *exc):
        work(2)


async def read(n):
    await pause()
    return work(n)


async def rows(n):
    for i in range(n):
        yield await read(i)


async def parse(n):
    total = 0
    async for row in rows(n):
        total += work(row)
    return total


async def guarded(n):
    async with Guard():
        return await parse(n)


async def handle(n):
    first = await read(n)
    second = await guarded(3)
    return first + second


def step(task):
    try:
        task.send(None)
    except StopIteration:
        return False
    return True


def schedule(tasks):
    while tasks:
        tasks = [task for task in tasks if step(task)]


def main():
    for _ in CYCLES:
        schedule([handle(i) for i in range(5)])


print("ready", flush=True)
main()
