# SPDX-License-Identifier: MIT
"""exec in PyPy: its own door, one for the whole process, and the traps that it has."""

import os
import re
import signal
import struct
import subprocess
import tempfile

import process
import pytest
import tracer
from hosts import MARK, ended_well, host_in, run_in  # noqa: F401: two are fixtures

WHICH = "import threading; print(threading.get_native_id())"
TELL = "import os; tell = lambda text: os.write(1, text + b'\\n');"
LOOP = """
def work(n):
    total = 0
    for i in range(n):
        total += i & 7
    return total
work(100000)
tell(b'"ready"')
while goes_on:
    work(100000)
tell(b'"over"')
os.read(0, 1)
"""


class Door:
    """The variable by which PyPy is asked, in a process's memory."""

    def __init__(self, pid):
        rows = [line.split() for line in open(f"/proc/{pid}/maps")]
        start, path = next(
            (int(r[0].split("-")[0], 16), r[5]) for r in rows if len(r) > 5 and "libpypy" in r[5]
        )
        root = os.readlink(f"/proc/{pid}/root").rstrip("/")
        path = path if path.startswith(root + "/") else root + path
        symbols = subprocess.run(["nm", "-D", path], capture_output=True, check=True).stdout
        offset = re.search(rb"^(\w+) \w pypysig_counter$", symbols, re.M).group(1)
        self.at, self.memory = start + int(offset, 16), f"/proc/{pid}/mem"

    def read(self):
        """Ticker, pending, path."""
        with open(self.memory, "rb", buffering=0) as f:
            f.seek(self.at)
            ticker, cookie, pending, path = struct.unpack("q8sq256s", f.read(280))
        assert cookie == b"pypysigs"
        return ticker, pending, path.split(b"\0")[0].decode()

    def write(self, offset, data):
        with open(self.memory, "r+b", buffering=0) as f:
            f.seek(self.at + offset)
            f.write(data)

    def set_ticker(self, value):
        self.write(0, struct.pack("q", value))

    def ask(self, path):
        self.write(24, path.encode() + b"\0")
        self.write(16, struct.pack("q", 1))

    def is_idle(self):
        return self.read()[1] == 0


@pytest.fixture
def looping(spawn, places):
    """looping(pypy, code, *options) → Child that executes this code and then one hot loop, in
    which nothing is called that looks for signals, until `goes_on` is false. Its errors are in
    .errors(), what is in its temporary folder in .temporary()."""

    def run(pypy, code="", *options, env={}):
        place = places(pypy)
        folder = tempfile.mkdtemp(dir=place.outside)
        errors = os.path.join(place.outside, f"errors-{os.path.basename(folder)}")
        inside = os.path.join(place.inside, os.path.basename(folder))
        env = {**pypy.environment(), "TMPDIR": inside, **env}
        argv = [*pypy.prefix(), pypy.path, "-B", *options]
        argv += ["-c", f"{TELL}goes_on = True\n{code}\n{LOOP}"]
        with open(errors, "w") as f:
            child = spawn(argv, env=env, stderr=f)
        assert child.said() == "ready"

        def written():
            with open(errors) as f:
                return f.read(1 << 20)

        child.errors = written
        child.temporary = lambda: os.listdir(folder)
        return child

    return run


END = "import sys; sys.modules['__main__'].goes_on = False"


def ended(child):
    """It was told to end by a script, and does so."""
    while '"over"' not in child.line():
        pass
    assert Door(child.pid).is_idle() and child.temporary() == []
    child.go()
    assert child.wait() == 0
    assert "Traceback" not in child.errors(), child.errors()


# What it does -----------------------------------------------------------------------------


def test_in_a_compiled_loop(pypy, looping, run_in):
    child = looping(pypy)
    result = run_in(child, "print(work(8))", options=["-v"])
    assert result.code == 1 and "NameError" in result.err, "a namespace of its own"
    assert f"thread {child.pid} runs it" in result.err and "PyPy " in result.err, result
    result = run_in(child, "import __main__; print(__main__.work(9))")
    assert (result.code, result.out) == (0, "28\n"), result
    assert run_in(child, END).code == 0
    ended(child)


def test_many_in_a_row_leave_nothing(pypy, host_in, run_in):
    child = host_in(pypy, "busy")
    for i in range(100):
        result = run_in(child, MARK.format(i))
        assert (result.code, result.out, result.err) == (0, "", ""), result
    assert child.temporary() == []
    ended_well(child, *range(100))


def test_it_runs_once_a_call_returns(pypy, host_in, pysample):
    child = host_in(pypy, "read")
    door = Door(child.pid)
    p = pysample.start("exec", "--timeout", "1h", child.pid, "-c", MARK.format(1))
    process.until(lambda: not door.is_idle(), "the request")
    child.go()
    assert child.said()["ran"] == [1]
    assert pysample.finish(p).code == 0


