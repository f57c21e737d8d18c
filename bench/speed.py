# SPDX-License-Identifier: MIT
"""How often can each look? Samples a second as fast as it goes, one after another on the
same live target, and what bare reads of the same bytes reach."""

import math
import os
import statistics
import subprocess

import profilers
import stats
from accuracy.measure import turns
from interpreters import HERE, ROOT

RAW = os.path.join(ROOT, "build", "release", "bench", "bench_raw")
DEPTH, LIMIT_S = 33, 60


def bare(pid, seconds):
    """(ticks of the sampler, bare reads) a second."""
    done = subprocess.run([RAW, str(pid), "1", str(seconds)], capture_output=True, text=True, check=True,
                          timeout=seconds + LIMIT_S)
    samples, reads, _ = map(float, done.stdout.split())
    return samples, reads


def measure(python, supported, threads, seconds, rounds, exe=profilers.PYSAMPLE):
    """{"rows": [who, each round's Hz and usable percent and ratio to ours], ...}"""
    entrants = {name: profilers.all_of(exe)[name] for name in supported}
    if "profiling.sampling" in entrants and threads == 1:
        entrants["profiling.sampling"] = profilers.Tachyon(())  # its default, one thread
    taken = {name: {} for name in [*entrants, "bare reads", "sampler_tick"]}  # of each round that did not fail
    usable, failures = {name: [] for name in entrants}, []
    try:
        with python.target(os.path.join(HERE, "targets", "deep.py"), str(threads), str(DEPTH)) as target:
            for number, order in turns([*entrants, "bare reads"], rounds):
                for name in order:
                    try:
                        if name == "bare reads":
                            taken["sampler_tick"][number], taken[name][number] = bare(target.pid, seconds / 2)
                            continue
                        r = entrants[name].record(target, "max", seconds)
                    except profilers.FAILURES as e:
                        failures.append(f"{name}: {e}")
                        continue
                    taken[name][number] = r.hz
                    usable[name].append(r.usable)
    except profilers.FAILURES as e:
        failures.append(f"{threads} threads under {python.version}: {e}")
    return rows_of(taken, usable, python=python.version, threads=threads), failures


def rows_of(taken, usable, **where):
    """A row of each that was measured at all; the ratios are of rounds that both have."""
    ours, rows = taken.get("pysample", {}), []
    for name, of in taken.items():
        if not of:
            continue
        hz = list(of.values())
        ratios = [ours[r] / of[r] if of[r] else math.nan for r in of if r in ours]
        rows.append({"who": name, **where, "hz": hz, "middle": statistics.median(hz),
                     "ratio": stats.spread(ratios)._asdict(),
                     "usable": statistics.fmean(usable[name]) if usable.get(name) else None})
    return rows


HEAD = f"{'python':7} {'threads':>7} {'who':22} {'looks/s':>10} {'least':>9} {'most':>9} {'usable':>8}  pysample's ratio to it"


def line_of(r):
    usable = f"{r['usable']:7.2f}%" if r["usable"] is not None else f"{'':8}"
    return (f"{r['python']:7} {r['threads']:7} {r['who']:22} {r['middle']:10.0f} {min(r['hz']):9.0f} {max(r['hz']):9.0f}"
            f" {usable}  {r['ratio']['middle']:.2f} ({r['ratio']['low']:.2f} to {r['ratio']['high']:.2f})")
