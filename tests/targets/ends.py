# SPDX-License-Identifier: MIT
"""Works until it is sent a byte, and ends as it is asked to: with a status, or killed. A second
argument is how many bytes it holds meanwhile."""

import os
import signal
import sys
import threading

from oracle import say


def end(how):
    os.read(0, 1)
    if how.startswith("SIG"):
        os.kill(os.getpid(), getattr(signal, how))
    os._exit(int(how))


def spin():
    n = 0
    while True:
        n += 1


held = b"x" * int(*sys.argv[2:])
threading.Thread(target=end, args=(sys.argv[1],), daemon=True).start()
say(pid=os.getpid())
spin()
