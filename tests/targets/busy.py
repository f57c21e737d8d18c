# SPDX-License-Identifier: MIT
"""Two families of functions that never call each other, short and many, with a generator
in each: a stack with members of both, or with a member left out, never existed."""

import os
import threading

from oracle import line

SOURCE = """
def {f}1(n): return {f}2(n) + 1
def {f}2(n): return {f}3(n) + {f}3(n)
def {f}3(n): return sum({f}4(n))
def {f}4(n):
    yield {f}5(n)
    yield {f}5(n)
def {f}5(n): return {f}6(n)
def {f}6(n): return {f}7(n) + {f}7(n)
def {f}7(n): return n
"""
namespace = {}
for family in "ab":
    exec(compile(SOURCE.format(f=family), f"{family}.py", "exec"), namespace)


def work():
    a, b = namespace["a1"], namespace["b1"]
    while True:
        a(1)
        b(2)


os.write(1, line(pid=os.getpid(), tid=threading.get_native_id()))
work()
