# SPDX-License-Identifier: MIT
"""What each mode shows is compared with what the target itself has measured.

The target stands still before and after its work, so that both speak of the same time, in
seconds. What a recording says of a moment at which it was late is a guess, and so is what it
says of a sample that was lost: these it counts, and so much may be wrong, on any machine."""

import os
import re
import signal
from collections import Counter

import expect
import process
import pytest

RATE = 1000
CREDIT = 0.025  # seconds of CPU time that a thread may be given too much, see activity.c


def read(path):
    with open(path, encoding="utf-8", newline="") as f:
        return expect.collapsed(f.read())


def number(pattern, text):
    return float(re.search(pattern, text)[1])


class Recording:
    """Seconds by function: as the target said, and as they were seen."""

    def __init__(self, truth, stacks, result):
        self.truth, self.result = truth, result
        self.window = truth["seconds"]
        self.stacks = Counter()
        for stack, count in stacks.items():
            names = " ".join(re.sub(r" \([^;]*?:\d+\)$", "", f) for f in stack.split(";"))
            self.stacks[names] += count / RATE
        guessed = number(r"(\d+) skipped because late", result.err)
        self.doubt = (guessed + number(r"lost (\d+)", result.err)) / RATE
        self.latest = number(r"([\d.]+) ms at most", result.err) / 1000

    def said(self, name):
        return self.truth["spent"][name]

    def cpu(self, name):
        return self.truth["cpu"][name]

    def seen(self, pattern):
        return sum(n for s, n in self.stacks.items() if re.search(pattern, s))

    def shows(self, pattern, said, by=0.06):
        """Wrong by at most that much of all, or a quarter of itself."""
        seen, wrong = self.seen(pattern), max(by * self.window, said / 4) + self.doubt
        assert abs(seen - said) <= wrong, f"{seen:.3f} s of {pattern}, not {said:.3f}\n{self}"

    def hardly_shows(self, pattern, by):
        """Seen for at most that share of all."""
        seen, most = self.seen(pattern), by * self.window + self.doubt
        assert seen <= most, f"{seen:.3f} s of {pattern}, more than {most:.3f}\n{self}"

    def __repr__(self):
        stacks = "\n".join(f"{n:.3f} {s}" for s, n in self.stacks.most_common())
        return f"{self.truth}, in doubt {self.doubt}\n{stacks}\n{self.result}"


@pytest.fixture
def recorded(start, pysample, folder):
    """recorded(python, work, options, ...) → a Recording for each of the options, all of them
    of the same work."""

    def record(python, work, *recordings, **how):
        child = start(python, "modes.py", work, **how)
        child.said()
        running = []
        for i, options in enumerate(recordings):
            file = os.path.join(folder, f"{i}.txt")
            argv = ["record", child.pid, "-r", RATE, "-o", file, *options]
            running.append((file, pysample.start(*argv, preexec_fn=process.urgent)))
        for _, p in running:
            process.sampling(p, times=50)
        child.go()
        truth = child.said()
        for _, p in running:
            p.send_signal(signal.SIGINT)
        made = []
        for file, p in running:
            result = pysample.finish(p)
            assert result.code == 0, result
            made.append(Recording(truth, read(file), result))
        return made

    return record


GIL, CPU, EXCEPTION = ["--mode", "gil"], ["--mode", "cpu"], ["--mode", "exception"]

# Who holds the GIL, and who is on a CPU ---------------------------------------------------


def test_c_code_that_lets_the_gil_go_is_at_work_without_it(python, recorded):
    wall, gil, cpu = recorded(python, "native", [], GIL, CPU)
    for name in ("hashes", "compresses", "thinks"):
        wall.shows(rf" {name}\b", wall.said(name))
    gil.shows(" thinks", gil.said("thinks"))
    gil.hardly_shows(" (hashes|compresses)", 0.1)
    assert re.search(r"Not shown: \d+\.\d % .* did not hold the GIL", gil.result.err), gil
    # CPU time is what the system accounts for.
    ran = sum(cpu.truth["cpu"].values())
    assert abs(cpu.seen("") - ran) <= 0.1 * cpu.window + CREDIT + cpu.latest + cpu.doubt, cpu
    assert cpu.seen(" hashes") > 0.5 * cpu.cpu("hashes") - cpu.doubt, cpu


def test_a_thread_in_another_interpreter_is_not_at_work_in_its_own_too(python, recorded):
    wall, cpu, idle = recorded(python, "interpreters", [], CPU, ["-i"])
    wall.shows(" spins_inside", wall.said("enters"))
    wall.shows(" thinks", wall.said("thinks"))
    wall.hardly_shows(" enters", 0.03)
    idle.shows(" enters", idle.said("enters"))
    ran = sum(cpu.truth["cpu"].values())
    assert abs(cpu.seen("") - ran) <= 0.1 * cpu.window + CREDIT + cpu.latest + cpu.doubt, cpu


def test_four_threads_on_one_cpu_are_ready_and_share_its_time(python, recorded):
    one = {"preexec_fn": lambda: os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})}
    wall, cpu = recorded(python, "crowd", [], CPU, **one)
    ready, seen, ran = wall.seen(" works .*spend"), cpu.seen(" works .*spend"), cpu.cpu("hashes")
    assert ready > 0.9 * wall.said("hashes") - 4 * wall.doubt, wall
    too_much = 4 * (CREDIT + cpu.latest)
    assert 0.7 * ran - 4 * cpu.doubt < seen < 1.2 * ran + too_much, cpu
    assert seen < 1.05 * cpu.truth["seconds"] + too_much, cpu


