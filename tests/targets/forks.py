# SPDX-License-Identifier: MIT
"""Forks; parent and child both say where they stand, the child first."""

import os
import sys

from oracle import hold, tell


def child(wait):
    return tell(sys._getframe()) or os.read(wait, 1) or os._exit(0)


def parent(pid):
    hold(child=pid)


wait, held = os.pipe()
reading, said = os.pipe()
pid = os.fork()
if pid == 0:
    os.close(held)
    child(wait)
parent(pid)
