# SPDX-License-Identifier: MIT
"""pysample dump prints what the target itself says, for every thread, to the letter."""

import os

import expect
import process
import pytest

TARGETS = [
    ["plain.py"],
    ["deep.py", 30],
    ["deep.py", 950],
    ["generators.py"],
    ["coroutines.py"],
    ["callbacks.py"],
    ["inits.py"],
    ["unwinding.py"],
    ["lines.py"],
    ["names.py"],
    ["renamed.py"],
    ["threads.py", 20],
    ["native.py"],
    ["interpreters.py"],
]


def agree(result, truth):
    """Each thread the target tells of is printed, with its frames and name; no other has
    frames. One native thread may stand in two interpreters."""
    assert result.code == 0, result
    printed = expect.dump(result.out)
    for said in truth["threads"]:
        same = [t for t in printed if t.tid == said["tid"]]
        frames = expect.frames(said["frames"])
        at = said.get("interpreter", 0)
        match = [t for t in same if t.frames == frames and (t.interpreter > 0) == (at > 0)]
        if not match:
            assert same, f"thread {said['tid']} ({said['name']}) is not in\n{result}"
            assert same[0].frames == frames, result
        if said["name"] is not None:
            assert match[0].name == expect.printable(said["name"]), result
        assert frames or "fast" not in str(match[0].notes), f"it has no frames:\n{result}"
        printed.remove(match[0])
    assert not [t for t in printed if t.frames], f"nobody told of {printed}"


@pytest.mark.parametrize("target", TARGETS, ids=lambda t: "-".join(map(str, t)))
def test_every_thread_as_the_target_says(python, target, start, pysample):
    child = start(python, *target)
    truth = child.said()
    assert truth["pid"] == child.pid
    agree(pysample("dump", child.pid), truth)


@pytest.mark.parametrize("target", [["plain.py"], ["threads.py", 20]], ids=lambda t: t[0])
def test_blocking_says_the_same_and_leaves_it_running(python, target, start, pysample):
    child = start(python, *target)
    truth = child.said()
    agree(pysample("dump", "--blocking", "-p", child.pid), truth)
    process.until(lambda: process.at_rest(child.pid), "it to be where it was")
    child.popen.stdin.close()
    child.wait()


def test_five_hundred_threads(python, start, pysample):
    child = start(python, "threads.py", 500)
    truth = child.said()
    assert len(truth["threads"]) == 501
    agree(pysample("dump", child.pid), truth)


def test_ten_thousand_frames_lose_their_middle_only(python, start, pysample):
    child = start(python, "deep.py", 10_000)
    truth = expect.frames(child.said()["threads"][0]["frames"])
    result = pysample("dump", child.pid)
    assert result.code == 0, result
    (thread,) = [t for t in expect.dump(result.out) if t.frames]
    assert thread.frames.count(expect.OMITTED) == 1, result
    at = thread.frames.index(expect.OMITTED)
    below = len(thread.frames) - at - 1
    assert at >= 100 and below >= 100
    assert thread.frames[:at] == truth[:at]
    assert thread.frames[at + 1 :] == truth[-below:]


def test_head_names_process_and_python(python, start, pysample):
    child = start(python, "plain.py")
    child.said()
    out = pysample("dump", child.pid).out
    head = out.partition("Thread ")[0]
    assert str(child.pid) in head
    assert "plain.py" in head
    assert ".".join(map(str, python.version)) in head


def test_what_each_thread_does(python, start, pysample):
    child = start(python, "ends.py", 0)
    child.said()

    def where_they_end():
        printed = expect.dump(pysample("dump", child.pid).out)
        spinning = [t for t in printed if any(f.startswith("spin ") for f in t.frames)]
        waiting = [t for t in printed if any(f.startswith("end ") for f in t.frames)]
        return spinning and waiting and "idle" in waiting[0].state.lower() and spinning[0]

    # What it said was said before it spins, and the other thread may not have begun.
    spinning = process.until(where_they_end, "one thread to spin, and the other to be idle")
    assert "gil" in spinning.state.lower(), spinning


def test_a_thread_that_has_entered_another_interpreter_is_there(python, start, pysample):
    child = start(python, "interpreters.py")
    child.said()
    printed = expect.dump(pysample("dump", child.pid).out)
    outer, inner = [], []
    for t in printed:
        others = {o.interpreter for o in printed if o.tid == t.tid} - {t.interpreter}
        if others:
            (outer if t.interpreter == 0 else inner).append(t.state)
    assert outer == ["in another interpreter"] * len(inner) and len(inner) == 3, printed
    assert "in another interpreter" not in inner, printed


