# SPDX-License-Identifier: MIT
"""heap dump: of a live process, which goes on meanwhile; and beside a recording."""

import json
import os
import re
import signal
import subprocess

import process
import psheap
import pytest
from hosts import MARK, ended_well, host_in, run_in, under_way  # noqa: F401

PLANT = """
import sys
main = sys.modules["__main__"]
class Planted:
    def __init__(self, i):
        self.number = i
        self.text = "a secret of %d" % i
Planted.__module__ = "planted"
Planted.__qualname__ = "Planted"
main.state.planted = [Planted(i) for i in range(300)]
"""


def children(pid):
    found = []
    for tid in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{tid}/children") as f:
                found += map(int, f.read().split())
        except (FileNotFoundError, ProcessLookupError):
            pass
    return found


def planted(path):
    heap = psheap.read(path)
    return heap, heap.instances("Planted", "planted")


@pytest.fixture
def planted_in(host_in, run_in):
    def start(host, doing="busy", **how):
        child = host_in(host, doing, **how)
        result = run_in(child, PLANT)
        assert result.code == 0, result
        return child

    return start


def no_copy_is_left(child):
    process.until(lambda: children(child.pid) == [], "the copy to end")


@pytest.mark.parametrize("how", [[], ["--in-process"]], ids=["copy", "in-process"])
def test_what_is_there_is_told(host, planted_in, pysample, folder, how):
    child = planted_in(host)
    ids = []
    for i in range(2):
        path = os.path.join(folder, f"{i}.psheap")
        result = pysample("heap", "dump", child.pid, "-o", path, *how)
        assert result.code == 0 and path in result.err, result
        heap, found = planted(path)
        assert heap.header.pid == child.pid and bool(heap.header.flags & 2) == (not how)
        assert len(found) == 300
        ids.append({o.id for o in found})
        with open(path, "rb") as f:
            assert b"a secret of 7" not in f.read()
    assert ids[0] == ids[1]
    assert child.temporary() == [] and sorted(os.listdir(folder)) == ["0.psheap", "1.psheap"]
    no_copy_is_left(child)
    ended_well(child)


def test_what_runs_in_it_for_the_dump_is_no_part_of_it(host, planted_in, pysample, folder):
    """Neither frames nor, in a copy, the streams that stand in for the program's own."""
    child = planted_in(host)
    path = os.path.join(folder, "a.psheap")
    assert pysample("heap", "dump", child.pid, "-o", path).code == 0
    heap = psheap.read(path)
    frames = [f for t in heap.threads for f in t.frames]
    assert frames and all("host.py" in f.file for f in frames), frames
    streams = [o.id for o in heap.objects.values() if o.type.name.endswith("<locals>.Stream")]
    assert not heap.reachable() & set(streams)
    ended_well(child)


def test_values_are_told_if_asked_for(host, planted_in, pysample, folder):
    child = planted_in(host)
    path = os.path.join(folder, "with.psheap")
    assert pysample("heap", "dump", child.pid, "-o", path, "--values").code == 0
    with open(path, "rb") as f:
        assert b"a secret of 7" in f.read()


def test_formats(host, planted_in, pysample, folder):
    child = planted_in(host)
    path = os.path.join(folder, "a.heapsnapshot")
    result = pysample("heap", "dump", child.pid, "-o", path)
    assert result.code == 0, result
    with open(path) as f:
        snapshot = json.load(f)
    fields = len(snapshot["snapshot"]["meta"]["node_fields"])
    assert len(snapshot["nodes"]) == fields * snapshot["snapshot"]["node_count"]
    assert any("Planted" in s for s in snapshot["strings"])
    result = pysample("heap", "dump", "-q", child.pid, "-f", "jsonl", "-o", "-")
    assert result.code == 0 and result.err == "", result
    lines = [json.loads(line) for line in result.out.splitlines()]
    assert sum("Planted" in json.dumps(line) for line in lines) >= 300
    result = pysample("heap", "dump", child.pid, cwd=folder)
    assert result.code == 0, result
    name = re.search(r"^Wrote heapsnapshot: (.*)$", result.err, re.M).group(1)
    assert os.path.getsize(os.path.join(folder, name)) > 10000
    result = pysample("heap", "dump", child.pid, "-f", "psheap", cwd=folder)
    name = re.search(r"^Wrote psheap: (.*)$", result.err, re.M).group(1)
    assert name.endswith(".psheap") and len(planted(os.path.join(folder, name))[1]) == 300
    for wrong in (["-o", "a.png"], ["-f", "png"]):
        result = pysample("heap", "dump", child.pid, *wrong, cwd=folder)
        assert result.code == 2 and "heapsnapshot" in result.err, result
    result = pysample("heap", "dump", child.pid, "-o", "/nowhere/a.psheap")
    assert result.code == 1 and "/nowhere" in result.err, result
    ended_well(child)


