# SPDX-License-Identifier: MIT
# What few scripts need of inject.py, which compiles this, in the target, when one does: to wait for
# pysample, to tell of an exception, and what streams are seldom asked for. The same rules hold, and
# one more: no classes, and no names outside of the function, for these refer to themselves.


def pysample_seldom():
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

    def get_bytes(kind, real, is_connected, send):
        """The buffer of a stream. A module, as that."""

        def write(data):
            if not is_connected():
                return real.write(data)
            data = bytes(data)
            send(kind, data)
            return len(data)

        buffer = type(posix)("<pysample>")
        buffer.__dict__.update(write=write, __getattr__=lambda name: getattr(real, name))
        return buffer

    def get_other(attribute, kind, real, write, is_connected, send):
        """What a stream of inject.py has beside write() and flush()."""

        def writelines(lines):
            for line in lines:
                write(line)

        def isatty():
            return False if is_connected() or real is None else real.isatty()

        def writable():
            return True

        if attribute == "buffer":
            return get_bytes(kind, getattr(real, "buffer", real), is_connected, send)
        return {"writelines": writelines, "isatty": isatty, "writable": writable}[attribute]

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

    return {"write_later": write_later, "get_other": get_other, "describe": describe}