def test_a_stopped_target_is_read_as_it_stands(python, start, pysample):
    child = start(python, "stopped.py")
    truth = child.said()
    process.until(lambda: process.state(child.pid) == "T", "the target to stop itself")
    result = pysample("dump", child.pid)
    agree(result, truth)
    (thread,) = expect.dump(result.out)
    assert thread.state == "stopped by a signal+gil"
    assert process.state(child.pid) == "T"


def test_threads_that_outlive_the_main_one(python, start, pysample):
    child = start(python, "zombie.py")
    truth = child.said()
    process.until(lambda: process.state(child.pid) == "Z", "the main thread to end")
    result = pysample("dump", child.pid)
    assert result.code == 0, result
    (said,) = truth["threads"]
    printed = [t for t in expect.dump(result.out) if t.tid == said["tid"]]
    assert [t.frames for t in printed] == [expect.frames(said["frames"])], result
    assert printed[0].name == "lives on"


def test_a_forked_child_is_read_as_itself(python, start, pysample):
    parent = start(python, "forks.py")
    said = {truth["pid"]: truth for truth in (parent.said(), parent.said())}
    parent.others += [pid for pid in said if pid != parent.pid]
    assert len(said) == 2
    for pid, truth in said.items():
        agree(pysample("dump", pid), truth)


def test_nothing_is_left_behind_in_the_target(one, start, pysample):
    child = start(one, "plain.py")
    truth = child.said()
    before = sorted(os.listdir(f"/proc/{child.pid}/fd"))
    for _ in range(3):
        agree(pysample("dump", child.pid), truth)
    assert sorted(os.listdir(f"/proc/{child.pid}/fd")) == before


# Where to, and with which words -------------------------------------------------------------


def test_into_a_file_that_is_replaced_whole(one, start, pysample, folder):
    child = start(one, "plain.py")
    truth = child.said()
    file = os.path.join(folder, "stacks.txt")
    with open(file, "w") as f:
        f.write("old\n" * 100_000)
    os.chmod(file, 0o640)
    before = os.stat(file)
    result = pysample("dump", child.pid, "-o", file)
    assert result.out == "" and file in result.err, result
    with open(file, encoding="utf-8") as f:
        result.out = f.read()
    agree(result, truth)
    after = os.stat(file)
    assert after.st_ino != before.st_ino, "written beside it and renamed"
    assert after.st_mode == before.st_mode
    assert os.listdir(folder) == ["stacks.txt"]


def test_a_file_named_by_facts(one, start, pysample, folder):
    child = start(one, "plain.py")
    child.said()
    assert pysample("dump", child.pid, "-o", os.path.join(folder, "%p-%%.txt")).code == 0
    assert os.listdir(folder) == [f"{child.pid}-%.txt"]


def test_what_cannot_be_written_leaves_the_old_file(one, start, pysample, folder):
    child = start(one, "names.py")
    child.said()
    file = os.path.join(folder, "stacks.txt")
    with open(file, "w") as f:
        f.write("old")
    script = 'trap "" XFSZ; ulimit -f 8; exec "$0" "$@"'
    result = pysample("dump", child.pid, "-o", file, before=["bash", "-c", script])
    assert result.code == 1 and "arge" in result.err and file in result.err, result
    with open(file) as f:
        assert f.read() == "old"
    assert os.listdir(folder) == ["stacks.txt"]
    for place in (folder, "/no/such/folder/x.txt"):
        result = pysample("dump", child.pid, "-o", place)
        assert result.code == 1 and place in result.err and result.out == "", result


def test_quiet_and_verbose(one, start, pysample, folder):
    child = start(one, "plain.py")
    truth = child.said()
    process.until(lambda: process.at_rest(child.pid), "the target to be at rest")
    plain = pysample("dump", child.pid)
    assert plain.err == "", plain
    quiet = pysample("dump", "-q", child.pid, "-o", os.path.join(folder, "x.txt"))
    assert (quiet.code, quiet.out, quiet.err) == (0, "", ""), quiet
    verbose = pysample("dump", "-v", child.pid)
    agree(verbose, truth)
    assert verbose.out == plain.out
    for words in ("found by", "1 thread;", "attempt 1 of", ".".join(map(str, one.version))):
        assert words in verbose.err, (words, verbose)
