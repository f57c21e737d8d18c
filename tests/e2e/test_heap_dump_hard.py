# SPDX-License-Identifier: MIT
"""heap dump of processes that are at something else (collecting garbage, forking, ending), that may
not fork, whose disks are full, and that lie."""

import json
import os
import signal
import subprocess
import sys

import process
import psheap
import pytest
from conftest import FEW
from heaps import HOW, children_of, hard, nothing_is_left, others, planted_in  # noqa: F401
from hosts import ended_well, host_in  # noqa: F401

HERE = os.path.dirname(os.path.abspath(__file__))
MIB = 1 << 20


# --- while garbage is collected


COLLECTING = ("collecting_begins", "collecting_ends", "finalizing")


def dumped_while(child, doing, pysample, folder, how):
    assert child.said()["there"]
    path = os.path.join(folder, "a.psheap")
    result = pysample("heap", "dump", child.pid, "-o", path, *how)
    assert result.code == 0, result
    heap, n = planted_in(path)
    # In a finalizer those of the garbage are told as well, for its frame refers to them.
    assert n == (2000 if doing == "finalizing" else 1000)
    mine = [o for o in heap.objects.values() if o.type.name.rpartition(".")[2] in ("Planted", "Trash")]
    assert not [e for o in mine for e in o.edges if e.target not in heap.objects]
    assert bool(heap.problems) == (doing in COLLECTING and not how)
    os.unlink(path)
    nothing_is_left(child, folder)
    ended_well(child)


@HOW
@pytest.mark.parametrize("doing", [*COLLECTING, "frozen"])
def test_a_collector_at_work_or_frozen(door, hard, pysample, folder, doing, how):
    dumped_while(hard(door, doing), doing, pysample, folder, how)


@HOW
@pytest.mark.parametrize("doing", [*COLLECTING, "frozen"])
def test_a_collector_at_work_or_frozen_before_3_14(ring, hard, pysample, folder, doing, how):
    dumped_while(hard(ring, doing), doing, pysample, folder, how)


@HOW
def test_a_collector_that_is_off(host, hard, pysample, folder, how):
    dumped_while(hard(host, "collector_is_off"), "collector_is_off", pysample, folder, how)


# --- while it ends and forks


@pytest.mark.parametrize("doing", ["ends_before", "killed_before", "ends_after", "killed_after"])
def test_it_ends_around_the_fork(host, hard, pysample, folder, doing):
    child = hard(host, doing)
    result = pysample("heap", "dump", child.pid, "-o", os.path.join(folder, "a.psheap"))
    assert result.code == 3 and f"process {child.pid} ended" in result.err, result
    assert child.wait() == (7 if doing.startswith("ends") else -9)
    nothing_is_left(child, folder)


class Walked:
    """A dump whose copy stands still."""

    def __init__(self, child, pysample, folder, *options):
        assert child.said()["there"]
        self.path = os.path.join(folder, "a.psheap")
        self.popen = pysample.start("heap", "dump", child.pid, "-o", self.path, *options)
        self.copy = process.until(lambda: others(child), "the copy")[0]
        os.kill(self.copy, signal.SIGSTOP)
        # The target has gone on: its thread is ours no longer.
        begun = process.ran(child.pid) + 20_000_000
        process.until(lambda: process.ran(child.pid) >= begun, "it to go on")
        self.finish = lambda: pysample.finish(self.popen)

    def go_on(self):
        os.kill(self.copy, signal.SIGCONT)


def test_it_is_killed_while_its_copy_walks(host, hard, pysample, folder):
    """The copy has all that is asked for."""
    child = hard(host, "walked")
    dump = Walked(child, pysample, folder)
    process.kill(child.pid)
    child.wait()
    dump.go_on()
    result = dump.finish()
    assert result.code == 0, result
    assert planted_in(dump.path)[1] == 1000
    os.unlink(dump.path)
    nothing_is_left(child, folder)


def test_it_forks_while_its_copy_walks(host, hard, pysample, folder):
    child = hard(host, "walked")
    dump = Walked(child, pysample, folder)
    child.go()
    child.go()
    lives_on = child.said()["child"]
    dump.go_on()
    result = dump.finish()
    assert result.code == 0, result
    assert planted_in(dump.path)[1] == 1000
    os.unlink(dump.path)
    assert process.state(lives_on) == "S"
    nothing_is_left(child, folder, lives_on)
    ended_well(child)


@pytest.mark.parametrize("format", ["psheap", "heapsnapshot"])
def test_its_copy_is_killed(host, hard, pysample, folder, format):
    child = hard(host, "walked")
    dump = Walked(child, pysample, folder, "-f", format)
    process.kill(dump.copy)
    result = dump.finish()
    assert result.code == 1 and "ended before it had told all" in result.err, result
    nothing_is_left(child, folder)
    process.until(lambda: children_of(child.pid) == [], "no zombie")


