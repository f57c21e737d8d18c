# SPDX-License-Identifier: MIT
"""Waits for events, for as long as there is somebody to wait for."""

import json
import select
import sys


def rest():
    events = select.epoll()
    events.register(sys.stdin, select.EPOLLIN)
    events.poll()


print(json.dumps("rests"), flush=True)
rest()
