# SPDX-License-Identifier: MIT
"""pysample debug: pdb in a program that runs, on a terminal that is here."""

import os
import signal
import tempfile

import process
from debuggees import PROMPT, check_unchanged, debug, program, session  # noqa: F401: some are fixtures


def test_shows_where_the_program_is_and_what_it_has(host, session):
    with session(host) as (p, t):
        assert "in main" in t.command("w").replace("main()", "in main")
        assert "Breakpoint 1" in t.command("b " + p.line("value = number * 2"))
        assert "work()" in t.command("c")
        assert "'__main__'" in t.command("p __name__")
        first = t.command("p number * 1000 + 7")
        assert "007" in first
        assert "value = leaf(value)" in t.command("n")
        assert "--Call--" in t.command("s")
        assert "total = number" in t.command("s")
        assert "value = leaf(value)" in t.command("u")
        assert "--Return--" in t.command("r")
        assert "def leaf" in t.command("l 1,999")


def test_leaves_the_program_as_it_was(host, session):
    for words in ((), ("traced",), ("idle",)):
        with session(host, *words) as (p, t):
            t.command("tbreak " + p.line("value = number * 2"))
            t.command("c")
            t.command("b " + p.line("total = number"))
            t.command("s")


def test_breakpoints_have_conditions_and_commands(host, session):
    with session(host) as (p, t):
        t.command(f"b {p.line('value = number * 2')}, number % 10 == 3")
        t.command("c")
        assert "\n3\n" in t.command("p number % 10")
        t.command("commands 1", prompt="(com) ")
        t.command("p 'met', number % 10", prompt="(com) ")
        t.command("end")
        assert "('met', 3)" in t.command("c")
        # What is entered may set a trace function, or ask for the debugger that is here.
        assert "already" in t.command("breakpoint()")
        t.command("import sys; sys.settrace(None)")
        assert "('met', 3)" in t.command("c")
        assert "Deleted breakpoint 1" in t.command("cl 1")


def test_a_program_is_changed_where_it_stands(host, program, debug):
    p = program(host)
    t = debug(p.pid)
    t.command("tbreak " + p.line("value = leaf(value)"))
    t.command("c")
    t.command("value = 4711")
    t.command("s")
    assert "4711" in t.command("p number")
    t.command("tbreak " + p.line("if os.path"))
    t.command("c")
    t.type("go_on = False\r")
    t.expect(PROMPT)
    t.command("u")
    assert "True" in t.command("import __main__; __main__.go_on = False; p = 1; print(p == 1)")
    t.type("c\r")
    assert t.end() == 3
    assert "has ended" in t.text()
    assert os.path.exists(p.folder + "/end")


def test_lines_are_completed_and_remembered(host, session):
    with session(host) as (p, t):
        t.command("tbreak " + p.line("value = number * 2"))
        t.command("c")
        t.type("p 10000 + num\t")
        t.expect("number")
        t.type(" * 0\r")
        assert "10000" in t.expect(PROMPT)
        t.type("p state.ite\t()\r")
        assert "dict_items([('n'," in t.expect(PROMPT)
        t.type("un\t")  # several fit: they are listed
        assert "unalias" in t.expect("until")
        t.expect(PROMPT + "un")
        t.type("\x15")
        assert "42" in t.command("p 40 + 2")
        t.type("\x1b[A\x1b[A\r")  # up twice
        assert "dict_items" in t.expect(PROMPT)


def test_more_words_than_one_message_holds(host, session):
    with session(host) as (_, t):
        words = "{'word_%04d_%s' % (i, 'x' * 60): i for i in range(1200)}"
        t.command(f"import __main__; __main__.many = type('Many', (), {words})()")
        t.type("p __main__.many.word_\t")
        t.expect("word_0001_x")
        t.expect(PROMPT + "p __main__.many.word_")
        t.type("0007_\t\r")
        t.expect("\n7\n")
        t.expect(PROMPT)


