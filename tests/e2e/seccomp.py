# SPDX-License-Identifier: MIT
"""Runs a program for which one system call fails, as the filters of containers have it.

Usage: seccomp.py ERRNO[:CALL[/ARG&MASK=VALUE]] PROGRAM ARG..."""

import ctypes
import errno
import os
import platform
import struct
import sys

CALLS = {
    "process_vm_readv": {"x86_64": 310, "aarch64": 270},
    "process_vm_writev": {"x86_64": 311, "aarch64": 271},
    "ptrace": {"x86_64": 101, "aarch64": 117},
    "clone": {"x86_64": 56, "aarch64": 220},
    "clone3": {"x86_64": 435, "aarch64": 435},
    "openat": {"x86_64": 257, "aarch64": 56},
    "linkat": {"x86_64": 265, "aarch64": 37},
}
PR_SET_SECCOMP, SECCOMP_MODE_FILTER, PR_SET_NO_NEW_PRIVS = 22, 2, 38
LOAD_WORD, JUMP_EQUAL, RETURN, AND = 0x20, 0x15, 0x06, 0x54
ARGUMENTS = 16  # in what the filter looks at: 8 bytes each, the low ones first
RET_ERRNO, RET_ALLOW = 0x00050000, 0x7FFF0000


class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


name, _, call = sys.argv[1].partition(":")
call, _, condition = call.partition("/")
number = getattr(errno, name)
forbidden = CALLS[call or "process_vm_readv"][platform.machine()]
looks = []
if condition:
    argument, mask, value = map(int, condition.replace("&", "=").split("="))
    looks = [
        (LOAD_WORD, 0, 0, ARGUMENTS + 8 * argument),
        (AND, 0, 0, mask),
        (JUMP_EQUAL, 0, 1, value),
    ]
code = b"".join(
    struct.pack("HBBI", *step)
    for step in [
        (LOAD_WORD, 0, 0, 0),  # the number of the system call
        (JUMP_EQUAL, 0, len(looks) + 1, forbidden),
        *looks,
        (RETURN, 0, 0, RET_ERRNO | number),
        (RETURN, 0, 0, RET_ALLOW),
    ]
)
memory = ctypes.create_string_buffer(code)
program = Program(len(code) // 8, ctypes.addressof(memory))
libc = ctypes.CDLL(None, use_errno=True)
libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0):
    sys.exit(os.strerror(ctypes.get_errno()))
os.execvp(sys.argv[2], sys.argv[2:])
