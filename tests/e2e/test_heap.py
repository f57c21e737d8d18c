# SPDX-License-Identifier: MIT
"""pysample heap reads dumps: what it prints, what it writes, and what it says of bad ones."""

import json
import os
import stat
import subprocess
import sys

import process
import pytest

MAKE_HEAP = os.environ.get("MAKE_HEAP", "")


@pytest.fixture
def dump(tmp_path):
    """dump(sessions) → a dump of the application of tests/support/built_dump.h"""
    assert os.access(MAKE_HEAP, os.X_OK), "the environment variable MAKE_HEAP must name that program"

    def make(sessions, name=None):
        path = tmp_path / (name or f"app-{sessions}.psheap")
        with open(path, "wb") as out:
            subprocess.run([MAKE_HEAP, "app", str(sessions)], stdout=out, check=True)
        return path

    return make


def good(result):
    assert result.code == 0 and result.err == "", result
    return result.out


def test_summary(pysample, dump):
    out = good(pysample("heap", "summary", dump(50)))
    assert "process 4242" in out and "111 objects" in out
    rows = [line.split() for line in out.splitlines()]
    assert ["50", "3.1", "KiB", "8.0", "KiB"] in [row[:5] for row in rows if "app.Session" in row]
    assert "and" not in out.split("RETAINED   OF ALL  OBJECTS")[0].split("TYPE\n")[1]
    limited = good(pysample("heap", "summary", "-n", "2", dump(50)))
    assert "and 5 more types" in limited


def test_summary_in_json(pysample, dump):
    told = json.loads(good(pysample("heap", "summary", "--json", dump(50))))
    assert (told["pid"], told["objects"], told["threads"]) == (4242, 111, 1)
    types = {t["type"]: t for t in told["types"]}
    assert types["app.Session"] == {"type": "app.Session", "count": 50, "size": 3200, "retained": 8200}
    assert sum(t["count"] for t in types.values()) == told["objects"]
    assert sum(t["size"] for t in types.values()) == told["size"]


def test_a_dump_from_a_pipe(pysample, dump):
    with open(dump(5), "rb") as f:
        reader = subprocess.Popen(["cat"], stdin=f, stdout=subprocess.PIPE)
    out = good(pysample("heap", "summary", "-", stdin=reader.stdout))
    reader.stdout.close()
    assert reader.wait() == 0
    assert "app.Session" in out


def test_diff_says_what_grew_and_what_keeps_it(pysample, dump):
    out = good(pysample("heap", "diff", dump(10), dump(2010)))
    place = out.split("Where it grew, and what keeps it\n")[1].split("\n\n")[0].strip("\n").split("\n")
    assert "in 2000 more objects" in place[0]
    steps = [line.split() for line in place[1:]]
    assert steps == [["dict", "of", "app"], [".cache", "app.Cache"], [".items", "list"], ["[*]", "app.Session"]]


def test_path(pysample, dump):
    file = dump(10)
    out = good(pysample("heap", "path", file, "app.Session"))
    assert out.startswith("10 objects of app.Session\n")
    assert "9 of them" in out and "that is: app.cache.items[1]\n" in out
    assert good(pysample("heap", "path", file, "Session")) == out
    out = good(pysample("heap", "path", file, hex(0x20000)))
    assert "that is: s\n" in out and "and by" in out
    assert "and by" not in good(pysample("heap", "path", "-n", "1", file, hex(0x20000)))
    result = pysample("heap", "path", file, "app.Sesion")
    assert result.code == 2 and "no type 'app.Sesion'" in result.err and "there is app.Session" in result.err


def test_flame(pysample, dump, tmp_path):
    page = tmp_path / "heap.html"
    result = pysample("heap", "flame", dump(10), "-o", page)
    assert result.code == 0 and f"Wrote flamegraph: {page}" in result.err, result
    assert '"bytes":true' in page.read_text()
    out = good(pysample("heap", "flame", dump(10), "-f", "collapsed", "-o", "-"))
    assert "dict of app;app.Cache (.cache);list (.items);app.Session ([*]);str (.user) 900\n" in out
    assert pysample("heap", "flame", dump(10), "-o", tmp_path / "x.svg").code == 2
    before = os.listdir(pysample.rescued)  # of recordings: a dump can be read again
    result = pysample("heap", "flame", dump(10), "-f", "flamegraph", "-o", "/dev/full")
    assert result.code == 1 and "No space left" in result.err and "record" not in result.err, result
    assert os.listdir(pysample.rescued) == before


