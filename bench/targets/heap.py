"""heap.py OBJECTS KIND: holds so many objects, and dumps them into a forked copy's pipe on "walk".

KIND is instances (with attributes: int, str, list), slots, records (dicts as JSON gives them)
or graph (dicts, lists and tuples that refer to each other).
The answer is a line of JSON: CPU seconds and peak MiB of the copy, bytes, milliseconds held.
"""

import json
import os
import sys
import time


class Instance:
    def __init__(self, i):
        self.number, self.name, self.items = i, str(i), [i]


class Slots:
    __slots__ = ("number", "name", "items")

    def __init__(self, i):
        self.number, self.name, self.items = i, str(i), [i]


def record(i):
    return {"id": i, "name": str(i), "tags": [i], "active": True}


def graph(count):
    made = [[] for _ in range(count // 4)]
    for i, o in enumerate(made):
        o += [made[i * 7 % len(made)], (o, i), {"back": o, i: None}]
    return made


def fill(count, kind):
    if kind == "graph":
        return graph(count)
    make = {"instances": Instance, "slots": Slots, "records": record}[kind]
    return [make(1000 + i) for i in range(count // 4)]  # each is four objects


def walk(namespace):
    """(held in ms, CPU seconds, peak MiB, bytes) of a dump in a copy of this process."""
    r, w = os.pipe()
    began = time.perf_counter()
    threads = namespace["stacks"]()
    pid = os.fork()
    if not pid:
        code = 1
        try:
            os.close(r)
            namespace["walk"](w, own=(namespace,), forked=True, threads=threads)
            code = 0
        finally:
            os._exit(code)
    held = time.perf_counter() - began
    os.close(w)
    size = 0
    while True:
        data = os.read(r, 1 << 20)
        if not data:
            break
        size += len(data)
    os.close(r)
    _, status, used = os.wait4(pid, 0)
    if status:
        sys.exit("the copy ended with %x" % status)
    return {"held": held * 1e3, "cpu": used.ru_utime + used.ru_stime, "mib": used.ru_maxrss / 1024, "bytes": size}


def main():
    kept = fill(int(sys.argv[1]), sys.argv[2])
    namespace = {}
    for name in ("heap_stacks.py", "heap_walk.py"):
        with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), name), encoding="utf-8") as f:
            exec(compile(f.read(), "<walker>", "exec"), namespace)
    print("ready", flush=True)
    for _ in sys.stdin:
        print(json.dumps(walk(namespace)), flush=True)
    return kept


main()
