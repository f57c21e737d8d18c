# SPDX-License-Identifier: MIT
"""pysample debug while pdb is loaded into a program, which takes the longer the more threads keep the
GIL."""

import os
import signal

import process
from debuggees import (  # noqa: F401: some are fixtures
    PROMPT,
    check_stack,
    check_unchanged,
    debug,
    gone,
    program,
    session,
)

SHORT = 100  # microseconds


def test_it_is_told_and_can_be_left(host, program, debug):
    p = program(host, "waits")
    before = p.describe()
    t = debug(p.pid, wait=False)
    p.told("loading")
    t.expect("pdb is being loaded there")
    t.type("\x03")
    assert t.end() == 3, t.text()
    assert "interrupted while pdb was being loaded; the program goes on" in t.text()
    assert PROMPT not in t.text()
    p.go_on()
    gone(p, before)
    t = debug(p.pid)
    assert "42" in t.command("p 6 * 7")


def test_others_that_come_meanwhile_wait(host, program, debug, pysample):
    p = program(host, "waits")
    before = p.describe()
    first = debug(p.pid, wait=False)
    p.told("loading")
    order = ("exec", "--timeout", str(process.PATIENCE), p.pid, "-c", "print(6 * 7)")
    scripts = [pysample.start(*order) for _ in range(2)]
    for script in scripts:
        # By then it has asked, or has found that it has to wait.
        process.sampling(script, 200, or_ended=True)
    p.go_on()
    first.expect(PROMPT)
    check_stack(p, first)
    first.command("b " + p.line("total = number"))
    assert "leaf()" in first.command("c")
    first.command("cl 1")
    first.type("c\r")
    for script in scripts:
        result = pysample.finish(script)
        assert (result.code, result.out, result.err) == (0, "42\n", ""), result
    assert p.describe()["session"]
    first.type("\x03")
    first.expect(PROMPT)
    first.type("q\r")
    assert first.end() == 0
    gone(p, before)


def test_a_call_that_the_program_adds_meanwhile(ring, session):
    with session(ring, "adds") as (p, t):
        check_stack(p, t)
        t.command("tbreak " + p.line("total = number"))
        assert "leaf()" in t.command("c")


def is_at_prompt(t):
    t.poll()
    return PROMPT in t.text()


def test_a_second_debugger_that_comes_meanwhile(host, program, debug):
    p = program(host, "waits")
    before = p.describe()
    first = debug(p.pid, wait=False)
    p.told("loading")
    second = debug(p.pid, wait=False)
    process.sampling(second.popen, 200, or_ended=True)
    p.go_on()
    both = (first, second)
    t = process.until(lambda: next(filter(is_at_prompt, both), None), "one of them to stand")
    other = second if t is first else first
    t.expect(PROMPT)
    t.type("c\r")
    p.describe()
    assert other.end() == 1, other.text()
    t.type("\x03")
    t.expect(PROMPT)
    t.type("q\r")
    assert t.end() == 0
    gone(p, before)


def test_threads_give_the_gil_up_sooner_meanwhile(host, program, debug):
    p = program(host, "waits")
    before = p.describe()
    t = debug(p.pid, wait=False)
    meanwhile = p.told("loading")
    assert meanwhile["interval"] == (before if before["pypy"] else {"interval": SHORT})["interval"]
    p.go_on()
    t.expect(PROMPT)
    t.type("q\r")
    assert t.end() == 0
    check_unchanged(before, p.describe())


def test_another_interval_that_is_set_meanwhile_stays(host, program, debug):
    p = program(host, "waits", "sets")
    t = debug(p.pid, wait=False)
    assert p.told("loading")["interval"] == 2345
    p.go_on()
    t.expect(PROMPT)
    t.type("q\r")
    assert t.end() == 0
    assert p.describe()["interval"] == 2345


def test_a_pdb_that_cannot_be_loaded(host, program, debug):
    p = program(host, "lacks")
    before = p.describe()
    t = debug(p.pid, wait=False)
    assert t.end() == 1
    assert "pdb cannot be started there: ImportError: no cmd in this program" in t.text()
    check_unchanged(before, p.describe())


def test_a_signal_for_the_program_is_not_lost(host, program, debug):
    if host.implementation == "pypy":
        return  # it is deaf to signals meanwhile, and hears of them afterwards
    p = program(host, "waits")
    t = debug(p.pid, wait=False)
    p.told("loading")
    os.kill(p.pid, signal.SIGINT)
    assert t.end() == 1
    assert "the program goes on with KeyboardInterrupt" in t.text()
    assert p.child.wait() not in (0, -signal.SIGKILL)
    assert not os.path.exists(p.folder + "/end")


def test_a_signal_that_the_program_looks_out_for_is_not_lost(host, program, debug):
    """What its handler raises is no mistake of ours."""
    if host.implementation == "pypy":
        return
    p = program(host, "waits", "alarmed")
    t = debug(p.pid, wait=False)
    p.told("loading")
    os.kill(p.pid, signal.SIGALRM)
    assert t.end() == 1
    assert "the program goes on with TooLate" in t.text()
    p.go_on()
    assert p.describe()["timeouts"] == 1
    t = debug(p.pid)
    assert "42" in t.command("p 6 * 7")


def test_threads_that_keep_the_gil(host, program, debug):
    """As many releases of the GIL as it takes, each of which may cost four switch intervals."""
    p = program(host, "busy")
    before = p.describe()
    t = debug(p.pid, *(() if host.implementation == "pypy" else ("--thread", "main")))
    assert "42" in t.command("p 6 * 7")
    t.type("q\r")
    assert t.end() == 0
    check_unchanged(before, p.describe())
