# SPDX-License-Identifier: MIT
"""Waits in a system call until a line comes: sleeper.py read|events."""

import json
import os
import select
import sys


def rest():
    if sys.argv[1] == "read":
        os.read(0, 1)
        return
    events = select.epoll()
    events.register(sys.stdin, select.EPOLLIN)
    events.poll()


print(json.dumps("rests"), flush=True)
rest()
print(json.dumps("done"), flush=True)
