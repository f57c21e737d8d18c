# SPDX-License-Identifier: MIT
"""pysample debug: how a session comes to its end, and who may have the next one."""

import os
import signal

import process
import pytest
from debuggees import PROMPT, check_stack, debug, gone, program, session  # noqa: F401: some are fixtures


@pytest.mark.parametrize("how", ["at the prompt", "running", "with breakpoints"])
def test_a_lost_connection_lets_the_program_go_on(host, program, debug, how):
    p = program(host)
    before = p.describe()
    t = debug(p.pid)
    if how == "with breakpoints":
        t.command("b " + p.line("total = number") + ", False")
    if how != "at the prompt":
        t.type("c\r")
        assert p.describe()["session"]
    t.popen.send_signal(signal.SIGKILL)
    gone(p, before)


def test_a_lost_connection_breaks_off_what_was_entered(host, program, debug):
    p = program(host)
    before = p.describe()
    t = debug(p.pid)
    t.type("while True: pass\r")
    t.expect("pass")
    process.until(lambda: process.state(p.pid) == "R", "the program to compute")
    t.popen.send_signal(signal.SIGKILL)
    gone(p, before)


def test_signals_end_it(host, program, debug):
    for number in (signal.SIGTERM, signal.SIGHUP):
        p = program(host)
        before = p.describe()
        t = debug(p.pid)
        t.popen.send_signal(number)
        assert t.end() == 0
        gone(p, before)


def test_the_end_of_the_program_is_told(host, program, debug):
    p = program(host)
    t = debug(p.pid)
    os.kill(p.pid, signal.SIGKILL)
    assert t.end() == 3
    assert f"process {p.pid} has ended" in t.text()


def test_a_second_debugger_is_refused(host, program, debug, pysample):
    p = program(host)
    first = debug(p.pid)
    second = debug(p.pid, "--timeout", "300ms", wait=False)  # it cannot say so itself
    assert second.end() == 3
    assert f"debugging it already, as process {first.popen.pid}" in second.text()
    first.type("c\r")
    p.describe()
    second = debug(p.pid, wait=False)
    assert second.end() == 1
    assert "another pysample debugs that thread" in second.text()
    first.type("\x03")
    first.expect(PROMPT)
    first.type("q\r")
    assert first.end() == 0
    assert "42" in debug(p.pid).command("p 6 * 7")


def shows_prompt(t):
    """Or does it end before that?"""
    process.until(lambda: t.poll() and (t.closed or PROMPT in t.text()), "a prompt or the end")
    return not t.closed


# The second, as long as what watches over the first has not hung up in its stead.
REFUSALS = (
    "about to come or to go in that thread: try again",
    "another pysample debugs that thread already",
    "is broken off now: try again",
)


def let_in(p, debug):
    """A terminal at a prompt; None: it was refused for the time being."""
    t = debug(p.pid, wait=False)
    if shows_prompt(t):
        return t
    assert any(words in t.text() for words in REFUSALS), t.text()
    return None


def stands_after_one_that_was_killed(p, debug):
    """While that one is being sent away."""
    first = debug(p.pid)
    first.type("c\r")
    first.expect("\n")
    first.popen.kill()
    first.popen.wait()
    stands_now(p, debug)


def stands_now(p, debug):
    t = process.until(lambda: let_in(p, debug), "the next one to be let in")
    t.expect(PROMPT)
    check_stack(p, t)
    t.type("q\r")
    assert t.end() == 0, t.text()


def test_the_next_one_stands_in_the_program(host, program, debug):
    p = program(host)
    before = p.describe()
    for _ in range(5):
        stands_after_one_that_was_killed(p, debug)
    gone(p, before)


def test_the_next_one_leaves_the_trace_function_of_the_program(ring, program, debug):
    p = program(ring, "traced")
    before = p.describe()
    for _ in range(3):
        stands_after_one_that_was_killed(p, debug)
    gone(p, before)


def test_one_that_was_killed_is_not_there_any_more(host, program, debug):
    """What it has left behind cannot do its work yet."""
    p = program(host)
    first = debug(p.pid)
    os.kill(p.pid, signal.SIGSTOP)
    process.until(lambda: process.state(p.pid) in "Tt", "the stop")
    first.popen.kill()
    first.popen.wait()
    second = debug(p.pid, "--timeout", "300ms", wait=False)
    assert second.end() == 3
    assert "a pysample that debugged it was ended" in second.text()


def kill_with_all_its_processes(popen):
    """None of them can do anything for the others."""
    with open(f"/proc/{popen.pid}/task/{popen.pid}/children") as f:
        pids = [popen.pid, *map(int, f.read().split())]
    assert len(pids) >= 2
    for pid in pids:
        process.kill(pid, signal.SIGSTOP)
        process.until(lambda: process.state(pid) in "TZ", "the stop")
    for pid in pids:
        process.kill(pid)
    popen.wait()


@pytest.mark.parametrize("doing", ["computes", "runs on", "has breakpoints"])
def test_one_that_was_killed_with_all_its_processes_is_sent_away(host, program, debug, doing):
    """By the next one. There is nobody else left who could break off what was entered."""
    p = program(host)
    before = p.describe()
    first = debug(p.pid)
    if doing == "computes":
        first.type("open(__import__('__main__').FOLDER + '/entered', 'w').close() or exec('while True: pass')\r")
        process.until(lambda: os.path.exists(p.folder + "/entered"), "it to be at work")
    else:
        if doing == "has breakpoints":
            first.command("b " + p.line("total = number") + ", False")
        first.type("c\r")
        assert p.describe()["session"]
    kill_with_all_its_processes(first.popen)
    if doing == "computes":
        second = debug(p.pid, wait=False)
        assert second.end() == 1
        assert "is broken off now: try again" in second.text()
    stands_now(p, debug)
    gone(p, before)


# The debugger signals the program when it is done with this part of its end.
SIGNAL = (
    "import sys, os, signal; s = sys._pysample_debug.life.session; it = s{0};"
    " it.{1} = lambda *a, s=s, it=it, real=it.{1}, kill=os.kill, me=os.getpid(), n=signal.SIGALRM:"
    " real(*a) if not s.over else (setattr(it, '{1}', real), real(*a), kill(me, n))"
)


@pytest.mark.parametrize(
    "whose,part,traced",
    [
        ("", "give_back", False),
        (".connection", "send", True),
        (".connection", "close", False),
        ("", "forget_it", True),
    ],
)
def test_a_signal_for_the_program_while_the_debugger_leaves(host, program, debug, whose, part, traced):
    """It leaves all the same, and the program gets what its handler raises."""
    p = program(host, "alarmed")
    before = p.describe()
    t = debug(p.pid)
    if traced:
        t.command("tbreak " + p.line("total = number"))
        t.command("c")
    t.command(SIGNAL.format(whose, part))
    t.type("q\r")
    t.end()
    process.until(lambda: p.describe()["timeouts"] == 1, "the program to get it")
    gone(p, {**before, "timeouts": 1})


def test_a_signal_for_the_program_reaches_it(host, program, debug):
    p = program(host)
    t = debug(p.pid)
    for _ in range(2):
        t.command("tbreak " + p.line("total = number"))
        assert "leaf()" in t.command("c")
    os.kill(p.pid, signal.SIGINT)
    assert t.end() == 1
    assert "goes on with KeyboardInterrupt" in t.text()
    assert p.child.wait() != 0
    assert not os.path.exists(p.folder + "/end")
