# SPDX-License-Identifier: MIT
"""Processes that tests start: targets, which say where they stand, and pysample."""

import json
import os
import platform
import re
import select
import signal
import subprocess
import time

PATIENCE = 240  # seconds until what should have happened long ago counts as never

# On its standard output, whenever it is asked to run a script.
PYPY_TELLS = "Executing remote debugger script "


def until(happened, what):
    """Polls for what no event tells: states in /proc. A loaded machine only makes it slower."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        value = happened()
        if value:
            return value
        time.sleep(0.005)
    raise AssertionError(f"waited {PATIENCE} s for {what}")


def state(pid):
    """The letter of /proc/PID/stat; None if there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as f:
            return f.read().rpartition(b")")[2].split()[0].decode()
    except (FileNotFoundError, ProcessLookupError):
        return None


def slept(pid):
    """How often it has gone to sleep by itself; None if there is no such process."""
    try:
        with open(f"/proc/{pid}/status") as f:
            return int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", f.read(), re.M).group(1))
    except (FileNotFoundError, ProcessLookupError):
        return None


def sampling(popen, times=150, or_ended=False):
    """Waits until a started pysample has slept so often more: between samples it sleeps."""
    enough = (slept(popen.pid) or 0) + times

    def happened():
        if popen.poll() is not None:
            assert or_ended, popen.communicate()
            return True
        return (slept(popen.pid) or 0) >= enough

    until(happened, "pysample to be sampling")


def ran(pid):
    """Nanoseconds of CPU time of its main thread; endless once it has ended."""
    try:
        with open(f"/proc/{pid}/task/{pid}/schedstat") as f:
            return int(f.read().split()[0])
    except (FileNotFoundError, ProcessLookupError):
        return 1 << 62


def at_rest(pid):
    """All its threads sleep, and none of them has been awake since the last look: then none is
    left that could wake another. False until then.

    Between the looks goes by what the interpreters sleep at most before they ask for the GIL
    again (PyPy 0.1 ms, CPython 5 ms): one that sleeps so is not at rest, and due in time on a
    loaded machine too."""
    longest_poll = 0.02

    def look():
        found = {}
        for tid in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{tid}/status") as f:
                text = f.read()
            found[tid] = re.findall(r"^(?:State|\w*voluntary_ctxt_switches):\s+(\S+)", text, re.M)
        return found

    first = look()
    if any(f[0] != "S" for f in first.values()):
        return False
    time.sleep(longest_poll)
    return first == look()


READ = {"x86_64": 0, "aarch64": 63}[platform.machine()]


def waits_for_input(pid):
    """One of its threads is in read(0)."""

    def call(tid):
        with open(f"/proc/{pid}/task/{tid}/syscall") as f:
            return f.read().split()[:2]

    return [str(READ), "0x0"] in [call(tid) for tid in os.listdir(f"/proc/{pid}/task")]


def urgent():
    """For preexec_fn: ahead of everybody else, where that is allowed. Then it is not late."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except OSError:
        try:
            os.nice(-20)
        except OSError:
            pass


def written(pid):
    """Bytes that it has written so far, also one that has ended and was not waited for; endless
    after that."""
    try:
        with open(f"/proc/{pid}/io") as f:
            return int(re.search(r"^wchar: (\d+)", f.read(), re.M).group(1))
    except (FileNotFoundError, ProcessLookupError):
        return 1 << 62


def over(pid):
    return state(pid) in (None, "Z")


def cpu(pid):
    """Hundredths of a second that it has run for; endless once it has ended."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            fields = f.read().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])
    except (FileNotFoundError, ProcessLookupError):
        return 1 << 30


def kill(pid, number=signal.SIGKILL):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


class Child:
    """A started process whose output is read line by line, each a JSON object or not."""

    def __init__(self, argv, **how):
        self.argv = argv
        self.buffer = b""
        self.popen = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, **how
        )
        self.pid = self.popen.pid
        self.others = []  # pids to end with it

    def line(self):
        deadline = time.monotonic() + PATIENCE
        while b"\n" not in self.buffer:
            ready, _, _ = select.select([self.popen.stdout], [], [], deadline - time.monotonic())
            assert ready, f"{self.argv} said nothing for {PATIENCE} s"
            piece = self.popen.stdout.read(1 << 20)
            assert piece, f"{self.argv} ended with {self.popen.wait()} before it said a line"
            self.buffer += piece
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line.decode("utf-8", "surrogatepass")

    def said(self):
        line = self.line()
        while line.startswith(PYPY_TELLS):
            line = self.line()
        return json.loads(line)

    def go(self):
        self.popen.stdin.write(b"\n")

    def wait(self):
        return self.popen.wait(PATIENCE)

    def end(self):
        for pid in self.others:
            kill(pid)
        if self.popen.poll() is None:
            kill(self.pid)
            kill(self.pid, signal.SIGCONT)
        self.popen.wait()
        self.popen.stdin.close()
        self.popen.stdout.close()
