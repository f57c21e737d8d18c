# SPDX-License-Identifier: MIT
"""pysample debug: pdb in a program that runs, on a terminal that is here."""

import json
import os
import re
import signal
import tempfile

import process
import pytest
import terminal

PROMPT = "(Pdb) "


class Program:
    """A debuggee, whose state can be asked while it runs."""

    def __init__(self, start, place, interpreter, *words):
        self.folder = tempfile.mkdtemp(dir=place.outside)
        inside = place.inside + self.folder[len(place.outside) :]
        self.file = place.inside + "/debuggee.py"
        self.child = start(interpreter, "debuggee.py", inside, *words)
        process.until(lambda: os.path.exists(self.folder + "/pid"), "the program to start")
        with open(self.folder + "/pid") as f:
            self.pid = int(f.read())
        self.child.others.append(self.pid)

    def line(self, text):
        """Where that stands in it."""
        with open(os.path.join(os.path.dirname(self.folder), "debuggee.py")) as f:
            return f"{self.file}:{f.read().split(text)[0].count(chr(10)) + 1}"

    def describe(self):
        with open(self.folder + "/ask", "w"):
            pass
        answer = self.folder + "/answer"
        process.until(lambda: os.path.exists(answer), "the program to answer")
        with open(answer) as f:
            said = json.load(f)
        os.unlink(answer)
        return said


@pytest.fixture
def program(start, places):
    return lambda interpreter, *words: Program(start, places(interpreter), interpreter, *words)


@pytest.fixture
def debug(pysample):
    """debug(pid, *options) → a terminal with pysample debug at its first prompt."""
    opened = []

    def begin(pid, *options, wait=True):
        t = terminal.Terminal([pysample.program, "debug", *options, str(pid)], pysample.environment)
        opened.append(t)
        if wait:
            t.expect(PROMPT)
        return t

    yield begin
    for t in opened:
        t.close()


def check_unchanged(before, after):
    """As it was, and at work."""
    assert after["n"] > before["n"]
    # PyPy closes files when it collects garbage, and its own door opens some.
    free = ["n", "files"] if before["pypy"] else ["n"]
    differs = {k: (before[k], after[k]) for k in before if before[k] != after[k] and k not in free}
    assert not differs


def gone(program, before):
    """Waits until the program has noticed that it is debugged no more."""
    seen = []

    def happened():
        seen.append(program.describe())
        return not seen[-1]["session"]

    process.until(happened, "the debugger to leave")
    check_unchanged(before, seen[-1])


def test_shows_where_the_program_is_and_what_it_has(host, program, debug):
    p = program(host)
    t = debug(p.pid)
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


def test_leaves_the_program_as_it_was(host, program, debug):
    for words in ((), ("traced",), ("idle",)):
        p = program(host, *words)
        before = p.describe()
        t = debug(p.pid)
        t.command("tbreak " + p.line("value = number * 2"))
        t.command("c")
        t.command("b " + p.line("total = number"))
        t.command("s")
        t.type("q\r")
        assert t.end() == 0, t.text()
        check_unchanged(before, p.describe())


def test_breakpoints_have_conditions_and_commands(host, program, debug):
    p = program(host)
    t = debug(p.pid)
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


def test_lines_are_completed_and_remembered(host, program, debug):
    p = program(host)
    t = debug(p.pid)
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


def test_more_words_than_one_message_holds(host, program, debug):
    p = program(host)
    t = debug(p.pid)
    words = "{'word_%04d_%s' % (i, 'x' * 60): i for i in range(1200)}"
    t.command(f"import __main__; __main__.many = type('Many', (), {words})()")
    t.type("p __main__.many.word_\t")
    t.expect("word_0001_x")
    t.expect(PROMPT + "p __main__.many.word_")
    t.type("0007_\t\r")
    t.expect("\n7\n")
    t.expect(PROMPT)
    t.type("q\r")
    assert t.end() == 0


def test_what_is_said_at_the_prompt_does_not_take_it_away(host, program, debug):
    p = program(host)
    t = debug(p.pid)

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
    t.type("q\r")
    assert t.end() == 0


def test_a_program_that_has_its_sockets_give_up_soon(host, program, debug):
    p = program(host, "impatient")
    before = p.describe()
    t = debug(p.pid)
    for _ in range(3):
        t.command("tbreak " + p.line("total = number"))
        assert "leaf()" in t.command("c")
    t.type("q\r")
    assert t.end() == 0
    check_unchanged(before, p.describe())


def test_ctrl_c_breaks_off_what_prints_without_end(host, program, debug):
    if host.implementation == "pypy":
        return  # its compiled loops do not look for it
    p = program(host)
    before = p.describe()
    t = debug(p.pid)
    t.type("while True: print('x' * 5000)\r")
    t.expect("xxx")
    t.type("\x03")
    t.expect_in_flood("KeyboardInterrupt")
    t.expect(PROMPT)
    assert "42" in t.command("p 6 * 7")
    t.type("q\r")
    assert t.end() == 0
    check_unchanged(before, p.describe())


