# SPDX-License-Identifier: MIT
"""Becomes another program on the first byte: Python again, through a shell, or sleep, or
whatever is given."""

import os
import sys

from oracle import hold

here = os.path.dirname(os.path.abspath(__file__))
plain = os.path.join(here, "plain.py")


def into(how):
    hold()
    if how == "python":
        os.execv(sys.executable, [sys.executable, "-B", plain])
    elif how == "shell":
        os.execv("/bin/sh", ["sh", "-c", 'read go; exec "$0" -B "$1"', sys.executable, plain])
    elif how == "sleep":
        os.execv("/bin/sleep", ["sleep", "1000"])
    else:
        os.execv(how, sys.argv[1:])


into(sys.argv[1])
