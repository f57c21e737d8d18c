# SPDX-License-Identifier: MIT
"""One way to run all profilers: start one on a live target, end it by Ctrl-C, read what it
wrote.

All are asked for all threads and wall-clock time, with lines. A duration is never given:
py-spy counts iterations instead of seconds, profiling.sampling and Austin know whole
seconds only.
"""

import collections
import contextlib
import os
import re
import select
import shutil
import signal
import subprocess
import tempfile
import time

import formats
import mojo
import peers
from interpreters import ROOT

PYSAMPLE = os.path.join(ROOT, "build", "release", "pysample")

# stacks: weighted by what the profiler says that each stands for; samples: how many stacks
# there are; usable: percent of those that it tried; hz: how often it looked.
Recording = collections.namedtuple("Recording", "stacks samples usable hz seconds words cpu peak")


END_S = 120  # seconds that a profiler has to end and to write what it saw


class Failed(Exception):
    pass


# What a profiler or a target that crashes, hangs, is missing or writes nonsense comes to. The
# measurement in which it does is left out, and said.
FAILURES = (Failed, formats.Unreadable, mojo.Broken, RuntimeError, OSError, ValueError, LookupError,
            subprocess.SubprocessError)


def reap(process, seconds):
    """(status, what it used) of a child, once it ends; None, if it does not within that time."""
    handle = os.pidfd_open(process.pid)
    try:
        if not select.select([handle], [], [], seconds)[0]:
            return None
    finally:
        os.close(handle)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return status, used


def number(pattern, words, what):
    found = re.search(pattern, words)
    if not found:
        raise Failed(f"{what}: {words.strip()[-500:]}")
    return float(found[1].replace(",", ""))


class Profiler:
    """What one profiler is called with, and how its answer is read."""

    name = "?"
    suffix = ".txt"
    counts = None  # what it tells instead of a rate: "looks" or "stacks"
    stops = False  # whether it stops the target to look
    catches_up = 0  # seconds that it needs for the looks that it owes after a moment in which it was held
    fastest = None  # what to ask for, to get all it can do
    inside = None  # a program that has to be copied into the root file system

    def options(self, target, out, rate):
        raise NotImplementedError

    def read(self, path, words):
        """(stacks, samples, usable percent, hz or what `counts` says)"""
        raise NotImplementedError

    def version(self, python):
        raise NotImplementedError

    def shown(self, rate):
        """The command as the report shows it."""
        class Nobody:
            pid, inside, python = "PID", "", None

        return " ".join(self.options(Nobody, "FILE", self.fastest if rate == "max" else rate))

    @contextlib.contextmanager
    def running(self, target, rate):
        run = Run(self, target, self.fastest if rate == "max" else rate)
        try:
            yield run
        finally:
            run.end()

    def record(self, target, rate, seconds):
        with self.running(target, rate) as run:
            run.wait(seconds)
            return run.finish()


class Pysample(Profiler):
    name, fastest = "pysample", "max"

    def __init__(self, exe=PYSAMPLE, extra=(), name=None):
        self.exe, self.extra = exe, tuple(extra)
        self.name = name or self.name
        self.stops = "--blocking" in self.extra

    def options(self, target, out, rate):
        exe = self.exe if target.pid != "PID" else "pysample"
        return [exe, "record", "-i", "-f", "collapsed", "-r", str(rate), *self.extra, "-o", out,
                str(target.pid)]

    def read(self, path, words):
        with open(path, encoding="utf-8", errors="replace") as f:
            stacks = formats.parenthesised(f.read())
        usable = number(r"Samples: (\d+) usable", words, self.name)
        total = number(r"Samples: \d+ usable of (\d+)", words, self.name)
        return stacks, int(usable), 100 * usable / max(1, total), number(r"Rate: ([\d.]+) Hz", words, self.name)

    def version(self, python):
        return peers.version_of(self.exe, "--version")


class Tachyon(Profiler):
    name, fastest, catches_up = "profiling.sampling", 1000000, 0.05

    def __init__(self, extra=("-a",)):
        self.extra = tuple(extra)

    def options(self, target, out, rate):
        words = ["-m", "profiling.sampling", "attach", "--collapsed", "--no-gc", *self.extra, "-r",
                 str(rate), "-o", out, str(target.pid)]
        return target.python.command(*words) if target.python else ["python3.15", *words]

    def read(self, path, words):
        with open(path, encoding="utf-8", errors="replace") as f:
            stacks = formats.colons(f.read())
        errors = re.search(r"Error rate:\s*([\d.]+)", words)
        return (stacks, sum(stacks.values()), 100 - (float(errors[1]) if errors else 0),
                number(r"Sample rate:\s*([\d.,]+)", words, self.name))

    def version(self, python):
        return python.exact


class PySpy(Profiler):
    fastest, counts, catches_up = 100000, "stacks", 0.3

    def __init__(self, blocking):
        self.stops = blocking
        self.name = "py-spy" if blocking else "py-spy --nonblocking"

    def options(self, target, out, rate):
        exe = peers.PY_SPY if target.pid != "PID" else "py-spy"
        return [exe, "record", "-i", *(() if self.stops else ("--nonblocking",)), "-f", "raw", "-r",
                str(rate), "-o", out, "-p", str(target.pid)]

    def read(self, path, words):
        with open(path, encoding="utf-8", errors="replace") as f:
            stacks = formats.parenthesised(f.read())
        taken = number(r"Samples: (\d+)", words, self.name)
        errors = number(r"Errors: (\d+)", words, self.name)
        return stacks, sum(stacks.values()), 100 * taken / max(1, taken + errors), taken

    def version(self, python):
        return peers.version_of(peers.PY_SPY, "--version")


