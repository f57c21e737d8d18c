# SPDX-License-Identifier: MIT
"""Forks; parent and child both say where they stand, the child first."""

import os
import sys

from oracle import hold, told


def child(wait):
    return os.write(1, told(sys._getframe())) and (os.read(wait, 1) or os._exit(0))


def parent(pid):
    hold(child=pid)


wait, held = os.pipe()
reading, said = os.pipe()
pid = os.fork()
if pid == 0:
    os.close(held)
    child(wait)
parent(pid)
