# SPDX-License-Identifier: MIT
"""A terminal in which a program runs, and somebody who types and reads."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time

import process

STEERING = re.compile(rb"\x1b(?:\[[0-9;?]*[A-Za-z]|[=>]|\([A-Z0-9])|\x07")


class Terminal:
    def __init__(self, argv, env, **how):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 200, 0, 0))

        def own_it():
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.popen = subprocess.Popen(
            argv,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**env, "TERM": "xterm", "LC_ALL": "C.UTF-8"},
            start_new_session=True,
            preexec_fn=own_it,
            **how,
        )
        os.close(slave)
        self.raw = b""
        self.at = 0  # up to where of text() all has been read
        self.closed = False

    def text(self):
        return STEERING.sub(b"", self.raw).replace(b"\r", b"").decode("utf-8", "replace")

    def poll(self):
        """Reads if there is something; did it?"""
        if self.closed or not select.select([self.master], [], [], 0)[0]:
            return False
        self.read(0)
        return True

    def read(self, deadline):
        ready, _, _ = select.select([self.master], [], [], max(0, deadline - time.monotonic()))
        assert ready, f"nothing more came in {process.PATIENCE} s after: {self.text()!r}"
        try:
            piece = os.read(self.master, 65536)
        except OSError:  # EIO: nobody has it open any more
            piece = b""
        self.raw += piece
        self.closed = not piece

    def expect(self, wanted):
        """Reads until that has come, and returns what came before it."""
        deadline = time.monotonic() + process.PATIENCE
        while wanted not in self.text()[self.at :]:
            assert not self.closed, f"the end came instead of {wanted!r}: {self.text()!r}"
            self.read(deadline)
        before, _, rest = self.text()[self.at :].partition(wanted)
        self.at = len(self.text()) - len(rest)
        return before

    def expect_in_flood(self, wanted):
        """The same, where what comes before it is too much to be kept."""
        deadline = time.monotonic() + process.PATIENCE
        while wanted not in self.text():
            assert not self.closed, f"the end came instead of {wanted!r}"
            self.raw = self.raw[-200:]
            self.read(deadline)
        self.at = self.text().index(wanted) + len(wanted)

    def type(self, text):
        os.write(self.master, text.encode())

    def command(self, line, prompt="(Pdb) "):
        """Enters it, and returns what was said to it, up to the next prompt."""
        self.type(line + "\r")
        return self.expect(prompt)

    def end(self):
        """Reads the rest, and returns the exit code."""
        deadline = time.monotonic() + process.PATIENCE
        while not self.closed:
            self.read(deadline)
        return self.popen.wait(process.PATIENCE)

    def close(self):
        if self.popen.poll() is None:
            self.popen.kill()
        self.popen.wait()
        os.close(self.master)
