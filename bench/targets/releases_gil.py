"""C code that computes without the GIL, and Python for as long.

Known: hash() and compress() each take one third of the time by the wall clock, in C code
that lets the GIL go (hashlib.sha256 over 8 MiB, zlib.compress of the same); think() takes
the last third, in Python. So --mode cpu shows all of the time, --mode gil a third of it, and
that is think() alone but for the moments at which the C code is called.

Stacks: <module> > main > hash, compress, think; think > spin.
"""

import hashlib
import time
import zlib

DATA = bytes(range(256)) * (1 << 15)


def spin(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


def repeat(function, seconds):
    """Calls it until that time has passed, and a little more; says how much."""
    began = time.perf_counter()
    while (took := time.perf_counter() - began) < seconds:
        function(DATA)
    return took - seconds


def hash(owed):
    return repeat(hashlib.sha256, 0.05 - owed)


def compress(owed):
    return repeat(lambda data: zlib.compress(data, 1), 0.05 - owed)


def think():
    spin(0.05)


def main():
    owed_hash = owed_compress = 0.0
    while True:
        owed_hash = hash(owed_hash)
        owed_compress = compress(owed_compress)
        think()


print("ready", flush=True)
main()
