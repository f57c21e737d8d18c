# SPDX-License-Identifier: MIT
"""Installs what the bench compares with, into the cache, once.

    .cache/peers/            a virtual environment: py-spy, Austin 4, matplotlib
    .cache/peers/austin3/    Austin 3.7, the last with collapsed output
    .cache/peers/packages/   pure Python for bench/targets/library.py to run
    .cache/peers/heap-3.14/  guppy3 and objgraph, which work inside a Python, for that Python
"""

import glob
import os
import shutil
import subprocess
import sys

from interpreters import CACHE

HOME = os.path.join(CACHE, "peers")
PACKAGES = os.path.join(HOME, "packages")
PY_SPY = os.path.join(HOME, "bin", "py-spy")
AUSTIN4 = os.path.join(HOME, "bin", "austin")
AUSTIN3 = os.path.join(HOME, "austin3", "bin", "austin")
SITE = os.path.join(HOME, "lib", f"python{sys.version_info[0]}.{sys.version_info[1]}", "site-packages")
LIMIT_S = 900  # for one of them to be installed
PLOTTER = os.path.join(HOME, "bin", "python")
# Pinned to nothing where nothing is said, so that the bench meets the newest; the report
# says which.
INSTALLS = (
    (os.path.join(HOME, "bin", "py-spy"), ("py-spy",)),
    (os.path.join(HOME, "bin", "austin"), ("austin-dist",)),
    (AUSTIN3, ("--no-deps", "--target", os.path.join(HOME, "austin3"), "austin-dist==3.7.0")),
    (os.path.join(PACKAGES, "parso"), ("--no-deps", "--target", PACKAGES, "parso")),
    (os.path.join(SITE, "matplotlib"), ("matplotlib",)),
)


def heap_folder(version):
    return os.path.join(HOME, "heap-" + version)


def in_process(version):
    """What works inside a Python of this version, as (path, what to install there). Built by
    others only: these Pythons have no headers."""
    folder = heap_folder(version)
    for name, path in (("guppy3", "guppy"), ("objgraph", "objgraph.py")):
        yield os.path.join(folder, path), ("--no-deps", "--only-binary=:all:", "--python-version", version,
                                           "--upgrade", "--target", folder, name)


def install(versions=()):
    """Leaves what is there as it is. Says what could not be had; measures without it."""
    if not os.path.exists(PLOTTER):
        problem = problem_of([sys.executable, "-m", "venv", HOME])
        if problem:
            shutil.rmtree(HOME, ignore_errors=True)
            return [f"a virtual environment (Debian: python3-venv): {problem}"]
    missing = []
    for path, what in (*INSTALLS, *(row for v in versions for row in in_process(v))):
        if os.path.exists(path):
            continue
        problem = problem_of([PLOTTER, "-m", "pip", "install", "-q", "--disable-pip-version-check", *what])
        if problem or not os.path.exists(path):
            missing.append(f"{what[-1]}: {problem or 'it is not where it was looked for'}")
    return missing


def problem_of(command):
    """The end of what a command says that fails or does not end; nothing of another."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=LIMIT_S)
    except (OSError, subprocess.SubprocessError) as e:
        return str(e)[-300:]
    return (done.stderr or done.stdout).strip()[-300:] or f"exit {done.returncode}" if done.returncode else ""


def installed(distribution, folder):
    """Its version, by the folder that pip leaves."""
    found = glob.glob(os.path.join(folder, distribution + "-*.dist-info"))
    return os.path.basename(found[0])[len(distribution) + 1:-len(".dist-info")] if found else "?"


def version_of(*command):
    """The second word of what it says, which of all these is the version; "?" if it says nothing."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return "?"
    words = (done.stdout or done.stderr).split()
    return words[1] if len(words) > 1 else "?"
