# SPDX-License-Identifier: MIT
# Runs one script inside a target and reports what becomes of it. pysample puts the values of
# PID, FOLDER, NAME, SOURCE, ARGS, DETACH, STREAM, SELDOM and PYPY in front, and a thread of the
# target executes the whole between two of its own bytecodes, in a namespace of its own.
#
# It may hold the target up, so it takes only modules that are built into every interpreter,
# takes no locks, and never waits for pysample longer than it has to. CPython 3.8 and later,
# PyPy 3.9 and later.
#
# Nearly all the time from the request to the script is the target's, to compile this: 0.9 ms in
# CPython 3.8, 1.9 ms in 3.13.0. So what few scripts need is another file, inject_seldom.py, whose
# text (SELDOM) is compiled when it is needed, and would be another 0.4 to 0.7 ms; inject_pypy.py is
# in front of this in PyPy only. (Comments cost nothing to speak of.)


def pysample_inject(pid, folder, name, source, args, detach, stream, seldom, pypy):
    import builtins
    import posix
    import sys
    import _signal
    import _thread

    PIECE = 32768
    REAL, OVER = 0, 1  # in what a stream of ours knows: what stands below it; has its script ended?
    me = _thread.get_ident()
    module = type(posix)
    channel = [-1]
    lock = [-1]
    marked = [False]
    seldom_ones = {}

    def get_seldom(what):
        """From inject_seldom.py; several threads may do this at once. Its globals are ours, by which
        debug.py knows what is ours, but nothing is put there: see the end of this file."""
        if what not in seldom_ones:
            found = {}
            exec(compile(seldom, "<pysample>", "exec", 0, True), globals(), found)
            seldom_ones.update(found["pysample_seldom"]())
        return seldom_ones[what]

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

    def send_piece(data):
        if is_child():
            let_go()
        while data and channel[0] >= 0:
            try:
                data = data[write_quietly(channel[0], data) :]
            except BlockingIOError:
                try:
                    data = get_seldom("write_later")(channel, data, write_quietly, let_go)
                except BaseException:
                    let_go()  # half a message is worse than none
                    raise
            except OSError:
                let_go()

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

    def make_stream(kind):
        """What this thread writes goes to pysample, what others write where it always does.

        Scripts that run in several threads at once put their streams one upon the other, and
        do not end in the order in which they began. So one that ends before another that
        stands on it stays below that one, marked as over, and the other one takes it away.

        It is a module, which has a __getattr__ of its own without a class: a class refers to
        itself, and would be left, with all that is in here, to a collector that may be off."""
        stream, state = module("<pysample>"), [None, False]

        def write(text):
            if is_connected():
                if not isinstance(text, str):
                    raise TypeError("write() argument must be str, not " + type(text).__name__)
                send(kind, text)
            elif state[REAL] is not None:
                return state[REAL].write(text)
            return len(text)

        def flush():
            if not is_connected() and state[REAL] is not None:
                state[REAL].flush()

        def get(attribute):
            if attribute in ("writelines", "isatty", "writable", "buffer"):
                others = get_seldom("get_other")
                return others(attribute, kind, state[REAL], write, is_connected, send)
            return getattr(state[REAL], attribute)

        stream.__dict__.update(write=write, flush=flush, __getattr__=get, _pysample_stream=state)
        return stream

    def describe(error):
        try:
            return get_seldom("describe")(error, name, source)
        except BaseException as trouble:
            try:
                said = ": %s" % (error,)
            except BaseException:
                said = ""
            return "%s%s (and its traceback cannot be shown: %s)\n" % (
                type(error).__name__,
                said,
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

    def state_of(stream):
        """None: it is none of ours. Nothing of the program's is called for that."""
        return stream.__dict__.get("_pysample_stream") if type(stream) is module else None

    def is_over(stream):
        state = state_of(stream)
        return state is not None and state[OVER]

    def get_below(stream):
        """The first one below that is in use."""
        below = state_of(stream)[REAL]
        while is_over(below):
            below = state_of(below)[REAL]
        return below

    # Between a look at what is there and its change there is no call, not even getattr(): that is
    # where threads take turns. A program may have deleted both; while it ends, the interpreter has.

    def put_on_stdout(stream, state):
        try:
            state[REAL] = sys.stdout
        except AttributeError:
            pass
        sys.stdout = stream

    def put_on_stderr(stream, state):
        try:
            state[REAL] = sys.stderr
        except AttributeError:
            pass
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
        state_of(stream)[OVER] = True
        while is_over(stream):
            below = get_below(stream)
            if not replace(stream, below):
                return
            stream = below

    def run_connected():
        out, err = make_stream(b"o"), make_stream(b"e")
        try:
            put_on_stdout(out, state_of(out))
            put_on_stderr(err, state_of(err))
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

    if pypy:
        close_own_file, hold_lock = pypy
        close_own_file(folder)
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
        if pypy:
            hold_lock(folder, lock)
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
    pysample_inject(PID, FOLDER, NAME, SOURCE, ARGS, DETACH, STREAM, SELDOM, PYPY)
finally:
    # A function and the namespace that it is in keep each other: only a collection would free
    # them, and a program may have switched that off. The names stay, for debug.py knows by them
    # what is ours.
    pysample_inject = SOURCE = SELDOM = PYPY = None
    if LAST is not None:
        LAST[0](LAST[1])
        LAST = None
