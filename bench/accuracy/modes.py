# SPDX-License-Identifier: MIT
"""Do the modes show what they say? On programs that spend known shares of the wall clock
asleep, without the GIL, in the collector, and with exceptions.

A share is of one thread's wall-clock time: the time that a mode shows for a function, by the
time that was recorded.
"""

import collections
import os
import subprocess

import formats
import profilers
from interpreters import HERE

# (program, mode, further options of pysample, {function: percent of the wall clock}). What a
# mode must not show has 0. The programs' own words say why.
KNOWN = (
    ("sleepers", "cpu", (), {"spin": 25, "waiter": 0, "sleeper": 0, "join": 0}),
    ("sleepers", "gil", (), {"spin": 25, "waiter": 0, "sleeper": 0, "join": 0}),
    ("sleepers", "wall", ("-i",), {"nap": 100, "spin": 25, "waiter": 100, "sleeper": 100}),
    ("gil_contention", "gil", (), {"ping": 50, "pong": 50}),
    ("gil_contention", "cpu", (), {"ping": 50, "pong": 50}),
    ("gil_contention", "wall", ("-i",), {"ping": 100, "pong": 100}),
    ("releases_gil", "cpu", (), {"hash": 33.3, "compress": 33.3, "think": 33.3}),
    ("releases_gil", "gil", (), {"hash": 0, "compress": 0, "think": 33.3}),
    ("gc_load", "wall", (), {"<GC>": 25, "think": 75}),
    ("exceptions_known", "exception", (), {"handled": 10, "generator": 10, "coroutine": 10, "cleanup": 10, "plain": 0}),
)
RATE = 1000


def has_modes(exe):
    words = subprocess.run([exe, "record", "--help"], capture_output=True, text=True).stdout
    return "--mode" in words


def script_of(program):
    return os.path.join(HERE, "targets", program + ".py")


def missing():
    return sorted({p for p, *_ in KNOWN if not os.path.exists(script_of(p))})


def inclusive(stacks):
    """The weight of each function, counted once in a stack."""
    sums = collections.Counter()
    for stack, n in stacks.items():
        for name in {f[0] for f in stack}:
            sums[name] += n
    return sums


class Moded(profilers.Pysample):
    """pysample with a mode; what it wrote is read with its marks, for <GC> is one."""

    def options(self, target, out, rate):
        exe = self.exe if target.pid != "PID" else "pysample"
        return [exe, "record", "-f", "collapsed", "-r", str(rate), *self.extra, "-o", out, str(target.pid)]

    def read(self, path, words):
        _, samples, usable, hz = super().read(path, words)
        with open(path, encoding="utf-8", errors="replace") as f:
            return formats.parenthesised(f.read(), marks=True), samples, usable, hz


class ModedTachyon(profilers.Tachyon):
    def options(self, target, out, rate):
        return [w for w in super().options(target, out, rate) if w != "--no-gc"]

    def read(self, path, words):
        _, samples, usable, hz = super().read(path, words)
        with open(path, encoding="utf-8", errors="replace") as f:
            return formats.colons(f.read(), marks=True), samples, usable, hz


def contenders(python, mode, extra, exe):
    yield Moded(exe, ["--mode", mode, *extra]), RATE
    if python.has_tachyon():
        yield ModedTachyon(["-a", "--mode", mode]), RATE


def measure(python, seconds, exe=profilers.PYSAMPLE):
    """Rows: who, program, mode, {function: (percent shown, percent known)}."""
    rows, failures = [], []
    for program, mode, extra, known in KNOWN:
        try:
            with python.target(script_of(program)) as target:
                for profiler, rate in contenders(python, mode, extra, exe):
                    try:
                        shares = shown(profiler, target, rate, seconds, known)
                    except profilers.FAILURES as e:
                        failures.append(f"{profiler.name} --mode {mode} on {program}: {e}")
                        continue
                    rows.append({"who": profiler.name, "python": python.version, "program": program, "mode": mode,
                                 "shares": shares})
        except profilers.FAILURES as e:
            failures.append(f"{program} under {python.version}: {e}")
    return rows, failures


def shown(profiler, target, rate, seconds, known):
    """{function: (percent shown, percent known)}"""
    r = profiler.record(target, rate, seconds)
    # Weights of pysample are periods, whatever it skipped; of the peer, looks.
    looks = (rate if profiler.name == "pysample" else r.hz) * span(r)
    if not looks:
        raise profilers.Failed("it never looked")
    weights = inclusive(r.stacks)
    return {f: (100 * weights[f] / looks, share) for f, share in known.items()}


def span(recording):
    """Seconds that were recorded, as the profiler says."""
    return profilers.number(r"(?:Duration: |samples in )([\d.]+) s", recording.words, "duration")


def off(row):
    """By how many points at most."""
    return max(abs(shown - known) for shown, known in row["shares"].values())


def line_of(r):
    shares = ", ".join(f"{f} {shown:.1f} for {known:g}" for f, (shown, known) in r["shares"].items())
    return f"{r['python']:5} {r['who']:20} {r['program']:17} {r['mode']:10} off by {off(r):5.1f}: {shares}"
