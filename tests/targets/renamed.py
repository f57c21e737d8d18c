# SPDX-License-Identifier: MIT
"""Gives itself and its thread names that confuse readers of /proc."""

import ctypes
import threading

from oracle import hold, park, started

PR_SET_NAME = 15
ctypes.CDLL(None).prctl(PR_SET_NAME, b"a) S 1 (b\n c", 0, 0, 0)


def worker():
    park()


started([threading.Thread(target=worker, name="x) R 1 1")])
hold()
