# SPDX-License-Identifier: MIT
"""What a profiler costs by itself: its CPU time, its memory, how soon it begins, and how
the cost grows with frames, threads and distinct stacks."""

import contextlib
import os
import re
import signal
import subprocess
import time

import profilers
from interpreters import HERE, ROOT

SETTLE = 1.0  # seconds after the start of a profiler that are not counted
FAILURES = profilers.FAILURES
PACE = os.path.join(ROOT, "build", "release", "bench", "bench_pace")
BARE = {"bare sleep": "sleep", "bare sleep and read": "read"}  # what bench_pace is told to do


def script(name):
    return os.path.join(HERE, "targets", name + ".py")


def watch(profiler, target, rate, seconds):
    """CPU percent of a core while sampling, peak MiB, Hz, and microseconds of CPU a look.

    Without the start and the output: of the time between, which goes on for ever.
    """
    with profiler.running(target, rate) as run:
        run.wait(SETTLE)
        cpu, began = run.cpu_ns(), time.monotonic_ns()
        run.wait(SETTLE + seconds)
        cpu, span = run.cpu_ns() - cpu, time.monotonic_ns() - began
        r = run.finish()
    share = 100 * cpu / span
    return {"cpu": share, "mib": r.peak, "hz": r.hz, "us_a_look": share * 1e4 / r.hz if r.hz else None,
            "samples": r.samples, "usable": r.usable, "stacks": len(r.stacks)}


def bare(target, rate, what, seconds):
    """The same of a loop that only sleeps, or sleeps and reads: who does both takes no less."""
    process = subprocess.Popen([PACE, str(target.pid), str(rate), what], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, text=True)
    try:
        if process.stdout.readline().strip() != "ready":
            raise profilers.Failed("bench_pace did not begin")
        began, before = time.monotonic_ns(), profilers.cpu_ns(process.pid)
        time.sleep(seconds)
        span, cpu = time.monotonic_ns() - began, profilers.cpu_ns(process.pid) - before
        process.send_signal(signal.SIGINT)
        hz = int(process.stdout.readline() or 0) * 1e9 / span
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    if not hz:
        raise profilers.Failed("bench_pace ended early")
    return {"cpu": 100 * cpu / span, "mib": None, "hz": hz, "us_a_look": cpu * 1e6 / span / hz,
            "samples": 0, "usable": 100.0, "stacks": 1}


def table(python, entrants, rates, threads, seconds, loops=tuple(BARE)):
    """Rows of CPU and memory by rate and number of threads, each target sampled in turns."""
    rows, failures = [], []
    for n in threads:
        try:
            with python.target(script("deep"), str(n), "33", "calls") as target:
                for rate in rates:
                    for name, profiler in entrants.items():
                        try:
                            row = watch(profiler, target, rate, seconds)
                            rows.append({"who": name, "python": python.version, "threads": n, "rate": rate, **row})
                        except FAILURES as e:
                            failures.append(f"{name} at {rate} Hz, {n} threads: {e}")
                    for name in loops:
                        try:
                            row = bare(target, rate, BARE[name], seconds)
                            rows.append({"who": name, "python": python.version, "threads": n, "rate": rate, **row})
                        except FAILURES as e:
                            failures.append(f"{name} at {rate} Hz, {n} threads: {e}")
        except FAILURES as e:
            failures.append(f"{n} threads under {python.version}: {e}")
    return rows, failures


CURVES = {  # what grows: (target, its arguments of x)
    "frames": ("deep", lambda x: ("1", str(x), "calls")),
    "threads": ("deep", lambda x: (str(x), "10", "calls")),
    "waiting threads": ("waiting", lambda x: (str(x),)),
    "distinct stacks": ("stacks", lambda x: (str(max(1, x).bit_length() - 1),)),
}


POINTS = {"frames": (10, 33, 100, 330, 1000), "threads": (1, 5, 20, 60, 200), "waiting threads": (10, 60, 300),
          "distinct stacks": (16, 512, 16384, 524288)}


def curve(python, entrants, what, xs, rate, seconds):
    """Rows of the cost of a look as one thing grows."""
    name_of, arguments = CURVES[what]
    rows, failures = [], []
    for x in xs:
        try:
            with python.target(script(name_of), *arguments(x)) as target:
                for name, profiler in entrants.items():
                    try:
                        rows.append({"who": name, "python": python.version, "what": what, "x": x, "rate": rate,
                                     **watch(profiler, target, rate, seconds)})
                    except FAILURES as e:
                        failures.append(f"{name}, {x} {what}: {e}")
        except FAILURES as e:
            failures.append(f"{x} {what} under {python.version}: {e}")
    return rows, failures


def earliest(stacks):
    """The first millisecond that was seen of clock.py, by the names of what ran."""
    seen = [int(f[0][1:]) for stack in stacks for f in stack if re.fullmatch(r"m\d+", f[0])]
    return min(seen) if seen else None


def first_sample(python, profiler, rate):
    """Milliseconds from the start of the profiler's process to its first sample: the stacks of
    clock.py tell the time, so nobody has to be believed. To a millisecond."""
    with python.target(script("clock")) as target:
        zero = int(target.ask("now"))
        time.sleep(0.02)
        with profiler.running(target, rate) as run:
            run.wait(1.2)
            first = earliest(run.finish().stacks)
        if first is None:
            raise profilers.Failed(f"{profiler.name}: no sample within the first three seconds")
        return (zero + first * 1e6 - run.began) / 1e6


def first_samples(python, entrants, rate, rounds):
    rows, failures = {name: [] for name in entrants}, []
    for _ in range(rounds):
        for name, profiler in entrants.items():
            try:
                rows[name].append(first_sample(python, profiler, rate))
            except FAILURES as e:
                failures.append(f"{name}: {e}")
    return [{"who": n, "python": python.version, "ms": ms} for n, ms in rows.items() if ms], failures


def line_of_first(r):
    return f"{r['python']:5} {r['who']:22} first sample after {' '.join(f'{v:.0f}' for v in r['ms'])} ms"


def line_of(r):
    at = f"{r['threads']:4} threads {r['rate']:>6}" if "threads" in r else f"{r['x']:6} {r['what']}"
    us = f"{r['us_a_look']:9.1f}" if r["us_a_look"] else f"{'':9}"
    return f"{r['python']:5} {r['who']:22} {at:24} {r['cpu']:7.2f} % CPU {us} us a look {r['mib'] or 0:8.1f} MiB {r['hz']:8.0f} Hz {r['usable']:6.1f} % usable {r['stacks']:7} stacks"