def test_c_code_that_blocks_with_the_gil_held_is_on_no_cpu(python, recorded):
    gil, cpu = recorded(python, "held", ["-g"], CPU)
    for name in ("holds", "thinks"):
        gil.shows(f" {name}", gil.said(name))
    cpu.hardly_shows(" holds", 0.06)
    assert cpu.seen(" thinks") > 0.5 * cpu.cpu("thinks") - cpu.doubt, cpu


def test_sleepers(python, recorded):
    wall, idle, *others = recorded(python, "naps", [], ["-i"], CPU, GIL)
    wall.shows(" thinks", wall.said("thinks"))
    idle.shows(" sleeps", idle.said("sleeps"))
    for only in (wall, *others):
        only.hardly_shows(" sleeps", 0.06)


def by_thread(recording):
    threads = Counter()
    for stack, seconds in recording.stacks.items():
        found = re.match(r"thread \(\d+\): (works \d) .*\bthinks\b", stack)
        if found:
            threads[found[1]] += seconds
    return threads


def test_two_threads_share_one_gil(python, recorded):
    """Only who holds it runs; who has just got it may still have to wait for a CPU, and then
    nobody holds it. So it is held for as long as they ran, or longer."""
    idle, gil = recorded(python, "contention", ["-i", "-t"], ["-t", *GIL])
    seen, ran = by_thread(gil), gil.cpu("thinks")
    assert by_thread(idle).keys() == seen.keys() == {"works 0", "works 1"}, (idle, gil)
    assert sum(by_thread(idle).values()) > 0.9 * idle.said("thinks") - 2 * idle.doubt, idle
    held = sum(seen.values())
    assert 0.8 * ran - gil.doubt < held < 1.05 * gil.truth["seconds"] + gil.doubt, gil
    for thread in seen:
        assert seen[thread] < 0.85 * held + gil.doubt, (seen, gil)


# Collections ------------------------------------------------------------------------------


def test_a_collection_is_a_frame_on_what_caused_it(python, recorded):
    wall, hidden = recorded(python, "garbage", [], ["--no-gc"])
    wall.shows(" collects <GC>$", wall.said("collects"), 0.03)
    wall.hardly_shows(" collects$", 0.02)
    wall.hardly_shows(" thinks.*<GC>", 0.01)
    assert hidden.seen("<GC>") == 0, hidden
    hidden.shows(" collects$", hidden.said("collects"), 0.03)


def test_collections_are_seen_at_any_rate(one, start, pysample, folder):
    child = start(one, "modes.py", "garbage")
    child.said()
    file = os.path.join(folder, "out.txt")
    p = pysample.start("record", child.pid, "-r", "max", "-o", file)
    process.until(lambda: p.poll() is not None or process.cpu(p.pid) >= 10, "it to sample")
    child.go()
    child.said()
    p.send_signal(signal.SIGINT)
    result = pysample.finish(p)
    assert result.code == 0, result
    stacks = read(file)
    on = Counter()
    for stack, count in stacks.items():
        if "<GC>" in stack:
            on[stack.rpartition(";<GC>")[0].rpartition(";")[2].partition(" (")[0]] += count
    assert on["collects"] > 0.98 * sum(on.values()) > 0, (on, stacks)


def test_finalizers_stand_above_the_collection(python, recorded):
    (wall,) = recorded(python, "finalizers", [])
    said = wall.said("dies")
    wall.shows(r" finalizes( <GC>)? Dies.__del__ Measured.spend dies spin\b", said)
    if python.version >= (3, 15):
        wall.shows(r" finalizes <GC> Dies.__del__ .* spin$", said)
        wall.hardly_shows("__del__.*<GC>", 0)


# Exceptions -------------------------------------------------------------------------------

WITH = ("handles", "generates", "awaits", "inherits", "cleans_up")
WITHOUT = ("has_handled", "suspended")


@pytest.mark.parametrize("blocking", [[], ["--blocking"]], ids=["reading", "blocking"])
def test_exceptions_are_handled_in_functions_generators_and_coroutines(python, blocking, recorded):
    (seen,) = recorded(python, "exceptions", [*EXCEPTION, *blocking])
    for name in WITH:
        seen.shows(rf" {name}\b", seen.said(name), 0.04)
    for name in WITHOUT:
        seen.hardly_shows(rf" {name}\b", 0.01)


def test_exceptions_that_propagate(python, recorded):
    """Going down and coming up are both some of it."""
    wall, seen = recorded(python, "falling", [], EXCEPTION)
    wall.shows(" falls", wall.said("falls"))
    both, doubt = seen.seen(" falls"), seen.doubt + wall.doubt
    assert 0.1 * wall.seen(" falls") - doubt < both < 0.9 * wall.seen(" falls") + doubt, seen


def test_a_program_without_exceptions_gives_a_reason_and_no_file(one, start, pysample, folder):
    child = start(one, "modes.py", "contention")
    child.said()
    file = os.path.join(folder, "out.txt")
    result = pysample("record", child.pid, "-d", "200ms", "--mode", "exception", "-o", file)
    assert result.code == 3 and "no exception" in result.err, result
    assert os.listdir(folder) == []


# What is said -----------------------------------------------------------------------------


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
