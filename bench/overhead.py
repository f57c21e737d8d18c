# SPDX-License-Identifier: MIT
"""Does the target feel it? Times a fixed amount of work with the profiler and without it, in
pairs that follow upon one another on one live process."""

import contextlib
import os
import statistics
import subprocess
import sys
import time

import interpreters
import profilers
import stats
from interpreters import HERE

# (name, arguments of work.py)
TARGETS = {
    "1 thread": ("calls", "1"),
    "10 threads": ("calls", "10"),
    "150 threads": ("calls", "150"),
    "1 of 150 threads": ("waiting", "150"),
    "allocation": ("alloc", "1"),
}
SETTLE = 0.8  # seconds that a profiler has to begin, before work under it is timed
AGAIN = 8  # times at most that something is timed because others used the machine
QUANTUM = 0.15  # seconds of work that are timed at once
LONGER = {"10 threads": 2, "150 threads": 2}  # a thread's turn is 5 ms: many of them in a quantum
SPINNING = "a busy core"
FAILURES = profilers.FAILURES


def pieces_for(target, seconds):
    """So much work takes that long here; the first answers warm the target up."""
    n, took = 50, 0
    while took < 0.5e9 * seconds:
        n *= 2
        took = int(target.ask(str(n)))
    return max(1, round(n * seconds * 1e9 / took))


def others(pids, before):
    """Seconds of CPU that went to other processes than these since `before` = others(pids, None)."""
    now = interpreters.machine_busy() - sum(interpreters.cpu_seconds(p) for p in (*pids, "self"))
    return now if before is None else now - before


def timed(target, n, quanta, beside=()):
    """Nanoseconds of one quantum: the middle one of so many.

    If meanwhile other processes than the target and those beside it used a core's tenth,
    this is done again: what they took has nothing to do with the profiler.
    """
    for _ in range(AGAIN):
        pids = (target.pid, *beside)
        before, began = others(pids, None), time.monotonic()
        middle = statistics.median(int(target.ask(str(n))) for _ in range(quanta))
        if others(pids, before) < 0.1 * (time.monotonic() - began) + 0.02:
            break
        time.sleep(0.5)
    return middle


def settle(target, n):
    until = time.monotonic() + SETTLE
    while time.monotonic() < until:
        target.ask(str(n))


def pairs(target, profiler, rate, n, rounds, quanta):
    """(ns with, ns without) of each round, and a recording; without is of before and after."""
    with_it, without, recording = [], [timed(target, n, quanta)], None
    for _ in range(rounds):
        with profiler.running(target, rate) as run:
            settle(target, n)
            with_it.append(timed(target, n, quanta, [run.process.pid]))
            recording = run.finish()
        without.append(timed(target, n, quanta))
        if len(with_it) >= 3 and with_it[-1] > 2 * without[-1]:
            break  # as plain as this needs no more rounds
    around = [(a * b) ** 0.5 for a, b in zip(without, without[1:])]
    return with_it, around, recording


class Spinning:
    """No profiler, but a process that keeps another core busy. What the target loses to it
    (cores that share a pipeline, a clock that falls) it loses to any profiler at its fastest."""

    @contextlib.contextmanager
    def running(self, target, rate):
        self.process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
        try:
            yield self
        finally:
            self.process.kill()
            self.process.wait()

    def finish(self):
        return profilers.Recording({}, 0, 0, 0, 0, "", 0, 0)


def measure(python, kind, entrants, rates, rounds, quanta=3):
    """A row for each profiler and rate: the slowdown in percent, with its interval."""
    rows, failures = [], []
    try:
        with python.target(os.path.join(HERE, "targets", "work.py"), *TARGETS[kind]) as target:
            fill(rows, failures, python, target, kind, entrants, rates, rounds, quanta)
    except FAILURES as e:
        failures.append(f"{kind} under {python.version}: {e}")
    return rows, failures


def fill(rows, failures, python, target, kind, entrants, rates, rounds, quanta):
    """What there is when the target ends of itself stays in `rows`."""
    n = pieces_for(target, QUANTUM * LONGER.get(kind, 1))
    entrants = {**entrants, SPINNING: Spinning()}
    for rate in rates:
        for name, profiler in entrants.items():
            if rate not in profiler_rates(name, rates):
                continue
            try:
                with_it, without, r = pairs(target, profiler, rate, n, rounds, quanta)
            except FAILURES as e:
                failures.append(f"{name} at {rate}, {kind}: {e}")
                continue
            rows.append({"target": kind, "python": python.version, "who": name, "rate": rate, "hz": r.hz,
                         "slowdown": stats.slowdown(with_it, without)._asdict(),
                         "pairs": [list(p) for p in zip(with_it, without)]})
    null = [(timed(target, n, quanta), timed(target, n, quanta)) for _ in range(rounds)]
    rows.append({"target": kind, "python": python.version, "who": "nobody", "rate": 0, "hz": 0,
                 "slowdown": stats.slowdown(*zip(*null))._asdict(), "pairs": [list(p) for p in null]})


def profiler_rates(name, rates):
    """py-spy counts the looks that it owes and never skips one: beyond 1 kHz it only falls
    behind, so of the higher rates it is asked for the highest alone."""
    if name == SPINNING:
        return ["max"]
    return [r for r in rates if not (name.startswith("py-spy") and r == 10000)]


def line_of(r):
    s = r["slowdown"]
    return (f"{r['python']:5} {r['target']:18} {r['who']:22} {r['rate']:>6} {s['middle']:8.2f} %"
            f" [{s['low']:7.2f}, {s['high']:7.2f}] {r['hz']:9.0f} Hz")
