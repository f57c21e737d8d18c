# SPDX-License-Identifier: MIT
"""The text that writes heap dumps, run by each Python there is in a program that knows what is
in its heap (tests/targets/heap.py). It needs no pysample. PyPy tells less: see `exact`."""

import collections
import json
import os
import struct
import subprocess

import process
import psheap
import pytest

VALUES, FORKED, PYPY, FROZEN = 1, 2, 4, 8
SECRET = b"the secret"

Told = collections.namedtuple("Told", "told dump raw")


def execute(place, interpreter, options):
    """What the program told, and the path of its dump."""
    psheap.write_walker(place.outside)
    out = "{}.psheap".format("-".join(options))
    argv = [*interpreter.prefix(), interpreter.path, "-B", "-W", "ignore"]
    argv += [os.path.join(place.inside, f) for f in ("heap.py", "heap_walk.py", out)]
    ran = subprocess.run(
        [*argv, *options],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        timeout=20 * process.PATIENCE,
        env=interpreter.environment(),
    )
    assert ran.returncode == 0, ran.stderr.decode("utf-8", "replace")
    return json.loads(ran.stdout), os.path.join(place.outside, out)


@pytest.fixture(scope="session")
def run(places):
    """run(interpreter, *options) → what the program told, and its dump. Each is run once."""
    done = {}

    def once(interpreter, *options):
        told, path = execute(places(interpreter), interpreter, options)
        with open(path, "rb") as f:
            raw = f.read()
        os.unlink(path)
        return Told(told, psheap.Dump(memoryview(raw)) if raw else None, raw)

    def get(interpreter, *options):
        key = (interpreter.name, interpreter.path, options)
        if key not in done:
            while len(done) > 3:  # they are large
                done.pop(next(iter(done)))
            done[key] = once(interpreter, *options)
        return done[key]

    return get


MODES = pytest.mark.parametrize("mode", ("forked", "live"))


def is_pypy(interpreter):
    return interpreter.implementation == "pypy"


def target(found, edge):
    return found.dump.objects[edge.target]


@MODES
def test_header_and_end_are_right(every, run, mode):
    told, dump, _ = run(every, mode)  # reading is strict
    assert dump.header.hexversion == told["hex"]
    assert dump.header.implementation == every.implementation
    assert dump.header.word == 8 and dump.header.time > 10**18
    assert bool(dump.header.flags & FORKED) == (mode == "forked")
    assert bool(dump.header.flags & PYPY) == is_pypy(every)
    assert not dump.header.flags & VALUES  # 3.12 itself freezes what it starts with
    assert 0 < dump.header.tracked <= len(dump.objects) + dump.repeated + 1000
    assert (dump.header.pid == told["pid"]) == (mode == "live")
    assert dump.problems == []


@MODES
def test_sizes_are_those_of_getsizeof(every, run, mode):
    told, dump, _ = run(every, mode)
    wrong = []
    for i, kind, size in told["sizes"]:
        o = dump.objects.get(i)
        if o is None or o.size != size or o.type.name.rpartition(".")[2] != kind:
            wrong.append((kind, size, o and (o.size, o.type.name)))
    assert not wrong
    assert is_pypy(every) or len(told["sizes"]) > 40


@MODES
def test_edges_have_their_names(every, run, mode):
    told, dump, _ = run(every, mode)
    if is_pypy(every):  # ids of atoms are made of their values, and are not those of id()
        names = {(e[2], e[3]) for e in told["edges"] if e[2] in ("key", "index", "element")}
        found = {(e.kind, e.name) for o in dump.objects.values() for e in o.edges}
        assert {n for n in names if type(n[1]) is not int or n[0] == "index"} <= found
        return
    wrong = []
    for i, type_name, kind, name, target in told["edges"]:
        o = dump.objects.get(i)
        if o is None or psheap.Edge(kind, name, target) not in o.edges:
            wrong.append((type_name, kind, name, o and o.edges[:20]))
        elif kind != "weak" and target not in dump.objects:
            wrong.append((type_name, kind, name, "not told"))
    assert not wrong
    assert len(told["edges"]) > 100


@MODES
def test_attributes_lie_in_the_object_or_in_its_dict(every, run, mode):
    told, dump, _ = run(every, mode)
    if is_pypy(every):
        assert all("number" in dump.attributes(o) for o in dump.instances("Planted"))
        return
    for label, name in (("plain", "first"), ("both", "extra"), ("own", "made")):
        i, value = told[label]
        assert dump.attributes(dump.objects[i])[name] == value, (label, dump.objects[i].edges)
    assert "unset" not in dump.attributes(dump.objects[told["both"][0]])
    inside = dump.objects[told["plain"][0]].of("attribute")
    assert bool(inside) == (every.version >= (3, 11))


@MODES
def test_all_planted_objects_are_there(every, run, mode):
    told, dump, _ = run(every, mode)
    found = dump.instances("Planted")
    assert len(found) == 1234 + (1 if is_pypy(every) else 2)
    reached = dump.reachable()
    lost = [o for o in found if o.id not in reached]
    assert len(lost) == 0
    kinds = {dump.objects[dump.attributes(o)["number"]].type.name for o in found}
    assert kinds == {"int"}


@MODES
def test_the_walkers_own_objects_are_not_there(every, run, mode):
    _, dump, raw = run(every, mode)
    for name in ("Walk", "Plan", "Out", "Maker"):
        assert not dump.instances(name, "builtins") and not dump.instances(name)
    codes = {dump.name(e.target, True) for o in dump.objects.values() for e in o.edges if e.name == "co_name"}
    assert "tell_instances" not in codes
    if not is_pypy(every):
        assert b"tell_instances" not in raw


