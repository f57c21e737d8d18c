# SPDX-License-Identifier: MIT
"""Copies of an interpreter with something taken away."""

import os
import shutil
import struct
import subprocess


def strip(path):
    subprocess.run(["strip", "--strip-all", path], check=True)


def without_section_headers(path):
    """What sstrip does: the loader needs none of them."""
    with open(path, "r+b") as f:
        f.seek(0x28)  # e_shoff
        f.write(struct.pack("<Q", 0))
        f.seek(0x3A)  # e_shentsize, e_shnum, e_shstrndx
        f.write(struct.pack("<HHH", 0, 0, 0))


def without_section_headers_and_symbol(path):
    """Written in place: a library is changed under the process that has it mapped."""
    without_section_headers(path)
    with open(path, "r+b") as f:
        at = f.read().index(b"\0_PyRuntime\0")
        f.seek(at)
        f.write(b"\0_PyRuntimX\0")


class Copy:
    """An interpreter copied under a name that tells nothing, in the place of its targets."""

    def __init__(self, python, place, change=None, name="frobnicate"):
        self.folder = os.path.join(place.outside, "copy")
        shutil.rmtree(self.folder, ignore_errors=True)
        os.mkdir(self.folder)
        source = (python.root or "") + python.real
        self.program = os.path.join(self.folder, name)
        shutil.copy(source, self.program)
        self.files = [self.program]
        library = os.path.join(
            (python.root or "") + python.home,
            "lib/libpython{}.{}.so.1.0".format(*python.version),
        )
        if library_needed(self.program) and os.path.exists(library):
            self.files.append(os.path.join(self.folder, os.path.basename(library)))
            shutil.copy(library, self.files[-1])
        # A library refers to its own symbol when it is loaded, so it has to lose it later.
        late = len(self.files) > 1 and change is without_section_headers_and_symbol
        self.change_late = (lambda: change(self.files[-1])) if late else lambda: None
        if change and not late:
            change(self.files[-1])
        inside = os.path.join(place.inside, "copy")
        self.path = os.path.join(inside, name)
        self.environment = {
            **python.environment(),
            "PYTHONHOME": python.home,
            "LD_LIBRARY_PATH": inside,
        }


def library_needed(program):
    out = subprocess.run(["readelf", "-d", program], capture_output=True, text=True, check=True)
    return "libpython" in out.stdout
