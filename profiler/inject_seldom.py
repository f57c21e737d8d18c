# SPDX-License-Identifier: MIT
# What few scripts need of inject.py, which compiles this, in the target, when one does: to wait for
# pysample, to tell of an exception, and what streams are seldom asked for. The same rules hold.

import posix
import _signal

WAIT_MAX = 10.0  # seconds in which pysample takes nothing, until it is left alone
ROUND_MAX = 0.05

# What is in `time` may have been replaced: by a clock that stands, by a sleep that runs other
# parts of the program meanwhile, in here.


def clock():
    return posix.times()[4]  # elapsed, in seconds, since some moment


def sleep(seconds):
    if hasattr(_signal, "sigtimedwait"):
        _signal.sigtimedwait((), seconds)
        return
    import _socket  # PyPy, where it is built in

    ends = ()
    try:
        ends = _socket.socketpair()
        ends[0].settimeout(seconds)
        ends[0].recv(1)
    except OSError:
        pass
    finally:
        for end in ends:
            end.close()


def write_later(channel, data, write, let_go):
    """Waits until there is room in the pipe. What is left of the data, once some of it is written
    or it has been given up."""
    given_up, pause = clock() + WAIT_MAX, 0.001
    while channel[0] >= 0:
        if clock() > given_up:
            let_go()
            break
        sleep(pause)
        pause = min(2 * pause, ROUND_MAX)
        try:
            return data[write(channel[0], data) :]
        except BlockingIOError:
            pass
    return data


class Bytes:
    def __init__(self, kind, real, is_connected, send):
        self._kind, self._real = kind, real
        self._is_connected, self._send = is_connected, send

    def write(self, data):
        if not self._is_connected():
            return self._real.write(data)
        data = bytes(data)
        self._send(self._kind, data)
        return len(data)

    def __getattr__(self, attribute):
        return getattr(self._real, attribute)


class Others:
    """What a stream of inject.py has beside write() and flush()."""

    def __init__(self, stream, is_connected, send):
        self._stream, self._is_connected, self._send = stream, is_connected, send

    def writelines(self, lines):
        for line in lines:
            self._stream.write(line)

    def isatty(self):
        real = self._stream._real
        return False if self._is_connected() or real is None else real.isatty()

    def writable(self):
        return True

    @property
    def buffer(self):
        real = self._stream._real
        binary = getattr(real, "buffer", real)
        return Bytes(self._stream._kind, binary, self._is_connected, self._send)


def describe(error, name, source):
    lines = source.decode("utf-8", "replace").splitlines(True)
    trace = error.__traceback__.tb_next  # without run() of inject.py
    import linecache
    import traceback

    known = linecache.cache.get(name)
    linecache.cache[name] = (len(source), None, lines, name)
    try:
        return "".join(traceback.format_exception(type(error), error, trace))
    finally:
        if known is None:
            linecache.cache.pop(name, None)
        else:
            linecache.cache[name] = known
