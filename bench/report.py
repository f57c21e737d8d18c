# SPDX-License-Identifier: MIT
"""Writes the report, of results.json alone."""

import math
import os
import sys

import report_heap
import stats
from accuracy.measure import DISTURBED
from budget import LONG

WHO = ("pysample", "profiling.sampling", "py-spy", "py-spy --nonblocking", "Austin 4", "Austin 3")
STOPS = {"py-spy"}
BARE = ("bare sleep", "bare sleep and read")  # of cost


def table(head, rows, words=1):
    """A Markdown table; so many columns to the left, the others to the right."""
    out = ["| " + " | ".join(head) + " |", "|" + "---|" * words + "---:|" * (len(head) - words)]
    out += ["| " + " | ".join(str(c) for c in row) + " |" for row in rows]
    return out


def percent(v, digits=2):
    if v is None or math.isnan(v):
        return "–"
    return f"{v:.{digits}f}" if v else "0"


def thousands(v):
    return f"{v:,.0f}".replace(",", " ")


def present(rows, key="who"):
    names = {r[key] for r in rows}
    return [n for n in WHO if n in names] + sorted(n for n in names if n.startswith("pysample -r"))


# --- What was compared, and where.

def facts(f, part):
    """When and where a part was measured, and whether the machine was its own."""
    out = [f"Taken {part['when']} in {part['took'] / 60:.0f} minutes{', quick, so with wide intervals' if f['quick'] else ''}: "
           f"pysample at commit `{f['commit']}`, {f['cores']} cores of {f['cpu']}, Linux {f['kernel'].split('-')[0]}."]
    if max(part["others"]) > 10:
        before, after = part["others"]
        out.append(f"**The machine was not idle: other processes used {before:.0f} % of a core before, {after:.0f} % after.**")
    return out


def introduction(results):
    f = next((part["facts"] for part in results.values() if part["facts"]["pythons"]), None)
    if not f:
        return []  # what was measured compares nobody
    out = ["## Who was compared", ""]
    rows = []
    for name, version in f["versions"].items():
        reads = [v for v, verdict in f["support"].items() if not verdict[name]]
        rows.append([name, version, ", ".join(reads), f"`{f['commands'][name]}`"])
    rows.append(["the truth", "pysample", ", ".join(f["pythons"]), f"`{f['commands']['stopped target']}`"])
    out += table(["who", "version", "reads, by trial", "command"], rows, 4)
    out += ["", "The interpreters are CPython " + ", ".join(f["pythons"].values()) + " of Debian unstable.",
            "py-spy stops the target for each sample, unless it is told `--nonblocking`; the others never do.",
            "`profiling.sampling` reads its own version only, and is asked for all threads (`-a`) but where one thread is said.",
            "All are ended by Ctrl-C: none is given a duration.", ""]
    return out


# --- Accuracy.

def missing(who):
    """What stands where there is no figure: not every program is sampled at every rate."""
    return "–" if " -r " in who else "failed"


def matrix(rows, cell, whos, last=None):
    programs = list(dict.fromkeys(r["program"] for r in rows))
    out = []
    for program in programs:
        of = {r["who"]: r for r in rows if r["program"] == program}
        line = [program + (" *" if program in DISTURBED else "")] + [cell(of[w]) if w in of else missing(w) for w in whos]
        if last:
            line.append(last(next(iter(of.values()))))
        out.append(line)
    return out


def recordings(part):
    found = [s * part["rounds"] for s in part["seconds"].values()] or [0]
    return (f"Each recorded {min(found):.1f} to {max(found):.1f} s of each program, in {part['rounds']} round{'s' if part['rounds'] > 1 else ''} of a process each, "
            "in turns; the rates asked for are 10 kHz, of py-spy 1 kHz, of the stopped target 2 kHz.")


def least(r):
    return f"{max(0.0, r['least'][0]):.1f} ± {2 * r['least'][1]:.1f}" if r["least"] else "–"


