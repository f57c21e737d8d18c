# SPDX-License-Identifier: MIT
"""Heap dumps of a real PyPy are whole: what RPython knows of its heap is in them, beside what
Python code sees. The target (tests/targets/heap_pypy.py) tells what it holds itself."""

import collections
import json
import os
import shutil
import tempfile

import psheap
import pytest

FORKED, PYPY, JOINED = 2, 4, 32
TYPES = 1 << 62  # from here on are ids of RPython's types, which are no objects to it
HOW = {"copy": [], "in-process": ["--in-process"]}
Moment = collections.namedtuple("Moment", "told path summary")


def good(result):
    assert result.code == 0 and "Traceback" not in result.err, result
    return result.out


@pytest.fixture(scope="module")
def taken():
    folder = tempfile.mkdtemp(prefix="pysample-e2e-")
    yield folder, {}
    shutil.rmtree(folder)


@pytest.fixture(params=HOW)
def moments(request, pypy, start, pysample, taken):
    """Dumps of one process: as it began, after it grew, and the same once more."""
    folder, done = taken
    how = request.param
    if how not in done:
        child = start(pypy, "heap_pypy.py")
        found, told = [], child.said()
        for i in range(3):
            if i == 1:
                child.go()
                told = child.said()
            path = os.path.join(folder, f"{how}-{i}.psheap")
            good(pysample("heap", "dump", child.pid, "-o", path, *HOW[how]))
            found.append(Moment(told, path, json.loads(good(pysample("heap", "summary", "-j", path)))))
        child.popen.stdin.close()
        assert child.wait() == 0
        done[how] = found
    return done[how]


def is_copy(moment):
    return bool(psheap.flags(moment.path) & FORKED)


def types_of(moment):
    return {t["type"]: t for t in moment.summary["types"]}


def test_it_is_a_dump_like_any_other(moments):
    heap = psheap.read(moments[0].path)  # reading is strict
    assert heap.header.flags & (PYPY | JOINED) == PYPY | JOINED
    assert heap.problems == [] and moments[0].summary["problems"] == []
    assert len(heap.objects) == moments[0].summary["objects"]
    hidden = {o.id for o in heap.objects.values() if o.type.module == "rpy" and o.id < TYPES}
    todo = [r.target for r in heap.roots if r.name == "rpy root"]
    assert todo and set(todo) <= hidden
    todo += heap.objects.keys() - hidden
    reached = set(todo)
    while todo:
        fresh = {e.target for e in heap.objects[todo.pop()].edges if e.target in hidden} - reached
        reached |= fresh
        todo += fresh
    assert hidden <= reached, "each is led to by a root or an object of Python"
    assert all(e.target in hidden for i in hidden for e in heap.objects[i].edges), "and leads to its like"


def test_all_instances_are_told_with_what_they_hold(moments):
    for moment in moments:
        told, entries = moment.told, types_of(moment).get("__main__.Entry", {"count": 0, "size": 0, "retained": 0})
        assert entries["count"] == told["entries"]
        # Two attributes lie inside the object: with its class's map and a head, 32 bytes at least.
        assert entries["size"] >= 32 * told["entries"]
        assert entries["retained"] >= entries["size"] + told["characters"]
        assert types_of(moment)["str"]["size"] >= told["characters"]
    assert moments[0].told["entries"] == 0 and moments[1].told["entries"] == 2000


def test_storage_is_retained_by_what_it_belongs_to(moments, pysample):
    told = moments[1].told
    lines = good(pysample("heap", "convert", "-q", "-f", "jsonl", moments[1].path, "-o", "-")).splitlines()[1:]
    objects = {o["id"]: o for o in map(json.loads, lines)}
    for name in ("numbers", "text", "table", "bytes"):
        i, least = told[name]
        assert objects[i]["retained"] >= least, (name, objects[i])
    for i in told["ids"]:  # of each entry, its own text, and it alone
        assert 1000 <= objects[i]["retained"] < 1500, objects[i]


def test_what_is_told_grows_by_what_the_heap_grows(moments):
    before, after, again = moments
    grown = after.told["used"] - before.told["used"]
    assert grown > after.told["characters"]
    assert 0.9 * grown <= after.summary["size"] - before.summary["size"] <= 1.1 * grown
    # The static objects of PyPy itself are not in what its collector counts.
    assert after.told["used"] * 0.9 <= after.summary["size"] <= after.told["used"] + (24 << 20)


def test_a_copy_leaves_nothing_behind(moments):
    """In the process itself, PyPy may have compiled the walk, and keeps that."""
    _, after, again = moments
    if is_copy(after):
        assert abs(again.summary["size"] - after.summary["size"]) < 0.03 * after.summary["size"]


def test_ids_stay(moments, pysample):
    for moment in moments[1:]:
        lines = good(pysample("heap", "convert", "-q", "-f", "jsonl", moment.path, "-o", "-")).splitlines()
        found = [json.loads(line)["id"] for line in lines if '"type":"__main__.Entry"' in line]
        assert set(found) == set(moments[1].told["ids"]) and len(found) == moments[1].told["entries"]


def test_the_leak_is_found_and_explained(moments, pysample):
    before, after, _ = moments
    out = good(pysample("heap", "diff", before.path, after.path))
    places = out.split("Where it grew, and what keeps it\n")[1].split("\n  +")[1:]
    if not is_copy(after):  # what PyPy has compiled of the walk may be more
        places = [p for p in places if "rpy.rpython.jit" not in p]
    assert "__main__.Registry" in places[0] and "module shop" in places[0], out
    out = good(pysample("heap", "path", after.path, "__main__.Entry"))
    assert out.startswith(f"{after.told['entries']} objects of __main__.Entry\n"), out
    assert "module shop" in out and ".registry" in out and "['1999']" in out, out
    if is_copy(after):  # else the first dump has made dicts of attributes
        assert "that is: shop.registry.entries['1999']" in out, out
    out = good(pysample("heap", "flame", after.path, "-f", "collapsed", "-o", "-"))
    kept = [line.split(";__main__.Entry") for line in out.splitlines() if ";__main__.Entry" in line]
    assert kept and all("module shop;__main__.Registry" in before for before, _ in kept), out


def test_a_thread_keeps_its_locals(moments, pysample):
    out = good(pysample("heap", "path", moments[1].path, "__main__.Held"))
    assert "1 object of __main__.Held\n" in out, out
    assert "local held_here" in out and "thread holder" in out, out


def test_other_formats_hold_it_too(moments, pysample, tmp_path):
    snapshot = tmp_path / "a.heapsnapshot"
    good(pysample("heap", "convert", "-q", moments[1].path, "-o", snapshot))
    names = {n.split(" (")[0] for n in json.loads(snapshot.read_text())["strings"]}
    assert {"__main__.Entry", "rpy.rpy_string", "rpy.dicttable"} <= names
