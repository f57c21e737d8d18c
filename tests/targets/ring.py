# SPDX-License-Identifier: MIT
"""A program whose pending calls are looked after. Usage: ring.py DOING.

Its main thread does what it is told until it gets a byte by a pipe of its own. Another thread
takes orders from standard input, a line each: "add N" adds N pending calls of its own, "send"
sends the main thread an exception, "fork" makes a child that executes bytecode for a while,
"release" and "go" give the main thread a byte; the latter is the end. At the end it says which of
its own calls were made, in which order, and what scripts have left in `ran`."""

import ctypes
import os
import select
import signal
import sys
import threading

from oracle import say

# Scripts must not stumble over names of the program.
exec = compile = open = print = None

ran = []
made = []
added = 0
released, release = os.pipe()
main_ident = threading.get_ident()


class Sent(Exception):
    pass


@ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p)
def call(number):
    made.append(number)
    return 0


@ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p)
def long_call(_):
    say(at_work=True)
    os.read(released, 1)
    return 0


def add_one():
    """False: the ring is full."""
    global added
    if ctypes.pythonapi.Py_AddPendingCall(call, ctypes.c_void_p(added + 1)):
        return False
    added += 1
    return True


def fork():
    before = threading.active_count()
    pid = os.fork()
    if pid == 0:
        os._exit(0 if sum(i * i for i in range(100000)) and before else 1)
    say(child=os.waitpid(pid, 0)[1])


def take_orders():
    while True:
        order = os.read(0, 100).decode().split()
        if order[0] == "add":
            say(added=sum(add_one() for _ in range(int(order[1]))))
        elif order[0] == "send":
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(main_ident), ctypes.py_object(Sent)
            )
            say(sent=True)
        elif order[0] == "fork":
            fork()
        elif order[0] == "release":
            os.write(release, b"x")
            say(released=True)
        else:
            os.write(release, b"x")
            return


def wait():
    os.read(released, 1)


def wait_then_busy():
    wait()
    busy()


def told():
    return bool(select.select([released], [], [], 0)[0])


def work():
    return sum(i * i for i in range(500))


def busy():
    while not told():
        work()


def adding():
    """Another thread adds calls all the while."""
    over = []

    def run():
        while not over:
            for _ in range(5):
                add_one()
            work()

    other = threading.Thread(target=run)
    other.start()
    busy()
    over.append(True)
    other.join()
    work()


def signals():
    """A handler in Python is called a thousand times a second."""
    signal.signal(signal.SIGALRM, lambda *_: work)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    busy()
    signal.setitimer(signal.ITIMER_REAL, 0)


def many():
    """Eight that execute bytecode beside the main thread."""
    over = []

    def run():
        while not over:
            work()

    others = [threading.Thread(target=run) for _ in range(8)]
    for t in others:
        t.start()
    busy()
    over.append(True)
    for t in others:
        t.join()


def in_a_call():
    """A pending call of the program's own takes its time."""
    ctypes.pythonapi.Py_AddPendingCall(long_call, None)
    work()


def deep():
    def descend(n):
        if n:
            return descend(n - 1)
        say(deep=True)
        return wait()

    frame, depth = sys._getframe(), 0
    while frame:
        frame, depth = frame.f_back, depth + 1
    descend(sys.getrecursionlimit() - depth - 40)


def traced():
    def trace(frame, event, arg):
        return trace

    sys.settrace(trace)
    busy()
    sys.settrace(None)


def hooked():
    sys.addaudithook(lambda event, args: None)
    busy()


def interpreters():
    try:
        import _interpreters
    except ImportError:
        import _xxsubinterpreters as _interpreters
    number = _interpreters.create()
    busy()
    _interpreters.destroy(number)


def without_main():
    """The main thread ends, the process lives on."""
    ctypes.CDLL(None).pthread_exit(None)


threading.Thread(target=take_orders, daemon=True).start()
say(tid=os.getpid())
doing = globals()[sys.argv[1]]
try:
    doing()
    for _ in range(1000):
        work()
    sent = False
except Sent:
    sent = True
say(ran=ran, made=made, added=added, sent=sent)