def accuracy(part):
    out = ["## Accuracy", ""] + facts(part["facts"], part) + [
        "",
        "Each program was run once under a tracer that wrote down every stack it can have, with the lines of all calls.",
        "*Impossible* is a sample whose functions are none of these stacks; *wrong line* one whose functions are, but not with these lines.",
        "*Distance* is the total-variation distance of whole stacks to those of the stopped target: the share of the samples that would have to be others, 0 to 100 %.",
        "It is between equal numbers of samples, *n* of each (what more somebody took is left out by lot), because few samples of the same thing differ by chance: so it is never too small, on average.",
        "*Floor* is that distance between two recordings of the stopped target, of *n* samples too: who is at the floor can't be told from the truth.",
        "*At least* is the distance with that chance taken out, of all samples: in which stacks somebody has too much is told by all rounds but one, and how much that is by this one, in turns. "
        "It is never too large, on average, and 0 of the truth beside itself; the true distance lies between the two.",
        "The target is stopped from its own processor (as root; `pysample record --blocking -v` says whether it was). Stopped from another, it runs on until the request has come there, and is met too often where it calls the kernel: of `recursion` in 37 % of the stops at the frames that make and give back memory, which take 27 % of its time.",
        recordings(part),
        "`pysample -r 1000` is what it does unless it is told otherwise, `pysample -r max` as fast as it goes.",
        "Programs with a star change when they are stopped (to make a thread takes longer under ptrace), so their distances are to a program that behaves otherwise, and are not counted above.",
        "The share of something that was not seen in 10 000 samples is below 0.03 %, with 95 % confidence.",
        "", "![distance to the truth](accuracy.svg)", ""]
    for version in dict.fromkeys(r["python"] for r in part["rows"]):
        rows = [r for r in part["rows"] if r["python"] == version]
        whos = present(rows)
        out += [f"### Python {part['facts']['pythons'].get(version, version)}", "", "Distance of stacks of functions, in percent; behind it that of stacks of lines:", ""]
        out += table(["program", *whos, "floor", "n"], [
            [*line, thousands(next(r["n"] for r in rows if r["program"] == line[0].removesuffix(" *")))] for line in matrix(
                rows, lambda r: f"{r['tvd']:.1f} · {r['tvd_lines']:.1f}", whos, lambda r: f"{r['floor']:.1f} · {r['floor_lines']:.1f}")])
        if any(r["least"] for r in rows):
            out += ["", "Distance of stacks of functions at least, in percent, ± two standard errors:", ""]
            out += table(["program", *whos, "truth beside itself"], matrix(
                rows, least, whos, lambda first: next((least(r) for r in rows if r["who"] == "truth" and r["program"] == first["program"]), "–")))
        for title, key, digits in (("Impossible stacks, in percent of the samples", "impossible", 3),
                                   ("Wrong lines, in percent of the samples", "wrong_line", 3),
                                   ("Usable samples, in percent of those it tried", "usable", 2)):
            also = ["stopped target"] if key != "usable" else []
            out += ["", title + ":", ""]
            out += table(["program", *whos, *also], [
                line + ([percent(truth[key], digits)] if also else [])
                for line, truth in zip(matrix(rows, lambda r, k=key, d=digits: percent(r[k], d), whos),
                                       [r for r in rows if r["who"] == "truth"])])
        out.append("")
    split = [r for r in part["rows"] if "off_split" in r]
    if split:
        out += ["`split` spends 10, 30 and 60 percent of each millisecond in three functions, by the clock.",
                "By how many points at most the shares are off that:", ""]
        whos = present(split)
        versions = list(dict.fromkeys(r["python"] for r in split))
        out += table(["Python", *whos, "stopped target"], [
            [v, *[next((percent(r["off_split"]) for r in split if r["python"] == v and r["who"] == w), "–")
                  for w in [*whos, "truth"]]] for v in versions])
        out.append("")
    out += weak(part["rows"])
    return out


