# SPDX-License-Identifier: MIT
"""What each mode shows is compared with what the target itself has measured. Gates are wide
enough for a machine that does something else as well; the figures are the bench's."""

import os
import re
import signal
import time
from collections import Counter

import expect
import process
import pytest

RATE = 1000


def read(path):
    with open(path, encoding="utf-8", newline="") as f:
        return expect.collapsed(f.read())


class Shares:
    """Of the time of the thread that works: what the target says, and what was recorded."""

    def __init__(self, before, after, stacks, result):
        self.result = result
        self.truth = {k: v - before["spent"].get(k, 0) for k, v in after["spent"].items()}
        self.window = sum(self.truth.values())
        self.cpus = (after["cpu"] - before["cpu"]) / (after["clock"] - before["clock"])
        self.stacks = Counter()
        for stack, count in stacks.items():
            names = " ".join(frame.partition(" (")[0] for frame in stack.split(";"))
            self.stacks[names] += count
        self.periods = float(re.search(r"Duration: ([\d.]+) s", result.err)[1]) * RATE

    def said(self, name):
        return self.truth[name] / self.window

    def seen(self, pattern):
        return sum(n for s, n in self.stacks.items() if re.search(pattern, s)) / self.periods

    def __repr__(self):
        return f"{self.truth} CPUs {self.cpus}\n{self.stacks}\n{self.result}"


@pytest.fixture
def shares(start, pysample, folder):
    """Records until the target has spent enough time in each of its ways."""

    def record(python, work, *options, enough=0.3, **how):
        child = start(python, "modes.py", work, **how)
        child.said()
        file = os.path.join(folder, "out.txt")

        def ask():
            child.go()
            return child.said()

        process.until(lambda: ask()["rounds"], "the first round")
        p = pysample.start("record", child.pid, "-r", RATE, "-o", file, *options)
        process.sampling(p, times=50)
        before = ask()

        def has_enough():
            time.sleep(0.05)  # asking takes the target's time
            after = ask()
            least = min(after["spent"][k] - before["spent"][k] for k in after["spent"])
            return least >= enough and after["clock"] - before["clock"] >= 1.5 and after

        after = process.until(has_enough, "enough of everything")
        p.send_signal(signal.SIGINT)
        result = pysample.finish(p)
        assert result.code == 0, result
        return Shares(before, after, read(file), result)

    return record


def near(seen, said, by=0.06):
    """Shares of all time: wrong by at most that much of all, or a quarter of itself."""
    return abs(seen - said) <= max(by, said / 4)


# Who holds the GIL, and who is on a CPU ---------------------------------------------------


def test_c_code_that_lets_the_gil_go_is_at_work_without_it(python, shares):
    wall, gil = shares(python, "native"), shares(python, "native", "--mode", "gil")
    for name in ("hashes", "compresses", "thinks"):
        assert near(wall.seen(rf" {name}\b"), wall.said(name)), (name, wall)
    assert near(gil.seen(" thinks"), gil.said("thinks")), gil
    assert gil.seen(" (hashes|compresses)") < 0.1 < gil.said("hashes"), gil


def test_cpu_time_is_what_the_system_accounts_for(python, shares):
    cpu = shares(python, "native", "--mode", "cpu")
    seen, said = cpu.seen(""), cpu.cpus
    assert near(seen, said, 0.1), (seen, said, cpu)
    assert cpu.seen(" hashes") > 0.5 * cpu.said("hashes") * said, cpu


def test_four_threads_on_one_cpu_are_ready_and_share_its_time(python, shares):
    one = {"preexec_fn": lambda: os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})}
    wall = shares(python, "crowd", **one)
    cpu = shares(python, "crowd", "--mode", "cpu", **one)
    assert wall.seen(" works spend") > 3.6, wall
    # A credit of 25 ms for each thread is what may be too much.
    seen, most = cpu.seen(" works spend"), 4 * 25 / cpu.periods
    assert 0.7 * cpu.cpus < seen < 1.2 * cpu.cpus + most, (seen, cpu)
    assert seen < 1.05 + most, (seen, cpu)


def test_c_code_that_blocks_with_the_gil_held_is_on_no_cpu(python, shares):
    gil, cpu = shares(python, "held", "-g"), shares(python, "held", "--mode", "cpu")
    assert near(gil.seen(" holds"), gil.said("holds")), gil
    assert near(gil.seen(" thinks"), gil.said("thinks")), gil
    assert cpu.seen(" holds") < 0.06 < cpu.said("holds"), cpu
    assert cpu.seen(" thinks") > 0.5 * min(cpu.said("thinks"), cpu.cpus), cpu


def test_sleepers(python, shares):
    wall, idle = shares(python, "naps"), shares(python, "naps", "-i")
    assert near(wall.seen(" thinks"), wall.said("thinks")), wall
    assert wall.seen(" sleeps") < 0.06 < wall.said("sleeps"), wall
    assert near(idle.seen(" sleeps"), idle.said("sleeps")), idle
    for mode in ("cpu", "gil"):
        only = shares(python, "naps", "--mode", mode)
        assert only.seen(" sleeps") < 0.06 < only.said("sleeps"), only


