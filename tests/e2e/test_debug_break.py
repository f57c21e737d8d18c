# SPDX-License-Identifier: MIT
"""pysample debug: Ctrl-C, and what it breaks off or stops."""

import re
import signal

import process
from debuggees import PROMPT, check_stack, debug, program, session  # noqa: F401: some are fixtures


def test_ctrl_c_breaks_off_what_prints_without_end(host, session):
    if host.implementation == "pypy":
        return  # its compiled loops do not look for it
    with session(host) as (_, t):
        t.type("while True: print('x' * 5000)\r")
        t.expect("xxx")
        t.type("\x03")
        t.expect_in_flood("KeyboardInterrupt")
        t.expect(PROMPT)
        assert "42" in t.command("p 6 * 7")


def test_ctrl_c_stops_a_program_that_runs(host, session):
    with session(host, leave="\x04") as (p, t):
        for _ in range(3):
            t.type("c\r")
            assert p.describe()["session"]
            t.type("\x03")
            t.expect(PROMPT)
            assert "42" in t.command("p 6 * 7")
        t.command("b " + p.line("total = number") + ", False")
        for _ in range(3):
            t.type("c\r")  # now with a trace function at work
            assert p.describe()["session"]
            t.type("\x03")
            t.expect(PROMPT)
            check_stack(p, t)
        t.type("half a line\x03")  # at the prompt it drops the line
        t.expect(PROMPT)
        assert "42" in t.command("p 6 * 7")


def test_ctrl_c_in_a_program_whose_threads_are_many_tasks(host, session):
    """None of which is the one that was stopped before."""
    with session(host, "greens") as (p, t):
        for _ in range(3):
            t.type("c\r")
            assert p.describe()["session"]
            t.type("\x03")
            t.expect(PROMPT)
            check_stack(p, t)
        t.command("tbreak " + p.line("total = number"))
        assert "leaf()" in t.command("c")
        assert "42" in t.command("print(6 * 7)")


def enter_and_interrupt(t, line):
    """Ctrl-C when the line has left the editor, and the program has taken it or not."""
    t.type(line + "\r")
    t.expect("\n")
    t.type("\x03")


def check_answers(t, n):
    """The next line is not the one that Ctrl-C was for."""
    t.type(f"p {n} + 6000\r")
    t.expect(f"\n{n + 6000}\n")  # where the prompt was there first, after another one
    t.expect(PROMPT)


def test_ctrl_c_right_after_a_line_is_not_lost(host, session):
    with session(host) as (p, t):
        for n in range(20):
            enter_and_interrupt(t, "c")
            t.expect(PROMPT)
            check_answers(t, n)
        t.command("b " + p.line("total = number"))
        for n in range(10):  # a breakpoint is hit in the same moment
            enter_and_interrupt(t, "c")
            t.expect(PROMPT)
            check_answers(t, n)


def test_ctrl_c_right_after_a_line_among_busy_threads(host, program, debug):
    if host.implementation == "pypy":
        return  # none of several threads can be chosen there
    p = program(host)
    t = debug(p.pid)
    busy = "target=all, args=(iter(lambda: True, False),), daemon=True"
    t.command(f"import threading; [threading.Thread({busy}).start() for _ in range(2)]")
    for n in range(10):
        enter_and_interrupt(t, "c" if n % 2 else "while True: pass")
        t.expect(PROMPT)
        check_answers(t, n)
    t.type("q\r")
    assert t.end() == 0
    assert not p.describe()["session"]


def test_ctrl_c_finds_a_line_on_its_way(host, session):
    """The program is stopped until the interrupt waits for it, too."""
    with session(host) as (p, t):
        for line in ("c", "n"):
            process.kill(p.pid, signal.SIGSTOP)
            process.until(lambda: process.state(p.pid) == "T", "the program to be stopped")
            enter_and_interrupt(t, line)
            t.expect("wait no longer")
            process.sampling(t.popen, 50)  # it looks whether that was picked up
            process.kill(p.pid, signal.SIGCONT)
            t.expect(PROMPT)
            check_answers(t, 7)


def test_in_pypy_ctrl_c_does_not_end_the_session(pypy, program, debug):
    """None of several threads can be chosen there."""
    p = program(pypy)
    t = debug(p.pid)
    t.command("import threading; stop = threading.Event(); other = threading.Thread(target=stop.wait, daemon=True); other.start()")
    t.command("b " + p.line("total = number") + ", False")
    t.type("c\r")
    assert p.describe()["session"]
    t.type("\x03")
    t.expect("the program runs on")
    assert p.describe()["session"]
    t.popen.send_signal(signal.SIGTERM)
    assert t.end() == 0


def test_ctrl_c_breaks_off_what_was_entered(host, session):
    if host.implementation == "pypy":
        return  # its compiled loops do not look for it
    with session(host) as (p, t):
        for _ in range(2):
            t.type("while True: pass\r")
            t.expect("pass")
            process.until(lambda: process.state(p.pid) == "R", "the program to compute")
            t.type("\x03")
            assert "KeyboardInterrupt" in t.expect(PROMPT)
            t.command("tbreak " + p.line("total = number"))
            assert "leaf()" in t.command("c")  # from now on in a trace function


def takes_signals(pid):
    with open(f"/proc/{pid}/status") as f:
        blocked = re.search(r"^SigBlk:\s+(\w+)", f.read(), re.M).group(1)
    return int(blocked, 16) >> (signal.SIGINT - 1) & 1


def test_a_thread_that_waits_is_not_waited_for_for_ever(host, start, debug):
    p = start(host, "sleeper.py", "read")
    assert p.said() == "rests"
    t = debug(p.pid, wait=False)
    process.until(lambda: takes_signals(t.popen.pid), "pysample to take signals as events")
    t.type("\x03")
    assert t.end() == 3
    assert "interrupted" in t.text()
    p.go()
    assert p.said() == "done"
    assert p.wait() == 0


def test_a_thread_that_has_ended_cannot_be_stopped(host, start, debug):
    """It is told, once, and the session can be left."""
    if host.implementation == "pypy":
        return  # whichever thread comes first would stop
    p = start(host, "host.py", "crowded")
    assert p.said()["tid"] == p.pid
    t = debug(p.pid, "--thread", "main")
    t.type("import ctypes; ctypes.CDLL(None).pthread_exit(None)\r")
    process.until(lambda: process.state(p.pid) == "Z", "its main thread to end")
    t.type("\x03")
    t.expect("the program runs on")
    t.popen.terminate()
    t.end()
    assert process.state(p.pid) == "Z" and p.popen.poll() is None


def test_a_thread_that_waits_for_events_is_woken(host, start, debug):
    p = start(host, "sleeper.py", "events")
    assert p.said() == "rests"
    if host.version < (3, 14):
        return  # it does not look at requests when a call returns early
    t = debug(p.pid, "--wake")
    assert "rest()" in t.command("w")
    t.type("c\r")
    t.type("\x03")
    t.expect(PROMPT)
    t.type("q\r")
    assert t.end() == 0
    p.go()
    assert p.said() == "done"
    assert p.wait() == 0