# What was found out once, by experiments that a run does not repeat.
LIMITS = """### What stands in the way

Found out by experiments of their own, on two cores of virtual Intel Xeons and AMD EPYCs, Python 3.15.2, 10 kHz.

* *One read is not one moment.* A read of the current frame alone is true to the stopped target: each depth of `families` within 2 points, after no pause, after 0.1 ms and after 4 ms. But the parts of one system call come some hundred nanoseconds apart: the same word, read again in the next part, was another in 84 % of the samples. So what is copied behind it belongs to its moment only as far as it can be told what stood there then. `families`, cut to it, was at a distance of 29; with what has ended put back from what it left, where that fits, 12 to 13, which is no better than without it; and with what was always seen to call it there, 8.
* *To read is to delay.* A cache line that was read has to be fetched back before the target writes to it, so that the parts that are read later find the target too often where it waits. What matters most is what is read before the threads. With a look at each interpreter first, among whose bytes allocations are counted, `generators` was at 33, `coroutines` at 30, `classes` at 15, `callbacks` at 11, `contexts` at 22; with that look last at 13, 21, 5, 6 and 18. What comes first of the thread state and the data stack, with generators about, matters less: with the thread state first 12 (`generators`), 20 (`coroutines`), 18 (`pipeline`), 19 (`contexts`), with the data stack first 13, 16, 21 and 23. Tried without gain: one to four idle parts before or in between; the foreign frames before the thread state, or their first copy before all else; and, of plain calls, each order in turns (14 for 10).
* *The first touch of a page costs.* From the current frame to the data stack goes by the time in which the kernel finds the way to it. With eight bytes of its page read before both, `families` was at 7.4 to 7.9 instead of 11.6; with eight bytes of the thread state, once or three times, at 12 to 13. With generators about that made it worse (`generators` 17 for 13, `pipeline` 26 for 20), and where the data stack comes first, too (`families` 16 for 13).
* *Where a line takes long to come, the target overtakes its copy.* A processor has to fetch each cache line that the target's has just written to. On virtual Intel Xeons with an L3 cache of 260 to 480 MiB that takes 16 to 20 ns a line, so that a program that calls all the time goes up the stack as fast as the copy does. Eight bytes, by which `main` of `families` has a callee or not, tell the truth by themselves; read behind the lines of `main` itself, they have too few of `main` alone, by a quarter to a half, depending on the process. Rebuilt from the bottom alone, `families` was at 11 to 14 %, that of `profiling.sampling` at 22 to 24; on AMD EPYCs it was 5 and 29. With `-r max`, which leaves the target no pause, it still is 20 to 22. Tried there without gain: to copy the data stack once or twice before (18.1 and 14.6 % for 11.0), copies at other distances from their source, or aligned as it is (10.9 to 13.5 for 12.0), and to have the kernel write to pieces of 64 to 256 bytes (`main` alone in 50 to 90 % of the samples).
* *Two pages are two copies.* The kernel copies page by page. From the last byte of a page to the first of the next some tenths of a microsecond go by, and 0.8 µs between two chunks of the data stack, which are parts of the call of their own: ten to thirty calls of `recursion`. Who comes down across such an end meanwhile has left the upper page and not yet come back to the lower one. Rebuilt from the bottom alone, `recursion` was met there too often (with 33, 68, 102 and 135 frames by 3, 2.5, 2 and 6 points), at a distance of 23 to 25 % over a floor of 5 to 7. Now the frame that was current before all else was copied is the top, of three pages or more: 9 to 11 % over the same floors, in the same runs. Tried without gain: to copy the lower side once more; to give the time of those met at such an end to those who go up there, who are fewer by far, for they have to write to lines that have just been read; of a top that has ended, to take any that was met at its address (12.5 for 11.5); not to put it back where its caller does not stand behind the call (13.8 for 11.4); and to copy the newest chunk first (10.8 for 9.1).
* *A memory map that changes cannot be read.* `process_vm_readv` waits while the target changes its map. Of its 49 µs, a round of `recursion` spends 11 in two `mmap`, two `munmap` and two page faults, by its own clock, where chunks of its data stack are made and given back. In 28 % of the samples a copy took 10 to 60 µs instead of 6 to 9: it waited for the lock, and then until the processor that had nothing else to do was woken. The look at the current frame comes before the copy and waited in 7 %; in 7 of 10 of these the target stood at the end of a chunk all the same, for the lock is the reader's by then.
* *To read is to slow down.* `recursion` runs 17 to 20 % slower when 16 KiB of its data stack are read at 10 kHz, for each line has to be fetched back. So its system calls have too small a share: with 271 frames, where it waits for a chunk, it is met in 10 % of the samples instead of 14. Since nothing above the current frame is copied, that is by 1 to 1.5 points less.
* *Two cores are few for eleven.* With 10 threads on one GIL the holder changes its processor, and pysample's timer, or pysample itself, comes upon it there: a thousand samples a second brought the target's threads from 476 to 579 involuntary switches a second, and each processor from 620 to 1120 timer interrupts. With one thread none of that happens. Nothing was tried against it; to sleep away from where the holder ran last would be the next thing.
* *A sleep costs more than a sample.* The rows *bare sleep* and *bare sleep and read* tell what a loop takes that only sleeps a thousand times a second, and one that also reads 4 KiB each time. On EPYCs that was 1.7 and 2.4 to 2.9 % of a core, and pysample took less than the second (2.2 to 2.5 %); on Xeons 2.0 to 4.2 and 2.1 to 5.2 %, and pysample between the two (2.3 and 2.4 %) or more. Whatever it sleeps by (`clock_nanosleep`, a timer's file or signal, `poll`, with realtime priority or with slack), it took 24 to 31 µs of CPU for each time there, and 18 to 25 where another process kept the processor busy: for the most part the timer's and the processor's own, on a virtual machine.
* *Twenty times Austin is more than a read.* With one thread Austin looks at a sixth to a tenth of the rate of bare reads; twenty times that is two to three times as often as `process_vm_readv` can copy these bytes, one look or eight at a time.
* *One late sample can be a whole percent of a short recording.* With `-r max` a sample stands for the time since the one before, so that one after which pysample did not run for 4 ms weighs as much as a thousand: in one run, 0.21 % of impossible time in `library` was one sample of 34 089.
* *Where nobody can be told apart, nobody is nearer.* Of the programs in which a peer is strictly nearer, `crowd` has all who do not stop it within the noise of each other and of the truth beside itself.
* *What is new is told worst.* In recordings of 1 s at 1 kHz, 1 of 12 000 stacks of `generators` was impossible (before the last change, 6), and none of 119 000 at 10 kHz: among the first 64 samples, in loops over generators whose function had not been met yet.
* *Coroutines end before they are copied.* In 18 to 23 % of the samples of `coroutines`, the one that had called what stands on the data stack had suspended or ended by then (16 %), or its memory belonged to another (6 %). Nothing left tells which it was, so these are read again, at a later moment, and calls by coroutines that end right after them are met too rarely.
* *Code objects are freed before they are read.* Those of `churn` live for some microseconds, and one takes a dozen reads. In 5 to 6 % of its samples the frames above `run` are left out for that, which the summary counts as *top frame uncertain*; `profiling.sampling` has no stack for as many, so that both are equally far from the truth.
"""


