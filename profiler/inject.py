# SPDX-License-Identifier: MIT
# Runs one script inside a target and reports what becomes of it. pysample puts the values of
# PID, FOLDER, NAME, SOURCE, ARGS, DETACH and STREAM in front, and a thread of the target executes the
# whole between two of its own bytecodes, in a namespace of its own.
#
# It may hold the target up, so it takes only modules that are built into every interpreter,
# takes no locks, and never waits for pysample longer than it has to. CPython 3.8 and later,
# PyPy 3.9 and later.


def pysample_inject(pid, folder, name, source, args, detach, stream):
    import builtins
    import posix
    import sys
    import time
    import _signal
    import _thread

    WAIT_MAX = 10.0  # seconds in which pysample takes nothing, until it is left alone
    PIECE = 32768
    me = _thread.get_ident()
    channel = [-1]

    def let_go():
        fd, channel[0] = channel[0], -1
        try:
            if fd >= 0:
                posix.close(fd)
        except OSError:
            pass

    def write_quietly(fd, data):
        # A reader that is gone must not end a program that does not ignore SIGPIPE.
        before = _signal.pthread_sigmask(_signal.SIG_BLOCK, {_signal.SIGPIPE})
        try:
            return posix.write(fd, data)
        except BrokenPipeError:
            if _signal.SIGPIPE in _signal.sigpending() and hasattr(_signal, "sigtimedwait"):
                _signal.sigtimedwait({_signal.SIGPIPE}, 0)
            raise
        finally:
            _signal.pthread_sigmask(_signal.SIG_SETMASK, before)

    def send_piece(data):
        given_up = time.monotonic() + WAIT_MAX
        while data and channel[0] >= 0:
            try:
                n = write_quietly(channel[0], data)
            except BlockingIOError:
                if time.monotonic() > given_up:
                    let_go()
                time.sleep(0.001)
                continue
            except OSError:
                let_go()
                return
            data = data[n:]
            given_up = time.monotonic() + WAIT_MAX

    def send(kind, data=b""):
        if isinstance(data, str):
            data = data.encode("utf-8", "backslashreplace")
        at = 0
        while True:
            piece = data[at : at + PIECE]
            send_piece(kind + len(piece).to_bytes(4, "little") + piece)
            at += PIECE
            if at >= len(data):
                return

    class Bytes:
        def __init__(self, kind, real):
            self._kind, self._real = kind, real

        def write(self, data):
            if _thread.get_ident() != me or channel[0] < 0:
                return self._real.write(data)
            data = bytes(data)
            send(self._kind, data)
            return len(data)

        def __getattr__(self, attribute):
            return getattr(self._real, attribute)

    class Stream:
        """What this thread writes goes to pysample, what others write where it always does."""

        def __init__(self, kind, real):
            self._kind, self._real = kind, real

        def _is_ours(self):
            return channel[0] >= 0 and _thread.get_ident() == me

        def write(self, text):
            if self._is_ours():
                if not isinstance(text, str):
                    raise TypeError("write() argument must be str, not " + type(text).__name__)
                send(self._kind, text)
            elif self._real is not None:
                return self._real.write(text)
            return len(text)

        def writelines(self, lines):
            for line in lines:
                self.write(line)

        def flush(self):
            if not self._is_ours() and self._real is not None:
                self._real.flush()

        def isatty(self):
            return False if self._is_ours() or self._real is None else self._real.isatty()

        def writable(self):
            return True

        @property
        def buffer(self):
            return Bytes(self._kind, getattr(self._real, "buffer", self._real))

        def __getattr__(self, attribute):
            return getattr(self._real, attribute)

    def describe(error):
        lines = source.decode("utf-8", "replace").splitlines(True)
        trace = error.__traceback__.tb_next  # without run() below
        try:
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
        except BaseException as trouble:
            return "%s (and its traceback cannot be shown: %s)\n" % (
                type(error).__name__,
                type(trouble).__name__,
            )

    def run():
        """Whether the script ran to its end; and what it raised if not."""
        space = {
            "__name__": "__main__",
            "__file__": name,
            "__builtins__": builtins,
            "__doc__": None,
            "__package__": None,
            "__spec__": None,
            "__loader__": None,
            "__args__": list(args),
        }
        if stream:
            space["__stream__"] = folder + b"/d"
        try:
            exec(compile(source, name, "exec", 0, True), space)
        except SystemExit as leaving:
            if leaving.code is None or leaving.code == 0:
                return None
            if isinstance(leaving.code, int):
                return "SystemExit: %d\n" % leaving.code
            try:
                return "%s\n" % (leaving.code,)
            except BaseException as error:
                return describe(error)
        except BaseException as error:
            return describe(error)
        return None

    def run_connected():
        # A program may have deleted them; while it ends, the interpreter has.
        before = getattr(sys, "stdout", None), getattr(sys, "stderr", None)
        out, err = Stream(b"o", before[0]), Stream(b"e", before[1])
        sys.stdout, sys.stderr = out, err
        try:
            return run()
        finally:
            # Only what is still ours: the script may have put something else there.
            if getattr(sys, "stdout", None) is out:
                sys.stdout = before[0]
            if getattr(sys, "stderr", None) is err:
                sys.stderr = before[1]

    if posix.getpid() != pid:
        return  # a child that was forked with the request in its memory
    try:
        channel[0] = posix.open(
            folder + b"/c", posix.O_WRONLY | posix.O_NONBLOCK | posix.O_CLOEXEC
        )
    except OSError:
        return  # pysample is gone, and the request with it
    try:
        try:
            posix.unlink(folder + b"/s")
        except FileNotFoundError:
            return  # withdrawn, or run already
        send(b"b", b"%d" % getattr(_thread, "get_native_id", _thread.get_ident)())
        if detach:
            let_go()
            trouble = run()
            if trouble is not None and sys.stderr is not None:
                sys.stderr.write(trouble)
            return
        trouble = run_connected()
        if trouble is not None:
            send(b"x", trouble)
        send(b"d")
    finally:
        let_go()


pysample_inject(PID, FOLDER, NAME, SOURCE, ARGS, DETACH, STREAM)
