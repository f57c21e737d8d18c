# SPDX-License-Identifier: MIT
"""What the report says of heap dumps, of results.json alone."""

import stats

HELD_MS, COPY_S, READ_S, READ_MIB = 20, 4, 5, 1024
ORDER = ("fork", "pysample", "felt", "pysample --in-process", "gc.get_objects", "objgraph", "guppy3")
HEADS = {"fork": "a fork alone", "pysample": "**pysample**", "felt": "the same, as the program felt it"}


def middle(values):
    return stats.spread(values).middle


def cell(values):
    if not values:
        return "–"
    s = stats.spread(values)
    return f"{s.middle:.1f} ms" + (f" ({s.low:.1f}–{s.high:.1f})" if len(values) > 1 else "")


def by_size(rows):
    """{(python, millions): {who: milliseconds}}"""
    found = {}
    for r in rows:
        found.setdefault((r["python"], r["millions"]), {})[r["who"]] = r["ms"]
    return found


def held(rows, table):
    out = ["How long the program stands, by the number of objects that it made (each an instance, its number, name or list):", ""]
    whos = [w for w in ORDER if any(r["who"] == w for r in rows)]
    return out + table(["Python", "million objects", *[HEADS.get(w, w) for w in whos]], [
        [python, f"{millions:g}", *[cell(of.get(w)) for w in whos]] for (python, millions), of in by_size(rows).items()]) + [""]


def step(r, name):
    return f"{r[name]['s']:.2f} s ({r[name]['cpu']:.2f}) · {r[name]['mib']:.0f} MiB"


def steps(rows, table):
    out = ["What the steps take: seconds, in brackets those of CPU, and the most memory of pysample's own:", ""]
    return out + table(["Python", "objects", "CPU of the copy", "file", "`heap dump`", "`heap convert` to .heapsnapshot", "`heap summary`"], [
        [r["python"], f"{r['objects']:,}".replace(",", " "), f"{r['copy']:.2f} s", f"{r['bytes'] / 1e6:.0f} MB",
         step(r, "dump"), step(r, "convert"), step(r, "summary")] for r in rows]) + [""]


def beside(rows, table):
    out = ["Milliseconds of a recording at 1 kHz for which there is no usable sample, with a dump in its middle and without:", ""]
    return out + table(["Python", "million objects", "a fork alone", "without", "with"], [
        [r["python"], f"{r['millions']:g}", cell(r["fork"]), cell(r["without"]), cell(r["with"])] for r in rows]) + [""]


def text(part, table):
    return [
        "", "A program holds so many objects and works; a dump is taken of it, in turns with a fork whose copy ends at once. Medians, and the least and most.",
        "*pysample* is what `heap dump` says: all threads stopped for the request, and its thread busy with it up to the end of the fork, but for what its interpreter takes to compile our text before.",
        "*As the program felt it* is the longest time between two rounds of its loop, but what it waited for a processor.",
        "The others are called in the program, once: `guppy.hpy().heap()`, `objgraph.typestats()`, and `sys.getsizeof` of all of `gc.get_objects()`; they only count types, and see only what the collector tracks, or follow it from there.",
        "memray is not here: it tells what is allocated while it watches, not what there is.",
        "", "![how long the program is held](heap.svg)", "",
        *held(part["rows"], table), *steps(part.get("whole", []), table), *beside(part.get("beside", []), table)]


def goals(part):
    """(what, aim, reached, whether) for the table of goals."""
    over = {key: middle(of["pysample"]) - middle(of["fork"]) for key, of in by_size(part["rows"]).items()
            if "pysample" in of and "fork" in of}
    for (python, millions), ms in over.items():
        yield f"program held for a heap dump, longer than for a fork, {millions:g} million objects, {python}", \
            f"≤ {HELD_MS} ms", f"{ms:.1f} ms", ms <= HELD_MS
    for r in part.get("whole", []):
        name = f"{r['millions']:g} million objects, {r['python']}"
        yield f"CPU of the copy that dumps, {name}", f"≤ {COPY_S} s", f"{r['copy']:.2f} s", r["copy"] <= COPY_S
        both = r["convert"]["s"] + r["summary"]["s"]
        mib = max(r[w]["mib"] for w in ("dump", "convert", "summary"))
        yield f"a dump to .heapsnapshot, and its summary, {name}", f"≤ {READ_S} s, ≤ 1 GiB", \
            f"{both:.2f} s, {mib:.0f} MiB", both <= READ_S and mib <= READ_MIB
    for r in part.get("beside", []):
        more, fork = middle(r["with"]) - middle(r["without"]), middle(r["fork"])
        yield f"samples lost beside a dump, more than without, {r['millions']:g} million objects, {r['python']}", \
            f"≤ {fork:.0f} ms: a fork", f"{more:.0f} ms", more <= fork
