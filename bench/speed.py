# SPDX-License-Identifier: MIT
"""How often can each look? Samples a second as fast as it goes, one after another on the
same live target, and what bare reads of the same bytes reach."""

import os
import statistics
import subprocess

import formats
import profilers
import stats
from accuracy.measure import turns
from interpreters import HERE, ROOT

RAW = os.path.join(ROOT, "build", "release", "bench", "bench_raw")
DEPTH = 33


def bare(pid, seconds):
    """(ticks of the sampler, bare reads) a second."""
    done = subprocess.run([RAW, str(pid), "1", str(seconds)], capture_output=True, text=True, check=True)
    samples, reads, _ = map(float, done.stdout.split())
    return samples, reads


def measure(python, supported, threads, seconds, rounds, exe=profilers.PYSAMPLE):
    """{"rows": [who, each round's Hz and usable percent and ratio to ours], ...}"""
    entrants = {name: profilers.all_of(exe)[name] for name in supported}
    if "profiling.sampling" in entrants and threads == 1:
        entrants["profiling.sampling"] = profilers.Tachyon(())  # its default, one thread
    taken = {name: [] for name in [*entrants, "bare reads", "sampler_tick"]}
    usable, failures = {name: [] for name in entrants}, []
    with python.target(os.path.join(HERE, "targets", "deep.py"), str(threads), str(DEPTH)) as target:
        for _, order in turns([*entrants, "bare reads"], rounds):
            for name in order:
                if name == "bare reads":
                    ticks, reads = bare(target.pid, seconds / 2)
                    taken["sampler_tick"].append(ticks)
                    taken[name].append(reads)
                    continue
                try:
                    r = entrants[name].record(target, "max", seconds)
                except (profilers.Failed, formats.Unreadable, OSError) as e:
                    failures.append(f"{name}: {e}")
                    continue
                taken[name].append(r.hz)
                usable[name].append(r.usable)
    rows = []
    for name, hz in taken.items():
        if not hz:
            continue
        ratios = [a / b for a, b in zip(taken["pysample"], hz)]
        rows.append({"who": name, "python": python.version, "threads": threads, "hz": hz, "middle": statistics.median(hz),
                     "ratio": stats.spread(ratios)._asdict(),
                     "usable": statistics.fmean(usable[name]) if usable.get(name) else None})
    return rows, failures


HEAD = f"{'python':7} {'threads':>7} {'who':22} {'looks/s':>10} {'least':>9} {'most':>9} {'usable':>8}  pysample's ratio to it"


def line_of(r):
    usable = f"{r['usable']:7.2f}%" if r["usable"] is not None else f"{'':8}"
    return (f"{r['python']:7} {r['threads']:7} {r['who']:22} {r['middle']:10.0f} {min(r['hz']):9.0f} {max(r['hz']):9.0f}"
            f" {usable}  {r['ratio']['middle']:.2f} ({r['ratio']['low']:.2f} to {r['ratio']['high']:.2f})")
