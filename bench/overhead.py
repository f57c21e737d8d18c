# SPDX-License-Identifier: MIT
"""Does the target feel it? On one live process the profiler is held (SIGSTOP) and let go again, a
tenth of a second each, in pairs of random order; both times the same work is timed by the target
itself, by the clock and by its own CPU time."""

import contextlib
import os
import random
import signal
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
    "150 threads": ("calls", "150"),
    "1 of 150 threads": ("waiting", "150"),
    "allocation": ("alloc", "1"),
    "10 threads": ("calls", "10"),
}
SETTLE = 0.8  # seconds that a profiler has to begin, before work under it is timed
QUANTUM = 0.1  # seconds of CPU that are timed at once
LONGER = {"10 threads": 2, "150 threads": 3}  # a thread's turn is 5 ms: many of them in a quantum
LEAD = 0.01  # seconds of work after each switch that are not timed
LEAST = 6  # pairs, below which there is no interval
DISTURBED = 0.25  # of a core, used by others or taken by other guests: such pairs do not count
HOLD_S = 3  # seconds in which one that stops the target has to be met while the target runs
SPINNING, NOBODY = "a busy core", "nobody"
FAILURES = profilers.FAILURES


class Other:
    """No profiler, but a process that is held and let go as they are. One that sleeps shows what can
    be told apart at all; one that spins, what the target loses to any profiler at its fastest."""

    stops, catches_up = False, 0

    def __init__(self, code):
        self.code = code

    @contextlib.contextmanager
    def running(self, target, rate):
        self.process = subprocess.Popen([sys.executable, "-c", self.code])
        try:
            yield self
        finally:
            self.process.kill()
            self.process.wait()

    def finish(self):
        return profilers.Recording({}, 0, 0, 0, 0, "", 0, 0)


OTHERS = {NOBODY: "import time; time.sleep(1e6)", SPINNING: "while True: pass"}


# --- To hold a profiler.

def of_all_threads(pid, name, pattern):
    """Whether this line of /proc/PID/task/*/`name` begins so for all threads that are there."""
    for task in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError), open(f"/proc/{pid}/task/{task}/{name}") as f:
            if not any(line.startswith(pattern) for line in f):
                return False
    return True


class Switch:
    """Holds a profiler and lets it go. It is never held while it has the target stopped."""

    def __init__(self, pid, target, stops):
        self.pid, self.target, self.stops = pid, target, stops
        self.rng, self.ran, self.since = random.Random(pid), 0.0, time.monotonic()

    def turn(self, on):
        if not on:
            self.hold()
        elif not self.since:
            os.kill(self.pid, signal.SIGCONT)
            self.since = time.monotonic()

    def hold(self):
        until = time.monotonic() + HOLD_S
        while self.since and time.monotonic() < until:
            os.kill(self.pid, signal.SIGSTOP)
            while not of_all_threads(self.pid, "status", "State:\tT") and time.monotonic() < until:
                time.sleep(0.0002)
            if not self.stops or of_all_threads(self.target.pid, "status", "TracerPid:\t0"):
                self.ran, self.since = self.ran + time.monotonic() - self.since, None
                return
            os.kill(self.pid, signal.SIGCONT)
            time.sleep(self.rng.random() * 0.002)
        if self.since:
            raise profilers.Failed("it has the target stopped whenever it is to be held")

    def seconds(self):
        """For which it was not held."""
        return self.ran + (time.monotonic() - self.since if self.since else 0)


# --- To time work.

def took(target, n):
    """Nanoseconds of so many pieces: by the clock, and of CPU."""
    wall, cpu = map(int, target.ask(str(n)).split())
    return wall, cpu


def pieces_for(target, seconds):
    """So much work takes that long on a CPU here; the first answers warm the target up."""
    n, cpu = 50, 0
    while cpu < 0.3e9:
        n *= 2
        _, cpu = took(target, n)
    return max(1, round(n * seconds * 1e9 / cpu))


def others(pids, before):
    """Seconds of CPU that went to other processes than these since `before` = others(pids, None)."""
    now = interpreters.machine_busy() - sum(interpreters.cpu_seconds(p) for p in (*pids, "self"))
    return now if before is None else now - before


