# SPDX-License-Identifier: MIT
"""How true are the stacks? On programs of which every possible stack is known.

For each program, interpreter and round one live process is sampled by all in turns: the
truth (the target stopped for each sample), pysample, the peers, the truth again. Judged
are what part of the samples was usable, how many stacks were impossible, how many had a
line that cannot be, and how far their distribution is from the truth's; the second truth
gives the noise floor.
"""

import collections
import json
import os
import subprocess

import formats
import profilers
import stats
from accuracy import legal
from interpreters import HERE, environment
from peers import PACKAGES

# Programs, and how many cycles show all that they can do.
PROGRAMS = {
    "families": 2, "recursion": 2, "generators": 2, "pipeline": 2, "coroutines": 2, "callbacks": 2,
    "exceptions": 2, "classes": 2, "shortlived": 2, "crowd": 2, "churn": 2, "split": 3, "library": 3, "contexts": 2,
}
QUICK = ("families", "generators", "classes")  # what a quick run looks at under every Python
# Where being traced changes the program itself, so that the stopped target is another one:
# making a thread takes much longer under ptrace.
DISTURBED = ("shortlived",)
BESIDE = {"library": (PACKAGES,)}
# What is asked for; py-spy is asked for what it reaches, for it skips nothing: where it is
# late it looks again at once, and what is slow to look at is seen too often.
RATES = {"stopped target": 2000, "pysample": 10000, "profiling.sampling": 10000, "py-spy": 1000,
         "py-spy --nonblocking": 1000, "Austin 4": 10000, "Austin 3": 10000}
SPLIT = {"tenth": 10.0, "third": 30.0, "most": 60.0}
FEW = 700  # samples under which a distance says little: not what all are thinned to


def script_of(program):
    return os.path.join(HERE, "targets", program + ".py")


def law_of(python, program):
    """Asks the interpreter itself what the program's stacks can be."""
    with python.folder(script_of(program), os.path.join(HERE, "accuracy", "oracle.py"),
                       *BESIDE.get(program, ())) as (outside, inside):
        done = subprocess.run(
            python.command("-B", f"{inside}/oracle.py", f"{inside}/told.json",
                           f"{inside}/{program}.py", str(PROGRAMS[program])),
            capture_output=True, text=True, env=environment())
        if done.returncode:
            raise RuntimeError(f"the oracle failed on {program}: {done.stderr[-1000:]}")
        with open(os.path.join(outside, "told.json"), encoding="utf-8") as f:
            return legal.Law(json.load(f))


def turns(names, rounds):
    """The order of the measurements: each round begins elsewhere, so that none is always
    first or always beside the same."""
    for r in range(rounds):
        k = r % len(names)
        yield r, names[k:] + names[:k]


def gather(python, program, entrants, rates, seconds, rounds):
    """{name: [Recording, one a round]}; who fails is left out of that round, and said.

    Each round is of a process of its own: where its memory happens to lie matters.
    """
    taken, failures = collections.defaultdict(list), []
    for _, order in turns(list(entrants), rounds):
        try:
            with python.target(script_of(program), beside=BESIDE.get(program, ())) as target:
                for name in order:
                    try:
                        recording = entrants[name].record(target, rates[name], seconds)
                        taken[name].append(recording)
                    except profilers.FAILURES as e:
                        failures.append(f"{name}: {e}")
        except profilers.FAILURES as e:
            failures.append(f"the program: {e}")
    return taken, failures


def pooled(recordings):
    total = collections.Counter()
    for r in recordings:
        total.update(r.stacks)
    return total


def number(recordings):
    return sum(r.samples for r in recordings)


def biggest_differences(counts, truth, most=8):
    """Stacks of functions whose share is most unlike the truth's: (ours, truth's, stack)."""
    a, b = formats.functions(counts), formats.functions(truth)
    na, nb = max(1, sum(a.values())), max(1, sum(b.values()))
    rows = [(100 * a[s] / na, 100 * b[s] / nb, ";".join(name for name, _ in s)) for s in a.keys() | b.keys()]
    return sorted(rows, key=lambda r: -abs(r[0] - r[1]))[:most]


def off_split(counts):
    """How far the shares of split.py are from those it was built with, in points at most."""
    total, seen = sum(counts.values()), collections.Counter()
    for stack, n in counts.items():
        for name in {f[0] for f in stack} & SPLIT.keys():
            seen[name] += n
    return max(abs(100 * seen[n] / max(1, total) - share) for n, share in SPLIT.items())


