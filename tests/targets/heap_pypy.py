# SPDX-License-Identifier: MIT
"""A PyPy that knows what is in its heap. It says so, grows when it gets a byte, says so again,
and so on; at the end of its input it ends."""

import gc
import json
import os
import select
import sys
import threading
import types

STEP, CHARACTERS = 2000, 1000


class Entry:
    def __init__(self, number):
        self.number = number
        self.payload = "%0*d" % (CHARACTERS, number)


class Registry:
    def __init__(self):
        self.entries = {}


class Held:
    pass


shop = types.ModuleType("shop")
shop.registry = Registry()
shop.numbers = [i * i for i in range(20000)]
shop.text = "x".join("%d" % i for i in range(20000))
shop.table = {"key %d" % i: None for i in range(2000)}
shop.bytes = bytes(2000000)
sys.modules["shop"] = shop


def waits(started, done):
    held_here = Held()
    started.set()
    done.wait()
    del held_here


def grow():
    entries = shop.registry.entries
    for number in range(len(entries), len(entries) + STEP):
        entries[number] = Entry(number)


def say():
    gc.collect()
    gc.collect()
    memory = gc.get_stats()._s
    entries = shop.registry.entries
    told = {
        "entries": len(entries),
        "characters": sum(len(e.payload) for e in entries.values()),
        "ids": [id(e) for e in entries.values()],
        "used": memory.total_arena_memory + memory.total_rawmalloced_memory,
        "numbers": [id(shop.numbers), 8 * len(shop.numbers)],
        "text": [id(shop.text), len(shop.text)],
        "table": [id(shop.table), 16 * len(shop.table)],
        "bytes": [id(shop.bytes), len(shop.bytes)],
    }
    os.write(1, json.dumps(told).encode() + b"\n")


started, done = threading.Event(), threading.Event()
threading.Thread(target=waits, args=(started, done), name="holder", daemon=True).start()
started.wait()
say()
while True:
    # It goes on in between, for what is asked of it is looked at where it runs Python code.
    while not select.select([0], [], [], 0.02)[0]:
        pass
    if not os.read(0, 1):
        break
    grow()
    say()