def settle(target, n, seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        took(target, n)


def pairs(target, switch, n, seconds, catches_up, rng):
    """[(ns by the clock with and without, ns of CPU with and without, share of a core of others)]"""
    found, began, lead = [], time.monotonic(), max(1, n // 20)
    pids = (target.pid, switch.pid)
    while time.monotonic() < began + seconds or len(found) < LEAST and time.monotonic() < began + 4 * seconds:
        before, since, first, both = others(pids, None), time.monotonic(), rng.random() < 0.5, {}
        for on in (first, not first):
            switch.turn(on)
            settle(target, lead, catches_up if on and catches_up else LEAD)
            both[on] = took(target, n)
        other = others(pids, before) / (time.monotonic() - since)
        found.append((both[True][0], both[False][0], both[True][1], both[False][1], other))
    return found


def clean(found):
    """The pairs beside which the machine was the target's own; the better half, if these are fewer."""
    quiet = [p for p in found if p[4] <= DISTURBED]
    if len(quiet) < max(LEAST, len(found) / 2):
        quiet = sorted(found, key=lambda p: p[4])[:max(LEAST, len(found) // 2)]
    return quiet


def row_of(found):
    """By how much the target was slower, by the clock and by its CPU time, and of how many pairs."""
    kept = clean(found)
    wall, without, cpu, cpu_without, _ = zip(*kept)
    return {"clock": stats.slowdown(wall, without)._asdict(), "cpu": stats.slowdown(cpu, cpu_without)._asdict(),
            "pairs": len(kept), "of": len(found)}


# --- All of it.

def plan(entrants, rates, nobody=True):
    """[(who, rate, share of the time)]. We and nobody are looked at more closely: the effects to
    be told are smallest there."""
    found = [(NOBODY, 0, 3)] if nobody else []
    for rate in rates:
        for name in entrants:
            # py-spy counts the looks that it owes and never skips one: beyond 1 kHz it only falls
            # behind, so of the higher rates it is asked for the highest alone. As fast as it goes it
            # has the target stopped nearly always, and cannot be held.
            if not (name.startswith("py-spy") and rate == 10000 or name == "py-spy" and rate == "max"):
                found.append((name, rate, 3 if name == "pysample" and rate == 1000 else 1))
    return found + [(SPINNING, "max", 1)] * ("max" in rates)


def measure(python, kind, entrants, rates, seconds):
    """A row for each profiler and rate: the slowdown in percent, with its interval. `seconds` are
    those of a peer; what is not in time of itself ends after four times as many."""
    rows, failures = [], []
    try:
        with python.target(os.path.join(HERE, "targets", "work.py"), *TARGETS[kind]) as target:
            n = pieces_for(target, QUANTUM * LONGER.get(kind, 1))
            for name, rate, share in plan(entrants, rates):
                profiler = Other(OTHERS[name]) if name in OTHERS else entrants[name]
                try:
                    row = one(target, profiler, rate, n, seconds * share)
                except FAILURES as e:
                    failures.append(f"{name} at {rate}, {kind}: {e}")
                    continue
                rows.append({"target": kind, "python": python.version, "who": name, "rate": rate, **row})
    except FAILURES as e:  # what there is when the target ends of itself stays in `rows`
        failures.append(f"{kind} under {python.version}: {e}")
    return rows, failures


def one(target, profiler, rate, n, seconds):
    with profiler.running(target, rate) as run:
        began = time.monotonic()
        switch = Switch(run.process.pid, target, profiler.stops)
        settle(target, max(1, n // 20), SETTLE)
        try:
            found = pairs(target, switch, n, seconds, profiler.catches_up, random.Random(seconds))
        finally:
            with contextlib.suppress(ProcessLookupError):
                switch.turn(True)
        # It says how often it looked in a second of all the time, in part of which it was held.
        share = switch.seconds() / (time.monotonic() - began)
        return {**row_of(found), "hz": run.finish().hz / share}


def line_of(r):
    cpu, clock = ("{middle:8.2f} % [{low:7.2f}, {high:7.2f}]".format(**r[k]) for k in ("cpu", "clock"))
    return (f"{r['python']:5} {r['target']:18} {r['who']:22} {r['rate']:>6} CPU {cpu} clock {clock}"
            f" {r['pairs']:4} of {r['of']:4} pairs {r['hz']:9.0f} Hz")