def test_a_request_waits_for_the_script_before_it(pypy, looping, pysample, run_in, places):
    child = looping(pypy)
    gate = os.path.join(places(pypy).outside, "gate")
    os.mkfifo(gate)
    inside = os.path.join(places(pypy).inside, "gate")
    first = pysample.start("exec", child.pid, "-c", f"print('in', flush=True); open({inside!r}).read()")
    assert first.stdout.read(3) == b"in\n"
    second = pysample.start("exec", "--timeout", "1h", child.pid, "-c", "print('second')")
    door = Door(child.pid)
    process.until(lambda: not door.is_idle(), "the second request")
    with open(gate, "w"):
        pass
    assert pysample.finish(first).code == 0
    result = pysample.finish(second)
    assert (result.code, result.out) == (0, "second\n"), result
    assert run_in(child, END).code == 0
    ended(child)


# Which thread -----------------------------------------------------------------------------


def test_threads_cannot_be_chosen(pypy, host_in, run_in):
    child = host_in(pypy, "threads")
    for which in ("main", child.pid):
        result = run_in(child, WHICH, options=["--thread", which])
        assert result.code == 2 and "none can be chosen" in result.err, result
    for _ in range(8):
        result = run_in(child, WHICH, options=["-v"])
        assert result.code == 0, result
        assert f"thread {int(result.out)} runs it" in result.err, result
        assert os.path.exists(f"/proc/{child.pid}/task/{int(result.out)}"), result
    child.go()
    said = child.said()
    assert said["same"], said
    assert child.wait() == 0


# Signals ----------------------------------------------------------------------------------

HANDLER = """
import signal
def handler(number, frame):
    tell(b'"signal"')
signal.signal(signal.SIGUSR1, handler)
"""


def test_a_signal_that_comes_while_the_script_runs(pypy, looping, run_in):
    """The interpreter is deaf to it then, and would remain so until something wakes it up."""
    child = looping(pypy, HANDLER)
    for _ in range(20):
        result = run_in(child, "import os, signal; os.kill(os.getpid(), signal.SIGUSR1)")
        assert result.code == 0, result
        assert child.said() == "signal"
    assert run_in(child, END).code == 0
    ended(child)


@pytest.mark.parametrize("how", ["detached", "interrupted", "killed"])
def test_a_signal_while_the_script_goes_on_alone(pypy, how, looping, run_in, pysample, places):
    child = looping(pypy, HANDLER)
    options = ["--detach"] if how == "detached" else []
    for i in range(5):
        gate = f"gate-{how}-{i}"
        inside = os.path.join(places(pypy).inside, gate)
        code = f"import os, time; print('in', flush=True)\nwhile not os.path.exists({inside!r}):"
        code += " time.sleep(0.01)"
        p = pysample.start("exec", *options, child.pid, "-c", code)
        if how == "detached":
            assert pysample.finish(p).code == 0
        else:
            assert p.stdout.read(3) == b"in\n"
        if how == "interrupted":
            p.send_signal(signal.SIGINT)
        elif how == "killed":
            p.kill()
        p.wait()
        os.kill(child.pid, signal.SIGUSR1)
        with open(os.path.join(places(pypy).outside, gate), "w"):
            pass
        while not child.line().endswith('"signal"'):
            pass
        process.until(lambda: child.temporary() == [], "nothing to be left")
    assert run_in(child, END).code == 0
    ended(child)


def test_signals_work_afterwards(pypy, looping, run_in):
    child = looping(pypy, HANDLER)
    for code in ("pass", "1/0", "import sys; sys.exit(3)"):
        run_in(child, code)
        os.kill(child.pid, signal.SIGUSR1)
        assert child.said() == "signal"
    assert run_in(child, END).code == 0
    ended(child)


def test_a_target_that_a_closed_pipe_would_end(pypy, looping, run_in, pysample):
    child = looping(pypy, "import signal; signal.signal(signal.SIGPIPE, signal.SIG_DFL)")
    code = "for i in range(10000): print(i)\n"
    p = pysample.start("exec", child.pid, "-c", code + END)
    assert p.stdout.read(1) == b"0"
    p.kill()
    p.wait()
    ended(child)


# What is written, and taken back ----------------------------------------------------------


def test_what_the_interpreter_overwrites_is_written_again(pypy, host_in, pysample):
    child = host_in(pypy, "read")
    door = Door(child.pid)
    p = pysample.start("exec", "--timeout", "1h", child.pid, "-c", MARK.format(1))
    process.until(lambda: door.read()[:2] == (-1, 1), "the request")
    for _ in range(3):
        door.set_ticker(1000000)
        process.until(lambda: door.read()[0] == -1, "the ticker to be set again")
    child.go()
    assert child.said()["ran"] == [1]
    assert pysample.finish(p).code == 0


def test_another_tools_request_is_left_alone(pypy, host_in, run_in):
    child = host_in(pypy, "read")
    door = Door(child.pid)
    door.ask("/nowhere/other.py")
    result = run_in(child, MARK.format(1), options=["--timeout", "300ms"])
    assert result.code == 3 and "another tool's request" in result.err, result
    assert door.read()[1:] == (1, "/nowhere/other.py")
    assert child.temporary() == []
    door.write(16, bytes(8))
    ended_well(child)


