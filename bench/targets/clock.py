"""Tells the time by its stack: what runs is m followed by the milliseconds since it was asked.

So whatever samples it shows when it took its first sample, without being asked. Waits for
a line; answers with the clock (CLOCK_MONOTONIC, in ns) at which m0 began.
"""

import sys
from time import clock_gettime_ns, CLOCK_MONOTONIC

SPAN = 3000  # milliseconds
space = {"clock": clock_gettime_ns, "MONOTONIC": CLOCK_MONOTONIC}
for i in range(SPAN):
    exec(f"def m{i}(until):\n    while clock(MONOTONIC) < until:\n        pass\n", space)
STEPS = [space[f"m{i}"] for i in range(SPAN)]


def tell():
    began = clock_gettime_ns(CLOCK_MONOTONIC)
    print(began, flush=True)
    until = began
    for step in STEPS:
        until += 1_000_000
        step(until)


print("ready", flush=True)
for _ in sys.stdin:
    tell()