@HOW
def test_a_child_that_has_the_pipe_lives_on(host, hard, pysample, folder, how):
    """The end of what is told is told, not that of the pipe."""
    child = hard(host, "forks_as_well")
    path = os.path.join(folder, "a.psheap")
    result = pysample("heap", "dump", child.pid, "-o", path, *how)
    assert result.code == 0, result
    assert planted_in(path)[1] == 1000
    os.unlink(path)
    if how:  # nothing was forked
        nothing_is_left(child, folder)
        return
    lives_on = child.said()["child"]
    nothing_is_left(child, folder, lives_on)


# --- where it may not


FORK = "EPERM:clone/0&256=0"  # without CLONE_VM
THREAD = "EPERM:clone3"


@pytest.mark.parametrize("forbidden, why", [(FORK, "Operation not permitted"), (THREAD, "thread")])
def test_a_filter_forbids_it(host, hard, pysample, folder, forbidden, why):
    """To fork; or to make a thread that waits for the copy."""
    seccomp = [sys.executable, os.path.join(HERE, "seccomp.py"), forbidden]
    child = hard(host, "forkable", before=seccomp)
    path = os.path.join(folder, "a.psheap")
    result = pysample("heap", "dump", child.pid, "-o", path)
    assert result.code == 1 and why in result.err and "--in-process" in result.err, result
    nothing_is_left(child, folder)
    assert children_of(child.pid) == []
    result = pysample("heap", "dump", child.pid, "-o", path, "--in-process")
    assert result.code == 0, result
    assert planted_in(path)[1] == 1000
    os.unlink(path)
    nothing_is_left(child, folder)
    ended_well(child)


# --- where there is no room


@pytest.fixture
def mounted(folder, host_in):
    """mounted(where, options) mounts a small file system there until the test is over, and is
    gone before that folder, or that of a child, is removed."""
    made = []

    def mount(where, options):
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", where], check=True)
        made.append(where)

    yield mount
    for where in made:
        subprocess.run(["umount", "-l", where], check=True)


@pytest.mark.parametrize("options, why", [
    ("size=4k", "No space left"), ("size=32k", "No space left"), ("ro", "Read-only"),
])  # fmt: skip
def test_its_temporary_folders_are_full_or_read_only(one, host_in, mounted, pysample, folder, options, why):
    """All that it sees is in its own root: /tmp is there, and nothing else."""
    child = host_in(one, "busy", root=True, env={"CHROOT": "1"})
    where = os.path.join(child.folder, "tmp")
    mounted(where, options)
    if options == "size=4k":
        with open(os.path.join(where, "full"), "wb") as f:
            f.write(b"x" * 4096)
    left = os.listdir(where)
    result = pysample("heap", "dump", child.pid, "-o", os.path.join(folder, "a.psheap"))
    assert result.code == 1 and why in result.err and "/tmp" in result.err, result
    assert os.listdir(folder) == [] and os.listdir(where) == left
    ended_well(child)


def test_it_has_no_temporary_folder(one, host_in, pysample, folder):
    child = host_in(one, "busy", root=True, env={"CHROOT": "1"})
    os.rmdir(os.path.join(child.folder, "tmp"))
    path = os.path.join(folder, "a.psheap")
    result = pysample("heap", "dump", child.pid, "-o", path)
    assert result.code == 1 and "no temporary folder" in result.err and "TMPDIR" in result.err, result
    assert os.listdir(folder) == []
    os.makedirs(os.path.join(child.folder, "var", "tmp"))
    result = pysample("heap", "dump", child.pid, "-o", path)
    assert result.code == 0, result
    assert os.listdir(os.path.join(child.folder, "var", "tmp")) == []
    ended_well(child)


@pytest.mark.parametrize("format", ["psheap", "heapsnapshot", "jsonl"])
def test_the_disk_of_the_output_is_full(one, hard, mounted, pysample, folder, format):
    child = hard(one, "walked")
    assert child.said()["there"]
    mounted(folder, "size=1m")
    path = os.path.join(folder, "a." + format)
    result = pysample("heap", "dump", child.pid, "-o", path)
    assert result.code == 1 and "No space left" in result.err and folder in result.err, result
    nothing_is_left(child, folder)


def test_only_the_conversion_finds_the_disk_full(one, hard, mounted, pysample, folder):
    child = hard(one, "walked")
    assert child.said()["there"]
    path = os.path.join(folder, "a.psheap")
    assert pysample("heap", "dump", child.pid, "-o", path).code == 0
    size = os.path.getsize(path)
    os.unlink(path)
    mounted(folder, f"size={size + MIB}")
    path = os.path.join(folder, "a.heapsnapshot")
    result = pysample("heap", "dump", child.pid, "-o", path)
    assert result.code == 1 and "No space left" in result.err and path in result.err, result
    nothing_is_left(child, folder)


