# SPDX-License-Identifier: MIT
"""Stops a program between two of its system calls, to catch it where it stands for a moment."""

import ctypes
import os
import signal

TRACEME, DETACH, SYSCALL = 0, 17, 24
ptrace = ctypes.CDLL(None, use_errno=True).ptrace
ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
ptrace.restype = ctypes.c_long


def traceable():
    """For preexec_fn: it stops when it has become the program that it is to be."""
    ptrace(TRACEME, 0, None, None)


def request(what, pid):
    if ptrace(what, pid, None, None):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def step_until(pid, here):
    """From one stop at a system call to the next until here(), of a traceable() process."""
    while True:
        _, status = os.waitpid(pid, 0)
        assert os.WIFSTOPPED(status), f"it ended, without having been there: {status}"
        assert os.WSTOPSIG(status) == signal.SIGTRAP, status
        if here():
            return
        request(SYSCALL, pid)


def let_go(pid):
    request(DETACH, pid)