def weak(rows, most=8):
    """Where pysample differs most from the truth, and how: what to work on next."""
    ours = sorted((r for r in rows if r["who"] == "pysample" and r["program"] not in DISTURBED), key=lambda r: r["floor"] - r["tvd"])
    out = ["### Where pysample is furthest from the truth", ""]
    for r in ours[:most]:
        if not r["differs"]:
            continue  # of no samples at all
        if r["tvd"] < 1.5 * r["floor"] and r["impossible"] <= 0.01 and r["wrong_line"] <= 0.1:
            continue
        a, b, stack = r["differs"][0]
        tail = ";".join(stack.split(";")[-3:])
        out.append(f"* `{r['program']}` on {r['python']}: distance {r['tvd']:.1f} over a floor of {r['floor']:.1f}; "
                   f"most of all `…{tail}` has {a:.1f} % instead of {b:.1f} %.")
    return out + ["", *LIMITS.splitlines(), ""]


# --- Modes.

def modes(part):
    out = ["## Modes", ""] + facts(part["facts"], part) + [
        "", "Programs that spend known shares of the wall clock asleep, without the GIL, in the collector and with exceptions, at 1 kHz.",
        "Each cell is what was shown, in percent of a thread's wall-clock time, and behind it what is known.", ""]
    for version, program in dict.fromkeys((r["python"], r["program"]) for r in part["rows"]):
        rows = [r for r in part["rows"] if (r["python"], r["program"]) == (version, program)]
        names = list(dict.fromkeys(f for r in rows for f in r["shares"]))
        out += [f"`{program}`, Python {version}:", ""]
        out += table(["who", "mode", *[f"`{n}`" for n in names]], [
            [r["who"], r["mode"], *[("{:.1f} · {:g}".format(*r["shares"][n]) if n in r["shares"] else "–") for n in names]]
            for r in rows], 2)
        out.append("")
    return out


# --- Speed.

def speed(part):
    out = ["## Speed", ""] + facts(part["facts"], part) + [
        "", "How often each looks at all threads, 33 Python frames deep and CPU-bound, if asked for all it can.",
        "*Good* looks are those that the profiler itself did not drop and whose stack is one that the program can have; *usable* and *possible* are the two shares.",
        "*Calls nothing* is a loop, whose stack is always the same; *calls* calls small functions all the time.",
        f"Medians of {part['rounds']} rounds of at least {part['seconds']:.1f} s on one live process, in turns; in brackets the least and the most.",
        "*Bare reads* call `process_vm_readv` for the same bytes and do nothing else, once for each look or once for eight; *sampler_burst* samples without output.",
        "Of one thread that has been steady pysample takes eight looks in one call. With many threads it can be above all bare reads, for it does not read again those that have certainly not run.",
        "", "![speed](speed.svg)", ""]
    for version, threads, leaf in dict.fromkeys((r["python"], r["threads"], r["leaf"]) for r in part["rows"]):
        rows = [r for r in part["rows"] if (r["python"], r["threads"], r["leaf"]) == (version, threads, leaf)]
        out += [f"{threads_of(threads)}, {LEAVES[leaf]}, Python {version}:", ""]
        out += table(["who", "good looks/s", "looks/s", "usable %", "possible %", "pysample's good looks to its"], [
            [r["who"], f"{thousands(r['middle'])} ({thousands(min(r['hz']))}–{thousands(max(r['hz']))})", thousands(r["looks"]),
             percent(r["usable"], 1), percent(r["possible"], 1), ratio(r["ratio"])]
            for r in rows])
        out.append("")
    return out


LEAVES = {"quiet": "calls nothing", "calls": "calls"}


def threads_of(n):
    return f"{n} thread{'s' if n > 1 else ''}"


def ratio(s):
    return "–" if math.isnan(s["middle"]) else f"{s['middle']:.2g} × ({s['low']:.2g}–{s['high']:.2g})"


# --- Cost.

