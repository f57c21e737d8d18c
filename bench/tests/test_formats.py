# SPDX-License-Identifier: MIT
"""Each profiler's output becomes stacks of one form."""

import pytest

import formats
import mojo


def test_pysample_and_pyspy_lines_become_frames_root_first():
    text = ("<module> (/tmp/x/families.py:87);main (families.py:78);Job.run (jobs.py:3) 12\n"
            "<module> (/tmp/x/families.py:87) 3\n")
    assert formats.parenthesised(text) == {
        (("<module>", "families.py", 87), ("main", "families.py", 78), ("run", "jobs.py", 3)): 12,
        (("<module>", "families.py", 87),): 3,
    }


def test_a_frame_without_a_line_and_marks_that_are_no_functions():
    text = "thread (12): MainThread;f (a.py);<GC> 2\n[no Python code] 5\n"
    assert formats.parenthesised(text) == {(("f", "a.py", 0),): 2, (): 5}


def test_qualified_names_and_names_in_angle_brackets():
    assert formats.bare("outer.<locals>.inner") == "inner"
    assert formats.bare("outer.<locals>.<lambda>") == "<lambda>"
    assert formats.bare("<module>") == "<module>"


def test_what_is_no_frame_is_kept_as_torn_so_that_it_counts_as_impossible():
    torn = formats.parenthesised("<module> (a.py:1);half a fra 2\n 7\n")
    assert torn == {(("<module>", "a.py", 1), ("<torn>", "half a fra", 0)): 2, (): 7}
    assert formats.colons("tid:1;a.py:f:2;nonsense 1\n") == {(("f", "a.py", 2), ("<torn>", "nonsense", 0)): 1}


def test_a_torn_name_may_hold_the_end_of_a_line():
    assert formats.parenthesised("f (a.py:1);x\ny (b.py:2) 3\n") == {(("f", "a.py", 1), ("xy", "b.py", 2)): 3}
    with pytest.raises(formats.Unreadable):
        formats.parenthesised("f (a.py:1)\n")


def test_a_stack_of_profiling_sampling_loses_its_thread_and_marks():
    text = "tid:77;a.py:<module>:9;a.py:f:2;~:<GC>:0 4\ntid:78;a.py:f:-1 1\n"
    assert formats.colons(text) == {(("<module>", "a.py", 9), ("f", "a.py", 2)): 4, (("f", "a.py", -1),): 1}


def test_the_mark_of_the_collector_can_be_kept():
    gc = ("<GC>", "", 0)
    assert formats.parenthesised("f (a.py:1);<GC> 2\n", marks=True) == {(("f", "a.py", 1), gc): 2}
    assert formats.colons("tid:1;a.py:f:1;~:<GC>:0 2\n", marks=True) == {(("f", "a.py", 1), gc): 2}


def test_austin_text_has_a_sample_a_line_and_its_time():
    text = ("# austin: 3.7.0\n# interval: 100\n\n"
            "P1;T0:7;/x/a.py:<module>:9;a.py:f:2 100\n"
            "P1;T0:7;/x/a.py:<module>:9;a.py:f:2 50\n"
            "P1;T0:8;:INVALID: 10\n# duration: 5\n")
    counts, samples, invalid = formats.austin_text(text)
    assert counts == {(("<module>", "a.py", 9), ("f", "a.py", 2)): 150}
    assert dict(samples) == {"T0:7": 2, "T0:8": 1} and invalid == 1


def number(n):
    """As MOJO writes it."""
    sign, n = (0x40, -n) if n < 0 else (0, n)
    out, n = [sign | n & 0x3F], n >> 6
    while n:
        out[-1] |= 0x80
        out.append(n & 0x7F)
        n >>= 7
    return bytes(out)


@pytest.mark.parametrize("n", (0, 1, 63, 64, -1, -131, 8191, 8192, 1 << 40, -(1 << 40)))
def test_numbers_of_mojo(n):
    assert mojo.Reader(number(n)).number() == n


def mojo_file():
    def named(key, text):
        return b"\x0b" + number(key) + text + b"\0"

    def framed(key, file, name, line):
        return b"\x03" + b"".join(number(v) for v in (key, file, name, line, line, 1, 9))

    def stack(thread, keys, time, extra=b""):
        return (b"\x02" + number(5) + number(0) + thread + b"\0"
                + b"".join(b"\x05" + number(k) for k in keys) + extra + b"\x09" + number(time))

    return (b"MOJ\x03" + b"\x01mode\0wall\0"
            + b"\x02" + number(5) + number(0) + b"a1\0"
            + named(10, b"/x/a.py") + named(11, b"<module>") + framed(1, 10, 11, 300)
            + named(12, b"Job.run") + framed(2, 10, 12, 7)
            + b"\x05" + number(1) + b"\x05" + number(2) + b"\x09" + number(120)
            + stack(b"a1", (1,), 30) + stack(b"b2", (1,), 10, b"\x04"))


def test_mojo_frames_are_described_once_and_referred_to():
    counts, samples, invalid = formats.austin_binary(mojo_file())
    root = ("<module>", "a.py", 300)
    assert counts == {(root, ("run", "a.py", 7)): 120, (root,): 30}
    assert dict(samples) == {"a1": 2, "b2": 1} and invalid == 1


def test_a_mojo_frame_that_is_described_anew_means_the_new_one():
    again = b"\x0b" + number(13) + b"other\0" + b"\x03" + b"".join(number(v) for v in (1, 10, 13, 4, 4, 1, 9))
    head, body = b"\x02" + number(5) + number(0) + b"a1\0", b"\x05" + number(1) + b"\x05" + number(1) + b"\x09" + number(7)
    counts, _, _ = formats.austin_binary(mojo_file() + head + body + head + again + body + b"\x05" + number(2))
    root, new, run = ("<module>", "a.py", 300), ("other", "a.py", 4), ("run", "a.py", 7)
    assert counts[root, root] == 7 and counts[new, new, run] == 7


@pytest.mark.parametrize("data", (b"", b"MOJ", b"MUJ\x03", mojo_file() + b"\x3f", mojo_file()[:-1],
                                  mojo_file() + b"\x02\x05\x00x\0\x05\x33\x09\x01"))
def test_mojo_that_is_cut_or_strange_is_refused(data):
    with pytest.raises(mojo.Broken):
        list(mojo.samples(data))


def test_what_lies_below_the_script_is_dropped():
    launched = (("_run", "runpy.py", 3), ("<module>", "a.py", 9), ("f", "a.py", 2))
    counts = formats.from_target({launched: 2, launched[1:]: 1, (("worker", "a.py", 4),): 1, (): 5}, "a.py")
    assert counts == {launched[1:]: 3, (("worker", "a.py", 4),): 1}


def test_functions_are_stacks_without_lines():
    assert formats.functions({(("f", "a.py", 1),): 2, (("f", "a.py", 2),): 3}) == {(("f", "a.py"),): 5}
