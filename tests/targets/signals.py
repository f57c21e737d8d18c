# SPDX-License-Identifier: MIT
"""Says which signals reach it, and ends with status 7 after the one it is told to."""

import os
import signal
import sys

from oracle import say


def got(number, frame):
    say(signal=signal.Signals(number).name)
    if signal.Signals(number).name == sys.argv[1]:
        os._exit(7)


for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGWINCH, signal.SIGUSR1):
    signal.signal(number, got)
say(pid=os.getpid(), parent=os.getppid(), group=os.getpgrp())
while True:
    sum(range(1000))
