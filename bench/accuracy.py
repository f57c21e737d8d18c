#!/usr/bin/env python3
"""How true are the stacks? Runs programs whose legal stacks are known.

For each program and each interpreter, one after another on the same live process: the
truth (the target stopped for each sample), pysample, and profiling.sampling where the
interpreter has it. Prints what part of the samples was usable, how many stacks were
impossible, and the total-variation distance (TVD) of whole stacks to the truth; the
noise floor is that of a second run of the truth.
"""

import argparse
import collections
import json
import os
import re
import subprocess
import sys
import tempfile

import interpreters
import legal

HERE = os.path.dirname(os.path.abspath(__file__))


def read_collapsed(path, name_of):
    counts = collections.Counter()
    with open(path, encoding="utf-8", errors="replace") as f:
        for line in f:
            stack, _, count = line.rstrip("\n").rpartition(" ")
            counts[tuple(name_of(part) for part in stack.split(";"))] += int(count)
    return counts


def pysample_name(part):
    return part.rsplit(" (", 1)[0]


def tachyon_name(part):
    return part.rsplit(":", 2)[1] if ":" in part else part


def strip_root(counts):
    """From <module> on; the thread frame that tachyon puts first is dropped."""
    out = collections.Counter()
    for stack, n in counts.items():
        if "<module>" in stack:
            stack = stack[stack.index("<module>"):]
        out[stack] += n
    return out


def distance(a, b):
    na, nb = sum(a.values()), sum(b.values())
    if not na or not nb:
        return 100.0
    return 50.0 * sum(abs(a[s] / na - b[s] / nb) for s in set(a) | set(b))


def judge(counts, rule):
    total = sum(counts.values())
    bad = sum(n for s, n in counts.items() if not rule(list(s)))
    return 100.0 * bad / total if total else float("nan")


def run_pysample(exe, pid, seconds, rate, extra=()):
    with tempfile.NamedTemporaryFile(suffix=".txt") as out:
        done = subprocess.run(
            [exe, "record", "-F", "-i", "-f", "collapsed", "-r", str(rate), "-d", str(seconds),
             "-o", out.name, *extra, str(pid)],
            stderr=subprocess.PIPE, text=True, check=True)
        counts = strip_root(read_collapsed(out.name, pysample_name))
    usable, total = re.search(r"Samples: (\d+) usable of (\d+)", done.stderr).groups()
    hz = float(re.search(r"Rate: ([\d.]+) Hz", done.stderr)[1])
    return counts, 100.0 * int(usable) / max(1, int(total)), hz, done.stderr


def run_tachyon(python, pid, seconds, rate, extra=()):
    out = python.inside_tmp("tachyon.txt")
    done = subprocess.run(
        python.command("-m", "profiling.sampling", "attach", "--collapsed", "-r", str(rate),
                       "-d", str(int(seconds)), "-o", out.inside, *extra, str(pid)),
        capture_output=True, text=True)
    if not os.path.exists(out.outside):
        return None
    counts = strip_root(read_collapsed(out.outside, tachyon_name))
    os.unlink(out.outside)
    text = done.stdout + done.stderr
    error = re.search(r"Error rate:\s*([\d.]+)", text)
    hz = re.search(r"sample rate:\s*([\d.,]+)", text, re.I)
    return (counts, 100.0 - float(error[1]) if error else float("nan"),
            float(hz[1].replace(",", "")) if hz else float("nan"), text)


def measure(python, program, exe, seconds, rate, blocking_rate):
    rule = legal.RULES[program]
    rows = []
    with python.target(os.path.join(HERE, "targets", program + ".py")) as pid:
        truth, *_ = run_pysample(exe, pid, seconds, blocking_rate, ["--blocking"])
        again, *_ = run_pysample(exe, pid, seconds, blocking_rate, ["--blocking"])

        def row(who, result):
            counts, usable, hz, words = result
            rows.append({"program": program, "python": python.version, "who": who,
                         "usable": usable, "impossible": judge(counts, rule),
                         "tvd": distance(counts, truth), "hz": hz, "n": sum(counts.values())})
            if os.environ.get("VERBOSE"):
                print(words, file=sys.stderr)
                for s, n in counts.most_common():
                    if not rule(list(s)):
                        print("  impossible", n, ";".join(s[-6:]), file=sys.stderr)

        row("stopped target (truth)", (truth, 100.0, blocking_rate, ""))
        row("stopped target again", (again, 100.0, blocking_rate, ""))
        row("pysample", run_pysample(exe, pid, seconds, rate))
        if python.has_tachyon():
            result = run_tachyon(python, pid, seconds, rate)
            if result:
                row("profiling.sampling", result)
    return rows


def main():
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("--pysample", default=interpreters.default_pysample())
    ap.add_argument("--seconds", type=float, default=10)
    ap.add_argument("--rate", type=int, default=10000)
    ap.add_argument("--blocking-rate", type=int, default=2000)
    ap.add_argument("--program", action="append", choices=sorted(legal.RULES))
    ap.add_argument("--python", action="append", help="only these versions, as 3.15")
    ap.add_argument("--json")
    args = ap.parse_args()
    interpreters.enter_private_mounts()
    rows = []
    print(f"{'program':12} {'python':8} {'who':24} {'usable':>8} {'impossible':>11} {'TVD':>7}"
          f" {'rate':>8} {'samples':>8}")
    for python in interpreters.find(args.python):
        for program in args.program or sorted(legal.RULES):
            for r in measure(python, program, args.pysample, args.seconds, args.rate,
                             args.blocking_rate):
                rows.append(r)
                print(f"{r['program']:12} {r['python']:8} {r['who']:24} {r['usable']:7.2f}%"
                      f" {r['impossible']:10.4f}% {r['tvd']:6.2f}% {r['hz']:8.0f} {r['n']:8}",
                      flush=True)
    if args.json:
        with open(args.json, "w") as f:
            json.dump(rows, f, indent=1)


if __name__ == "__main__":
    main()
