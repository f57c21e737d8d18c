# SPDX-License-Identifier: MIT
"""Heap dumps: how long the program is held, beside a fork of it and beside what others take
inside it; what the copy and pysample need; and what sampling loses meanwhile."""

import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import peers
import profilers
from interpreters import HERE

SAID = re.compile(r"(\d+) objects.* for (?:at least )?([\d.]+) ms, all took ([\d.]+) s")
USABLE = re.compile(r"Samples: (\d+) usable of (\d+)")
SKIPPED = re.compile(r"(\d+) skipped because late")
INSIDE = ("gc.get_objects", "objgraph", "guppy3")  # what a program may call in itself
SIZES, DUMPED = (1, 3, 10), 2  # million objects
RECORD_S, DUMP_AT_S, RATE = 10, 2, 1000
LIMIT_S = 600  # for one command


def can(python):
    """Can pysample take dumps of this one?"""
    return tuple(map(int, python.version.split("."))) >= (3, 8)


def target(python, millions):
    """A program with so many million objects, beside the some 20 000 of the interpreter."""
    folder = peers.heap_folder(python.version)
    return python.target(os.path.join(HERE, "targets", "heap.py"), str(int(millions * 1e6)), "instances",
                         beside=[folder] if os.path.isdir(folder) else [])


def ask(t, words):
    return json.loads(t.ask(words))


# Who starts another process lends it his memory until it has become another program, and the
# kernel counts that as its peak (Linux fs/exec.c, setmax_mm_hiwater_rss). So somebody small does it.
STARTER = """
import json, os, sys
null = os.open(os.devnull, os.O_WRONLY)
pid = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, null, 1)])
_, status, used = os.wait4(pid, 0)
print(json.dumps([os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]))
"""


