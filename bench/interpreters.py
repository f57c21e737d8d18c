# SPDX-License-Identifier: MIT
"""The interpreters that the bench measures on: those of the cached root file system; and what else
this machine has, for what can be done to more of them."""

import contextlib
import glob
import json
import os
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
CACHE = os.environ.get("PYSAMPLE_CACHE", os.path.join(ROOT, ".cache"))
PROBE = ("import sys, json; own = getattr(sys, 'pypy_version_info', ())[:3]; print(json.dumps(["
         "'%d.%d.%d' % sys.version_info[:3], sys.version_info[1], '.'.join(map(str, own))]))")
# Seconds after which nobody waits any longer for a Python to start, and for a program to answer.
PROBE_S, ANSWER_S = 60, 600


def enter_private_mounts():
    """Goes on in a mount namespace of its own, in which the root file system has a /proc.

    profiling.sampling and Austin need one, and need to be in the namespace of their target.
    Ends with this process, whatever becomes of it.
    """
    if os.environ.get("PYSAMPLE_PRIVATE_MOUNTS") != "1":
        os.environ["PYSAMPLE_PRIVATE_MOUNTS"] = "1"
        os.execvp("unshare", ["unshare", "--mount", sys.executable, *sys.argv])
    proc = os.path.join(CACHE, "rootfs", "proc")
    if os.path.isdir(proc) and not os.path.ismount(proc):
        subprocess.run(["mount", "-t", "proc", "proc", proc], check=True)


