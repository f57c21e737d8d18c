# SPDX-License-Identifier: MIT
"""pysample debug in a program that answers by itself, and not as our debugger would."""

import signal

import process
import pytest
import terminal

PROMPT = "(Pdb) "


@pytest.fixture
def debug(one, start, pysample):
    """debug(how) → a terminal with pysample debug in a program that answers in this way."""
    opened = []

    def begin(how):
        child = start(one, "liar.py", how)
        assert child.said() == "lies"
        argv = [pysample.program, "debug", "--timeout", str(process.PATIENCE), str(child.pid)]
        opened.append(terminal.Terminal(argv, pysample.environment))
        opened[-1].child = child
        return opened[-1]

    yield begin
    for t in opened:
        t.close()


@pytest.mark.parametrize("how", ["prompt", "long prompt", "byte by byte"])
def test_a_prompt_that_is_none(debug, how):
    t = debug(how)
    t.expect(PROMPT)
    t.type("p 6 * 7\r")
    t.expect("42\n")
    t.expect(PROMPT)
    t.type("\x04")
    assert t.end() == 0, t.text()


def test_nothing_steers_the_terminal(debug):
    t = debug("steer")
    t.expect(PROMPT)
    said = t.raw.replace(b"\r", b"")
    assert rb"\x1b[5i|\xc2\x9b5i|\xe2\x80\x8e|\x9b5i|\xc2\x9b5i" in said
    assert b"\\x1b]0;owned\\x07" in said and b"\x1b]" not in said
    t = debug("end")
    assert t.end() == 1
    assert rb"\x1b[5i\x1b[5i" in t.raw and b"\x1b[5i" not in t.raw


def end_in_flood(t):
    """What comes without end is not kept. Returns the exit code."""

    def ended():
        t.raw, t.at = b"", 0
        t.poll()
        return t.popen.poll() is not None

    process.until(ended, "pysample to end")
    return t.popen.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_one_that_talks_without_end_is_left(debug, number):
    t = debug("flood")
    t.expect("x\nx\n")
    t.popen.send_signal(number)
    assert end_in_flood(t) == 0


def test_a_completion_without_end_is_broken_off(debug):
    t = debug("completion")
    t.expect(PROMPT)
    t.type("p nothing\t")
    assert t.child.said() == "floods"
    t.type("\x03")
    t.expect("x\nx\n")
    t.popen.send_signal(signal.SIGTERM)
    assert end_in_flood(t) == 0


def test_a_length_that_cannot_be(debug):
    t = debug("too long")
    assert t.end() == 1
    assert "is the target sound?" in t.text()
