# SPDX-License-Identifier: MIT
"""Answers a debugger by itself, instead of what pysample has put into it, and not as it should.

liar.py HOW
"""

import os
import socket  # whose class is made of the real one
import sys

import _socket

HOW = sys.argv[1]
assert issubclass(socket.socket, _socket.socket)
real = _socket.socket


def message(kind, data):
    return kind + len(data).to_bytes(4, "little") + data


class Socket:
    def __init__(self, *args):
        self.real = real(*args)

    def __getattr__(self, name):
        return getattr(self.real, name)

    def sendall(self, data, flags=0):
        if data[:1] == b"p":
            answers[HOW](self.real.sendall, data)
        elif data[:1] == b"c" and HOW == "completion":
            flood(self.real.sendall, data)
        else:
            self.real.sendall(data, flags)


def flood(send, data):
    os.write(1, b'"floods"\n')
    while True:
        send(message(b"o", b"x\n" * 16000))


def steer(send, data):
    # One by one, and only together.
    for piece in (b"\x1b[5i|\xc2", b"\x9b5i|\xe2\x80", b"\x8e|\x9b5i|\xc2\x9b5i\n"):
        send(message(b"o", piece))
    send(message(b"p", b"\x1b]0;owned\x07(Pdb) "))


answers = {
    "prompt": lambda send, data: send(message(b"p", b"\xff\xc3(Pdb) ")),
    "long prompt": lambda send, data: send(message(b"p", b"(Pdb) x" + b"\xc3\xbc" * 16000)),
    "steer": steer,
    "end": lambda send, data: send(message(b"e", b"\x1b[5i" * 2000)),
    "flood": flood,
    "completion": lambda send, data: send(data),
    "too long": lambda send, data: send(b"o\xff\xff\xff\xff"),
    "byte by byte": lambda send, data: [send(bytes([b])) for b in message(b"o", b"x") * 9 + data],
}


def main():
    while True:
        sum(range(100))


_socket.socket = Socket
print('"lies"', flush=True)
main()
