#!/usr/bin/env python3
"""How fast, how cheap, how small? All on one live target for each figure, in turns.

Samples a second of one CPU-bound thread 33 frames deep: pysample, bare reads of the same
bytes, profiling.sampling. Then what pysample itself costs at 1 kHz, and its memory.
"""

import argparse
import os
import re
import statistics
import subprocess
import tempfile
import time

import interpreters

HERE = os.path.dirname(os.path.abspath(__file__))


def bare(exe, pid, rounds, seconds):
    out = subprocess.run([exe, str(pid), str(rounds), str(seconds)], capture_output=True, text=True,
                         check=True).stdout
    return [tuple(map(float, line.split())) for line in out.splitlines()]


def record_max(exe, pid, seconds):
    done = subprocess.run([exe, "record", "-r", "max", "-d", str(seconds), "-f", "collapsed",
                           "-o", "/dev/null", str(pid)], capture_output=True, text=True, check=True)
    return float(re.search(r"Rate: ([\d.]+) Hz", done.stderr)[1])


def tachyon_max(python, pid, seconds):
    out = python.inside_tmp("tachyon.txt")
    done = subprocess.run(python.command("-m", "profiling.sampling", "attach", "--collapsed", "-r",
                                         "1000000", "-d", str(int(seconds)), "-o", out.inside,
                                         str(pid)), capture_output=True, text=True)
    if os.path.exists(out.outside):
        os.unlink(out.outside)
    found = re.search(r"Sample rate: ([\d.,]+)", done.stdout + done.stderr)
    if not found:
        raise SystemExit("profiling.sampling failed: " + done.stdout + done.stderr)
    return float(found[1].replace(",", ""))


def resident(pid):
    """MiB that the process holds now."""
    with open(f"/proc/{pid}/status") as f:
        return int(re.search(r"VmRSS:\s+(\d+) kB", f.read())[1]) / 1024


def cost(exe, pid, rate, seconds):
    """CPU share of one core of a recording, and its resident memory shortly before the end."""
    with tempfile.NamedTemporaryFile(suffix=".html") as out:
        child = subprocess.Popen([exe, "record", "-q", "-r", str(rate), "-d", str(seconds), "-o",
                                  out.name, str(pid)])
        time.sleep(seconds * 0.9)
        memory = resident(child.pid)
        _, status, usage = os.wait4(child.pid, 0)
    if status:
        raise SystemExit("pysample failed")
    return 100 * (usage.ru_utime + usage.ru_stime) / seconds, memory


def main():
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("--pysample", default=interpreters.default_pysample())
    ap.add_argument("--bench-raw", default=os.path.join(interpreters.ROOT, "build", "release", "bench",
                                                        "bench_raw"))
    ap.add_argument("--rounds", type=int, default=5)
    ap.add_argument("--seconds", type=float, default=3)
    ap.add_argument("--memory-seconds", type=float, default=60)
    args = ap.parse_args()
    interpreters.enter_private_mounts()
    python = interpreters.find(["3.15"])[0]
    with python.target(os.path.join(HERE, "targets", "depth33.py")) as pid:
        rows = bare(args.bench_raw, pid, args.rounds, 1)
        ours, theirs = [], []
        for _ in range(args.rounds):
            ours.append(record_max(args.pysample, pid, args.seconds))
            theirs.append(tachyon_max(python, pid, args.seconds))
        ratio = [a / b for a, b in zip(ours, theirs)]
        print(f"pysample record -r max         {statistics.median(ours):10.0f} samples/s")
        print(f"profiling.sampling -r 1000000  {statistics.median(theirs):10.0f} samples/s")
        print(f"  ratio: median {statistics.median(ratio):.1f}, {min(ratio):.1f} to {max(ratio):.1f}")
        shares = [r[2] for r in rows]
        print(f"ticks against bare process_vm_readv of the same bytes: median"
              f" {100 * statistics.median(shares):.0f} %, {100 * min(shares):.0f} to"
              f" {100 * max(shares):.0f} %  ({statistics.median(r[0] for r in rows):.0f} and"
              f" {statistics.median(r[1] for r in rows):.0f} a second)")
    with python.target(os.path.join(HERE, "targets", "families.py")) as pid:
        cpu, _ = cost(args.pysample, pid, 1000, 10)
        print(f"CPU of pysample at 1 kHz on families.py: {cpu:.2f} % of a core")
        for seconds in (args.memory_seconds / 10, args.memory_seconds):
            _, rss = cost(args.pysample, pid, 10000, seconds)
            print(f"resident memory after {seconds:.0f} s at 10 kHz on families.py: {rss:.1f} MiB")


if __name__ == "__main__":
    main()
