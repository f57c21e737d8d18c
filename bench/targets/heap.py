"""heap.py OBJECTS KIND: holds so many objects, and answers each line with a line of JSON.

KIND is instances (with attributes: int, str, list), slots, records (dicts as JSON gives them)
or graph (dicts, lists and tuples that refer to each other).

    walk        dumps into a forked copy's pipe: CPU seconds and peak MiB of the copy, bytes,
                milliseconds held
    fork        milliseconds that a fork takes whose copy does nothing
    children    CPU seconds of all children that have ended
    feel        goes to work, and answers that it does
    felt        the longest time, in ms, between two rounds of that work, waits for a CPU aside
    peer WHO    milliseconds that another tool, called in here, takes for its look at the heap;
                null if it is not installed
"""

import gc
import json
import os
import select
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


def fork():
    began = time.perf_counter()
    pid = os.fork()
    if not pid:
        os._exit(0)
    took = time.perf_counter() - began
    os.waitpid(pid, 0)
    return took * 1e3


def children():
    t = os.times()
    return t.children_user + t.children_system


def waited(schedstat):
    """Seconds for which this thread could have run, but others had the processors."""
    return int(os.pread(schedstat, 64, 0).split()[1]) / 1e9


def work():
    """Until there is a line to read. The longest time between two rounds, in milliseconds, but
    what this thread waited for a processor, so that a busy machine does not count."""
    schedstat = os.open("/proc/thread-self/schedstat", os.O_RDONLY)
    worst, last, before = 0.0, time.perf_counter(), waited(schedstat)
    print(json.dumps(True), flush=True)
    while not select.select([0], [], [], 0)[0]:
        now, wait = time.perf_counter(), waited(schedstat)
        worst = max(worst, now - last - (wait - before))
        last, before = now, wait
    os.close(schedstat)
    sys.stdin.readline()
    return worst * 1e3


# What others offer for this, each as its own documentation has it, on all objects.


def guppy3():
    from guppy import hpy

    return lambda: str(hpy().heap())


def objgraph():
    import objgraph

    return lambda: objgraph.typestats(shortnames=False)


def by_hand():
    def count():
        found = {}
        for o in gc.get_objects():
            number, size = found.get(type(o), (0, 0))
            found[type(o)] = number + 1, size + sys.getsizeof(o)
        return found

    return count


def peer(who):
    try:
        look = {"guppy3": guppy3, "objgraph": objgraph, "gc.get_objects": by_hand}[who]()
    except ImportError:
        return None
    began = time.perf_counter()
    look()
    return (time.perf_counter() - began) * 1e3


def main():
    kept = fill(int(sys.argv[1]), sys.argv[2])
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path += [os.path.join(here, name) for name in os.listdir(here) if name.startswith("heap-")]
    namespace = {}
    for name in ("heap_stacks.py", "heap_walk.py"):
        if os.path.exists(os.path.join(here, name)):
            with open(os.path.join(here, name), encoding="utf-8") as f:
                exec(compile(f.read(), "<walker>", "exec"), namespace)
    answers = {"walk": lambda: walk(namespace), "fork": fork, "children": children, "feel": work,
               "peer": peer}
    print("ready", flush=True)
    for line in iter(sys.stdin.readline, ""):
        what, *rest = line.split()
        print(json.dumps(answers[what](*rest)), flush=True)
    return kept


main()
