# SPDX-License-Identifier: MIT
"""Works in functions that are worth a breakpoint, and tells what has become of it when asked:
a file "ask" in the folder that it is given is answered by a file "answer".

debuggee.py FOLDER [traced] [daemon] [idle] [impatient] [alarmed] [greens] [busy] [adds] [waits [sets]] [lacks]
"""

import builtins
import json
import os
import signal
import socket
import sys
import threading
import time

from oracle import open_files

FOLDER = sys.argv[1]
state = {"n": 0, "timeouts": 0}
# Microseconds, and what sys.getswitchinterval() says is not enough of it to set the same again.
INTERVAL = 0.0050015
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
        "files": len(open_files()),
        "stdout": name_of(type(sys.stdout)),
        "hook": sys.breakpointhook is sys.__breakpointhook__,
        "threads": threading.active_count(),
        "interval": round(1e6 * sys.getswitchinterval()),
        "pypy": sys.implementation.name == "pypy",
        **state,
    }


def write(name, what):
    with open(FOLDER + "/" + name + ".new", "w") as f:
        json.dump(what, f)
    os.rename(FOLDER + "/" + name + ".new", FOLDER + "/" + name)


def answer():
    os.unlink(FOLDER + "/ask")
    write("answer", describe())


def main():
    while go_on:
        state["n"] += 1
        work(state["n"])
        if os.path.exists(FOLDER + "/ask"):
            answer()
        if "idle" in sys.argv:
            time.sleep(0.01)


class TooLate(Exception):
    """No OSError, as TimeoutError is: os.path.exists() takes those for its own."""


def on_alarm(number, frame):
    raise TooLate


def be_green():
    """As gevent: what belongs to a thread is said to belong to one of many tasks in it."""
    import _thread

    spaces = {}

    class Local:
        def __setattr__(self, name, value):
            spaces.setdefault(state["n"], {})[name] = value

        def __getattr__(self, name):
            if name not in spaces.get(state["n"], ()):
                raise AttributeError(name)
            return spaces[state["n"]][name]

    _thread.get_ident = lambda: state["n"]
    _thread._local = Local


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


def add_call():
    """A pending call, as code in C may: PyCallable_Check(NULL), which does nothing."""
    import ctypes

    nothing = ctypes.cast(ctypes.pythonapi.PyCallable_Check, ctypes.c_void_p)
    assert ctypes.pythonapi.Py_AddPendingCall(nothing, None) == 0


def import_slowly(name, *rest, **others):
    """What pdb is made of is found once there is a file "go", or not at all."""
    if name == "cmd" and "lacks" in sys.argv:
        raise ImportError("no " + name + " in this program")
    if name == "cmd" and "adds" in sys.argv:
        add_call()
    if name == "cmd" and "waits" in sys.argv:
        if "sets" in sys.argv:
            sys.setswitchinterval(0.0023451)
        write("loading", describe())
        while not os.path.exists(FOLDER + "/go"):
            time.sleep(0.01)
    return real_import(name, *rest, **others)


def spin():
    """Keeps the GIL for as long as it may."""
    while True:
        pass


real_import = builtins.__import__
if {"adds", "waits", "lacks"} & set(sys.argv):
    builtins.__import__ = import_slowly
if "busy" in sys.argv:
    for _ in range(4):
        threading.Thread(target=spin, daemon=True).start()
if "daemon" in sys.argv:
    become_daemon()
if "alarmed" in sys.argv:
    signal.signal(signal.SIGALRM, on_alarm)
if "greens" in sys.argv:
    be_green()
if "impatient" in sys.argv:
    socket.setdefaulttimeout(0.001)
sys.setswitchinterval(INTERVAL)
if "traced" in sys.argv:
    sys.settrace(own_trace)
with open(FOLDER + "/pid.new", "w") as f:
    f.write(str(os.getpid()))
os.rename(FOLDER + "/pid.new", FOLDER + "/pid")
while go_on:
    try:
        main()
    except TooLate:
        state["timeouts"] += 1
with open(FOLDER + "/end", "w") as f:
    f.write(str(state["n"]))