def test_ctrl_c_stops_a_program_that_runs(host, program, debug):
    p = program(host)
    before = p.describe()
    t = debug(p.pid)
    for _ in range(3):
        t.type("c\r")
        assert p.describe()["session"]
        t.type("\x03")
        t.expect(PROMPT)
        assert "42" in t.command("p 6 * 7")
    t.command("b " + p.line("total = number") + ", False")
    t.type("c\r")  # now with a trace function at work
    assert p.describe()["session"]
    t.type("\x03")
    t.expect(PROMPT)
    t.type("half a line\x03")  # at the prompt it drops the line
    t.expect(PROMPT)
    assert "42" in t.command("p 6 * 7")
    t.type("\x04")
    assert t.end() == 0
    check_unchanged(before, p.describe())


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


def test_ctrl_c_right_after_a_line_is_not_lost(host, program, debug):
    p = program(host)
    before = p.describe()
    t = debug(p.pid)
    for n in range(20):
        enter_and_interrupt(t, "c")
        t.expect(PROMPT)
        check_answers(t, n)
    t.command("b " + p.line("total = number"))
    for n in range(10):  # a breakpoint is hit in the same moment
        enter_and_interrupt(t, "c")
        t.expect(PROMPT)
        check_answers(t, n)
    t.type("q\r")
    assert t.end() == 0
    check_unchanged(before, p.describe())


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


def test_ctrl_c_finds_a_line_on_its_way(host, program, debug):
    """The program is stopped until the interrupt waits for it, too."""
    p = program(host)
    before = p.describe()
    t = debug(p.pid)
    for line in ("c", "n"):
        process.kill(p.pid, signal.SIGSTOP)
        process.until(lambda: process.state(p.pid) == "T", "the program to be stopped")
        enter_and_interrupt(t, line)
        t.expect("wait no longer")
        process.sampling(t.popen, 50)  # it looks whether that was picked up
        process.kill(p.pid, signal.SIGCONT)
        t.expect(PROMPT)
        check_answers(t, 7)
    t.type("q\r")
    assert t.end() == 0
    check_unchanged(before, p.describe())


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


def test_a_daemon_without_files(host, program, debug):
    p = program(host, "daemon")
    before = p.describe()
    t = debug(p.pid)
    t.command("tbreak " + p.line("total = number"))
    assert "leaf()" in t.command("c")
    assert "a line of ours" in t.command("print('a line', 'of ours')")
    t.type("q\r")
    assert t.end() == 0
    check_unchanged(before, p.describe())


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


def test_what_makes_no_sense_here_is_refused(host, program, debug):
    p = program(host)
    t = debug(p.pid)
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


def test_ctrl_c_breaks_off_what_was_entered(host, program, debug):
    if host.implementation == "pypy":
        return  # its compiled loops do not look for it
    p = program(host)
    before = p.describe()
    t = debug(p.pid)
    for _ in range(2):
        t.type("while True: pass\r")
        t.expect("pass")
        process.until(lambda: process.state(p.pid) == "R", "the program to compute")
        t.type("\x03")
        assert "KeyboardInterrupt" in t.expect(PROMPT)
        t.command("tbreak " + p.line("total = number"))
        assert "leaf()" in t.command("c")  # from now on in a trace function
    t.type("q\r")
    assert t.end() == 0
    check_unchanged(before, p.describe())


def test_a_lost_connection_breaks_off_what_was_entered(host, program, debug):
    p = program(host)
    before = p.describe()
    t = debug(p.pid)
    t.type("while True: pass\r")
    t.expect("pass")
    process.until(lambda: process.state(p.pid) == "R", "the program to compute")
    t.popen.send_signal(signal.SIGKILL)
    gone(p, before)


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


def test_a_child_that_is_forked_is_not_debugged(host, program, debug):
    p = program(host)
    t = debug(p.pid)
    t.command("import os")
    t.command("tbreak " + p.line("total = number"))
    assert "leaf()" in t.command("c")
    said = t.command("os.fork() or (print('child') or os._exit(0))")  # in the middle of a word
    assert "child" not in said.replace("print('child')", "")
    t.command("b " + p.line("total = number") + ", os.fork() == 0 and os._exit(0)")
    t.command("tbreak " + p.line("value = number * 2"))
    assert "work()" in t.command("c")
    with open(f"/proc/{p.pid}/task/{p.pid}/children") as f:
        p.child.others += map(int, f.read().split())
    t.type("q\r")
    assert t.end() == 0


def test_other_threads_write_where_they_did(host, program, debug):
    p = program(host)
    t = debug(p.pid, "--thread", "main")
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
    t.type("q\r")
    assert t.end() == 0
    t = debug(p.pid, "--thread", "1", wait=False)
    assert t.end() == 2
    assert "no thread 1" in t.text()
