# SPDX-License-Identifier: MIT
"""Runs a program as root of a user namespace that this process's user has made, in which
another user of this machine is root. Usage (as root): userns.py UID PROGRAM ARG..."""

import ctypes
import os
import sys

CLONE_NEWUSER = 0x10000000

uid = int(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)
ready, told = os.pipe(), os.pipe()
parent = os.getpid()
helper = os.fork()
if helper == 0:  # stays outside, for only from there the ids can be mapped
    os.read(ready[0], 1)
    for kind in ("uid_map", "gid_map"):
        with open(f"/proc/{parent}/{kind}", "w") as f:
            f.write(f"0 {uid} 1\n")
    os.write(told[1], b"x")
    os._exit(0)
if libc.unshare(CLONE_NEWUSER):
    sys.exit(os.strerror(ctypes.get_errno()))
os.write(ready[1], b"x")
os.read(told[0], 1)
os.waitpid(helper, 0)
os.setgid(0)
os.setuid(0)
os.execv(sys.argv[2], sys.argv[2:])
