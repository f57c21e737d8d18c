# SPDX-License-Identifier: MIT
# What a target executes to write its heap dump. pysample puts in front: STACKS and WALK, the
# texts of heap_stacks.py and heap_walk.py; HOW, "fork" or "here"; VALUES, whether texts and numbers are told. inject.py gives
# __stream__, the path of a pipe to pysample.

import sys
import posix
import time
import _thread


def take(stream, how, values):
    began, ours = time.monotonic_ns(), posix.getpid()
    below, spaces = interrupted()
    walker = {"__name__": "pysample_heap_walk", "__builtins__": __builtins__}
    # If pysample has ended, nobody reads, and to wait for that would be for ever.
    fd = posix.open(stream, posix.O_WRONLY | posix.O_NONBLOCK | posix.O_CLOEXEC)
    try:
        load(STACKS, walker)
        posix.set_blocking(fd, True)
        how_to = {
            "below": below,
            "values": values,
            "threads": walker["stacks"]() if below is not None else None,
            "own": (globals(), walker, *spaces),
            "pid": ours,
            "whole": True,
        }
        if how == "here":
            load(WALK, walker)
            walker["walk"](fd, **how_to)
        else:
            pid = fork_quietly(fd, walker, how_to)
            see_to(pid)
    finally:
        if posix.getpid() != ours:  # a signal handler of the program has raised in the copy
            posix._exit(1)
        posix.close(fd)
        walker.clear()
    print(0 if how == "here" else pid, time.monotonic_ns() - began)


def interrupted():
    """What stands below all that is ours, or None; and the namespaces of ours above it."""
    frame, spaces = sys._getframe(2), []
    while frame is not None and frame.f_code.co_name != "pysample_inject":
        frame = frame.f_back
    # It is called by inject.py, which in the older ones is executed by a text of two parts, the
    # outer one in the program's own __main__ (request_ring.c).
    callers = 1
    if sys.implementation.name == "cpython" and sys.version_info < (3, 14):
        callers = 3
    for i in range(callers):
        frame = frame and frame.f_back
        if frame is not None and i < 2:
            spaces.append(frame.f_globals)
    return frame and frame.f_back, spaces


def take_streams_off():
    """In the copy, nothing comes from them any more: what the program has there is told."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name, None)
        while type(stream) is type(sys) and "_pysample_stream" in stream.__dict__:
            stream = stream.__dict__["_pysample_stream"][0]
            setattr(sys, name, stream)


def load(text, space):
    exec(compile(text, "<heap dump>", "exec", 0, True), space)


def in_copy(fd, walker, how_to):
    try:
        close_all_but(fd)
        take_streams_off()
        load(WALK, walker)
        walker["walk"](fd, forked=True, **how_to)
    finally:
        posix._exit(0)


def fork(*what):
    pid = posix.fork()
    if pid == 0:
        in_copy(*what)
    return pid


def fork_quietly(*what):
    """Python 3.12 and later warn of forks in programs with threads: rightly, for the copy must
    not touch locks. It does not."""
    warnings = sys.modules.get("warnings")
    if warnings is None or sys.version_info < (3, 12):
        return fork(*what)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return fork(*what)


def see_to(pid):
    """No zombie is left, and nobody waits for the copy but a thread that ends with it."""
    try:
        _thread.start_new_thread(wait_for, (pid,))
    except BaseException:
        posix.kill(pid, 9)
        wait_for(pid)
        raise


def wait_for(pid):
    try:
        posix.waitpid(pid, 0)
    except OSError:
        pass  # the program waits for all of its children itself


def close_all_but(fd):
    """Connections and files are not to stay open for as long as the walk takes."""
    try:
        most = max(int(name) for name in posix.listdir("/proc/self/fd"))
    except (OSError, ValueError):
        most = 65535
    posix.closerange(0, fd)
    posix.closerange(fd + 1, most + 1)


try:
    take(__stream__, HOW, VALUES)
finally:
    # As in inject.py: nothing is to wait for the collector.
    del STACKS, WALK, take, load, in_copy, fork, fork_quietly, see_to, wait_for, close_all_but
    del interrupted, take_streams_off