def test_as_it_is_into_a_pipe(host, planted_in, pysample, folder):
    child = planted_in(host)
    path = os.path.join(folder, "piped")
    with open(path, "wb") as f:
        cat = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=f)
        result = pysample("heap", "dump", "-q", child.pid, "-f", "psheap", "-o", "-", stdout=cat.stdin)
        cat.stdin.close()
        assert cat.wait(process.PATIENCE) == 0
    assert result.code == 0 and result.err == "", result
    assert len(planted(path)[1]) == 300
    result = pysample("heap", "dump", "-q", child.pid, "-f", "psheap", "-o", "/dev/full")
    assert result.code == 1 and "No space left" in result.err, result
    ended_well(child)


LARGE = """
import sys
sys.modules["__main__"].state.large = [[i] for i in range(400000)]
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_ended_in_the_midst(host, host_in, run_in, pysample, folder, number):
    child = host_in(host, "busy")
    assert run_in(child, LARGE).code == 0
    path = os.path.join(folder, "half.psheap")
    p = pysample.start("heap", "dump", child.pid, "-o", path)
    process.until(lambda: children(child.pid) or p.poll() is not None, "the copy")
    p.send_signal(number)
    code = p.wait(process.PATIENCE)
    assert code == (1 if number == signal.SIGINT else -9) or not children(child.pid)
    if number == signal.SIGINT:
        assert b"interrupted" in p.stderr.read() or code == 0
        assert code == 0 or os.listdir(folder) == []
    no_copy_is_left(child)
    process.until(lambda: child.temporary() == [], "the guard to clean up")
    ended_well(child)


def test_a_process_that_may_not_fork(host, host_in, pysample, folder):
    child = under_way(host_in(host, "forkless", user=64321))
    path = os.path.join(folder, "none.psheap")
    result = pysample("heap", "dump", child.pid, "-o", path)
    assert result.code == 1 and "--in-process" in result.err, result
    assert os.listdir(folder) == []
    assert pysample("heap", "dump", child.pid, "-o", path, "--in-process").code == 0
    assert child.temporary() == []
    ended_well(child)


def test_what_cannot_be_dumped(spawn, pysample, folder):
    child = spawn(["sleep", "1000"])
    result = pysample("heap", "dump", "--timeout", "1s", child.pid, cwd=folder)
    assert result.code == 3, result
    assert pysample("heap", "dump", cwd=folder).code == 2
    assert pysample("heap", "dump", "x", cwd=folder).code == 2
    assert os.listdir(folder) == []


def test_beside_a_recording(door, planted_in, pysample, folder):
    child = planted_in(door)
    p = pysample.start(
        "record", child.pid, "-o", os.path.join(folder, "rec.html"),
        "--heap-dump", "start", "--heap-dump", "end", "--heap-dump", "rss>1T",
    )  # fmt: skip
    first = os.path.join(folder, "rec.heap1.heapsnapshot")
    process.until(lambda: os.path.exists(first), "the dump at the start")
    p.send_signal(signal.SIGUSR1)
    second = os.path.join(folder, "rec.heap2.heapsnapshot")
    process.until(lambda: os.path.exists(second), "the dump that was asked for")
    process.sampling(p)
    p.send_signal(signal.SIGINT)
    result = pysample.finish(p)
    assert result.code == 0, result
    names = [f"rec.heap{i}.heapsnapshot" for i in (1, 2, 3)]
    assert sorted(os.listdir(folder)) == [*names, "rec.html"]
    assert all(f"Wrote heapsnapshot: {folder}/{name}\n" in result.err for name in names), result
    with open(os.path.join(folder, "rec.html")) as f:
        page = f.read()
    assert all(name in page for name in names) and "pysample_inject" not in page
    no_copy_is_left(child)
    ended_well(child)


def test_what_runs_in_it_for_a_dump_is_not_in_the_recording(python, planted_in, pysample, folder):
    """In 3.13, three modules stand on each other for it; only the first may be seen, and alone."""
    child = planted_in(python)
    output = os.path.join(folder, "rec.txt")
    when = [word for ms in (100, 400, 700) for word in ("--heap-dump", f"{ms}ms")]
    result = pysample("record", child.pid, "-r", "2000", "-d", "1s", "-o", output, *when)
    assert result.code == 0 and result.err.count("Wrote heapsnapshot") == 3, result
    with open(output) as f:
        text = f.read()
    assert "host.py" in text and "pysample>" not in text and "(<string>:1);" not in text, text
    ended_well(child)


def test_what_is_due_while_another_is_taken_waits_also_beyond_the_end(door, planted_in, pysample, folder):
    """The recording may end before the first dump has: whichever comes first, all are taken."""
    child = planted_in(door)
    p = pysample.start(
        "record", child.pid, "-o", os.path.join(folder, "rec.html"),
        "--heap-dump", "start", "--heap-dump", "1ms", "--heap-dump", "1h",
    )  # fmt: skip
    process.sampling(p)
    p.send_signal(signal.SIGUSR1)
    p.send_signal(signal.SIGINT)
    result = pysample.finish(p)
    assert result.code == 0, result
    assert sorted(os.listdir(folder)) == [*(f"rec.heap{i}.heapsnapshot" for i in (1, 2, 3)), "rec.html"]
    assert "no heap dump for 1h: the recording was over before" in result.err, result
    no_copy_is_left(child)
    ended_well(child)


def test_dumps_of_a_recording_can_be_compared(door, planted_in, pysample, folder):
    """As the tutorial says; with the names that pysample makes itself."""
    child = planted_in(door)
    result = pysample(
        "record", child.pid, "-d", "1s", "--heap-format", "psheap",
        "--heap-dump", "start", "--heap-dump", "end", cwd=folder,
    )  # fmt: skip
    assert result.code == 0, result
    page = re.search(r"^Wrote flamegraph: (.*)\.html$", result.err, re.M).group(1)
    dumps = [f"{page}.heap{i}.psheap" for i in (1, 2)]
    assert re.findall(r"^Wrote psheap: (.*)$", result.err, re.M) == dumps
    assert sorted(os.listdir(folder)) == [*dumps, f"{page}.html"]
    result = pysample("heap", "diff", *dumps, cwd=folder)
    assert result.code == 0 and "Before: " in result.out, result
    ended_well(child)


REST = """
import gc, sys
if sys.implementation.name == "pypy":  # which frees nothing before it collects
    gc.collect()
