# SPDX-License-Identifier: MIT
"""Asks the kernel not to let others of the same user look into it."""

import ctypes

from oracle import hold

PR_SET_DUMPABLE = 4
assert ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0
hold()
