# SPDX-License-Identifier: MIT
"""Running code in a program: whether each script runs exactly once, how soon it begins, how long
the program stands for it, and whether anything is left in the program after many of them; and
whether a recording beside them notices."""

import contextlib
import os
import re
import subprocess
import time

import profilers
import stats
from interpreters import HERE

SAID = re.compile(r"picked up after ([\d.]+) ms; .* stood for ([\d.]+) ms")
CODE = "import sys; print(sys.modules['__main__'].note({}))"
THEIRS = "import sys, time; t = time.monotonic_ns(); sys.remote_exec(int(sys.argv[1]), sys.argv[2]); print(t)"
RECORDED = ("alone", "looks", "beside")  # how the program is recorded
BY_ANOTHER, OF_ANOTHER = "sys.remote_exec", 50
WARM, MARKS = 50, 20
TOLD_MAX = 10  # failures that are told one by one
IN_A_ROW = 20  # failures after which the others are not tried: each may take until its time is over
COMMAND_S = 60  # what one command may take at most; its own time is over long before
# What the program's main thread can stand in, when no script runs in it.
CHAINS = {("<module>",), ("<module>", "work"), ("<module>", "work", "<genexpr>")}


def has_door(python):
    return not python.pypy and python.minor >= 14


def can_record(python):
    return not python.pypy and python.minor >= 13


# --- One injection.

def run_quietly(command):
    try:
        return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=COMMAND_S)
    except subprocess.TimeoutExpired:
        raise profilers.Failed(f"not done after {COMMAND_S} s") from None


def by_pysample(pysample, t, number):
    """Milliseconds from the command to the script's first line, from the request to it, and that
    the program stood."""
    began = time.monotonic_ns()
    result = run_quietly([pysample, "exec", "-v", str(t.pid), "-c", CODE.format(number)])
    said = SAID.search(result.stderr)
    if result.returncode or not said or not result.stdout.strip().isdigit():
        raise profilers.Failed(f"number {number}: exit {result.returncode}: {result.stderr.strip()}")
    return (int(result.stdout) - began) / 1e6, float(said[1]), float(said[2])


def by_remote_exec(python, t, number):
    """Milliseconds from the call to the script's first line; its interpreter runs already."""
    with open(os.path.join(t.outside, "theirs.py"), "w") as f:
        f.write(CODE.format(number).replace("print", ""))
    result = run_quietly(python.command("-c", THEIRS, str(t.pid), f"{t.inside}/theirs.py"))
    if result.returncode:
        raise profilers.Failed(result.stderr.strip())
    until = time.monotonic() + 10
    while True:
        once, _, last, _ = ask(t, number, number + 1)
        if once:
            return (last - int(result.stdout)) / 1e6
        if time.monotonic() > until:
            raise profilers.Failed("it did not run within 10 s")


# --- What is in the program.

def ask(t, first, end):
    return [int(v) for v in t.ask(f"{first} {end}").split()]


def state(t, done):
    """After so many injections: bytes of its own memory, open files, blocks of memory."""
    blocks = ask(t, 0, 1)[3]
    with open(f"/proc/{t.pid}/status") as f:
        memory = re.search(r"RssAnon:\s+(\d+) kB", f.read())
    if not memory:
        raise profilers.Failed("the program has ended")
    return {"done": done, "memory": int(memory[1]) * 1024, "fds": len(os.listdir(f"/proc/{t.pid}/fd")),
            "blocks": blocks}


def left_files(t):
    return len(os.listdir(os.path.join(t.outside, "tmp")))


# --- A recording beside it.

def judge(stacks, script):
    """(samples of the program's main thread, those of them that are impossible). What a script
    does is its own: a stack counts as far as the program's own frames go."""
    samples = bad = 0
    for stack, n in stacks.items():
        if not stack or stack[0][:2] != ("<module>", script):
            continue
        own = []
        for name, file, _ in stack:
            if file != script:
                break
            own.append(name)
        samples += n
        bad += n * (tuple(own) not in CHAINS)
    return samples, bad


def told_of(recording, script):
    samples, bad = judge(recording.stacks, script)
    return {"hz": recording.hz, "usable": recording.usable, "samples": samples, "impossible": bad,
            "seconds": recording.seconds}


def growth(marks):
    """Bytes for each injection, from the third quarter of them to the last one: by how much the
    least, the middle and the most of it grew, whichever grew the least. An allocator takes and
    gives whole arenas, so each of these moves now and then; a leak moves all of them."""
    done = marks[-1]["done"]
    before = [m["memory"] for m in marks if done / 2 <= m["done"] < 0.75 * done]
    after = [m["memory"] for m in marks if m["done"] >= 0.75 * done]
    if not before or not done:
        return 0.0
    return max(0, min(stats.quantile(after, q) - stats.quantile(before, q) for q in (0, 0.5, 1))) / (done / 4)


# --- All of it.

def summary(values):
    return {"n": len(values), "middle": stats.quantile(values, 0.5), "most_of": stats.quantile(values, 0.95),
            "least": min(values, default=None), "most": max(values, default=None)}