def machine_busy():
    """Seconds of CPU that all processes have used so far, and what other guests of the same
    hardware took away."""
    with open("/proc/stat") as f:
        fields = [int(v) for v in f.readline().split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")  # but idle, waiting for a disk


def cpu_seconds(pid):
    """What this process has used so far, all its threads together, and those that ended."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            fields = f.read().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Target:
    """A running program: its pid, its pipes, and its folder as both sides name it."""

    def __init__(self, python, script, process, outside, inside):
        self.python, self.script = python, os.path.basename(script)
        self.process, self.pid = process, process.pid
        self.outside, self.inside = outside, inside
        self.unread = b""

    def threads(self):
        return len(os.listdir(f"/proc/{self.pid}/task"))

    def ask(self, words):
        """Writes a line to the program and reads its answer. RuntimeError, if there is none."""
        try:
            self.process.stdin.write(words + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise RuntimeError(f"{self.script} has ended") from None
        return self.answer()

    def answer(self, seconds=None):
        """The next line that the program writes."""
        out, until = self.process.stdout.fileno(), time.monotonic() + (seconds or ANSWER_S)
        while b"\n" not in self.unread:
            if not select.select([out], [], [], max(0, until - time.monotonic()))[0]:
                raise RuntimeError(f"{self.script} gave no answer for {seconds or ANSWER_S} s")
            read = os.read(out, 1 << 16)
            if not read:
                raise RuntimeError(f"{self.script} ended instead of an answer")
            self.unread += read
        line, _, self.unread = self.unread.partition(b"\n")
        return line.decode("utf-8", "replace").strip()


class Chrooted:
    """A Python in a root file system that is entered by chroot."""

    def __init__(self, root, version, program=None):
        self.root, self.version, self.program = root, version, program or f"python{version}"
        told = subprocess.run(self.command("-c", PROBE), capture_output=True, text=True, check=True,
                              stdin=subprocess.DEVNULL, timeout=PROBE_S).stdout
        self.exact, self.minor, self.pypy = json.loads(told)
        self.label = f"PyPy {self.pypy}" if self.pypy else self.exact

    def command(self, *args):
        return ["chroot", self.root, self.program, *args]

    def has_tachyon(self):
        return self.version == "3.15"

    @contextlib.contextmanager
    def folder(self, *contents):
        """A temporary folder inside, with copies of these files and folders: (outside, inside)."""
        outside = tempfile.mkdtemp(prefix="bench-", dir=os.path.join(self.root, "tmp"))
        try:
            for path in contents:
                if os.path.isdir(path):
                    shutil.copytree(path, os.path.join(outside, os.path.basename(path)))
                else:
                    shutil.copy(path, outside)
            yield outside, "/tmp/" + os.path.basename(outside)
        finally:
            shutil.rmtree(outside, ignore_errors=True)

    @contextlib.contextmanager
    def target(self, script, *args, beside=()):
        """Runs the script until the block ends; it prints "ready" when it is."""
        with self.folder(script, *beside) as (outside, inside):
            os.mkdir(os.path.join(outside, "tmp"))  # its own: what is left there is its, or ours
            process = subprocess.Popen(
                self.command("-B", f"{inside}/{os.path.basename(script)}", *args), text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                env={**environment(), "TMPDIR": f"{inside}/tmp"})
            try:
                target = Target(self, script, process, outside, inside)
                if target.answer() != "ready":
                    raise RuntimeError(f"{script} did not start under {self.version}")
                yield target
            finally:
                process.kill()
                process.wait()
                with contextlib.suppress(BrokenPipeError):  # of a line that it did not read any more
                    process.stdin.close()
                process.stdout.close()


class Outside(Chrooted):
    """A Python of this machine itself."""

    def __init__(self, path, version):
        super().__init__("/", version, path)

    def command(self, *args):
        return [self.program, *args]


def environment():
    """Sets and dicts in one order, so that a program does the same each time it is run."""
    return {**os.environ, "PYTHONHASHSEED": "0"}


def started(kind, *args):
    """This Python, or None and a word if it does not start."""
    try:
        return kind(*args)
    except (OSError, ValueError, subprocess.SubprocessError) as e:
        print(f"left out, for it does not start: {e}", file=sys.stderr)
        return None


def find(versions=None):
    root, asked = os.path.join(CACHE, "rootfs"), versions or ("3.13", "3.14", "3.15")
    there = [v for v in asked if os.path.exists(os.path.join(root, "usr", "bin", "python" + v))]
    found = [p for p in (started(Chrooted, root, v) for v in there) if p]
    if not found:
        raise SystemExit(f"no Python of {', '.join(asked)} in {root}: scripts/rootfs makes 3.13, 3.14 and 3.15")
    return found


def age(path):
    """Sorts the Pythons of pyenv by their folders, as 3.14.0rc1 or 3.13.0t: the newest comes last,
    and those that are built in another way (t: free-threaded) come before all others."""
    found = re.match(r"\d+\.\d+\.(\d+)(?:(a|b|rc)(\d+))?(.*)", path.split("/")[-3])
    if not found:
        return False, 0, "", 0
    micro, stage, number, other = found.groups()
    return not other, int(micro), stage or "released", int(number or 0)


def outside(minor):
    """The newest of this minor version that starts, of pyenv or else of PATH."""
    pyenv = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
    paths = sorted(glob.glob(os.path.join(pyenv, f"versions/3.{minor}.*/bin/python3.{minor}")), key=age, reverse=True)
    other = shutil.which(f"python3.{minor}")
    if other and "/shims/" not in other:
        paths.append(other)
    return next((p for p in (started(Outside, path, f"3.{minor}") for path in paths) if p), None)


def hosts(versions=None):
    """Those that pysample runs code in: of pyenv or PATH the newest of each minor version from 3.8
    on, and the root file system's, PyPy too. `versions` may also be exact, or "pypy"."""
    found = [outside(minor) for minor in range(8, 16)]
    root = os.path.join(CACHE, "rootfs")
    for version, program in (("3.13", None), ("3.14", None), ("3.15", None), ("pypy", "pypy3")):
        if os.path.exists(os.path.join(root, "usr", "bin", program or "python" + version)):
            found.append(started(Chrooted, root, version, program))
    return [p for p in found if p and (not versions or p.version in versions or p.exact in versions)]
