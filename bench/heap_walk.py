#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""CPU seconds that a forked copy needs to tell its heap: bench/heap_walk.py, as root.

    bench/heap_walk.py                          1 and 2 million objects, newest Python
    bench/heap_walk.py --millions 3 10 --python 3.13 3.15 --kind instances

The least of some rounds counts: CPU time too gets longer when the machine is shared.
"""

import argparse
import json
import os
import sys

import interpreters
from interpreters import HERE, ROOT

KINDS = ("instances", "slots", "records", "graph")
GOAL = 2.0  # microseconds an object: 4 s for 2 million
WALKER = [os.path.join(ROOT, "profiler", name) for name in ("heap_stacks.py", "heap_walk.py")]


def measure(python, kind, millions, rounds):
    """The best of these rounds, each in a new copy of one process."""
    script = os.path.join(HERE, "targets", "heap.py")
    with python.target(script, str(int(millions * 1e6)), kind, beside=WALKER) as target:
        return min((json.loads(target.ask("walk")) for _ in range(rounds)), key=lambda r: r["cpu"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--millions", type=float, nargs="+", default=[1, 2])
    parser.add_argument("--python", nargs="+", help="versions; by default the newest")
    parser.add_argument("--kind", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    pythons = interpreters.find(args.python) if args.python else interpreters.find()[-1:]
    met = True
    print("python  kind       millions    CPU s  us/object   peak MiB  file MB  held ms")
    for python in pythons:
        for kind in args.kind:
            for millions in args.millions:
                r = measure(python, kind, millions, args.rounds)
                each = r["cpu"] / millions
                met = met and each <= GOAL
                print(f"{python.exact:7} {kind:10} {millions:8.2f} {r['cpu']:8.2f} {each:10.2f}"
                      f" {r['mib']:10.0f} {r['bytes'] / 1e6:8.0f} {r['held']:8.1f}", flush=True)
    print(f"goal of {GOAL} us an object (4 s for 2 million) {'met' if met else 'NOT met'}")
    sys.exit(0 if met else 1)


if __name__ == "__main__":
    main()
