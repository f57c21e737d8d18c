# SPDX-License-Identifier: MIT
"""So many tasks of asyncio that no sampler foresees which runs next, each at work for some
milliseconds at a time: nearly all of the time is theirs."""

import asyncio

TASKS = 150


def work(n):
    total = 0
    for i in range(n):
        total += i * i % 7
    return total


async def step():
    return work(20000)


async def task():
    while True:
        await step()
        await asyncio.sleep(0)


async def main():
    tasks = [asyncio.create_task(task()) for _ in range(TASKS)]
    await asyncio.sleep(0)
    print("true", flush=True)
    await asyncio.gather(*tasks)


asyncio.run(main())
