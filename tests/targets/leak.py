# SPDX-License-Identifier: MIT
"""Dumps its own heap by the walker's text, grows, and dumps it again.

leak.py WALKER BEFORE AFTER

Prints JSON: what it planted, and what it leads to."""

import json
import os
import sys
import threading
import types

WALKER, FILES = sys.argv[1], sys.argv[2:]
LEAKED = 500


class Entry:
    def __init__(self, number):
        self.payload = bytes(1000 + number)


class Registry:
    def __init__(self):
        self.entries = {}

    def add(self, number):
        self.entries[f"key {number}"] = Entry(number)


class Held:
    pass


shop = types.ModuleType("shop")
shop.registry = Registry()
sys.modules["shop"] = shop


def waits(started, done):
    held_here = Held()
    started.set()
    done.wait()
    del held_here


def dump(path):
    space = {}
    with open(WALKER, encoding="utf-8") as f:
        exec(compile(f.read(), WALKER, "exec"), space)
    fd = os.open(path, os.O_CREAT | os.O_WRONLY, 0o600)
    threads = space["stacks"]()  # the copy has only the one that forks
    pid = os.fork()
    if not pid:
        try:
            space["walk"](fd, own=(space,), forked=True, threads=threads)
        finally:
            os._exit(0)
    os.close(fd)
    os.waitpid(pid, 0)


started, done = threading.Event(), threading.Event()
thread = threading.Thread(target=waits, args=(started, done), name="holder", daemon=True)
thread.start()
started.wait()
for n in range(20):
    shop.registry.add(n)
dump(FILES[0])
for n in range(20, 20 + LEAKED):
    shop.registry.add(n)
dump(FILES[1])
done.set()
thread.join()
one = shop.registry.entries["key 30"]
print(json.dumps({
    "pid": os.getpid(),
    "entry": id(one),
    "size": sys.getsizeof(one, -1),
    "payloads": sum(sys.getsizeof(e.payload, 0) for e in shop.registry.entries.values()),
}))
