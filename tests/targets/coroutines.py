# SPDX-License-Identifier: MIT
"""Coroutines and asynchronous generators, run by asyncio and by hand."""

import asyncio
import contextlib

from oracle import hold


async def numbers():
    for n in range(3):
        await asyncio.sleep(0)
        yield n


@contextlib.asynccontextmanager
async def resource():
    await asyncio.sleep(0)
    yield "resource"


class Awaitable:
    def __await__(self):
        return (yield from inner().__await__())


async def inner():
    async with resource():
        async for n in numbers():
            if n == 1:
                return hold()


async def outer():
    async def nested():
        return await Awaitable()

    return [x async for x in watched(nested)]


async def watched(coroutine):
    yield await coroutine()


async def waits():
    await asyncio.Event().wait()


async def main():
    asyncio.create_task(waits(), name="waits for ever")
    await asyncio.sleep(0)
    async with asyncio.TaskGroup() as group:
        group.create_task(outer(), name="held")


def by_hand():
    coroutine = main_by_hand()
    try:
        coroutine.send(None)
    except StopIteration:
        pass


async def main_by_hand():
    loop = asyncio.new_event_loop()
    loop.call_soon(lambda: asyncio.events._set_running_loop(None) or asyncio.run(main()))
    loop.call_soon(loop.stop)
    loop.run_forever()


by_hand()
