# SPDX-License-Identifier: MIT
"""Several interpreters in one process: one with a GIL of its own and one that shares the
main one's, each in a thread of its own; one that the main thread has entered; one idle."""

import json
import os
import sys
import threading

import _interpreters

from oracle import told

CODE = """
import sys
sys.path.insert(0, {here!r})
import json, os, threading
from oracle import stack

def told(frame):
    what = dict(tid=threading.get_native_id(), name=None, interpreter={number})
    what["frames"] = stack(frame)
    return json.dumps(what).encode() + b"\\n"

def inside(n):
    if n == 0:
        return os.write({say}, told(sys._getframe())) and (os.read({wait}, 1) or os._exit(0))
    return inside(n - 1)

inside({depth})
"""


def run(number, say, wait, depth):
    here = os.path.dirname(os.path.abspath(__file__))
    _interpreters.exec(number, CODE.format(**locals()))


def in_thread(config, depth):
    number = _interpreters.create(config)
    reading, say = os.pipe()
    wait, _ = os.pipe()
    threading.Thread(target=run, args=(number, say, wait, depth), daemon=True).start()
    return json.loads(os.fdopen(reading).readline())


def teller(reading, others):
    """Speaks for all, because the main thread by then stands in another interpreter."""
    others = others + [json.loads(os.fdopen(reading).readline())]
    wait, _ = os.pipe()
    return os.write(1, told(sys._getframe(), others=others)) and os.read(wait, 1)


_interpreters.create("isolated")
others = [in_thread("isolated", 1), in_thread("legacy", 2)]
reading, say = os.pipe()
threading.Thread(target=teller, args=(reading, others), daemon=True, name="teller").start()
run(_interpreters.create("legacy"), say, 0, 3)