def run(*command):
    """(what it said, seconds, CPU seconds, peak MiB) of a command that ends by itself."""
    what = " ".join(command[1:3])
    with tempfile.TemporaryFile("w+") as said:
        began = time.monotonic()
        p = subprocess.Popen([sys.executable, "-ISc", STARTER, *command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=said, text=True, start_new_session=True)
        try:
            told = p.communicate(timeout=LIMIT_S)[0]
        except subprocess.TimeoutExpired:
            told = ""
        finally:
            if p.returncode is None:
                os.killpg(p.pid, signal.SIGKILL)
                p.communicate()
        took = time.monotonic() - began
        said.seek(0)
        text = said.read()
    if not told:
        why = f"not done after {LIMIT_S} s" if p.returncode < 0 else "not started"
        raise profilers.Failed(f"{what}: {why}: {text.strip()[-300:]}")
    code, cpu, peak = json.loads(told)
    if code:
        raise profilers.Failed(f"{what}: exit {code}: {text.strip()[-300:]}")
    return text, took, cpu, peak


def found(pattern, text):
    match = pattern.search(text)
    if not match:
        raise profilers.Failed(f"it did not say what it was to say, but: {text.strip()[-300:]}")
    return match


def dump(pysample, t, output, *options):
    """Of a program at work: its objects, the milliseconds that it was held as pysample has it and
    as itself has it, and what run() gives."""
    ask(t, "feel")
    got = run(pysample, "heap", "dump", *options, "-o", output, str(t.pid))
    said = found(SAID, got[0])
    return int(said[1]), float(said[2]), ask(t, "felt"), got


# --- How long it is held.

def held(python, millions, rounds, pysample, folder):
    """Rows {who, ms} of one live program. A round is a fork, and then a dump, while it works.
    What there is when the program ends of itself is kept."""
    took = {"fork": [], "pysample": [], "felt": [], "pysample --in-process": []}
    failures, output, objects, doing = [], os.path.join(folder, "held.psheap"), None, "held"
    try:
        with target(python, millions) as t:
            ask(t, "fork")
            for _ in range(rounds):
                took["fork"].append(ask(t, "fork"))
                objects, ms, felt, _ = dump(pysample, t, output)
                took["pysample"].append(ms)
                took["felt"].append(felt)
                os.remove(output)
            _, ms, *_ = dump(pysample, t, output, "--in-process")
            took["pysample --in-process"].append(ms)
            os.remove(output)
            for who in INSIDE:
                doing = who
                took[who] = [ask(t, "peer " + who)]
    except profilers.FAILURES as e:
        failures.append(f"{doing} with {millions:g} million objects under {python.version}: {e}")
    return [{"python": python.version, "millions": millions, "objects": objects, "who": who, "ms": ms}
            for who, ms in took.items() if ms and ms[0] is not None], failures


# --- What the copy and pysample need.

def children_after(t, before):
    """CPU seconds of the copy, which the program has waited for, soon."""
    until = time.monotonic() + 10
    while (now := ask(t, "children")) == before and time.monotonic() < until:
        time.sleep(0.01)
    if now == before:
        raise profilers.Failed("the copy did not end within 10 s")
    return now - before


def whole(python, millions, rounds, pysample, folder):
    """A row of the seconds of each step; the least of the rounds by the sum of their CPU."""
    stored, shown = os.path.join(folder, "whole.psheap"), os.path.join(folder, "whole.heapsnapshot")
    rows = []
    with target(python, millions) as t:
        for _ in range(rounds):
            before = ask(t, "children")
            objects, _, _, of_dump = dump(pysample, t, stored)
            copy = children_after(t, before)
            steps = {"dump": of_dump, "convert": run(pysample, "heap", "convert", "-q", stored, "-o", shown),
                     "summary": run(pysample, "heap", "summary", "-q", stored)}
            rows.append({"python": python.version, "millions": millions, "objects": objects, "copy": copy,
                         "bytes": os.path.getsize(stored), "shown": os.path.getsize(shown),
                         **{name: {"s": g[1], "cpu": g[2], "mib": g[3]} for name, g in steps.items()}})
            os.remove(stored)
            os.remove(shown)
    return min(rows, key=lambda r: r["copy"] + r["convert"]["cpu"] + r["summary"]["cpu"])


# --- What sampling loses.

def lost(pysample, t, seconds, folder, *options):
    """Milliseconds of a recording that no usable sample of its own stands for."""
    output = os.path.join(folder, "beside.txt")
    ask(t, "feel")
    said, *_ = run(pysample, "record", "-r", str(RATE), "-d", f"{seconds}s", *options, "-o", output, str(t.pid))
    ask(t, "felt")
    usable, skipped = found(USABLE, said), SKIPPED.search(said)
    for name in os.listdir(folder):
        os.remove(os.path.join(folder, name))
    return (int(usable[2]) - int(usable[1]) + (int(skipped[1]) if skipped else 0)) * 1000 / RATE


def beside(python, millions, rounds, pysample, folder):
    """A row of lists: the fork, what is lost without a dump, and with one, in turns."""
    row = {"python": python.version, "millions": millions, "fork": [], "without": [], "with": []}
    with target(python, millions) as t:
        ask(t, "fork")
        for _ in range(rounds):
            row["fork"].append(ask(t, "fork"))
            row["without"].append(lost(pysample, t, RECORD_S, folder))
            row["with"].append(lost(pysample, t, RECORD_S, folder, "--heap-dump", f"{DUMP_AT_S}s"))
    return row


STEPS = ("held", "whole", "beside")


def needs(step, millions, rounds):
    """Some seconds that a step takes, of which not to begin one that would not end in time."""
    return {"held": 4 + 3 * millions * (1 + rounds / 2), "whole": 5 + 5 * rounds * millions / 2,
            "beside": 5 + 2 * rounds * (RECORD_S + 1)}[step]


def measure(python, sizes, rounds, pysample=profilers.PYSAMPLE, only=STEPS, until=None):
    """{held, whole, beside} and what failed, or had no time before `until`."""
    all_found, failures = {"held": [], "whole": [], "beside": []}, []
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        steps = [("held", held, m) for m in sizes] + [("whole", whole, DUMPED), ("beside", beside, DUMPED)]
        for name, part, millions in (s for s in steps if s[0] in only):
            if until and time.monotonic() + needs(name, millions, rounds) > until:
                failures.append(f"{name} with {millions:g} million objects under {python.version}: the time was over")
                continue
            try:
                got = part(python, millions, rounds, pysample, folder)
            except profilers.FAILURES as e:
                failures.append(f"{name} with {millions:g} million objects under {python.version}: {e}")
                continue
            if name == "held":
                failures += got[1]
            all_found[name] += got[0] if name == "held" else [got]
    return all_found, failures


def lines_of(found):
    for r in found["held"]:
        yield (f"{r['python']:5} {r['millions']:3g} million: {r['who']:22} {statistics.median(r['ms']):9.1f} ms"
               f" ({min(r['ms']):.1f}-{max(r['ms']):.1f})")
    for r in found["whole"]:
        yield f"{r['python']:5} {r['millions']:3g} million: the copy {r['copy']:.2f} s of CPU; " + ", ".join(
            f"{w} {r[w]['s']:.2f} s ({r[w]['cpu']:.2f} of CPU) {r[w]['mib']:.0f} MiB" for w in ("dump", "convert", "summary"))
    for r in found["beside"]:
        yield f"{r['python']:5} {r['millions']:3g} million: not sampled, in ms: " + "; ".join(
            f"{w} {' '.join(f'{v:.0f}' for v in r[w])}" for w in ("fork", "without", "with"))