class Measurement:
    """The injections into one program, what came of them, and its state now and then."""

    def __init__(self, python, t, times, pysample):
        self.python, self.t, self.times, self.pysample = python, t, times, pysample
        self.done, self.minutes = 0, None
        self.took, self.marks, self.failed, self.failures = [], [], 0, []

    def fail(self, who, words):
        self.failed += 1
        if self.failed <= TOLD_MAX:
            self.failures.append(f"{who} under {self.python.label}: {words}")

    def warm(self):
        """What a first time makes in the program: modules, caches. Numbers behind all others."""
        for i in range(min(WARM, self.times)):
            by_pysample(self.pysample, self.t, self.times + i)

    def inject(self):
        every = max(1, self.times // MARKS)
        self.marks.append(state(self.t, 0))
        in_a_row, until = 0, self.minutes and time.monotonic() + 60 * self.minutes
        for number in range(self.times):
            if until and time.monotonic() > until:
                break
            self.done = number + 1
            try:
                self.took.append(by_pysample(self.pysample, self.t, number))
                in_a_row = 0
            except profilers.Failed as e:
                self.fail("pysample exec", e)
                in_a_row += 1
                if self.t.process.poll() is not None or in_a_row >= IN_A_ROW:
                    break
            if self.done % every == 0:
                self.marks.append(state(self.t, self.done))
        self.marks.append(state(self.t, self.done))

    def beside_looks(self, recorder, seconds):
        """A recording beside as many commands as there is time for that start, find the interpreter,
        and read: what it loses to these, it loses to whoever uses the machine."""
        with recorder.running(self.t, 1000) as run:
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                result = run_quietly([self.pysample, "dump", str(self.t.pid)])
                if result.returncode:
                    raise profilers.Failed(f"pysample dump: exit {result.returncode}: {result.stderr.strip()}")
            return told_of(run.finish(), self.t.script)

    def beside(self, seconds):
        """The injections beside a recording; before them, a recording without, and one beside
        commands that inject nothing. They go on if it fails."""
        recorder, recording, before = profilers.Pysample(self.pysample), None, {}
        with contextlib.ExitStack() as at_end:
            try:
                if can_record(self.python):
                    before["alone"] = told_of(recorder.record(self.t, 1000, seconds), self.t.script)
                    before["looks"] = self.beside_looks(recorder, seconds)
                    recording = at_end.enter_context(recorder.running(self.t, 1000))
            except profilers.FAILURES as e:
                self.failures.append(f"a recording under {self.python.label}: {e}")
            self.inject()
            try:
                if recording:
                    return {**before, "beside": told_of(recording.finish(), self.t.script)}
            except profilers.FAILURES as e:
                self.failures.append(f"a recording beside them under {self.python.label}: {e}")
        return dict.fromkeys(RECORDED)

    def others(self):
        """Python's own client, where there is one."""
        theirs = []
        for i in range(min(self.times, OF_ANOTHER) if has_door(self.python) else 0):
            try:
                theirs.append(by_remote_exec(self.python, self.t, self.times + WARM + i))
            except profilers.FAILURES as e:
                self.fail(BY_ANOTHER, e)
                break
        return theirs

    def row(self, recorded):
        once, never, _, _ = ask(self.t, 0, self.done)
        first, last = self.marks[0], self.marks[-1]
        return {"python": self.python.label, "way": way(self.python), "asked": self.times, "times": self.done, "once": once,
                "never": never, "more": self.done - once - never, "failed": self.failed,
                "fds": last["fds"] - first["fds"], "files": left_files(self.t),
                "blocks": last["blocks"] - first["blocks"], "memory": last["memory"] - first["memory"],
                "slope": growth(self.marks), "marks": self.marks,
                "whole": summary([v[0] for v in self.took]), "picked": summary([v[1] for v in self.took]),
                "stood": summary([v[2] for v in self.took]), **recorded}


def way(python):
    return "PyPy's door" if python.pypy else "door" if has_door(python) else "ring"


def measure(python, times, seconds, minutes=None, pysample=profilers.PYSAMPLE):
    """(rows, failures): one row, or none if it could not be measured at all. After so many minutes
    it ends with as many injections as there were."""
    numbers = times + WARM + OF_ANOTHER
    m = Measurement(python, None, times, pysample)
    try:
        with python.target(os.path.join(HERE, "targets", "host.py"), str(numbers)) as m.t:
            m.minutes = minutes
            m.warm()
            row = m.row(m.beside(seconds))
            row["theirs"] = summary(m.others())
    except profilers.FAILURES as e:
        m.fail("exec", e)
        return [], m.failures
    if m.failed > TOLD_MAX:
        m.failures.append(f"under {python.label} {m.failed - TOLD_MAX} more failed")
    return [row], m.failures


def line_of(row):
    def ms(s):
        return f"{s['middle']:.2f} ms ({s['most_of']:.2f})" if s["n"] else "–"

    def rate(r):
        return f"{r['hz']:.0f} Hz, {r['usable']:.2f} %, {r['impossible']} of {r['samples']} impossible" if r else "–"

    return (f"{row['python']:8} {row['times']} times: once {row['once']}, never {row['never']}, more often {row['more']}; "
            f"command {ms(row['whole'])}, request {ms(row['picked'])}, stood {ms(row['stood'])}; "
            f"left: {row['fds']} descriptors, {row['files']} files, {row['memory']} bytes, {row['slope']:.2f} for each; "
            f"recording alone {rate(row['alone'])}; beside looks {rate(row['looks'])}; beside {rate(row['beside'])}; {BY_ANOTHER} {ms(row['theirs'])}")
