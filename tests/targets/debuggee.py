# SPDX-License-Identifier: MIT
"""Works in functions that are worth a breakpoint, and tells what has become of it when asked:
a file "ask" in the folder that it is given is answered by a file "answer".

debuggee.py FOLDER [traced] [daemon] [idle] [impatient]
"""

import json
import os
import socket
import sys
import threading
import time

FOLDER = sys.argv[1]
state = {"n": 0}
go_on = True


def own_trace(frame, event, arg):
    return own_trace


def leaf(number):
    total = number
    total += 1
    return total


def work(number):
    value = number * 2
    value = leaf(value)
    return value


def name_of(function):
    return None if function is None else getattr(function, "__name__", repr(function))


def is_open(fd):
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def describe():
    traces, frame = [], sys._getframe()
    while frame is not None:
        traces.append(name_of(frame.f_trace))
        frame = frame.f_back
    bdb = sys.modules.get("bdb")
    return {
        "trace": name_of(sys.gettrace()),
        "traces": traces,
        "session": hasattr(sys, "_pysample_debug"),
        "breaks": len(bdb.Breakpoint.bplist) if bdb else 0,
        "files": sum(is_open(fd) for fd in range(100)),
        "stdout": name_of(type(sys.stdout)),
        "hook": sys.breakpointhook is sys.__breakpointhook__,
        "threads": threading.active_count(),
        "pypy": sys.implementation.name == "pypy",
        "n": state["n"],
    }


def answer():
    os.unlink(FOLDER + "/ask")
    with open(FOLDER + "/answer.new", "w") as f:
        json.dump(describe(), f)
    os.rename(FOLDER + "/answer.new", FOLDER + "/answer")


def main():
    while go_on:
        state["n"] += 1
        work(state["n"])
        if os.path.exists(FOLDER + "/ask"):
            answer()
        if "idle" in sys.argv:
            time.sleep(0.01)


def become_daemon():
    if os.fork():
        os._exit(0)
    os.setsid()
    os.chdir("/")
    null = os.open("/dev/null", os.O_RDWR)
    for fd in range(3):
        os.dup2(null, fd)
    os.close(null)
    if sys.implementation.name != "pypy":  # whose door needs an object to write to
        sys.stdin = sys.stdout = sys.stderr = None


if "daemon" in sys.argv:
    become_daemon()
if "impatient" in sys.argv:
    socket.setdefaulttimeout(0.001)
if "traced" in sys.argv:
    sys.settrace(own_trace)
with open(FOLDER + "/pid.new", "w") as f:
    f.write(str(os.getpid()))
os.rename(FOLDER + "/pid.new", FOLDER + "/pid")
main()
with open(FOLDER + "/end", "w") as f:
    f.write(str(state["n"]))
