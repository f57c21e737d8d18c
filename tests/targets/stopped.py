# SPDX-License-Identifier: MIT
"""Stops itself; goes on when it is continued."""

import os
import signal
import sys

from oracle import tell


def stops():
    return tell(sys._getframe()) or os.kill(os.getpid(), signal.SIGSTOP) or os.read(0, 1)


stops()