@MODES
def test_strong_edges_lead_to_objects(every, run, mode):
    """But for those to the walker's own frames and functions."""
    _, dump, _ = run(every, mode)
    edges = [(o, e) for o in dump.objects.values() for e in o.edges if e.kind != "weak"]
    loose = [(o.type.name, e) for o, e in edges if e.target not in dump.objects]
    assert len(loose) <= len(edges) // 1000, loose[:20]
    assert all(o.type.id in dump.objects for o in dump.objects.values())


@MODES
def test_misbehaving_objects_are_told(every, run, mode):
    """The program itself fails if any of their code was run."""
    told, dump, _ = run(every, mode)
    for i in told.get("hostile", ()):
        assert dump.objects[i].size > 0, dump.objects[i].type
        assert dump.objects[i].type.name.startswith("Bad")
    if not is_pypy(every):
        assert dump.objects[told["sizeless"]].size == told["twin"]
        assert [o for o in dump.objects.values() if o.type.name.startswith("a name\\n\\u2028nnn")]
        assert dump.instances("spoofed")


@MODES
def test_large_and_deep_containers(every, run, mode):
    told, dump, _ = run(every, mode)
    if is_pypy(every):
        return
    long, wide = dump.objects[told["long"]], dump.objects[told["wide"]]
    assert [e.name for e in long.edges] == list(range(70000))
    names = [e.name for e in wide.of("key")]
    assert names == ["w%d" % i for i in range(70000)]
    assert all(e.target in dump.objects for e in long.edges + wide.edges)
    o, depth = dump.objects[told["nested"]], 0
    while o.edges:
        o, depth = dump.objects[o.edges[0].target], depth + 1
    assert depth == 5000


@MODES
def test_threads_and_their_frames(every, run, mode):
    told, dump, _ = run(every, mode)
    expected = dict(told["threads"])
    expected[told["here"]] = None
    assert {str(t.ident) for t in dump.threads} == set(expected)
    for thread in dump.threads:
        i = str(thread.ident)
        assert thread.name == told["names"][i]
        assert thread.native == told["natives"][i] or i == told["here"]
        if expected[i] is None:
            names = [f.function.rpartition(".")[2] for f in thread.frames]
            assert names[0] == "item" and names[-2:] == ["main", "<module>"]
            continue
        assert [f.function for f in thread.frames] == [f[0] for f in expected[i]]
        assert [f.file for f in thread.frames] == [f[1] for f in expected[i]]
        assert [f.line for f in thread.frames] == [f[2] for f in expected[i]]
        for frame, (_, _, _, names) in zip(thread.frames, expected[i]):
            assert set(frame.locals) == set(names)
            assert is_pypy(every) or frame.locals == names
            assert all(t in dump.objects for t in frame.locals.values())
            assert frame.code in dump.objects and frame.globals in dump.objects
    waiting = [t.frames for t in dump.threads if str(t.ident) != told["here"]]
    assert len(waiting) == 2
    assert all("captured" in {n for f in frames for n in f.locals} for frames in waiting)


@MODES
def test_modules_are_roots(every, run, mode):
    told, dump, _ = run(every, mode)
    modules = {r.name: r.target for r in dump.roots if r.kind == 1}
    assert set(told["modules"]) <= set(modules)
    assert all(t in dump.objects for t in modules.values())
    assert dump.objects[modules["sys"]].type.name == "module"
    assert {r.name for r in dump.roots if r.kind == 2} == {"sys.modules", "builtins"}
    assert {dump.objects[r.target].type.name for r in dump.roots if r.kind == 3} >= {"type"}


@MODES
def test_values_only_if_asked_for(every, run, mode):
    _, dump, raw = run(every, mode)
    assert SECRET not in raw
    assert not any(o.value for o in dump.objects.values())


@MODES
def test_values_and_frozen_objects(every, run, mode):
    """Also with the collector off, as it then is afterwards; and with fakes in sys.modules in the
    place of those modules that the walker needs."""
    _, dump, _ = run(every, mode, "values", "frozen", "nogc", *([] if is_pypy(every) else ["fakes"]))
    assert dump.header.flags & VALUES
    assert len(dump.instances("Planted")) >= 1234
    if is_pypy(every):
        return
    assert dump.header.flags & FROZEN
    values = collections.Counter(o.value for o in dump.objects.values() if o.type.name == "str")
    assert values[SECRET.decode()] == 1
    assert max(len(v.encode()) for v in values) == 1024
    numbers = {o.value for o in dump.objects.values() if o.type.shape in (5, 7, 8, 9)}
    assert {"1", "1" + "0" * 40, "1.5", "2j", "None"} <= numbers


def test_ten_million_items_come_in_parts(one, places):
    told, path = execute(places(one), one, ("forked", "huge"))
    items, kinds = 0, []
    for kind, _, payload in psheap.chunks(path):
        kinds.append(kind)
        if kind == "MORE":
            i, first = struct.unpack("<QQ", payload[:16])
            if i == told["huge"]:
                assert first == items
                items += struct.unpack("<Q", payload[24:32])[0]
    os.unlink(path)
    assert items == 10000000
    assert kinds[0] == "HEADER" and kinds[-1] == "END"


def test_reader_that_goes_away_ends_the_copy(every, run):
    run(every, "forked", "broken")  # the program itself looks at how the copy ended
