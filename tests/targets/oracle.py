# SPDX-License-Identifier: MIT
"""What a target says of itself, for a test to compare with.

A stack is a list of [qualified name, file, line], innermost first. A target says, as
one line of JSON on standard output, where each of its threads stands, and then stays
there: saying and waiting are on one source line, so that the words stay true. It goes
on when it is sent a byte, and ends at once when its input does.
"""

import json
import os
import queue
import sys
import threading

_ready = queue.SimpleQueue()
_gate = threading.Lock()
_gate.acquire()


def stack(frame):
    frames = []
    while frame is not None:
        frames.append([frame.f_code.co_qualname, frame.f_code.co_filename, frame.f_lineno])
        frame = frame.f_back
    return frames


def line(**what):
    """Two lone surrogates in a row stay two: escaped by json they would become one."""
    return (json.dumps(what, ensure_ascii=False) + "\n").encode("utf-8", "surrogatepass")


def say(**what):
    os.write(1, line(**what))


def open_files():
    """The descriptors that are open."""
    found = []
    for fd in range(256):
        try:
            os.fstat(fd)
        except OSError:
            continue
        found.append(fd)
    return found


def told(frame, **more):
    """Where all threads of this interpreter stand, the calling one in `frame`. The caller
    writes it: were that done here, this function would still be running when it is read."""
    stacks = {ident: stack(f) for ident, f in sys._current_frames().items()}
    me = threading.get_ident()
    stacks[me] = stack(frame)
    threads = [
        {
            # What a Thread says of itself can be older than a fork.
            "tid": threading.get_native_id() if t.ident == me else t.native_id,
            "name": t.name,
            "frames": stacks[t.ident],
        }
        for t in threading.enumerate()
        if t.ident in stacks
    ]
    return line(pid=os.getpid(), threads=threads + more.pop("others", []), **more)


def hold(**more):
    return os.write(1, told(sys._getframe(), **more)) and (os.read(0, 1) or os._exit(0))


def park():
    """Where a thread of a target stays; started() returns when it has got there."""
    return _ready.put(None) or _gate.acquire()


def started(threads):
    """Starts the threads, and returns when each is in park()."""
    for t in threads:
        t.daemon = True
        t.start()
    for _ in threads:
        _ready.get()
    return threads