print([f.__name__ for f in gc.get_objects() if type(f) is type(lambda: 0)
       and f.__code__.co_name in ("pysample_inject", "take")])
"""


def test_nothing_of_ours_waits_for_the_collector(host, host_in, run_in, pysample, folder):
    """A program may have switched it off, and diff would show what is left as growth."""
    child = host_in(host, "busy")
    assert run_in(child, "import gc; gc.disable()").code == 0
    for how in ([], ["--in-process"]):
        path = os.path.join(folder, "a.psheap")
        assert pysample("heap", "dump", child.pid, "-o", path, *how).code == 0
        os.unlink(path)
        result = run_in(child, REST)
        assert result.out == "['pysample_inject']\n", result  # which runs this
    ended_well(child)


def test_when_is_checked(pysample):
    for wrong in ("now", "5x", "rss>", "rss>x", "rss>-1G", "0s", ""):
        result = pysample("record", "1", "--heap-dump", wrong)
        assert result.code == 2 and f"'{wrong}'" in result.err, result
    result = pysample("record", "1", "--heap-dump", "1s", "--heap-format", "png")
    assert result.code == 2 and "'png'" in result.err and "psheap" in result.err, result
    assert "--heap-format is heapsnapshot, psheap or jsonl" in result.err, result
    result = pysample("record", "1", "--blocking", "--heap-dump", "1s")
    assert result.code == 2 and "--blocking" in result.err, result