def cost(part):
    out = ["## What the profiler costs by itself", ""] + facts(part["facts"], part) + [
        "", "CPU time of the profiler while it samples (its start and its output are not in it), in percent of one core, and the most memory that it held.",
        "The target's threads are CPU-bound, 33 frames deep, and call small functions all the time.",
        "*Bare sleep* is a loop that sleeps until the deadlines of such a recording and does nothing else, *bare sleep and read* also calls `process_vm_readv` once each time, for the bytes of one look at all threads: the limit, on this machine, for who does both. With many threads pysample can be below it, for it does not read again those that have certainly not run.", ""]
    rows = part["rows"]
    for version in dict.fromkeys(r["python"] for r in rows):
        mine = [r for r in rows if r["python"] == version]
        cells = list(dict.fromkeys((r["threads"], r["rate"]) for r in mine))
        whos = present(mine) + [w for w in BARE if any(r["who"] == w for r in mine)]
        out += [f"Python {version}:", ""]
        out += table(["threads, rate", *whos], [
            [f"{t}, {thousands(rate)} Hz"] + [cost_cell(mine, w, t, rate) for w in whos] for t, rate in cells])
        out.append("")
    out += ["A bracket says at how many Hz it really looked, where that is less than 80 % of what was asked; *blind* is who got no usable sample.", "",
            "Of what pysample takes with one thread at 1 kHz, by a profile of itself, two fifths are the sleep and the switch to it, three tenths the copy, both the kernel's; a sixth is its own code, cold after each sleep, and the rest are the scheduler's files.",
            "With 150 threads that contend for the GIL, it reads and unwinds only those that may have run since the sample before; a third are the copies of these and of all after two handovers at once, a quarter the scheduler's files, a fifth its own code.", "",
            "![how the cost grows](cost.svg)", ""]
    for what in dict.fromkeys(r["what"] for r in part["curves"]):
        mine = [r for r in part["curves"] if r["what"] == what]
        xs, whos = list(dict.fromkeys(r["x"] for r in mine)), present(mine)
        out += [f"Microseconds of CPU for one look at 1 kHz, by the number of {what}:", ""]
        out += table([what, *whos], [[thousands(x)] + [curve_cell(mine, w, x) for w in whos] for x in xs])
        out.append("")
    out += ["From the start of the profiler's process to its first sample, attached, in milliseconds: median (least, most).",
            "The target's stack tells the time to a millisecond, so nobody has to be believed.", ""]
    firsts = part["firsts"]
    out += table(["Python", "who", "ms"], [
        [r["python"], r["who"], "{:.0f} ({:.0f}–{:.0f})".format(*stats.spread(r["ms"]))] for r in firsts], 2)
    return out + [""]


def cost_cell(rows, who, threads, rate):
    for r in rows:
        if (r["who"], r["threads"], r["rate"]) == (who, threads, rate):
            if not r["stacks"]:
                return f"blind ({r['cpu']:.0f} %)"
            slow = f" ({thousands(r['hz'])})" if r["hz"] < 0.8 * rate else ""
            return f"{r['cpu']:.1f} %{slow}" + (f" · {r['mib']:.1f} MiB" if r["mib"] else "")
    return "–"


def curve_cell(rows, who, x):
    for r in rows:
        if (r["who"], r["x"]) == (who, x):
            return "blind" if not r["stacks"] else f"{r['us_a_look']:.0f} · {r['mib']:.1f} MiB"
    return "–"


# --- Overhead.

def overhead(part):
    out = ["## What the target feels", ""] + facts(part["facts"], part) + [
        "", "On one live process the profiler is held (SIGSTOP) and let go again, a tenth of a second of work each, in pairs of random order; the program times the same work both times.",
        "*CPU* is by how many percent it needed more CPU time for that (what others steal is not in it, nor is the time for which it stands); *clock* by how many percent it took longer.",
        "Medians of the pairs, and in brackets an interval that holds the median with 95 % confidence, whatever the distribution; in bold where that excludes zero.",
        "Pairs beside which others used more than a quarter of a core are left out, or the worse half if that were more.",
        "*nobody* holds and lets go a process that sleeps: what it shows is the error of the method. *a busy core* is a process that spins and reads nothing.",
        "*Hz* is how often the profiler really looked while it was let go: profiling.sampling and py-spy also make up for the looks that they owe, which they are given time for before work is timed. py-spy as fast as it goes has the program stopped all the time, so that it cannot be held.",
        "*Allocation* takes and gives back memory page by page; *1 of 150 threads* has one thread at work and the others waiting.",
        "", "![slowdown of the target](overhead.svg)", ""]
    rows = part["rows"]
    for version, target in dict.fromkeys((r["python"], r["target"]) for r in rows):
        out += [f"{target}, Python {version}:", ""]
        out += table(["who", "asked", "Hz", "CPU", "clock", "pairs"], [
            [r["who"], asked(r["rate"]), thousands(r["hz"]) if r["hz"] else "–", interval(r["cpu"]), interval(r["clock"]), f"{r['pairs']} of {r['of']}"]
            for r in sorted((r for r in rows if (r["python"], r["target"]) == (version, target)), key=lambda r: by_rate(r["rate"]))], 2)
        out.append("")
    return out


