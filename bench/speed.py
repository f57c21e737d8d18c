# SPDX-License-Identifier: MIT
"""How often can each look? Samples a second as fast as it goes, one after another on the
same live target, and what bare reads of the same bytes reach.

What counts are looks that were worth it: that the profiler itself did not drop, and whose stack is
one that the target can have.
"""

import math
import os
import statistics
import subprocess
import time

import profilers
import stats
from accuracy.measure import turns
from interpreters import HERE, ROOT

RAW = os.path.join(ROOT, "build", "release", "bench", "bench_raw")
DEPTH, LIMIT_S = 33, 60
DESCEND_S = 0.5  # in which all threads have got to their depth
# (threads, what deep.py has on top): a loop that calls nothing, so that its stack never changes,
# and one that calls small functions all the time.
KINDS = ((1, "quiet"), (20, "quiet"), (1, "calls"))
BARE = ("sampler_burst", "bare reads", "bare reads by eights")
TOPS = {("quiet",), ("calling",), ("calling", "two"), ("calling", "two", "one")}


def bare(pid, seconds):
    """(looks of the sampler, bare reads, bare reads of eight looks in one call) a second."""
    done = subprocess.run([RAW, str(pid), "1", str(seconds)], capture_output=True, text=True, check=True,
                          timeout=seconds + LIMIT_S)
    return tuple(map(float, done.stdout.split()))


def possible(stack):
    """Whether deep.py can have this stack."""
    names = tuple(name for name, *_ in stack)
    names = names[1:] if names[:1] == ("<module>",) else names
    below = ("main", *("down",) * (DEPTH - 3))
    return names[:len(below)] == below and names[len(below):] in TOPS


def worth(recording, counts):
    """(looks a second that were worth it, percent of the stacks that are possible)"""
    total = sum(recording.stacks.values())
    share = sum(n for s, n in recording.stacks.items() if possible(s)) / total if total else 0.0
    # Who counts stacks has left out already what it dropped.
    kept = 1 if counts == "stacks" else recording.usable / 100
    return recording.hz * kept * share, 100 * share


def measure(python, supported, threads, leaf, seconds, rounds, exe=profilers.PYSAMPLE):
    """{"rows": [who, each round's Hz and usable percent and ratio to ours], ...}"""
    entrants = {name: profilers.all_of(exe)[name] for name in supported}
    if "profiling.sampling" in entrants and threads == 1:
        entrants["profiling.sampling"] = profilers.Tachyon(())  # its default, one thread
    taken = {name: {} for name in [*entrants, *BARE]}  # of each round that did not fail
    told, failures = {name: {} for name in entrants}, []
    try:
        with python.target(os.path.join(HERE, "targets", "deep.py"), str(threads), str(DEPTH), leaf) as target:
            time.sleep(DESCEND_S)
            for number, order in turns([*entrants, "bare reads"], rounds):
                for name in order:
                    try:
                        if name == "bare reads":
                            for of, looks in zip(BARE, bare(target.pid, seconds / 3)):
                                taken[of][number] = looks
                            continue
                        r = entrants[name].record(target, "max", seconds)
                    except profilers.FAILURES as e:
                        failures.append(f"{name}: {e}")
                        continue
                    taken[name][number], share = worth(r, entrants[name].counts)
                    told[name][number] = r.hz, r.usable, share
    except profilers.FAILURES as e:
        failures.append(f"{threads} threads under {python.version}: {e}")
    return rows_of(taken, told, python=python.version, threads=threads, leaf=leaf), failures


def rows_of(taken, told, **where):
    """A row of each that was measured at all; the ratios are of rounds that both have."""
    ours, rows = taken.get("pysample", {}), []
    for name, of in taken.items():
        if not of:
            continue
        hz = list(of.values())
        ratios = [ours[r] / of[r] if of[r] else math.nan for r in of if r in ours]
        looks, usable, share = zip(*told[name].values()) if told.get(name) else (hz, [], [])
        rows.append({"who": name, **where, "hz": hz, "middle": statistics.median(hz), "looks": statistics.median(looks),
                     "ratio": stats.spread(ratios)._asdict(), "usable": statistics.fmean(usable) if usable else None,
                     "possible": statistics.fmean(share) if share else None})
    return rows


HEAD = (f"{'python':7} {'threads':>7} {'leaf':6} {'who':22} {'looks/s':>10} {'good':>9} {'least':>9} {'most':>9} {'usable':>8} {'possible':>8}"
        "  pysample's ratio to it")


def line_of(r):
    usable, share = (f"{r[k]:7.2f}%" if r[k] is not None else f"{'':8}" for k in ("usable", "possible"))
    return (f"{r['python']:7} {r['threads']:7} {r['leaf']:6} {r['who']:22} {r['looks']:10.0f} {r['middle']:9.0f} {min(r['hz']):9.0f} {max(r['hz']):9.0f}"
            f" {usable} {share}  {r['ratio']['middle']:.2f} ({r['ratio']['low']:.2f} to {r['ratio']['high']:.2f})")