def test_convert(pysample, dump, tmp_path):
    snapshot, lines = tmp_path / "a.heapsnapshot", tmp_path / "a.jsonl"
    for file in snapshot, lines:
        result = pysample("heap", "convert", dump(10), "-o", file)
        assert result.code == 0 and str(file) in result.err, result
    told = json.loads(snapshot.read_text())
    assert len(told["nodes"]) == 6 * told["snapshot"]["node_count"]
    assert len(told["edges"]) == 3 * told["snapshot"]["edge_count"] == 3 * sum(told["nodes"][4::6])
    objects = [json.loads(line) for line in lines.read_text().splitlines()]
    assert objects[0]["lines"] == len(objects) - 1 == told["snapshot"]["node_count"]
    assert good(pysample("heap", "convert", "-f", "jsonl", dump(10), "-o", "-")) == lines.read_text()
    result = pysample("heap", "convert", dump(10), "-o", tmp_path / "a.txt")
    assert result.code == 2 and ".heapsnapshot" in result.err, result
    for how in (["-o", tmp_path / "a.psheap"], ["-f", "psheap", "-o", "-"]):  # it is that already
        result = pysample("heap", "convert", dump(10), *how)
        assert result.code == 2 and "jsonl" in result.err and "NAME.psheap" not in result.err, result


def test_what_cannot_be_written_leaves_what_is_there(pysample, dump, tmp_path):
    old = tmp_path / "old.jsonl"
    old.write_text("old")
    old.chmod(0o640)
    result = pysample("heap", "convert", dump(10), "-f", "jsonl", "-o", "/dev/full")
    assert result.code == 1 and "No space left" in result.err, result
    broken = dump(10)
    with open(broken, "r+b") as f:
        f.truncate(broken.stat().st_size - 100)
    assert pysample("heap", "convert", broken, "-o", old).code == 1
    assert old.read_text() == "old"
    assert pysample("heap", "convert", dump(10), "-o", old).code == 0
    assert old.read_text() != "old" and stat.S_IMODE(old.stat().st_mode) == 0o640


SECCOMP = [sys.executable, os.path.join(os.path.dirname(os.path.abspath(__file__)), "seccomp.py")]
NO_NAMELESS = f"EOPNOTSUPP:openat/2&{os.O_TMPFILE}={os.O_TMPFILE}"


@pytest.mark.parametrize("old", [None, 0o640], ids=["new", "replaced"])
@pytest.mark.parametrize("forbidden", [None, NO_NAMELESS, "EPERM:linkat"], ids=["nothing", "nameless", "links"])
def test_a_file_comes_out_whatever_the_disk_can_do(pysample, dump, tmp_path, forbidden, old):
    """A link may also be forbidden by a security module, say, when all is written."""
    source = dump(10)
    path = tmp_path / "out" / ("a" * 249 + ".jsonl")  # no name is longer
    path.parent.mkdir()
    if old:
        path.write_text("old")
        path.chmod(old)
    before = [*SECCOMP, forbidden] if forbidden else []
    result = pysample("heap", "convert", source, "-o", path, before=before)
    assert result.code == 0, result
    assert path.read_text() == good(pysample("heap", "convert", "-f", "jsonl", source, "-o", "-"))
    os.umask(mask := os.umask(0))
    assert stat.S_IMODE(path.stat().st_mode) == (old or 0o666 & ~mask) and os.listdir(path.parent) == [path.name]
    result = pysample("heap", "convert", source, "-o", path.parent / ("a" * 250 + ".jsonl"))
    assert result.code == 1 and "too long" in result.err, result


def test_killed_at_any_moment(pysample, dump, tmp_path):
    source = dump(20000)
    path = tmp_path / "out" / "a.jsonl"
    path.parent.mkdir()
    argv = ("heap", "convert", source, "-o", path)
    assert pysample(*argv).code == 0
    size = path.stat().st_size
    path.unlink()
    for part in range(10):
        p = pysample.start(*argv)
        process.until(lambda: process.written(p.pid) >= size * part // 10 or process.over(p.pid), "it to write")
        p.kill()
        pysample.finish(p)
        assert not path.exists() or path.stat().st_size == size
        path.unlink(missing_ok=True)
        assert os.listdir(path.parent) == []


def test_bad_dumps_are_told_by_what_is_wrong(pysample, dump, tmp_path):
    file = dump(10)
    whole = file.read_bytes()
    for length in (1, 15, 40, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:length])
        result = pysample("heap", "summary", file)
        assert result.code == 1 and "the dump is incomplete" in result.err and "hint" in result.err, result
        assert str(file) in result.err and result.out == ""
    for content, words in ((b"", "empty"), (b"\x1f\x8b" + whole, "no heap dump"), (whole + b"x", "follows the end")):
        file.write_bytes(content)
        result = pysample("heap", "diff", dump(1, "good.psheap"), file)
        assert result.code == 1 and words in result.err, result
    result = pysample("heap", "summary", tmp_path / "none.psheap")
    assert result.code == 1 and "No such file" in result.err and ".psheap" in result.err, result


def test_output_that_cannot_be_written(pysample, dump):
    with open("/dev/full", "w") as full:
        for verb in (["summary"], ["diff", dump(1)], ["path"]):
            rest = ["Session"] if verb == ["path"] else []
            result = pysample("heap", *verb, dump(10), *rest, stdout=full)
            assert result.code == 1 and "No space left" in result.err, result
