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
    import _signal
    import _thread

    WAIT_MAX = 10.0  # seconds in which pysample takes nothing, until it is left alone
    ROUND_MAX = 0.05
    PIECE = 32768
    me = _thread.get_ident()
    channel = [-1]
    lock = [-1]
    marked = [False]

    def close_own_file():
        """PyPy leaves the file open that it has read this from (to 8.0: run_debugger() in
        interp_signal.py), and nothing else ever closes it."""

        def close_if_ours(fd):
            try:
                if posix.fstat(fd)[1:3] == ours:  # inode and device
                    posix.close(fd)
                    return True
            except OSError:
                pass
            return False

        try:
            ours = posix.stat(folder + b"/s")[1:3]
            if not any(map(close_if_ours, range(64))):
                any(map(close_if_ours, map(int, posix.listdir("/proc/self/fd"))))
        except OSError:
            pass

    def hold_lock():
        """PyPy has to be told when this has ended, for it is deaf to signals until then; whoever
        does that (guard.c) waits for this lock if pysample itself does not."""
        try:
            lock[0] = posix.open(folder + b"/p", posix.O_RDWR | posix.O_CLOEXEC)
            posix.lockf(lock[0], posix.F_TLOCK, 0)
        except OSError:
            pass

    def mark_pipe():
        """By a lock, which a child does not inherit. There is none where the file system has none,
        and it goes when the script closes a copy of the descriptor."""
        try:
            posix.lockf(channel[0], posix.F_TLOCK, 0)
            marked[0] = True
        except OSError:
            pass

    def is_child():
        """The script has forked, and this is the copy: the pipe stays its parent's. In a new pid
        namespace the copy may have the same number as its parent; the lock tells them apart."""
        if posix.getpid() != pid:
            return True
        try:
            if marked[0] and channel[0] >= 0:
                posix.lockf(channel[0], posix.F_TEST, 0)
        except PermissionError:
            return True
        except OSError:
            pass
        return False

    def let_go(held=channel):
        fd, held[0] = held[0], -1
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
            if _signal.SIGPIPE in _signal.sigpending():
                if hasattr(_signal, "sigtimedwait"):  # PyPy has none
                    _signal.sigtimedwait({_signal.SIGPIPE}, 0)
                else:
                    _signal.sigwait({_signal.SIGPIPE})
            raise
        finally:
            _signal.pthread_sigmask(_signal.SIG_SETMASK, before)

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

    def send_piece(data):
        if is_child():
            let_go()
        given_up, pause = clock() + WAIT_MAX, 0.001
        while data and channel[0] >= 0:
            try:
                n = write_quietly(channel[0], data)
            except BlockingIOError:
                if clock() > given_up:
                    let_go()
                sleep(pause)
                pause = min(2 * pause, ROUND_MAX)
                continue
            except OSError:
                let_go()
                return
            data = data[n:]
            given_up, pause = clock() + WAIT_MAX, 0.001

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

    def is_connected():
        """What is written now is for pysample."""
        return channel[0] >= 0 and _thread.get_ident() == me and not is_child()

    class Bytes:
        def __init__(self, kind, real):
            self._kind, self._real = kind, real

        def write(self, data):
            if not is_connected():
                return self._real.write(data)
            data = bytes(data)
            send(self._kind, data)
            return len(data)

        def __getattr__(self, attribute):
            return getattr(self._real, attribute)

    class Stream:
        """What this thread writes goes to pysample, what others write where it always does.

        Scripts that run in several threads at once put their streams one upon the other, and
        do not end in the order in which they began. So one that ends before another that
        stands on it stays below that one, marked as over, and the other one takes it away."""

        def __init__(self, kind):
            self._kind, self._real = kind, None
            self._pysample_is_over = False

        def _pysample_below(self):
            """The first one below that is in use."""
            below = self._real
            while is_over(below):
                below = below._real
            return below

        def write(self, text):
            if is_connected():
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
            if not is_connected() and self._real is not None:
                self._real.flush()

        def isatty(self):
            return False if is_connected() or self._real is None else self._real.isatty()

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

    def is_over(stream):
        """By its class, for what wraps one of ours may pass its attributes on. What the program
        has put there may raise anything when it is asked."""
        try:
            return hasattr(type(stream), "_pysample_below") and stream._pysample_is_over
        except Exception:
            return False

    # Between a look at what is there and its change there is no call, not even getattr(): that is
    # where threads take turns. A program may have deleted both; while it ends, the interpreter has.

    def put_on_stdout(stream):
        try:
            stream._real = sys.stdout
        except AttributeError:
            stream._real = None
        sys.stdout = stream

    def put_on_stderr(stream):
        try:
            stream._real = sys.stderr
        except AttributeError:
            stream._real = None
        sys.stderr = stream

    def replace_stdout(stream, below):
        try:
            if sys.stdout is stream:
                sys.stdout = below
                return True
        except AttributeError:
            pass
        return False

    def replace_stderr(stream, below):
        try:
            if sys.stderr is stream:
                sys.stderr = below
                return True
        except AttributeError:
            pass
        return False

    def take_off(stream, replace):
        """Only what is still ours: the script may have put something else there. Another thread
        may end its own stream between any two steps of this."""
        stream._pysample_is_over = True
        while is_over(stream):
            below = stream._pysample_below()
            if not replace(stream, below):
                return
            stream = below

    def run_connected():
        out, err = Stream(b"o"), Stream(b"e")
        put_on_stdout(out)
        put_on_stderr(err)
        try:
            return run()
        finally:
            try:
                take_off(out, replace_stdout)
            finally:
                take_off(err, replace_stderr)

    def tell(trouble):
        """To those who look after the program, for pysample is not there."""
        if trouble is not None and getattr(sys, "stderr", None) is not None:
            sys.stderr.write(trouble)

    if sys.implementation.name == "pypy":
        close_own_file()
    # A child that was forked with the request in its memory. One that has the same number in a pid
    # namespace of its own is not told here: there is nothing yet that only the parent has.
    if posix.getpid() != pid:
        return
    try:
        channel[0] = posix.open(
            folder + b"/c", posix.O_WRONLY | posix.O_NONBLOCK | posix.O_CLOEXEC
        )
    except OSError:
        return  # pysample is gone, and the request with it
    try:
        mark_pipe()
        if sys.implementation.name == "pypy":
            hold_lock()
        try:
            posix.unlink(folder + b"/s")
        except FileNotFoundError:
            return  # withdrawn, or run already
        send(b"b", b"%d" % getattr(_thread, "get_native_id", _thread.get_ident)())
        if detach:
            let_go()
            tell(run())
            return
        trouble = run_connected()
        if is_child():
            tell(trouble)
            return
        if trouble is not None:
            send(b"x", trouble)
        send(b"d")
    finally:
        let_go()
        let_go(lock)


# What is left to be called with one argument, at the very end (debug.py): behind it no function in
# Python is entered.
LAST = None
try:
    pysample_inject(PID, FOLDER, NAME, SOURCE, ARGS, DETACH, STREAM)
finally:
    if LAST is not None:
        LAST[0](LAST[1])
