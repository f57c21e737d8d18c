"""The interpreters that the bench measures on: those of the cached root file system."""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CACHE = os.environ.get("PYSAMPLE_CACHE", os.path.join(ROOT, ".cache"))


def enter_private_mounts():
    """Goes on in a mount namespace of its own, in which the root file system has a /proc.

    profiling.sampling needs one, and needs to be in the namespace of its target. Ends
    with this process, whatever becomes of it.
    """
    if os.environ.get("PYSAMPLE_PRIVATE_MOUNTS") != "1":
        os.environ["PYSAMPLE_PRIVATE_MOUNTS"] = "1"
        os.execvp("unshare", ["unshare", "--mount", sys.executable, *sys.argv])
    proc = os.path.join(CACHE, "rootfs", "proc")
    if os.path.isdir(proc) and not os.path.ismount(proc):
        subprocess.run(["mount", "-t", "proc", "proc", proc], check=True)


def default_pysample():
    return os.path.join(ROOT, "build", "release", "pysample")


class Inside:
    def __init__(self, outside, inside):
        self.outside, self.inside = outside, inside


class Chrooted:
    """A Python in a root file system that is entered by chroot."""

    def __init__(self, root, version):
        self.root, self.version = root, version

    def command(self, *args):
        return ["chroot", self.root, f"python{self.version}", *args]

    def inside_tmp(self, name):
        inside = f"/tmp/{os.getpid()}-{name}"
        return Inside(self.root + inside, inside)

    def has_tachyon(self):
        return self.version == "3.15"

    @contextlib.contextmanager
    def target(self, script, *args):
        """Runs the script until the block ends; it prints "ready" when it is."""
        folder = tempfile.mkdtemp(dir=os.path.join(self.root, "tmp"))
        process = None
        try:
            shutil.copy(script, folder)
            inside = os.path.join("/tmp", os.path.basename(folder), os.path.basename(script))
            process = subprocess.Popen(self.command(inside, *args), stdout=subprocess.PIPE, text=True)
            if process.stdout.readline().strip() != "ready":
                raise RuntimeError(f"{script} did not start under {self.version}")
            yield process.pid
        finally:
            if process:
                process.kill()
                process.wait()
                process.stdout.close()
            shutil.rmtree(folder, ignore_errors=True)


def find(versions=None):
    root = os.path.join(CACHE, "rootfs")
    found = [
        Chrooted(root, v)
        for v in versions or ("3.13", "3.14", "3.15")
        if os.path.exists(os.path.join(root, "usr", "bin", "python" + v))
    ]
    if not found:
        raise SystemExit("no interpreters: run scripts/rootfs first")
    return found
