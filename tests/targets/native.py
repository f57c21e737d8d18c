# SPDX-License-Identifier: MIT
"""Threads that Python did not make: one never runs Python; one did once, and idles in C;
one came from C and is in Python now."""

import ctypes
import threading

from oracle import _ready, hold, park

libc = ctypes.CDLL(None)
start = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)
handle = ctypes.c_ulong()
key = ctypes.c_uint()
kept = []


def spawn(function):
    kept.append(function)
    assert libc.pthread_create(ctypes.byref(handle), None, function, None) == 0


# At the end of the thread C calls pause() in it, as the destructor of its value of a key.
assert libc.pthread_key_create(ctypes.byref(key), libc.pause) == 0
ids = {}


def once(_):
    ids["idle"] = threading.get_native_id()
    # One reference more than will be given back keeps the thread known to Python.
    ctypes.pythonapi.PyGILState_Ensure()
    libc.pthread_setspecific(key, ctypes.c_void_p(1))
    _ready.put(None)
    return 0


def here(_):
    threading.current_thread().name = "from C"
    park()
    return 0


spawn(libc.pause)
spawn(start(once))
spawn(start(here))
_ready.get()
_ready.get()
hold(others=[{"tid": ids["idle"], "name": None, "frames": []}])