def test_what_is_said_at_the_prompt_does_not_take_it_away(host, session):
    with session(host) as (p, t):

        def signal_it():
            # Else it comes just before the wait begins, and Python hears of it after that.
            process.until(lambda: process.at_rest(p.pid), "it to wait for a line")
            os.kill(p.pid, signal.SIGUSR1)

        t.command("import signal; signal.signal(signal.SIGUSR1, lambda *a: print('a signal: gr\\xfcn'))")
        for _ in range(2):
            t.type("p 6 *")
            t.expect("p 6 *")
            signal_it()
            t.expect("a signal: grün\n")
            t.expect(PROMPT + "p 6 *")  # what was typed is still there
            t.type(" 7\r")
            t.expect("\n42\n")
            t.expect(PROMPT)
        t.type("p len('" + 3000 * "x" + "end")
        t.expect("end")
        signal_it()
        t.expect("a signal: grün\n")
        t.expect("end")
        t.type("')\r")
        t.expect("\n3003\n")
        t.expect(PROMPT)


def test_a_program_that_has_its_sockets_give_up_soon(host, session):
    with session(host, "impatient") as (p, t):
        for _ in range(3):
            t.command("tbreak " + p.line("total = number"))
            assert "leaf()" in t.command("c")


def test_a_daemon_without_files(host, session):
    with session(host, "daemon") as (p, t):
        t.command("tbreak " + p.line("total = number"))
        assert "leaf()" in t.command("c")
        assert "a line of ours" in t.command("print('a line', 'of ours')")


def test_commands_come_from_a_pipe(host, program, pysample):
    p = program(host)
    before = p.describe()
    commands = f"tbreak {p.line('total = number')}\nc\np 6 * 7\nfor i in range(2):\n    print('i', i)\n\nw\n"
    with tempfile.TemporaryFile() as f:
        f.write(commands.encode())
        f.seek(0)
        r = pysample("debug", p.pid, stdin=f)
    assert r.code == 0 and not r.err, r
    assert PROMPT not in r.out and "\n42\n" in r.out and "leaf()" in r.out, r
    if host.version >= (3, 13):
        assert "i 0\ni 1\n" in r.out, r
    check_unchanged(before, p.describe())


def test_what_makes_no_sense_here_is_refused(host, session):
    with session(host) as (p, t):
        assert "cannot be started again" in t.command("run")
        assert "not possible here" in t.command("debug 1 + 1")
        t.command("interact", prompt=">>> ")
        assert "42" in t.command("6 * 7", prompt=">>> ")
        t.type("\x04")
        t.expect(PROMPT)
        t.command("b " + p.line("total = number"))
        t.command("cl", prompt="Clear all breaks? ")
        assert "Deleted" in t.command("y")


def test_usage(pysample):
    assert "which process" in pysample("debug").err
    r = pysample("debug", "--thread", "x", "1")
    assert r.code == 2 and "--thread: 'x'" in r.err
    r = pysample("debug", "--help")
    assert r.code == 0 and "Ctrl-C" in r.out


def test_a_child_that_is_forked_is_not_debugged(host, session):
    with session(host) as (p, t):
        t.command("import os")
        t.command("tbreak " + p.line("total = number"))
        assert "leaf()" in t.command("c")
        said = t.command("os.fork() or (print('child') or os._exit(0))")  # in the middle of a word
        assert "child" not in said.replace("print('child')", "")
        t.command("b " + p.line("total = number") + ", os.fork() == 0 and os._exit(0)")
        t.command("tbreak " + p.line("value = number * 2"))
        assert "work()" in t.command("c")
        # It comes back from what was entered, and asks nobody what comes next.
        number = int(t.command("number = os.fork(); print(number)").split()[-1])
        p.child.others.append(number)
        process.until(lambda: process.ran(number) > 50_000_000, "it to be at work")
        with open(f"/proc/{p.pid}/task/{p.pid}/children") as f:
            p.child.others += map(int, f.read().split())


def test_other_threads_write_where_they_did(host, session, debug):
    with session(host, options=("--thread", "main")) as (p, t):
        t.command("import threading")
        for n in range(2):
            t.command(f"other = threading.Thread(target=print, args=('to its {n}',), kwargs={{'flush': True}})")
            said = t.command("other.start(); other.join(); print('to us')")
            assert said.endswith("to us\n") and f"to its {n}" not in said
            line = p.child.line()
            while line.startswith("Executing remote debugger script"):  # so says PyPy's door
                line = p.child.line()
            assert line == f"to its {n}"
            t.command("tbreak " + p.line("total = number"))
            t.command("c")
    t = debug(p.pid, "--thread", "1", wait=False)
    assert t.end() == 2
    assert "no thread 1" in t.text()
