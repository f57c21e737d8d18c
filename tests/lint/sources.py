# SPDX-License-Identifier: MIT
"""What the lints share: which files are ours, and their text without comments."""

import os
import re
import sys

REPO = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = ("profiler", "offsets", "output")
ALL = (*PROGRAM, "tests", "bench")

TOKEN = re.compile(
    r"""/\*.*?\*/ | //[^\n]* | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*' """, re.S | re.X
)


def files(folders, suffixes=(".c", ".h")):
    """Paths from the root of the repository, sorted."""
    found = []
    for folder in folders:
        for where, inner, names in os.walk(os.path.join(REPO, folder)):
            inner[:] = [d for d in inner if d != "node_modules"]
            found += [os.path.join(where, n) for n in names if n.endswith(suffixes)]
    return sorted(os.path.relpath(f, REPO) for f in found)


def read(path):
    with open(os.path.join(REPO, path), encoding="utf-8") as f:
        return f.read()


def bare(text):
    """Without comments, and with strings emptied; lines stay where they are."""

    def replace(match):
        token = match.group()
        if token.startswith("/"):
            return "\n" * token.count("\n")
        return token[0] + token[0]

    return TOKEN.sub(replace, text)


def finish(checked, complaints):
    """Ends the lint: prints the complaints, as path:line: what."""
    for c in complaints:
        print(c)
    print(f"{os.path.basename(sys.argv[0])}: {checked} files, {len(complaints)} complaints")
    if not checked:
        print("nothing was checked")
    sys.exit(1 if complaints or not checked else 0)
