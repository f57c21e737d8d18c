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
        done = subprocess.run([sys.executable, "-m", "venv", HOME], capture_output=True, text=True)
        if done.returncode:
            shutil.rmtree(HOME, ignore_errors=True)
            return [f"a virtual environment (Debian: python3-venv): {(done.stdout + done.stderr).strip()[:300]}"]
    missing = []
    for path, what in (*INSTALLS, *(row for v in versions for row in in_process(v))):
        if os.path.exists(path):
            continue
        done = subprocess.run([PLOTTER, "-m", "pip", "install", "-q", "--disable-pip-version-check",
                               *what], capture_output=True, text=True)
        if done.returncode or not os.path.exists(path):
            missing.append(f"{what[-1]}: {(done.stderr.strip().splitlines() or ['?'])[-1]}")
    return missing


def installed(distribution, folder):
    """Its version, by the folder that pip leaves."""
    found = glob.glob(os.path.join(folder, distribution + "-*.dist-info"))
    return os.path.basename(found[0])[len(distribution) + 1:-len(".dist-info")] if found else "?"


def version_of(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    words = (done.stdout or done.stderr).split()
    return words[1] if len(words) > 1 else "?"
