# SPDX-License-Identifier: MIT
"""Stops itself; goes on when it is continued."""

import os
import signal
import sys

from oracle import told


def stops():
    return os.write(1, told(sys._getframe())) and os.kill(os.getpid(), signal.SIGSTOP)


stops()