def test_a_disk_on_which_every_file_has_a_name(one, hard, pysample, folder):
    """As old overlays and NFS are: the temporary file has one, and loses it."""
    child = hard(one, "forkable")
    seccomp = [sys.executable, os.path.join(HERE, "seccomp.py")]
    nameless = os.O_TMPFILE
    path = os.path.join(folder, "a.heapsnapshot")
    result = pysample(
        "heap", "dump", child.pid, "-o", path,
        before=[*seccomp, f"EOPNOTSUPP:openat/2&{nameless}={nameless}"],
    )  # fmt: skip
    assert result.code == 0, result
    assert os.listdir(folder) == ["a.heapsnapshot"] and os.listdir(pysample.rescued) == []
    ended_well(child)


# --- where it lies


@pytest.mark.parametrize("doing, why", [
    ("endless", "more than"), ("nonsense", "no heap dump"), ("claims_much", "no heap dump"),
    ("ends_early", "before it had told all"), ("says_nothing", "before it had told all"),
])  # fmt: skip
@pytest.mark.parametrize("format", ["psheap", "heapsnapshot"])
def test_what_it_sends_is_no_dump(one, hard, pysample, folder, doing, why, format):
    child = hard(one, doing)
    result = pysample("heap", "dump", child.pid, "-o", os.path.join(folder, "a." + format))
    assert result.code == 1 and why in result.err and str(child.pid) in result.err, result
    nothing_is_left(child, folder)
    ended_well(child)


def test_its_copy_hangs(one, hard, pysample, folder):
    """It is ended: nobody else would."""
    child = hard(one, "hangs")
    p = pysample.start(
        "heap", "dump", child.pid, "--timeout", "2s", "-o", os.path.join(folder, "a.psheap")
    )
    result = pysample.finish(p)
    assert result.code == 1 and "given up" in result.err and "--in-process" in result.err, result
    nothing_is_left(child, folder)
    ended_well(child)


def test_interrupted_while_its_copy_hangs(host, hard, pysample, folder):
    child = hard(host, "hangs")
    p = pysample.start("heap", "dump", child.pid, "-o", os.path.join(folder, "a.psheap"))
    process.until(lambda: others(child), "the copy")
    p.send_signal(signal.SIGINT)
    result = pysample.finish(p)
    assert result.code == 1 and "interrupted" in result.err, result
    nothing_is_left(child, folder)
    ended_well(child)


@HOW
def test_code_of_objects_that_would_never_end_is_not_run(host, hard, pysample, folder, how):
    child = hard(host, "loops")
    assert child.said()["there"]
    path = os.path.join(folder, "a.psheap")
    result = pysample("heap", "dump", child.pid, "-o", path, *how)
    assert result.code == 0, result
    heap = psheap.read(path)
    found = {o.type.name.rpartition(".")[2] for o in heap.objects.values()}
    assert {"Endless" + k for k in ("object", "dict", "list", "tuple", "set", "frozenset", "deque", "str")} <= found
    os.unlink(path)
    nothing_is_left(child, folder)
    child.go()
    assert child.wait() == 0


def only(edges):
    (edge,) = edges
    return edge.target


@HOW
def test_containers_that_are_nested_or_hold_themselves(host, hard, pysample, folder, how):
    """And weak references whose callbacks would raise, or never end."""
    child = hard(host, "shaped")
    assert child.said()["there"]
    path = os.path.join(folder, "a.psheap")
    result = pysample("heap", "dump", child.pid, "-o", path, *how)
    assert result.code == 0, result
    heap = psheap.read(path)
    held = heap.attributes(heap.instances("Holder")[0])
    for kind in ("list", "tuple", "frozenset", "deque", "dict", "object"):
        o = heap.objects[held[kind]]
        for _ in range(100):
            if kind == "object":
                o = heap.objects[heap.attributes(o)["inside"]]
            else:
                o = heap.objects[only([e for e in o.edges if e.kind in ("index", "key", "element")])]
        assert o.type.name == "Planted", (kind, o.type)
    inner = heap.objects[only(heap.objects[held["cycle"]].of("index"))]
    assert only(inner.of("key")) == held["cycle"]
    weak = [heap.objects[e.target] for e in heap.objects[held["weak"]].of("index")]
    assert len(weak) == 4 and held["target"] in {e.target for o in weak for e in o.of("weak")}
    os.unlink(path)
    nothing_is_left(child, folder)
    child.go()
    assert child.wait() == 0


def test_containers_of_a_million_entries(one, hard, pysample, folder):
    """With sanitizers, fewer. Ten million in one: test_heap_walk.py."""
    entries = 100_000 if FEW else 1_000_000
    child = hard(one, "huge", env={"ENTRIES": str(entries)})
    said = child.said()
    path = os.path.join(folder, "a.psheap")
    result = pysample("heap", "dump", child.pid, "-o", path)
    assert result.code == 0, result
    child.end()
    result = pysample("heap", "summary", "-j", path)
    assert result.code == 0, result
    types = {t["type"]: t for t in json.loads(result.out)["types"]}
    assert types["int"]["count"] >= entries
    assert all(types[kind]["size"] >= said[kind] for kind in ("dict", "set", "list"))
    result = pysample("heap", "path", path, "set")
    assert result.code == 0, result