class Austin(Profiler):
    fastest, counts = 1000000, "looks"

    def __init__(self, major):
        self.exe = peers.AUSTIN4 if major == 4 else peers.AUSTIN3
        self.name, self.program = f"Austin {major}", f"austin{major}"
        self.suffix = ".mojo" if major == 4 else ".txt"
        self.inside = self.exe

    def options(self, target, out, rate):
        interval = max(1, round(1e6 / rate)) if rate != "RATE" else "1000000/RATE"
        words = ["-i", str(interval), "-o", out, "-p", str(target.pid)]
        return ["chroot", target.python.root, f"{target.inside}/{self.program}", *words] if target.python else [
            "austin", *words]

    def read(self, path, words):
        if self.suffix == ".mojo":
            with open(path, "rb") as f:
                stacks, samples, invalid = formats.austin_binary(f.read())
        else:
            with open(path, encoding="utf-8", errors="replace") as f:
                stacks, samples, invalid = formats.austin_text(f.read())
        found = re.search(r"(\d+)/(\d+)\D*\(", re.sub(r"\x1b\[[\d;]*m", "", words.split("Error rate")[-1]))
        errors, total = int(found[1]) if found else invalid, sum(samples.values())
        # Each thread's sample is a line of its own; how often it looked is that of one thread.
        return stacks, total - invalid, 100 - 100 * errors / max(1, total), max(samples.values(), default=0)

    def version(self, python):
        where = peers.SITE if self.program == "austin4" else os.path.dirname(os.path.dirname(self.exe))
        return peers.installed("austin_dist", where)


def cpu_ns(pid):
    """Time on a CPU of all threads of a process, so far."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            with open(f"/proc/{pid}/task/{task}/schedstat") as f:
                total += int(f.read().split()[0])
    return total


class Run:
    """A profiler at work on a target."""

    def __init__(self, profiler, target, rate):
        self.profiler, self.target = profiler, target
        if profiler.inside:
            shutil.copy(profiler.inside, os.path.join(target.outside, profiler.program))
        name = f"out-{time.monotonic_ns()}{profiler.suffix}"
        # Those that live in the root file system write there; all can write there.
        self.path = os.path.join(target.outside, name)
        chrooted = profiler.inside or isinstance(profiler, Tachyon)
        out = f"{target.inside}/{name}" if chrooted else self.path
        self.log = tempfile.TemporaryFile("w+")
        self.command = profiler.options(target, out, rate)
        self.began = time.monotonic_ns()
        self.process = subprocess.Popen(self.command, stdout=self.log, stderr=self.log,
                                        stdin=subprocess.DEVNULL,
                                        env={**os.environ, "AUSTIN_NO_LOGGING": "1"})
        self.peak, self.usage, self.status, self.ended = 0, None, None, None

    def wait(self, seconds):
        """Until so long after the start; that it has failed is noticed on the way."""
        until = self.began + seconds * 1e9
        while (left := (until - time.monotonic_ns()) / 1e9) > 0:
            time.sleep(min(left, 0.2))
            if self.status is None:
                pid, status, usage = os.wait4(self.process.pid, os.WNOHANG)
                if pid:
                    self._reaped(status, usage)
                    raise Failed(f"{self.profiler.name} ended early: {self.words()[-500:]}")

    def cpu_ns(self):
        return cpu_ns(self.process.pid)

    def memory(self):
        """Most that it ever held so far, in MiB."""
        with open(f"/proc/{self.process.pid}/status") as f:
            found = re.search(r"VmHWM:\s+(\d+) kB", f.read())
        return int(found[1]) / 1024 if found else 0

    def words(self):
        self.log.seek(0)
        return re.sub(r"\x1b\[[0-9;]*m", "", self.log.read())  # without colours

    def _reaped(self, status, usage):
        self.status, self.usage, self.ended = status, usage, time.monotonic_ns()
        self.process.returncode = os.waitstatus_to_exitcode(status)

    def end(self):
        if self.status is None:
            self.process.kill()
            _, status, usage = os.wait4(self.process.pid, 0)
            self._reaped(status, usage)
        self.log.close()
        if os.path.exists(self.path):
            os.unlink(self.path)

    def finish(self):
        self.peak, threads = self.memory(), self.target.threads()
        if early := reap(self.process, 0):
            self._reaped(*early)
            raise Failed(f"{self.profiler.name} ended early: {self.words()[-500:]}")
        asked = time.monotonic_ns()
        self.process.send_signal(signal.SIGINT)
        ended = reap(self.process, END_S)
        if not ended:
            raise Failed(f"{self.profiler.name} did not end within {END_S} s of Ctrl-C")
        self._reaped(*ended)
        usage = self.usage
        words = self.words()
        if not os.path.exists(self.path):
            raise Failed(f"{self.profiler.name} wrote nothing: {words[-500:]}")
        seconds = (asked - self.began) / 1e9
        stacks, samples, usable, hz = self.profiler.read(self.path, words)
        if self.profiler.counts:
            hz = hz / seconds
        if self.profiler.counts == "stacks":
            hz = hz / threads
        stacks = formats.from_target(stacks, self.target.script)
        return Recording(stacks, samples, usable, hz, seconds, words, usage.ru_utime + usage.ru_stime,
                         self.peak)


def all_of(exe=PYSAMPLE):
    return {p.name: p for p in (Pysample(exe), Tachyon(), PySpy(True), PySpy(False), Austin(4), Austin(3))}


def truth(exe=PYSAMPLE):
    return Pysample(exe, ["--blocking"], "stopped target")
