# SPDX-License-Identifier: MIT
"""The Pythons of this machine that tests run their targets in."""

import glob
import json
import os
import shutil
import subprocess
import tempfile

REPO = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TARGETS = os.path.join(REPO, "tests", "targets")
CACHE = os.environ.get("PYSAMPLE_CACHE") or os.path.join(REPO, ".cache")
ROOTFS = os.path.join(CACHE, "rootfs")
SUPPORTED = ((3, 13), (3, 14), (3, 15))

PROBE = (
    "import sys, json, os; print(json.dumps(['pypy' if hasattr(sys, 'pypy_version_info') else 'cpython',"
    " list(sys.version_info[:3]), os.path.realpath(sys.executable), sys.prefix,"
    " list(getattr(sys, 'pypy_version_info', ()))[:3]]))"
)


class Interpreter:
    """One Python: how to start it, and where it sees files that the tests give it."""

    def __init__(self, path, root=None):
        self.path = path
        self.root = root
        out = subprocess.run(
            [*self.prefix(), path, "-c", PROBE],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
            check=True,
            env=self.environment(),
        ).stdout
        self.implementation, version, self.real, self.home, own = json.loads(out)
        self.version, self.own_version = tuple(version), tuple(own)
        self.name = "{}{}.{}.{}{}".format(
            "" if self.implementation == "cpython" else self.implementation + "-",
            *self.version,
            "-chroot" if root else "",
        )

    def prefix(self):
        return ["chroot", self.root] if self.root else []

    def environment(self):
        keep = {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL": "C.UTF-8", "HOME": "/root"}
        return {**keep, "PYTHONDONTWRITEBYTECODE": "1"}

    @property
    def supported(self):
        return self.implementation == "cpython" and self.version[:2] in SUPPORTED

    @property
    def executable(self):
        """Can pysample run code in it?"""
        if self.implementation == "pypy":
            return self.own_version >= (7, 3, 18)
        return self.implementation == "cpython" and self.version[:2] >= (3, 8)

    def __repr__(self):
        return self.name


class Place:
    """A temporary folder that an interpreter can see, with the targets in it."""

    def __init__(self, interpreter):
        base = os.path.join(interpreter.root, "tmp") if interpreter.root else None
        self.outside = tempfile.mkdtemp(prefix="pysample-e2e-", dir=base)
        os.chmod(self.outside, 0o755)
        self.inside = self.outside[len(interpreter.root) :] if interpreter.root else self.outside
        for file in glob.glob(os.path.join(TARGETS, "*.py")):
            shutil.copy(file, self.outside)

    def remove(self):
        shutil.rmtree(self.outside, ignore_errors=True)


def in_rootfs():
    found = []
    for name in ("python3.13", "python3.14", "python3.15", "pypy3"):
        if os.access(os.path.join(ROOTFS, "usr/bin", name), os.X_OK):
            found.append(Interpreter("/usr/bin/" + name, ROOTFS))
    return found


OLD = ["2.7", *(f"3.{minor}" for minor in range(8))]
NEW = [f"3.{minor}" for minor in range(8, 16)]


def on_machine(versions):
    """CPythons on PATH and under pyenv, each once. Shims and what does not run are no news."""
    pyenv = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
    paths = []
    for version in versions:
        for folder in os.environ.get("PATH", "").split(os.pathsep):
            paths += glob.glob(os.path.join(folder, f"python{version}"))
        paths += sorted(glob.glob(os.path.join(pyenv, f"versions/{version}.*/bin/python{version}")))
    found = {}
    for path in paths:
        real = os.path.realpath(path)
        if "/shims/" in path or real in found or not os.access(path, os.X_OK):
            continue
        try:
            found[real] = Interpreter(path)
        except (OSError, subprocess.SubprocessError, ValueError):
            continue
    return list(found.values())


def find():
    if os.geteuid() != 0:
        return [], "these tests run interpreters by chroot and need root"
    found = in_rootfs() + on_machine(NEW)
    if not any(i.supported for i in found):
        return [], (
            f"no CPython 3.13 to 3.15 was found in {ROOTFS}, on PATH or under pyenv:"
            " run scripts/rootfs"
        )
    return found, None
