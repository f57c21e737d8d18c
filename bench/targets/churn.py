"""Code objects made, run and freed at a high rate: their memory is reused by others.

Each text defines two functions with lines of their own, so that a stale name or a stale
line table shows at once.
"""

import itertools
import sys

CYCLES = itertools.repeat(None, int(sys.argv[1])) if sys.argv[1:] else itertools.repeat(None)
TEXTS = [
    "\n" * (i % 7)
    + f"def made_{i}(n):\n"
    + "    n += 1\n" * (i % 5)
    + f"    return used_{i}(n) + used_{i}(n)\n"
    + f"def used_{i}(n):\n"
    + "    for k in range(30):\n"
    + "        n = n * 3 % 101\n"
    + "    return n\n"
    + f"made_{i}(1)\n"
    for i in range(40)
]


def run(i):
    exec(compile(TEXTS[i], f"made_{i}.py", "exec"), {})


def main():
    for _ in CYCLES:
        for i in range(40):
            run(i)


print("ready", flush=True)
main()