def by_rate(rate):
    return math.inf if rate == "max" else rate


def asked(rate):
    return "max" if rate == "max" else f"{thousands(rate)} Hz" if rate else "–"


def interval(s):
    if math.isnan(s["low"]):
        return f"{s['middle']:+.1f} % (too few pairs)"
    words = f"{s['middle']:+.1f} % ({s['low']:+.1f} to {s['high']:+.1f})"
    return f"**{words}**" if s["low"] > 0 or s["high"] < 0 else words


# --- Running code.

def injections(part):
    rows = part["rows"]
    out = ["## Running code in a program", ""] + facts(part["facts"], part) + [
        "", "`pysample exec -v PID -c CODE` into a busy program, so many times in a row; CODE counts in the program how often its number ran, and tells when.",
        "Medians, and in brackets what nineteen of twenty did not exceed.",
        "*Command* is from the start of the command to the first line of CODE, *request* from the request to that line, *stood* the time for which the program's threads were stopped.",
        "*sys.remote_exec* is the client of Python's own, from the call to the first line.", ""]
    out += table(["Python", "way", "times", "ran once", "never", "more often", "failed", "command", "request", "stood", "sys.remote_exec"], [
        [r["python"], r["way"], thousands(r["times"]), thousands(r["once"]), r["never"], r["more"], r["failed"],
         *[milliseconds(r[k]) for k in ("whole", "picked", "stood", "theirs")]] for r in rows], 2)
    out += ["", "What the program has more of afterwards than before: open descriptors, files in its temporary folder, blocks of memory as Python counts them, memory of its own.",
            "*For each* is by how much its least, its middle and its most grew from the third quarter of the injections to the last one, whichever grew the least, for each of them: an allocator takes and gives whole arenas, a leak moves all three.", ""]
    out += table(["Python", "descriptors", "files", "blocks", "memory", "for each"], [
        [r["python"], r["fds"], r["files"], r["blocks"], f"{r['memory'] / 1024:.0f} KiB", f"{r['slope']:.1f} bytes"] for r in rows])
    recorded = [r for r in rows if r["beside"]]
    if recorded:
        out += ["", "A recording of 1 kHz of the same program: alone, beside `pysample dump` again and again (which uses the machine as much, and injects nothing), and beside all of the injections:", ""]
        out += table(["Python", *[f"{what} {how}" for what in ("rate", "usable", "impossible") for how in ("alone", "beside looks", "beside injections")]], [
            [r["python"], *[f"{r[w]['hz']:.0f} Hz" for w in RECORDED], *[f"{r[w]['usable']:.3f} %" for w in RECORDED],
             *[f"{r[w]['impossible']} of {thousands(r[w]['samples'])}" for w in RECORDED]] for r in recorded])
    return out + [""]


RECORDED = ("alone", "looks", "beside")


def milliseconds(s):
    return f"{s['middle']:.2f} ms ({s['most_of']:.2f})" if s and s["n"] else "–"


def injection_goals(rows, goal):
    """The worst of all Pythons. What is not reached or not known is not met: fewer injections than
    were to be are no proof."""
    def worst(what, aim, of, value, words, met):
        of = [r for r in of if value(r) is not None]
        if of:
            r = max(of, key=value)
            among = f" (the worst of {len(of)}: {r['python']})" if len(of) > 1 else f" ({r['python']})"
            goal(what, aim, words(r) + among, all(met(r) for r in of))

    def middle(r):
        return r["picked"]["middle"] if r["picked"]["n"] else None

    worst("request to start of the script, busy program", "≤ 5 ms", rows, middle, lambda r: f"{middle(r):.2f} ms", lambda r: middle(r) <= 5)
    worst("time that the program stands for it", "≤ 1 ms", [r for r in rows if r["way"] == "ring" and r["stood"]["n"]],
          lambda r: r["stood"]["middle"], lambda r: f"{r['stood']['middle']:.2f} ms", lambda r: r["stood"]["middle"] <= 1)
    worst("injections that ran exactly once", "all", rows, lambda r: r["asked"] - r["once"],
          lambda r: f"{thousands(r['once'])} of {thousands(r['asked'])}", lambda r: r["once"] == r["asked"])
    worst("descriptors and files left behind", "none", rows, lambda r: max(r["fds"], 0) + r["files"],
          lambda r: f"{r['fds']}, {r['files']}", lambda r: r["fds"] <= 0 and r["files"] == 0)
    worst("memory left behind by each", "< 16 bytes", rows, lambda r: r["slope"], lambda r: f"{r['slope']:.1f} bytes", lambda r: r["slope"] < 16)

    def share(r):
        return 100 * r["beside"]["hz"] / r["looks"]["hz"] if r["looks"]["hz"] else 0.0

    worst("a recording beside it", "as beside looks: ≥ 99 % of the rate; ≥ 99 % usable", [r for r in rows if r["beside"]], lambda r: -share(r),
          lambda r: f"{share(r):.1f} %, {r['beside']['usable']:.2f} %", lambda r: share(r) >= 99 and r["beside"]["usable"] >= 99)


