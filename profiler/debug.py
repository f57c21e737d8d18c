# SPDX-License-Identifier: MIT
# pdb inside a target, for a terminal elsewhere. inject.py runs this in the thread that is to be
# debugged; debug_interrupt.py finds it again. CPython 3.8 and later, PyPy 3.9 and later.
#
# The program must not notice: so pdb and bdb are loaded as private copies, which keep
# breakpoints and settings to themselves, find no readline and start no asyncio; what belongs
# to the thread (its trace function) and to the process (sys.stdout and the like) is put back
# after each stop; and whatever goes wrong in here ends the session, not the program.
#
# Where it is possible, the thread is stopped where it was interrupted, inside of the injection, by
# a made-up trace event: so a thread that waits in C is stopped there and not when it comes back.
# Elsewhere it is stopped by its next trace event.
#
# Messages both ways are a letter, four bytes of length (little endian), and that many bytes:
# debug_wire.h has the letters.


def pysample_debug():
    import builtins
    import importlib.machinery
    import importlib.util
    import posix
    import sys
    import time
    import types
    import _signal
    import _socket
    import _thread

    PIECE = 32768
    MESSAGE_MAX = 1 << 20
    SHORT = 1e-4  # seconds for which a thread may keep the GIL while others wait
    # Answered prompts that there cannot be: it is for a session that has lost its pysample, and not
    # for the next one, which may have come meanwhile.
    SENT_AWAY = (1 << 64) - 1
    NO_SIGNAL = 0x4000  # MSG_NOSIGNAL, which the _socket of PyPy 7.3.19 does not have
    LOOK_EVERY = 0.1  # seconds between two looks whether pysample is still there
    DELIMITERS = " \t\n`@#%^&*()=+[{]}\\|;:'\",<>?"
    CANDIDATES_MAX = 1000
    PARTIALS_MAX = 4  # one upon another
    ENDS_MAX = 20  # tries to come to an end, where signal handlers raise again and again
    # Does the interpreter make us run between two instructions only, and nobody else meanwhile?
    # So it is with pending calls, and in PyPy; the door of 3.14 also opens in system calls.
    ALONE = sys.implementation.name != "cpython" or sys.version_info < (3, 14)
    # CPython 3.11 hangs where a function is entered that is traced, inside of a pending call, if the
    # program has added another one meanwhile (offsets/ring.c). So a trace function is set when
    # nothing is left to be entered.
    LATE = sys.implementation.name == "cpython" and sys.version_info[:2] == (3, 11)

    def find_local():
        """gevent puts another in the place of that, for its greenlets, as in that of get_ident();
        but it is the thread that is debugged, whichever of them runs there."""
        for kind in object.__subclasses__():
            if type(kind) is type and kind.__name__ == "_local" and kind.__module__ == "_thread":
                return kind
        return _thread._local

    # --- haste ---

    class Haste:
        """To load pdb takes some hundred calls that let go of the GIL, and after each of them the
        other threads keep it for the switch interval (5 ms), one after the other: with four that
        compute, that adds up to seconds. So it is short meanwhile, and then what it was, to the
        microsecond, unless somebody else has set it. A child that another thread forks meanwhile
        has the short one."""

        before = None

        def begin(self):
            if sys.implementation.name != "cpython":
                return
            before = sys.getswitchinterval()
            if before > SHORT:
                self.before = before
                sys.setswitchinterval(SHORT)

        def end(self):
            """To be called again where a signal handler of the program may have raised in here."""
            if self.before is not None and abs(sys.getswitchinterval() - SHORT) < 5e-7:
                sys.setswitchinterval(self.before + 5e-7)  # for it is cut to whole microseconds
            self.before = None

    # --- private copies ---

    class Tasks:
        """What pdb wants of asyncio, without loading it into a program that has none."""

        @staticmethod
        def current_task():
            real = sys.modules.get("asyncio")
            return real.current_task() if hasattr(real, "current_task") else None

    def load(name, replaced):
        def find(wanted, space=None, places=None, names=(), level=0):
            top = wanted.partition(".")[0]
            if level == 0 and top in replaced:
                if replaced[top] is None:
                    raise ModuleNotFoundError("no " + wanted + " here", name=wanted)
                return replaced[top]
            return builtins.__import__(wanted, space, places, names, level)

        spec = importlib.machinery.PathFinder.find_spec(name) or importlib.util.find_spec(name)
        if spec is None:
            raise ModuleNotFoundError("this Python has no module " + name, name=name)
        module = types.ModuleType(name)
        module.__file__ = spec.origin
        module.__builtins__ = dict(builtins.__dict__, __import__=find)
        code = spec.loader.get_code(name)
        if sys.implementation.name == "pypy" and "bdb" in replaced:
            run_pypy(code, module, replaced["bdb"])
        else:
            exec(code, module.__dict__)
        return module

    def run_pypy(code, module, bdb):
        """PyPy has one set of builtins for all modules, so the copy must be found where its
        importer looks, for as long as this takes."""
        before = sys.modules.get("bdb")
        sys.modules["bdb"] = bdb
        try:
            exec(code, module.__dict__)
        finally:
            if before is None:
                del sys.modules["bdb"]
            else:
                sys.modules["bdb"] = before

    # --- the wire ---

    class Connection:
        def __init__(self, folder):
            self.socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
            self.socket.settimeout(None)  # the program may have set one for all that it makes
            self.received = b""
            self.lost = False
            self.connect(folder)

        def connect(self, folder):
            path = folder + b"/k"
            if len(path) < 100:
                self.socket.connect(path)
                return
            # Too long for an address of a socket.
            fd = posix.open(folder, posix.O_RDONLY | posix.O_DIRECTORY | posix.O_CLOEXEC)
            try:
                self.socket.connect(b"/proc/self/fd/%d/k" % fd)
            finally:
                posix.close(fd)

        def send(self, kind, text=""):
            data = text.encode("utf-8", "backslashreplace")
            at = 0
            while not self.lost:
                end = min(at + PIECE, len(data))
                while end < len(data) and data[end] & 0xC0 == 0x80:
                    end -= 1  # no character in two pieces
                piece = data[at:end]
                try:
                    self.socket.sendall(
                        kind + len(piece).to_bytes(4, "little") + piece, NO_SIGNAL
                    )
                except OSError:
                    self.lost = True
                at = end
                if at >= len(data):
                    return

        def receive(self):
            """A letter and a text; None: there is nobody any more."""
            while not self.lost:
                size = int.from_bytes(self.received[1:5], "little")
                if len(self.received) >= 5 and size > MESSAGE_MAX:
                    break
                if len(self.received) >= 5 + size:
                    kind, body = self.received[:1], self.received[5 : 5 + size]
                    self.received = self.received[5 + size :]
                    return kind, body.decode("utf-8", "replace")
                try:
                    piece = self.socket.recv(PIECE)
                except OSError:
                    break
                if not piece:
                    break
                self.received += piece
            self.lost = True
            return None

        def is_lost(self):
            """Without waiting. What has come stays for receive()."""
            try:
                piece = self.socket.recv(PIECE, _socket.MSG_DONTWAIT)
                self.received += piece
                self.lost = self.lost or not piece
            except BlockingIOError:
                pass
            except OSError:
                self.lost = True
            return self.lost

        def refuse(self, error):
            why = "pdb cannot be started there: %s: %s" % (type(error).__name__, error)
            self.send(b"e", why)
            self.close()

        def close(self):
            self.lost = True
            self.socket.close()

    # --- what the debugger takes for its terminal ---

    class Ours:
        """One of sys.stdin, stdout, stderr. Other threads find in it what they had."""

        def __init__(self, session, real):
            self._session, self._real = session, real

        def _is_ours(self):
            return self._session.talking and self._session.is_here()

        def fileno(self):
            if self._is_ours() or self._real is None:
                raise OSError("this is no file")
            return self._real.fileno()

        def isatty(self):
            return not self._is_ours() and self._real is not None and self._real.isatty()

        def close(self):
            pass

        def __getattr__(self, attribute):
            return getattr(self._real, attribute)

    class Output(Ours):
        encoding, errors = "utf-8", "backslashreplace"

        def write(self, text):
            if self._is_ours():
                if not isinstance(text, str):
                    raise TypeError("write() argument must be str, not " + type(text).__name__)
                self._session.put(text)
            elif self._real is not None:
                return self._real.write(text)
            return len(text)

        def writelines(self, lines):
            for line in lines:
                self.write(line)

        def flush(self):
            # Ours has no need of it: what is no whole line yet may become a prompt.
            if not self._is_ours() and self._real is not None:
                self._real.flush()

        def writable(self):
            return True

    class Pages(Output):
        """pdb's own: it also says things while the program has the word."""

        def _is_ours(self):
            return self._session.is_here()

    class Input(Ours):
        def readline(self, size=-1):
            if self._is_ours():
                return self._session.ask()
            return "" if self._real is None else self._real.readline(size)

        def read(self, size=-1):
            return self.readline(size)

        def __iter__(self):
            return iter(self.readline, "")

        def readable(self):
            return True

    # --- whom it interrupts ---

    OWN_FILE = sys._getframe().f_code.co_filename

    def is_injected(frame):
        """Not the script of an injection, but what runs it; also another one's, that we have
        interrupted before its first instruction."""
        if dict.__contains__(frame.f_globals, "pysample_inject"):
            return True
        for constant in frame.f_code.co_consts:
            if isinstance(constant, str):
                constant = constant.encode("utf-8", "replace")
            if isinstance(constant, bytes) and b"/.pysample-" in constant:
                return True
        return False

    def leave_injected(frame):
        while frame is not None and is_injected(frame):
            frame = frame.f_back
        return frame

    def leave_injection(frame):
        """The parcel's folder, and the frame of the program that was interrupted."""
        while frame.f_code.co_name != "pysample_inject":
            frame = frame.f_back
        return frame.f_locals["folder"], frame.f_globals, leave_injected(frame)

    def is_at_work(frame):
        """Has another of us been interrupted, which is about to come or to go?"""
        while frame is not None and frame.f_code.co_filename != OWN_FILE:
            frame = frame.f_back
        return frame is not None

    def find_session():
        place = getattr(sys, "_pysample_debug", None)
        life = getattr(place, "life", None)
        return None if life is None else life.session

    def find_obstacle(frame):
        """Why there cannot be a session in this thread now; empty: there can."""
        session = find_session()
        if session is not None and not session.connection.is_lost():
            return "another pysample debugs that thread already"
        if session is not None and session.talking:
            # Nobody else may be left to tell it (debug_session.c). We are not what is broken off.
            session.hidden.add(id(globals_of_ours))
            session.stop(injection, frame, SENT_AWAY)
            return (
                "what a debugger was asked, whose pysample is gone, is still computed in that "
                "thread, and is broken off now: try again"
            )
        if is_at_work(frame):
            return "another debugger is about to come or to go in that thread: try again"
        return ""

    # --- what it does to frames ---

    def set_trace(function, within):
        """within: the globals of the injection that this is called in; None: in none."""
        if LATE and within is not None:
            sys.settrace(None)
            within["LAST"] = sys.settrace, function
        else:
            sys.settrace(function)

    def get_trace(within):
        """What it is, or is going to be."""
        last = within.get("LAST") if LATE and within is not None else None
        return sys.gettrace() if last is None else last[1]

    def trace_instructions(frame, function, within):
        trace_opcodes(frame, True)
        trace_opcodes(sys._getframe(), True)  # where 3.12 looks for it
        set_trace(function, within)

    def trace_opcodes(frame, on):
        try:
            frame.f_trace_opcodes = on
        except AttributeError:
            pass  # a Python without: lines will do

    def find_handler(number):
        """The code of what is called for that signal."""
        try:
            handler = _signal.getsignal(number)
            for _ in range(PARTIALS_MAX):
                handler = getattr(handler, "func", handler)  # functools.partial
            return getattr(handler, "__code__", None) or handler.__call__.__code__
        except Exception:  # there is none, or it is none in Python
            return None

    def is_of_program(error):
        """A signal handler of the program has raised it: one that Python brings along (Ctrl-C), or
        one whose frame it has passed. Else we are wrong somewhere."""
        if not isinstance(error, Exception):
            return True
        handlers = [find_handler(n) for n in range(1, _signal.NSIG)]
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_code not in handlers:
            trace = trace.tb_next
        return trace is not None

    def throw_into(frame, thrown, is_hidden, within):
        """From inside of an injection nothing reaches the program but by a trace function. Returns
        that, and what takes it back."""
        before, own = get_trace(within), frame.f_trace

        def take_back():
            frame.f_trace = own
            trace_opcodes(frame, False)
            sys.settrace(before)

        def throw(where, event, arg):
            if where is not frame and is_hidden(where):
                return None  # the rest of the injection, or what it writes to
            take_back()
            raise thrown

        # A loop that fits into one line may have no other events than instructions.
        frame.f_trace = throw
        trace_instructions(frame, throw, within)
        return throw, take_back

    # --- the session: how pdb is led into the thread and out again ---

    folder, injection, interrupted = leave_injection(sys._getframe())
    globals_of_ours = globals()
    try:
        connection = Connection(folder)
    except (FileNotFoundError, ConnectionError):
        return  # pysample has not waited for us

    def is_refused():
        obstacle = find_obstacle(interrupted)
        if obstacle:
            connection.send(b"e", obstacle)
            connection.close()
        return bool(obstacle)

    if is_refused():
        return
    haste = Haste()

    def is_of_ours(frame):
        return frame.f_globals is globals_of_ours or frame.f_globals is injection

    def give_up(error):
        haste.end()
        if interrupted is None or not is_of_program(error):
            connection.refuse(error)
            return
        # A signal handler of the program.
        connection.send(b"e", "the program goes on with %s" % type(error).__name__)
        connection.close()
        throw_into(interrupted, error, is_of_ours, injection)

    try:
        haste.begin()
        replaced = {"readline": None, "asyncio": Tasks}
        replaced["bdb"] = bdb = load("bdb", replaced)
        pdb = load("pdb", replaced)
        pdb._pyrepl_available = lambda: False
        haste.end()
    except BaseException as error:
        give_up(error)
        return

    class Session(pdb.Pdb):
        def __init__(self, connection):
            self.pid = posix.getpid()
            self.connection = connection
            self.line = ""  # what was written and is no whole line yet
            self.talking = False  # the user has the word
            self.asking = False  # and nothing runs but our waiting
            self.prompts = 0  # how many have been sent
            self.pressed = False  # an interrupt waits for the debugger to be done with its own work
            self.letting_go = False  # no trace function is needed when the user has had the word
            self.tracing = False  # the thread has our trace function
            self.stopping = None  # a frame whose next event, of whatever kind, is a stop
            self.leaving = False
            self.over = False  # nothing is stopped any more,
            self.gone = False  # and nothing is left to be done
            self.broken_off = False  # what was entered; by a KeyboardInterrupt of ours
            self.armed = None  # the trace function that is to raise it
            self.thrown = None  # what a signal handler of the program has raised meanwhile
            self.before = None  # the program's own trace function
            self.kept = []  # frames that had one, with it
            self.look_at = 0.0
            # Whose frames are never stopped in: ours, pdb's and those of the injection.
            self.hidden = {id(bdb.__dict__), id(pdb.__dict__), id(globals_of_ours)}
            self.injection = None
            self.within = None  # the same, while it is being made
            how = {"nosigint": True, "readrc": False}
            if sys.version_info >= (3, 14):
                how["backend"] = "settrace"
            self.trace_dispatch = self.make_dispatch()
            pdb.Pdb.__init__(self, None, Input(self, None), Pages(self, None), **how)
            self.use_rawinput = False
            self.prompt = "(Pdb) "

        # What frames hold lives as long as they do, and some are generators that nobody
        # resumes: so they hold no more than this.
        def make_dispatch(self):
            cell = self.cell = [self]

            def dispatch(frame, event, arg):
                session = cell[0]
                return None if session is None else session.on_event(frame, event, arg)

            return dispatch

        def on_event(self, frame, event, arg):
            if not self.tracing or self.is_hidden(frame) or not self.is_wanted():
                return None
            if self.stopping is not None:
                event = self.at_stop(frame, event)
            try:
                result = pdb.Pdb.trace_dispatch(self, frame, event, arg)
            except BaseException as error:
                if self.is_ours(error):
                    return self.trace_dispatch
                self.leave_with(error)
            if self.thrown is not None:
                thrown, self.thrown = self.thrown, None
                raise thrown
            return result if self.tracing else None

        def leave_with(self, error):
            """What has come out of the debugger: it is for the program, or our own mistake."""
            if not is_of_program(error):
                self.fail(error)
                return
            self.thrown = error
            try:
                self.end("the program goes on with %s" % type(error).__name__)
            except BaseException as another:
                self.thrown = another

        def is_hidden(self, frame):
            return id(frame.f_globals) in self.hidden or frame.f_globals is self.injection

        def is_wanted(self):
            """In passing: are we in the process still, and pysample on the other end?"""
            if self.is_child():
                self.end()
                return False
            now = time.monotonic()
            if now < self.look_at:
                return True
            self.look_at = now + LOOK_EVERY
            if self.connection.is_lost():
                self.end()
            return not self.over

        # --- the thread's trace function ---

        def take(self, frame):
            if not self.tracing:
                self.before = get_trace(self.within)
                self.tracing = True
                set_trace(None, self.within)
            while frame is not None:
                if frame.f_trace is not self.trace_dispatch:
                    lines = getattr(frame, "f_trace_lines", True)
                    if frame.f_trace is not None or not lines:
                        self.kept.append((frame, frame.f_trace, lines))
                    frame.f_trace = self.trace_dispatch
                    if not lines:
                        frame.f_trace_lines = True
                self.botframe = frame
                frame = frame.f_back

        def give_back(self):
            if not self.tracing:
                return
            if self.stopping is not None:
                self.at_stop(None, None)
            frame = sys._getframe()
            while frame is not None:
                if frame.f_trace is self.trace_dispatch:
                    frame.f_trace = None
                frame = frame.f_back
            for frame, trace, lines in self.kept:
                frame.f_trace = trace
                if not lines:
                    frame.f_trace_lines = lines
            self.frame_trace_lines_opcodes = {}
            set_trace(self.before, self.within)
            self.tracing = False
            self.before, self.kept = None, []

        # --- stops ---

        def stop(self, injection, frame, answered=0):
            """Made to stop by an injection (its globals) that has interrupted that frame; pysample
            had answered so many prompts when it asked for that."""
            self.injection = self.within = injection
            try:
                self.stop_within(frame, answered)
            except BaseException as error:
                self.leave_with(error)
                if frame is not None and self.thrown is not None and not self.talking:
                    thrown, self.thrown = self.thrown, None
                    throw_into(frame, thrown, self.is_hidden, injection)
            finally:
                self.within = None

        def stop_within(self, frame, answered):
            if self.over:
                return None
            if self.talking:
                return self.break_off(frame, answered)
            if self.connection.is_lost():
                return self.end()
            if frame is None:
                return self.end("the thread runs no Python code any more")
            traced = self.find_traced(frame)
            if traced is not None:  # an event of that one is being looked at: stop at the next
                self.take(traced)
                self.set_step()
                set_trace(self.trace_dispatch, self.within)
                return None
            self.take(frame)
            self._set_stopinfo(None, None)
            if ALONE:
                return self.stop_soon(frame)
            return self.stop_now(frame)

        def stop_soon(self, frame):
            """Nothing that is entered now could be broken off by another injection, and the next
            instruction is near."""
            self.stopping = frame
            trace_instructions(frame, self.trace_dispatch, self.within)

        def at_stop(self, frame, event):
            trace_opcodes(self.stopping, False)
            self.stopping = None
            return "line" if event in ("opcode", "exception") else event

        def stop_now(self, frame):
            thrown = None
            sys.settrace(None)  # or bdb's own calls would be events
            try:
                self.on_event(frame, "line", None)
            except BaseException as error:
                thrown = error
            if thrown is not None:
                throw_into(frame, thrown, self.is_hidden, self.within)
            elif self.tracing:
                sys.settrace(self.trace_dispatch)

        def find_traced(self, frame):
            code = self.trace_dispatch.__code__
            while frame is not None and frame.f_code is not code:
                frame = frame.f_back
            return None if frame is None else frame.f_back

        def break_off(self, frame, answered):
            """The user has the word, or had it: what was entered is on its way, or is being
            computed, or the debugger is about to leave the thread to the program."""
            if self.prompts > answered:
                return  # what is wanted is there: a prompt that nobody has answered yet
            entered = None if self.asking else self.find_entered(frame)
            if entered is None:
                self.pressed = True
            elif not self.is_armed():
                self.broken_off = True
                stop = KeyboardInterrupt()
                self.armed = throw_into(entered, stop, self.is_hidden, self.within)

        def is_armed(self):
            return self.armed is not None and sys.gettrace() is self.armed[0]

        def find_entered(self, frame):
            """The innermost frame of what was entered, or of the loop that takes lines; None: the
            debugger is at work outside of both, and nothing may be raised there."""
            while frame is not None and self.is_hidden(frame):
                if frame.f_code is Session.talk.__code__:
                    return None
                frame = frame.f_back
            return frame

        def is_ours(self, error):
            return self.broken_off and isinstance(error, KeyboardInterrupt)

        def talk(self, step, *args):
            """The user has the word, and once more if an interrupt comes while it is given back:
            so the program is stopped as soon as it goes on."""
            again = True
            while again and not self.over and not self.is_child():
                self.pressed = self.letting_go = False
                self.talking = True
                try:
                    again = self.give_word(step, args)
                    self.take_word()
                finally:
                    self.talking = self.broken_off = False
                again = again or self.pressed
                if again and not self.over:
                    self.take(args[1])

        def give_word(self, step, args):
            """True: it was broken off where there is no prompt."""
            files = sys.stdin, sys.stdout, sys.stderr
            hook = sys.breakpointhook
            ours = Input(self, files[0]), Output(self, files[1]), Output(self, files[2])
            sys.stdin, sys.stdout, sys.stderr = ours
            self.stdin._real, self.stdout._real = files[0], files[1]  # pdb may put them there
            self.real_hook = hook
            sys.breakpointhook = own_hook = self.on_breakpoint
            try:
                # So that what is entered can be broken off by a trace function; none is set
                # until then.
                sys.settrace(None)
                sys.call_tracing(step, args)
            except KeyboardInterrupt as error:
                if not self.is_ours(error):
                    raise
                return True
            finally:
                # Only what is still ours: it may have been changed on purpose.
                for name, own, real in zip(("stdin", "stdout", "stderr"), ours, files):
                    if getattr(sys, name) is own:
                        setattr(sys, name, real)
                if sys.breakpointhook is own_hook:
                    sys.breakpointhook = hook
                if self.line:
                    self.put("\n")
            return False

        def take_word(self):
            if self.thrown is not None:
                self.end("the program goes on with %s" % type(self.thrown).__name__)
            elif self.connection.lost or self.leaving:
                self.end()
            elif self.letting_go:
                self.give_back()  # the program runs on as if nobody were here
            elif self.tracing:  # what was entered may have set another trace function
                sys.settrace(self.trace_dispatch)

        def on_breakpoint(self, *args, **kwargs):
            if not self.is_here():
                return self.real_hook(*args, **kwargs)
            self.error("breakpoint(): the debugger is here already")

        def user_call(self, frame, arguments):
            if self.stop_here(frame):
                self.talk(pdb.Pdb.user_call, self, frame, arguments)

        def user_line(self, frame):
            self.talk(pdb.Pdb.user_line, self, frame)

        user_opcode = user_line

        def user_return(self, frame, value):
            self.talk(pdb.Pdb.user_return, self, frame, value)

        def user_exception(self, frame, what):
            self.talk(pdb.Pdb.user_exception, self, frame, what)

        # --- the terminal ---

        def put(self, text):
            whole, newline, rest = (self.line + text).rpartition("\n")
            if newline and not self.is_child():
                self.connection.send(b"o", whole + newline)
            self.line = rest
            if len(rest) > PIECE:
                self.connection.send(b"o", rest)
                self.line = ""

        def ask(self):
            """The next line that the user enters; empty: no more. The prompt is what has been
            written and is no whole line."""
            if self.is_child():
                self.leaving = True
                return ""
            prompt, self.line = self.line, ""
            self.prompts += 1  # from here on an interrupt finds what it is for
            if self.is_armed():  # one that came just before
                self.armed[1]()
                self.prompts -= 1
                raise KeyboardInterrupt
            self.pressed = self.letting_go = self.broken_off = False
            self.connection.send(b"p", prompt)
            while True:
                self.asking = True
                try:
                    message = self.connection.receive()
                except BaseException as error:
                    if self.is_ours(error):
                        raise
                    self.thrown, message = error, None
                finally:
                    self.asking = False
                if message is None:
                    self.leaving = True
                    return ""
                kind, text = message
                if kind == b"i" or (kind in (b"l", b"d") and self.pressed):
                    self.pressed, self.broken_off = False, True
                    raise KeyboardInterrupt
                if kind == b"l":
                    return text + "\n"
                if kind == b"d":
                    return ""
                if kind == b"t":
                    self.connection.send(b"c", self.complete_or_not(text, prompt))

        def complete_or_not(self, line, prompt):
            """Broken off, it is no completion; why comes as the answer to the prompt."""
            try:
                return self.complete_line(line, prompt)
            except KeyboardInterrupt as error:
                if not self.is_ours(error):
                    raise
                return "\n"

        def _cmdloop(self):
            while True:
                try:
                    self.cmdloop()
                    return
                except KeyboardInterrupt as error:
                    if not self.is_ours(error):  # a signal between two of our waits
                        self.thrown, self.leaving = error, True
                    if self.leaving:
                        return
                    self.message("--KeyboardInterrupt--")

        def complete_line(self, line, prompt):
            """What may be added to the line, and then the words that it could become."""
            begin = len(line)
            while begin and line[begin - 1] not in DELIMITERS:
                begin -= 1
            word = line[begin:]
            try:
                words = self.words_for(line, word, begin, prompt == self.prompt)
            except Exception:
                words = []
            words = sorted({w for w in words if w.startswith(word) and "\n" not in w})
            if not words:
                return "\n"
            first, last = words[0], words[-1]
            same = len(word)
            while same < min(len(first), len(last)) and first[same] == last[same]:
                same += 1
            answer = "\n".join([first[len(word) : same]] + words[:CANDIDATES_MAX])
            data = answer.encode("utf-8", "backslashreplace")
            if len(data) > PIECE:  # the answer is one message
                data = data[:PIECE].rpartition(b"\n")[0]
            return data.decode("utf-8")

        def words_for(self, line, word, begin, is_command):
            stripped = line.lstrip()
            begin -= len(line) - len(stripped)
            if is_command and begin <= 0:
                found = [n[3:] for n in self.get_names() if n.startswith("do_" + word)]
                found += [a for a in self.aliases if a.startswith(word)]
                if found and word:
                    return found
                return found + self.completedefault(word, stripped, begin, len(stripped))
            command = self.parseline(stripped)[0] if is_command else None
            complete = getattr(self, "complete_" + (command or ""), self.completedefault)
            return complete(word, stripped, begin, len(stripped))

        def completedefault(self, word, line, begin, end):
            found = self._complete_expression(word, line, begin, end)
            if word and "." not in word:
                found += [n for n in dir(builtins) if n.startswith(word)]
            return found

        # --- commands that mean something else here ---

        def set_continue(self):
            self._set_stopinfo(self.botframe, None, -1)
            self.letting_go = not self.breaks

        def set_quit(self):
            self.leaving = True
            self._set_stopinfo(self.botframe, None, -1)

        def do_quit(self, arg):
            """q(uit) | exit

            Quit from the debugger. The program goes on as it was; breakpoints are cleared.
            """
            self.set_quit()
            return 1

        do_q = do_exit = do_quit

        def do_EOF(self, arg):
            """EOF

            The end of what is entered: the same as quit.
            """
            self.set_quit()
            return 1

        def do_run(self, arg):
            """run, restart

            Not possible here: the program was running before the debugger came.
            """
            self.error("a program that was running already cannot be started again from here")

        do_restart = do_run

        def do_debug(self, arg):
            """debug code

            Not possible here.
            """
            self.error("a debugger inside of this debugger is not possible here")

        def do_interact(self, arg):
            try:
                return pdb.Pdb.do_interact(self, arg)
            except SystemExit:
                self.message("*exit from pdb interact command*")

        do_interact.__doc__ = pdb.Pdb.do_interact.__doc__

        # --- ends ---

        def fail(self, error):
            import traceback

            lines = traceback.format_exception(type(error), error, error.__traceback__)
            self.connection.send(b"o", "".join(lines))
            self.end("the debugger has failed")

        def end(self, why=""):
            """What a signal handler of the program raises meanwhile has to wait until all is done."""
            thrown = None
            for _ in range(ENDS_MAX):
                try:
                    self.take_leave(why)
                    break
                except BaseException as error:
                    thrown = error
            if thrown is not None:
                raise thrown

        def take_leave(self, why):
            """Once more where it was broken off."""
            if self.gone:
                return
            self.over = True
            self.breaks = {}
            self.cell[0] = None
            self.give_back()
            self.forget_it()
            # Last of all: whoever hears it may look at the program, or come again.
            if not self.connection.lost and not self.is_child():
                self.connection.send(b"e", why)
            self.connection.close()
            self.gone = True

        def is_here(self):
            """Is this its thread? Also in a child that was forked from that one."""
            return find_session() is self

        def is_child(self):
            """fork() makes a second one of us, whose program nobody debugs."""
            return posix.getpid() != self.pid

        def forget_it(self):
            place = getattr(sys, "_pysample_debug", None)
            if place is None:
                return
            place.sessions.discard(id(self))
            if not place.sessions:
                sys.__dict__.pop("_pysample_debug", None)
            place.__dict__.pop("life", None)

    class Place(find_local()):
        """Where each thread's session is found."""

        sessions = set()

    class Life:
        """Ends with its thread, and the session with it."""

        def __init__(self, session):
            self.session = session

        def __del__(self):
            if self.session.over:  # it is what lets this go
                return
            try:
                self.session.end("the thread has ended")
            except BaseException:  # the interpreter ends, and nothing is there any more
                pass

    # --- where it begins ---

    def start():
        try:
            session = Session(connection)
        except BaseException as error:
            give_up(error)
            return None
        if not hasattr(sys, "_pysample_debug"):
            sys._pysample_debug = Place()
        sys._pysample_debug.sessions.add(id(session))
        sys._pysample_debug.life = Life(session)
        return session

    def begin():
        if is_refused():  # by now: 3.14 lets another injection in while pdb is loaded
            return
        session = find_session()
        if session is not None:
            session.within = injection
            session.end()
        session = start()
        if session is not None:
            session.stop(injection, interrupted)

    def interrupt(frame, answered):
        session = find_session()
        if session is not None and (answered < SENT_AWAY or session.connection.is_lost()):
            _, injection, frame = leave_injection(frame)
            session.stop(injection, frame, answered)

    Place.interrupt = staticmethod(interrupt)
    try:
        begin()
    except BaseException as error:
        give_up(error)


pysample_debug()
