# SPDX-License-Identifier: MIT
"""A program that scripts are run in. Usage: host.py DOING [UID]. It says that it has begun, does
what it is told until it gets a byte (or, where it cannot, for ever), and then says what ran in
it: scripts leave their marks in `ran`."""

import gc
import itertools
import os
import re
import resource
import select
import sys
import threading
import time
import types

from oracle import open_files, say

ran = []
STDOUT, STDERR = sys.stdout, sys.stderr


def tid():
    return getattr(threading, "get_native_id", os.getpid)()


def state():
    """What a script must not change."""
    return {
        "fds": open_files(),
        "streams": sys.stdout is STDOUT and sys.stderr is STDERR,
        "argv": sys.argv[1:],
        "names": sorted(n for n in globals() if n not in ("before", "after", "_")),
        "traced": [sys.gettrace() is not None, sys.getprofile() is not None],
    }


def told():
    return bool(select.select([0], [], [], 0)[0])


def work(n):
    return sum(i * i for i in range(n))


def busy():
    while not told():
        work(500)


def read():
    os.read(0, 1)


def deep():
    """So many calls below the limit of the interpreter, and there it stays."""

    def down(n):
        if n:
            down(n - 1)
        while True:
            pass

    depth = len(list(itertools.takewhile(bool, frames())))
    down(sys.getrecursionlimit() - depth - int(os.environ["LEFT"]))


def frames():
    frame = sys._getframe(1)
    while frame:
        yield frame
        frame = frame.f_back


def sleep():
    time.sleep(1e6)


def lock():
    gate = threading.Lock()
    gate.acquire()
    gate.acquire()


def wait_for_events():
    import asyncio

    asyncio.new_event_loop().close()
    before["fds"] = state()["fds"]  # the libffi of PyPy's ssl opens a file for good

    async def main():
        got = asyncio.Event()
        asyncio.get_running_loop().add_reader(0, got.set)
        await got.wait()

    asyncio.run(main())
    gc.collect()  # PyPy closes the loop's files then


def in_c():
    if sys.implementation.name == "pypy":  # where sum() is written in Python
        re.match("(a*)*b", "a" * 1000)
    sum(itertools.repeat(1, 1 << 60))


def crowd():
    """Threads that give the GIL away late."""
    threads(interval=0.1)


def bare():
    """Now and then in code that has no builtins, as that of named tuples."""
    space = {"__builtins__": {}}
    exec("def spin(n):\n    while n:\n        n = n - 1\n", space)
    while not told():
        space["spin"](2000)
        work(20000)


def forks():
    """Its child does the rest, and is told of before it can have done anything."""
    child = os.fork()
    if child:
        say(child=child)
        os._exit(os.waitpid(child, 0)[1] >> 8)
    busy()


def without_main():
    """The main thread ends; another one executes, and says the rest."""
    import ctypes

    def run():
        busy()
        before["fds"] = state()["fds"]  # pthread_exit() has the C library open a file for good
        end()
        os._exit(0)

    threading.Thread(target=run).start()
    ctypes.CDLL(None).pthread_exit(None)


def without_main_idle():
    """The main thread ends; another one waits for events."""
    import ctypes

    def run():
        wait_for_events()
        before["fds"] = state()["fds"]
        end()
        os._exit(0)

    threading.Thread(target=run).start()
    ctypes.CDLL(None).pthread_exit(None)


def forkless():
    resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
    busy()


def crowded():
    """Four that execute bytecode beside the main thread."""
    others = [threading.Thread(target=busy) for _ in range(4)]
    for t in others:
        t.start()
    busy()
    for t in others:
        t.join()


def threads(interval=0.005):
    """Four that execute bytecode, while the main thread waits."""
    over = threading.Event()

    def run():
        while not over.is_set():
            work(100)

    all_of_them = [threading.Thread(target=run) for _ in range(4)]
    for t in all_of_them:
        t.start()
    sys.setswitchinterval(interval)
    os.read(0, 1)
    over.set()
    for t in all_of_them:
        t.join()


def passing():
    """Threads come all the while and end soon; the main thread waits, and so does who starts them,
    most of the time."""
    over = threading.Event()

    def run():
        until = time.monotonic() + 0.0015
        while time.monotonic() < until:
            work(10)

    def start():
        while not over.is_set():
            threading.Thread(target=run).start()
            time.sleep(0.01)

    starter = threading.Thread(target=start)
    starter.start()
    os.read(0, 1)
    over.set()
    starter.join()


INSIDE = """
import os, threading
os.write({say}, b"%d\\n" % threading.get_native_id())
while not select({wait}):
    sum(i * i for i in range(500))
"""


