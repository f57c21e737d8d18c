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
    assert process.state(child.pid) == "S"
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
    printed = expect.dump(pysample("dump", child.pid).out)
    spinning = [t for t in printed if any(f.startswith("spin ") for f in t.frames)]
    waiting = [t for t in printed if any(f.startswith("end ") for f in t.frames)]
    assert "gil" in spinning[0].state.lower(), printed
    assert "idle" in waiting[0].state.lower(), printed


def test_a_stopped_target_is_read_as_it_stands(python, start, pysample):
    child = start(python, "stopped.py")
    truth = child.said()
    process.until(lambda: process.state(child.pid) == "T", "the target to stop itself")
    agree(pysample("dump", child.pid), truth)
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
