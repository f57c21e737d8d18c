# SPDX-License-Identifier: MIT
"""pysample record -- CMD: the program runs as it would without us."""

import json
import os
import pty
import select
import signal
import time

import expect
import process
import pytest
from test_record import read


@pytest.fixture
def command(places):
    """command(interpreter, "script.py", *args) → argv that runs it."""

    def argv(interpreter, script, *args):
        place = places(interpreter)
        inside = os.path.join(place.inside, script)
        return [*interpreter.prefix(), interpreter.path, "-B", inside, *map(str, args)]

    return argv


def let_go_once_sampled(pysample, *args):
    """What the program does then is not over before pysample has come to it."""
    p = pysample.start(*args, stdin=process.subprocess.PIPE)
    process.sampling(p)
    p.stdin.write(b"\n")
    p.stdin.flush()
    return pysample.finish(p)


@pytest.mark.parametrize("status", [0, 3, 42])
def test_output_and_status_pass_through(python, status, command, pysample, folder):
    file = os.path.join(folder, "out.txt")
    argv = command(python, "short.py", status, 150, "wait")
    result = let_go_once_sampled(pysample, "record", "-o", file, "--", *argv)
    assert result.code == status, result
    assert result.out == "done True\n"
    stacks = expect.collapsed(read(file))
    assert any(";main (" in s and ";work (" in s for s in stacks), stacks


def test_death_by_signal_passes_through_as_shells_say_it(one, command, pysample, folder):
    file = os.path.join(folder, "out.txt")
    argv = command(one, "ends.py", "SIGKILL")
    p = pysample.start("record", "-o", file, "--", *argv, stdin=process.subprocess.PIPE)
    with open(f"/proc/{p.pid}/task/{p.pid}/children") as f:
        (child,) = process.until(lambda: (f.seek(0), f.read().split())[1], "the program")
    process.until(lambda: process.waits_for_input(child), "it to spin, and wait")
    process.sampling(p)
    p.stdin.write(b"\n")
    p.stdin.flush()
    result = pysample.finish(p)
    assert result.code in (128 + signal.SIGKILL, -signal.SIGKILL), result
    assert any("spin (" in s for s in expect.collapsed(read(file)))


def test_sampled_from_its_first_instruction(python, command, pysample, folder):
    """What happens before the program's own first line is seen too: the start of Python."""
    file = os.path.join(folder, "out.txt")
    for _ in range(20):
        argv = command(python, "short.py", 0, 10)
        result = pysample("record", "-r", "10k", "-i", "-o", file, "--", *argv)
        assert result.code in (0, 3), result  # it can be over before it is looked at
        if result.code == 0 and "importlib" in read(file):
            return
    raise AssertionError(f"no import was ever seen: {result}")


def test_it_is_not_ended_with_the_recording(one, command, pysample, folder):
    file = os.path.join(folder, "out.txt")
    argv = command(one, "ends.py", 5)
    p = pysample.start(
        "record", "-d", "200ms", "-o", file, "--", *argv, stdin=process.subprocess.PIPE
    )
    process.until(lambda: os.path.exists(file), "the file")
    assert p.poll() is None, "it waits for the program"
    p.stdin.write(b"\n")
    p.stdin.flush()
    result = pysample.finish(p)
    assert result.code == 5, result
    assert "waiting for " in result.err, "one is told why pysample is still there"
    assert expect.collapsed(read(file))


def test_a_program_that_is_not_there(pysample, folder):
    file = os.path.join(folder, "out.txt")
    result = pysample("record", "-o", file, "--", "/no/such/program", "x")
    assert result.code in (1, 127) and "/no/such/program" in result.err, result
    assert "No such file" in result.err
    assert os.listdir(folder) == []


def test_a_program_that_is_no_python(pysample, folder):
    file = os.path.join(folder, "out.txt")
    result = pysample("record", "-o", file, "--", "/bin/sh", "-c", "exit 0")
    assert result.code == 3 and result.err, result
    assert os.listdir(folder) == []


def test_through_a_shell(python, command, pysample, folder):
    file = os.path.join(folder, "out.txt")
    argv = command(python, "short.py", 6, 150, "wait")
    script = ["/bin/sh", "-c", 'sleep 0.2; exec "$@"', "sh"]
    result = let_go_once_sampled(pysample, "record", "-o", file, "--", *script, *argv)
    assert result.code == 6, result
    assert any(";work (" in s for s in expect.collapsed(read(file)))


class Terminal:
    """A program in the foreground of a terminal of its own."""

    def __init__(self, argv, environment):
        self.text = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execve(argv[0], argv, environment)

    def until(self, word):
        deadline = time.monotonic() + process.PATIENCE
        while word not in self.text:
            ready, _, _ = select.select([self.fd], [], [], deadline - time.monotonic())
            assert ready, (word, self.text)
            self.text += os.read(self.fd, 65536)

    def end(self):
        """Reads what is left, and returns the exit status."""
        try:
            while piece := os.read(self.fd, 65536):
                self.text += piece
        except OSError:
            pass
        _, status = os.waitpid(self.pid, 0)
        os.close(self.fd)
        return os.waitstatus_to_exitcode(status)


@pytest.mark.parametrize(
    "key,name", [(b"\x03", b"SIGINT"), (None, b"SIGWINCH")], ids=["interrupt", "resize"]
)
def test_the_terminals_signals_reach_it(one, key, name, command, pysample, folder):
    from conftest import ENVIRONMENT

    file = os.path.join(folder, "out.txt")
    child = command(one, "signals.py", name.decode())
    argv = [pysample.program, "record", "-v", "-o", file, "--", *child]
    terminal = Terminal(argv, ENVIRONMENT)
    pid = None
    try:
        terminal.until(b'"group"')
        said = terminal.text[terminal.text.index(b'{"pid"') :].partition(b"}")[0] + b"}"
        pid = json.loads(said)["pid"]
        terminal.until(b"1 thread")
        enough = process.slept(terminal.pid) + 50
        process.until(lambda: process.slept(terminal.pid) >= enough, "samples")
        if key:
            os.write(terminal.fd, key)
        else:
            import fcntl
            import struct
            import termios

            fcntl.ioctl(terminal.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 90, 0, 0))
        terminal.until(b'"signal": "' + name + b'"')
        assert terminal.end() == 7, terminal.text
        assert b"Sanitizer" not in terminal.text
        assert expect.collapsed(read(file))
    finally:
        process.kill(terminal.pid)
        if pid:
            process.kill(pid)


def test_progress_is_shown_on_a_terminal_only(one, command, pysample, folder):
    from conftest import ENVIRONMENT

    file = os.path.join(folder, "out.txt")
    argv = [pysample.program, "record", "-o", file, "--", *command(one, "short.py", 0, 1500)]
    terminal = Terminal(argv, ENVIRONMENT)
    try:
        assert terminal.end() == 0, terminal.text
    finally:
        process.kill(terminal.pid)
    assert b"\r" in terminal.text.replace(b"\r\n", b"\n"), terminal.text