def test_two_threads_share_one_gil(python, start, pysample, folder):
    child = start(python, "modes.py", "contention")
    child.said()
    file = os.path.join(folder, "out.txt")
    seen = {}
    for options in (["-i"], ["--mode", "gil"]):
        result = pysample("record", child.pid, "-d", 2, "-r", RATE, "-t", "-o", file, *options)
        assert result.code == 0, result
        seen[options[-1]] = counts = Counter()
        for stack, count in read(file).items():
            found = re.match(r"thread \(\d+\): (works \d);", stack)
            if found:
                counts[found[1]] += count / (2 * RATE)
    for thread in ("works 0", "works 1"):
        assert 0.9 < seen["-i"][thread] < 1.05, seen
        assert 0.2 < seen["gil"][thread] < 0.8, seen
    assert 0.8 < sum(seen["gil"].values()) < 1.05, seen


# Collections ------------------------------------------------------------------------------


def test_a_collection_is_a_frame_on_what_caused_it(python, shares):
    wall = shares(python, "garbage")
    assert wall.said("collects") > 0.02, wall
    assert near(wall.seen(" collects <GC>$"), wall.said("collects"), 0.03), wall
    assert wall.seen(" collects$") < 0.02, wall
    assert wall.seen(" thinks.*<GC>") < 0.01, wall
    hidden = shares(python, "garbage", "--no-gc")
    assert hidden.seen("<GC>") == 0, hidden
    assert near(hidden.seen(" collects$"), hidden.said("collects"), 0.03), hidden


def test_collections_are_seen_at_any_rate(one, start, pysample, folder):
    child = start(one, "modes.py", "garbage")
    child.said()
    file = os.path.join(folder, "out.txt")
    result = pysample("record", child.pid, "-d", 1, "-r", "max", "-o", file)
    assert result.code == 0, result
    stacks = read(file)
    on = Counter()
    for stack, count in stacks.items():
        if "<GC>" in stack:
            on[stack.rpartition(";<GC>")[0].rpartition(";")[2].partition(" (")[0]] += count
    assert on["collects"] > 0.98 * sum(on.values()) > 0, (on, stacks)


def test_finalizers_stand_above_the_collection(python, shares):
    wall = shares(python, "finalizers")
    assert near(wall.seen(r" finalizes( <GC>)? (Dies.)?__del__ spin"), wall.said("finalizes")), wall
    if python.version >= (3, 15):
        assert near(wall.seen(r" finalizes <GC> Dies.__del__ spin$"), wall.said("finalizes")), wall
        assert wall.seen("__del__.*<GC>") == 0, wall


# Exceptions -------------------------------------------------------------------------------

WITH = ("handles", "generates", "awaits", "inherits", "cleans_up")
WITHOUT = ("has_handled", "suspended")


@pytest.mark.parametrize("blocking", [[], ["--blocking"]], ids=["reading", "blocking"])
def test_exceptions_are_handled_in_functions_generators_and_coroutines(python, blocking, shares):
    seen = shares(python, "exceptions", "--mode", "exception", *blocking)
    for name in WITH:
        assert near(seen.seen(rf" {name}\b"), seen.said(name), 0.04), (name, seen)
    for name in WITHOUT:
        assert seen.seen(rf" {name}\b") < 0.01, (name, seen)


def test_exceptions_that_propagate(python, shares):
    """Going down and coming up are both some of it."""
    wall, seen = shares(python, "falling"), shares(python, "falling", "--mode", "exception")
    assert wall.seen(" falls") > 0.8, wall
    assert 0.1 < seen.seen(" falls") / wall.seen(" falls") < 0.9, seen


def test_a_program_without_exceptions_gives_a_reason_and_no_file(one, start, pysample, folder):
    child = start(one, "modes.py", "contention")
    child.said()
    file = os.path.join(folder, "out.txt")
    result = pysample("record", child.pid, "-d", "200ms", "--mode", "exception", "-o", file)
    assert result.code == 3 and "no exception" in result.err, result
    assert os.listdir(folder) == []


# What is said -----------------------------------------------------------------------------


def test_the_summary_says_what_the_mode_leaves_out(one, shares):
    result = shares(one, "native", "--mode", "gil", enough=0.1).result
    assert re.search(r"Not shown: \d+\.\d % .* did not hold the GIL", result.err), result


def test_dump_says_who_handles_an_exception(python, start, pysample):
    child = start(python, "handling.py")
    truth = child.said()
    printed = {t.name: t for t in expect.dump(pysample("dump", child.pid).out)}
    for said in truth["threads"]:
        thread = printed[said["name"]]
        assert thread.frames == expect.frames(said["frames"]), printed
        handling = said["name"] != "no exception"
        assert ("handling an exception" in thread.state) == handling, printed


def test_names_of_threads_are_those_of_the_end(python, start, pysample, folder):
    child = start(python, "modes.py", "names")
    child.said()
    file = os.path.join(folder, "out.txt")
    p = pysample.start("record", child.pid, "-i", "-t", "-o", file)
    process.sampling(p)
    child.go()
    child.said()
    p.send_signal(signal.SIGINT)
    result = pysample.finish(p)
    assert result.code == 0, result
    seen = {re.match(r"thread \(\d+\): (.*)", s.partition(";")[0])[1] for s in read(file)}
    wanted = {"MainThread", "first", "named after its start", "named while it is recorded"}
    assert seen == wanted, result