# --- Heap dumps.

def heap(part):
    return ["## Heap dumps", ""] + facts(part["facts"], part) + report_heap.text(part, table)


# --- The goals.

def goals(results):
    """The figures to reach, beside those that were."""
    out = goal_rows(results)
    return ["## Goals and figures", ""] + table(["what", "goal", "reached", "met"], out, 4) + [""] if out else []


def goal_rows(results):
    out = []

    def goal(what, aim, reached, met):
        out.append([what, aim, reached, "–" if met is None else "yes" if met else "**no**"])

    if "accuracy" in results:
        rows = [r for r in results["accuracy"]["rows"] if r["who"].startswith("pysample")]
        newer = [r for r in rows if r["python"] != "3.13"]
        if newer:
            worst = max(newer, key=lambda r: r["impossible"])
            goal("impossible stacks, every program, 3.14 and newer", "≤ 0.01 %",
                 f"{percent(worst['impossible'], 4)} % (`{worst['program']}`, {worst['python']})", worst["impossible"] <= 0.01)
        if rows:
            worst = max(rows, key=lambda r: r["wrong_line"])
            goal("wrong lines, every program", "none set", f"{percent(worst['wrong_line'], 4)} % (`{worst['program']}`, {worst['python']})", None)
            worst = min(rows, key=lambda r: r["usable"])
            goal("usable samples, every program", "≥ 99 %", f"{worst['usable']:.2f} % (`{worst['program']}`, {worst['python']})",
                 worst["usable"] >= 99)
        for program in LONG:
            of = {r["who"]: r for r in results["accuracy"]["rows"] if r["program"] == program and r["python"] == "3.15"}
            if "pysample" in of and "profiling.sampling" in of:
                ours, its = of["pysample"], of["profiling.sampling"]
                share = (ours["tvd"] - ours["floor"]) / max(its["tvd"] - its["floor"], 0.01)
                goal(f"distance to the truth, `{program}`, 3.15, to that of profiling.sampling", "< a third",
                     f"{share:.2f}: {ours['tvd']:.1f} % of {its['tvd']:.1f} %, less the floor of {ours['floor']:.1f} %; at least {least(ours)} of {least(its)}",
                     share < 1 / 3 if its["tvd"] > 2 * its["floor"] else None)
        beaten, floors, cells = compare(results["accuracy"]["rows"])
        goal("nearer to the truth than every peer that does not stop the target", "every program", f"{beaten} of {cells}", 0 < cells == beaten)
        goal("at the noise floor (within a third of it)", "ordinary programs", f"{floors} of {cells}", 0 < cells == floors)
    speeds = results.get("speed", {"rows": []})["rows"]
    for threads, leaf in dict.fromkeys((r["threads"], r["leaf"]) for r in speeds):
        for who, aim in (("profiling.sampling", 6), ("py-spy", 20), ("py-spy --nonblocking", 20), ("Austin 4", 20)):
            got = [r["ratio"]["middle"] for r in speeds if (r["who"], r["threads"], r["leaf"]) == (who, threads, leaf)]
            if got:
                least_of = math.nan if any(map(math.isnan, got)) else min(got)
                goal(f"good looks/s to those of {who}, {threads_of(threads)}, {LEAVES[leaf]}", f"≥ {aim} ×", f"{least_of:.1f} ×", least_of >= aim)
    for r in results.get("overhead", {"rows": []})["rows"]:
        if r["who"] == "pysample" and r["rate"] == 1000 and r["target"] != "allocation":
            cpu, clock = r["cpu"], r["clock"]
            nobody = next((f"; nobody: CPU {interval(o['cpu'])}, clock {interval(o['clock'])}" for o in results["overhead"]["rows"]
                           if (o["who"], o["target"], o["python"]) == ("nobody", r["target"], r["python"])), "")
            goal(f"slowdown at 1 kHz, {r['target']}, {r['python']}", "≤ 1 %", f"CPU {interval(cpu)}, clock {interval(clock)}{nobody}".replace("**", ""),
                 within(1, cpu, clock))
    costs = results.get("cost", {"rows": []})["rows"]
    for r in costs:
        aim = {1: 1, 150: 15}.get(r["threads"])
        if r["who"] == "pysample" and r["rate"] == 1000 and aim:
            goal(f"CPU of pysample at 1 kHz, {r['threads']} thread{'s' if r['threads'] > 1 else ''}, {r['python']}", f"≤ {aim} % of a core", f"{r['cpu']:.1f} %" + limit_of(costs, r), r["cpu"] <= aim)
    for r in results.get("cost", {"firsts": []})["firsts"]:
        if r["who"] == "pysample":
            middle = stats.spread(r["ms"]).middle
            goal(f"start to first sample, attached, {r['python']}", "≤ 20 ms", f"{middle:.0f} ms", middle <= 20)
    injection_goals(results.get("exec", {"rows": []})["rows"], goal)
    if "heap" in results:
        for row in report_heap.goals(results["heap"]):
            goal(*row)
    return out


