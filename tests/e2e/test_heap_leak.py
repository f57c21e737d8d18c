# SPDX-License-Identifier: MIT
"""A planted leak in each Python: diff finds it, path explains it, and sizes are Python's."""

import collections
import json
import os
import subprocess

import process
import psheap
import pytest

Leak = collections.namedtuple("Leak", "told before after pypy")


@pytest.fixture(scope="session")
def leaks(places):
    done = {}

    def run(interpreter):
        if interpreter in done:
            return done[interpreter]
        place = places(interpreter)
        psheap.write_walker(place.outside)
        files = ("before.psheap", "after.psheap")
        argv = [*interpreter.prefix(), interpreter.path, "-B", "-W", "ignore"]
        argv += [os.path.join(place.inside, f) for f in ("leak.py", "heap_walk.py", *files)]
        out = subprocess.run(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True,
            timeout=20 * process.PATIENCE, env=interpreter.environment(),
        ).stdout
        paths = [os.path.join(place.outside, f) for f in files]
        done[interpreter] = Leak(json.loads(out), *paths, interpreter.implementation == "pypy")
        return done[interpreter]

    return run


def good(result):
    assert result.code == 0 and "Traceback" not in result.err, result
    return result.out


def test_diff_finds_it_in_one_look(every, leaks, pysample):
    leak = leaks(every)
    out = good(pysample("heap", "diff", leak.before, leak.after))
    first = out.split("Where it grew, and what keeps it\n")[1].split("\n  +")[1]
    # PyPy does not name the attributes of all objects.
    assert "in 500 more objects" in first and "Entry" in first.split("\n\n")[0].strip().split("\n")[-1], out
    assert "Registry" in first and (leak.pypy or ".entries" in first), out


def test_path_explains_it(every, leaks, pysample):
    leak = leaks(every)
    out = good(pysample("heap", "path", leak.after, "Entry"))
    assert out.startswith("520 objects of __main__.Entry\n"), out
    assert "module shop" in out and "__main__.Registry" in out
    if not leak.pypy:
        assert "that is: shop.registry.entries['key " in out, out
        out = good(pysample("heap", "path", leak.after, leak.told["entry"]))
        assert "that is: shop.registry.entries['key 30']" in out, out


def test_a_thread_keeps_its_locals(every, leaks, pysample):
    out = good(pysample("heap", "path", leaks(every).after, "Held"))
    assert "1 object of __main__.Held\n" in out, out
    assert "local held_here" in out and "thread holder" in out and "waits (" in out, out


def test_sizes_are_those_of_python(every, leaks, pysample):
    leak = leaks(every)
    told = json.loads(good(pysample("heap", "summary", "-j", leak.after)))
    types = {t["type"]: t for t in told["types"]}
    assert types["__main__.Entry"]["count"] == 520 and types["__main__.Held"]["count"] == 1
    if not leak.pypy:
        assert types["__main__.Entry"]["size"] == 520 * leak.told["size"]
        assert types["__main__.Entry"]["retained"] >= leak.told["payloads"]
    assert told["problems"] == [] and told["objects"] > 5000
    assert sum(t["size"] for t in types.values()) == told["size"]


def test_the_other_formats_hold_it_too(every, leaks, pysample, tmp_path):
    leak = leaks(every)
    snapshot = tmp_path / "a.heapsnapshot"
    good(pysample("heap", "convert", "-q", leak.after, "-o", snapshot))
    names = json.loads(snapshot.read_text())["strings"]
    assert {"__main__.Entry", "thread holder"} <= {n.split(" (")[0] for n in names}
    out = good(pysample("heap", "flame", leak.after, "-f", "collapsed", "-o", "-"))
    assert any("__main__.Registry" in line and "__main__.Entry" in line for line in out.splitlines())