def judge(program, law, taken):
    """A row for each who took part, of all its rounds together and of each for the spread."""
    truth, again = pooled(taken["truth"]), pooled(taken["truth again"])
    enough = [number(runs) for runs in taken.values()]
    enough = [n for n in enough if n >= FEW] or [min(enough)]
    rows, floors = [], {}
    for name, runs in taken.items():
        counts, samples = pooled(runs), number(runs)
        n = min([samples, *enough])
        draws = max(2, min(5, 10000 // max(1, n)))  # the lot says less, the more are drawn
        shares, bad = legal.shares(law, counts)
        other, others = (again, taken["truth again"]) if name == "truth" else (truth, taken["truth"])
        sizes, of_floor = (samples, number(others)), (number(taken["truth"]), number(taken["truth again"]))
        if n not in floors:
            floors[n] = [stats.distance_at(f(truth), f(again), n, draws, samples=of_floor) for f in (formats.functions, dict)]
        each = [stats.distance_at(formats.functions(r.stacks), formats.functions(other),
                                  min(n, r.samples), 1, samples=(r.samples, number(others))) for r in runs]
        rows.append({
            "who": name, "samples": samples, "usable": sum(r.usable for r in runs) / len(runs),
            "hz": sum(r.hz for r in runs) / len(runs), "impossible": shares[legal.IMPOSSIBLE],
            "impossible_at_most": stats.at_most(shares[legal.IMPOSSIBLE] * samples / 100, samples),
            "wrong_line": shares[legal.WRONG_LINE], "n": n,
            "tvd": stats.distance_at(formats.functions(counts), formats.functions(other), n, draws, samples=sizes),
            "tvd_lines": stats.distance_at(counts, other, n, draws, samples=sizes),
            "floor": floors[n][0], "floor_lines": floors[n][1],
            "least": stats.distance_at_least([formats.functions(r.stacks) for r in runs],
                                             [formats.functions(r.stacks) for r in others]),
            "tvd_rounds": each,
            "bad": [(verdict, k, legal.first_break(law, stack), [list(f) for f in stack])
                    for (verdict, stack), k in bad.most_common(8)],
            "differs": biggest_differences(counts, other),
            **({"off_split": off_split(counts)} if program == "split" else {}),
        })
    return rows


def measure(python, program, supported, seconds, rounds, extra=(), exe=profilers.PYSAMPLE):
    """All figures of one program under one interpreter. `extra`: rates of pysample beside
    the one at which it is compared, of which only the stacks' legality is told."""
    law = law_of(python, program)
    entrants = {"truth": profilers.truth(exe)}
    rates = {"truth": RATES["stopped target"], "truth again": RATES["stopped target"], **RATES}
    for name in supported:
        entrants[name] = profilers.all_of(exe)[name]
    entrants["truth again"] = profilers.truth(exe)
    for rate in extra:
        name = f"pysample -r {rate}"
        entrants[name], rates[name] = profilers.Pysample(exe, name=name), rate
    taken, failures = gather(python, program, entrants, rates, seconds, rounds)
    rows = judge(program, law, taken) if taken.get("truth") and taken.get("truth again") else []
    return [{"program": program, "python": python.version, **row} for row in rows], failures


def trial(python, entrants, seconds=(1, 4)):
    """Who can sample this interpreter: {name: "" or why not}. Who fails may try again, for longer:
    a busy machine delays a start."""
    verdict = {}
    for name, profiler in entrants.items():
        for last in seconds:
            try:
                with python.target(script_of("families")) as target:
                    r = profiler.record(target, 200, last)
                inside = sum(n for s, n in r.stacks.items() if [f[0] for f in s[:2]] == ["<module>", "main"])
                whole = inside > 0.5 * sum(r.stacks.values()) and r.samples > 20
                verdict[name] = "" if whole else "gives no stacks of it"
            except profilers.FAILURES as e:
                verdict[name] = " ".join(str(e).split())[:200] or type(e).__name__
            if not verdict[name]:
                break
    return verdict


HEAD = (f"{'program':12} {'py':5} {'who':22} {'usable':>8} {'impossible':>11} {'wrong line':>10}"
        f" {'TVD':>6} {'floor':>6} {'lines':>6} {'floor':>6} {'n':>6} {'Hz':>7} {'samples':>8}")


def line_of(r):
    return (f"{r['program']:12} {r['python']:5} {r['who']:22} {r['usable']:7.2f}% {r['impossible']:10.4f}%"
            f" {r['wrong_line']:9.4f}% {r['tvd']:6.2f} {r['floor']:6.2f} {r['tvd_lines']:6.2f}"
            f" {r['floor_lines']:6.2f} {r['n']:6} {r['hz']:7.0f} {r['samples']:8}"
            + (f"  off the known split by {r['off_split']:.2f}" if "off_split" in r else ""))


def explain(row):
    for verdict, k, at, stack in row["bad"]:
        print(f"    {verdict} {k}, breaks at frame {at}: " + ";".join(f"{n}:{line}" for n, _, line in stack[-12:]))
    for ours, theirs, stack in row["differs"]:
        print(f"    {ours:7.3f} % for {theirs:7.3f} %: …{stack[-110:]}")