def nearer(a, b):
    """Whether a is nearer to the truth than b. Of fewer samples a distance has more noise, and is
    compared without."""
    key = (lambda r: r["least"][0]) if a["n"] != b["n"] and a["least"] and b["least"] else lambda r: r["tvd"]
    return key(a) < key(b)


def limit_of(costs, row):
    """In words, what a bare loop takes for as many looks at the same target."""
    of = {r["who"]: r["cpu"] for r in costs if all(r[k] == row[k] for k in ("python", "threads", "rate"))}
    return "".join(f"; {who}: {of[who]:.1f} %" for who in BARE if who in of)


def within(aim, cpu, clock):
    """Whether a slowdown is: None, if its interval contains the goal. By the clock a noisy machine
    tells less: that counts where it tells more for sure."""
    if cpu["low"] >= aim or clock["low"] >= aim:
        return False
    return True if cpu["high"] <= aim else None


def compare(rows):
    """(programs where no peer that lets the target run is nearer to the truth, those where
    the floor is reached, all of them)"""
    beaten = floors = cells = 0
    for key in dict.fromkeys((r["program"], r["python"]) for r in rows):
        of = {r["who"]: r for r in rows if (r["program"], r["python"]) == key}
        if "pysample" not in of or key[0] in DISTURBED:
            continue
        cells += 1
        peers = [of[w] for w in WHO[1:] if w in of and w not in STOPS]
        beaten += all(not nearer(p, of["pysample"]) for p in peers)
        floors += of["pysample"]["tvd"] <= of["pysample"]["floor"] * 4 / 3
    return beaten, floors, cells


# --- All of it.

PARTS = {"accuracy": accuracy, "modes": modes, "speed": speed, "cost": cost, "overhead": overhead, "exec": injections, "heap": heap}
CHAPTERS = {
    "accuracy": ("Accuracy", "are the stacks that it shows those that the program had, and as often?"),
    "modes": ("Modes", "does `--mode` show what it says?"),
    "speed": ("Speed", "how often can it look?"),
    "cost": ("What the profiler costs by itself", "how much CPU time and memory does it need, and how soon does it begin?"),
    "overhead": ("What the target feels", "how much slower does the program run?"),
    "exec": ("Running code in a program", "does each script run exactly once, how soon, and what is left of it?"),
    "heap": ("Heap dumps", "how long does the program stand for one?"),
}
# What tells rows of today from those that were stored in an earlier form.
TELLS = {"accuracy": "least", "exec": "way", "overhead": "clock", "speed": "leaf"}


def understood(results):
    """Those parts that can be told; of the others it is said that they are left out."""
    found = {}
    for name, tell in PARTS.items():
        if name not in results:
            continue
        try:
            if name in TELLS and not all(TELLS[name] in r for r in results[name]["rows"]):
                raise ValueError("its rows are of an earlier form")
            tell(results[name]), goal_rows({name: results[name]}), introduction({name: results[name]}), list(results[name]["failures"])
        except Exception as e:  # whatever is stored there
            print(f"{name} is left out of the report, until it is measured anew: {e!r}", file=sys.stderr)
            continue
        found[name] = results[name]
    return found


def write(results, folder):
    """Writes the page, of all parts that can be told."""
    results = understood(results)
    if not results:
        return
    out = ["# What was measured", "",
           "`bench/run` (as root) measures all of this anew and writes this page, `results.json` and the pictures to `build/bench`; `--budget 55` takes that many minutes, `--quick` some fifteen.",
           "The machine is a virtual one, so ratios count, not absolute rates.", "",
           "pysample is measured beside other profilers, on the same living programs, in turns.",
           "The first table says what is to be reached and what was, also where it was missed (– where there is no goal, or the interval contains it); below it are all figures, and how each was taken:", ""]
    out += [f"* [{title}](#{title.lower().replace(' ', '-')}): {what}" for name, (title, what) in CHAPTERS.items() if name in results] + [""]
    out += goals(results) + introduction(results)
    for name, tell in PARTS.items():
        part = results.get(name)
        if not part:
            continue
        out += tell(part)
        if part["failures"]:
            out += ["What failed, and is missing above:", ""]
            out += [f"* {' '.join(f.split())[:160]}" for f in part["failures"]] + [""]
    with open(os.path.join(folder, "README.md"), "w", encoding="utf-8") as f:
        f.write("\n".join(out))