def test_killed_it_takes_its_request_back(pypy, host_in, pysample):
    child = host_in(pypy, "read")
    door = Door(child.pid)
    for _ in range(5):
        p = pysample.start("exec", "--timeout", "1h", child.pid, "-c", MARK.format(1))
        process.until(lambda: not door.is_idle(), "the request")
        p.kill()
        p.wait()
        process.until(lambda: door.is_idle() and child.temporary() == [], "it to be undone")
    ended_well(child)


# While it starts up -----------------------------------------------------------------------


def test_one_that_starts_up_is_waited_for(pypy, spawn, run_in):
    """To be asked then would end it."""
    for _ in range(10):
        code = "import os, sys\nwhile not hasattr(sys, 'ran'): pass\nos._exit(7)"
        child = spawn([*pypy.prefix(), pypy.path, "-c", code], env=pypy.environment())
        result = run_in(child, "import sys; sys.ran = 1", options=["--timeout", process.PATIENCE])
        assert result.code == 0, result
        assert child.wait() == 7


def has_mapped(pid, library, how):
    with open(f"/proc/{pid}/maps") as f:
        return any(library in line and how in line.split()[1] for line in f)


def test_one_whose_library_is_mapped_in_part_is_waited_for(pypy, spawn, pysample):
    """The loader maps what may be read first, and what may be written later."""
    code = "import os, sys\nwhile not hasattr(sys, 'ran'): pass\nos._exit(7)"
    argv, env = [*pypy.prefix(), pypy.path, "-c", code], pypy.environment()
    child = spawn(argv, env=env, preexec_fn=tracer.traceable)
    tracer.step_until(child.pid, lambda: has_mapped(child.pid, "libpypy", "r"))
    assert not has_mapped(child.pid, "libpypy", "w")
    asked = pysample.start(
        "exec", "--timeout", process.PATIENCE, child.pid, "-c", "import sys; sys.ran = 1"
    )
    process.sampling(asked, times=5, or_ended=True)
    tracer.let_go(child.pid)
    result = pysample.finish(asked)
    assert result.code == 0, result
    assert child.wait() == 7


def test_one_without_a_handler_for_interrupts_seems_to_start_up(pypy, looping, run_in):
    child = looping(pypy, "import signal; signal.signal(signal.SIGINT, signal.SIG_DFL)")
    result = run_in(child, END, options=["--timeout", "300ms"])
    assert result.code == 3 and "starting up" in result.err and "SIGINT" in result.err, result
    assert Door(child.pid).read()[1:] == (0, ""), "it was not even asked"
    assert child.temporary() == []


# Where it does not let itself be asked ----------------------------------------------------


@pytest.mark.parametrize(
    "options,variable,words",
    [
        (["-X", "disable-remote-debug"], None, "-X disable-remote-debug"),
        ([], "1", "PYTHON_DISABLE_REMOTE_DEBUG"),
        (["-E"], "1", "PYTHON_DISABLE_REMOTE_DEBUG"),
        ([], "", None),
    ],
)
def test_switched_off_at_the_start(pypy, options, variable, words, looping, run_in):
    env = {} if variable is None else {"PYTHON_DISABLE_REMOTE_DEBUG": variable}
    child = looping(pypy, "", *options, env=env)
    result = run_in(child, END)
    if not words:
        assert result.code == 0, result
        ended(child)
        return
    assert result.code == 4 and "switched off" in result.err and words in result.err, result
    assert Door(child.pid).read()[1:] == (0, ""), "it was not even asked"


REFUSALS = {
    "switched off": "import __pypy__; __pypy__._pypy_disable_remote_debugger = True",
    "hook": "import sys\ndef hook(event, args):\n    if event == 'remote_exec':\n        1/0\n"
    "sys.addaudithook(hook)",
    "no output": "import sys; sys.stdout = None",
    "closed output": "import sys, io; sys.stdout = io.StringIO(); sys.stdout.close()",
}


@pytest.mark.parametrize("why", REFUSALS)
def test_taken_and_not_run(pypy, why, looping, run_in):
    child = looping(pypy, REFUSALS[why])
    for _ in range(2):
        result = run_in(child, END, options=["--timeout", process.PATIENCE])
        assert result.code == 4, result
        for word in ("did not run", "stdout", "_pypy_disable_remote_debugger", "remote_exec"):
            assert word in result.err, result
    assert child.temporary() == []
    assert Door(child.pid).is_idle()
    assert process.state(child.pid) in "RS", "it goes on"


def test_a_stream_of_its_own_is_enough(pypy, looping, run_in):
    """PyPy tells what it runs on sys.stdout, whatever that is."""
    child = looping(pypy, "import sys, io; sys.stdout = io.StringIO(); os.close(2)")
    result = run_in(child, "import sys; print(sys.stdout.getvalue())\n" + END)
    assert result.code == 0, result
    assert re.fullmatch(r"Executing remote debugger script \S+/s\n\n", result.out), result
    ended(child)