def interpreters():
    """Another interpreter with a GIL of its own executes in a thread; the main one waits."""
    import _interpreters

    number = _interpreters.create("isolated")
    began, say_began = os.pipe()
    wait, release = os.pipe()
    inside = INSIDE.format(say=say_began, wait=wait)
    inside = "import select as s\nselect = lambda f: s.select([f], [], [], 0)[0]\n" + inside
    thread = threading.Thread(target=_interpreters.exec, args=(number, inside))
    thread.start()
    say(tid=int(os.read(began, 20)), interpreter=number)
    os.read(0, 1)
    os.write(release, b"x")
    thread.join()
    for fd in (began, say_began, wait, release):
        os.close(fd)


def interpreters_beside():
    """Another one is there, and nothing runs in it."""
    try:
        import _interpreters
    except ImportError:  # before 3.13
        import _xxsubinterpreters as _interpreters
    number = _interpreters.create()
    say(there=True)
    busy()
    _interpreters.destroy(number)


def making_interpreters():
    """Some dozens, and then it executes."""
    import _interpreters

    for _ in range(40):
        _interpreters.create()
    busy()
    end()
    os._exit(0)


class Last:
    """Finalized with the interpreter, after all else: it says so, and works until it is told."""

    def __del__(self, say=say, work=work, told=told, ran=ran):
        say(finalizing=True)
        while not told():
            work(500)
        say(ran=ran)


def ends_at_last():
    """Modules are taken down in the end."""
    sys.modules["last"] = types.ModuleType("last")
    sys.modules["last"].it = Last()
    sys.exit(0)


def printing():
    """Another thread prints all the while."""
    over = threading.Event()

    def run():
        while not over.is_set():
            print("by another thread", file=sys.stderr)

    other = threading.Thread(target=run)
    other.start()
    busy()
    over.set()
    other.join()


def slow_hook():
    """Its hook says yes, after two seconds in which it executes."""

    def hook(event, args):
        if event == "cpython.remote_debugger_script":
            began = time.monotonic()
            while time.monotonic() < began + 2.2:
                work(100)

    sys.addaudithook(hook)
    busy()


def held_hook():
    """It cannot be seen to be one, and is in C until it is told."""

    def hook(event, args):
        if event == "cpython.remote_debugger_script":
            os.read(0, 1)

    hook.__cantrace__ = True
    sys.addaudithook(hook)
    busy()


def wait_in_c():
    """Until the thread is cancelled, or for ever."""
    import ctypes

    ctypes.CDLL(None).pause()


def waits_in_c():
    """For a byte, and then for events, of which the first comes when it is told (test_exec_wake.py)."""
    import ctypes

    count = ctypes.CDLL(os.environ["WAITS"]).count_wakes
    wakes = count(int(os.environ["MOST"]))
    told() and os.read(0, 1)
    say(wakes=wakes)
    busy()
    before["fds"] = state()["fds"]


def cancel(ident):
    import ctypes

    ctypes.CDLL(None).pthread_cancel(ctypes.c_ulong(ident))


def thread_ends():
    """One that waits in C, told by a byte, and does not come back to Python before that."""

    def run():
        say(thread=tid())
        wait_in_c()

    other = threading.Thread(target=run, daemon=True)
    other.start()
    os.read(0, 1)
    cancel(other.ident)
    busy()
    end()
    os._exit(0)


def thread_leaves():
    """One that C has started calls Python, waits in a read that fails when told, and so goes back
    to C, where it stays, without a look at what is asked of it."""
    import ctypes
    import socket

    ours, other = socket.socketpair()
    ours.send(b"never read")

    def wait():
        say(thread=tid())
        os.read(ours.fileno(), 1)

    ctypes.CDLL(os.environ["POOL"]).begin(ctypes.py_object(wait))
    os.read(0, 1)
    other.close()  # with something unread in it: the connection is reset
    busy()
    ours.close()
    before["fds"] = state()["fds"]  # the C library has opened some for good
    end()
    os._exit(0)


def main_ends():
    """The same with the main thread, and another one then executes."""
    main = threading.get_ident()

    def run():
        os.read(0, 1)
        cancel(main)
        while True:
            work(100)

    threading.Thread(target=run).start()
    wait_in_c()


def refusing():
    def hook(event, args):
        if event in ("cpython.remote_debugger_script", "remote_exec", "compile"):
            ran.append(event)
            raise RuntimeError("not here")

    sys.addaudithook(hook)
    busy()


def closed():
    """As a daemon: no standard files at all."""
    sys.stdin = sys.stdout = sys.stderr = None
    for fd in (0, 2):
        os.close(fd)
    while True:
        work(500)


def end():
    after = state()
    for _ in range(100):  # a thread that ends has the C library load what it ends with, after join()
        if after == before:
            break
        time.sleep(0.05)
        after = state()
    say(ran=ran, same=before == after, before=before, after=after)


if "CHROOT" in os.environ:  # its temporary folder becomes all that it sees
    os.chroot(os.environ["TMPDIR"])
    os.chdir("/")
if sys.argv[2:]:  # as which user
    os.setgid(int(sys.argv[2]))
    os.setuid(int(sys.argv[2]))
before = state()
say(tid=tid(), pid=os.getpid())
globals()[sys.argv[1]]()
end()
