# SPDX-License-Identifier: MIT
"""exec: code that is run inside a target, in each Python in which pysample can do it."""

import os
import resource
import signal
import subprocess

import process
import pytest
from hosts import MARK, ended_well, host_in, run_in, under_way  # noqa: F401

# In a script: the pipe by which it sends.
FIND_PIPE = (
    "import oracle, os, stat\n"
    "open_ones = [fd for fd in oracle.open_files() if fd > 2]\n"
    "fd = [fd for fd in open_ones if stat.S_ISFIFO(os.fstat(fd).st_mode)][-1]\n"
)

# What it does -----------------------------------------------------------------------------


def test_what_it_prints_comes_back(host, host_in, run_in):
    child = host_in(host, "busy")
    code = (
        "import sys, os\nprint('out', __name__, __file__, __args__)\n"
        "print('err \\u20ac', file=sys.stderr)\nsys.stdout.buffer.write(b'\\xff\\n')\n"
        "print(sys.argv[1:], os.getpid())\n" + MARK.format(1)
    )
    popen = subprocess.run(
        [os.environ["PYSAMPLE"], "exec", str(child.pid), "-c", code, "a", "-b", "\u00e9"],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=process.PATIENCE,
    )
    assert popen.returncode == 0, popen
    first, raw, last = popen.stdout.split(b"\n")[:3]
    assert first.decode() == "out __main__ <string> ['a', '-b', '\u00e9']", popen
    assert raw == b"\xff", popen
    assert last.decode() == f"['busy'] {child.pid}", popen
    assert "err \u20ac\n" in popen.stderr.decode(), popen
    assert child.temporary() == []
    ended_well(child, 1)


def test_a_script_file_and_standard_input(host, host_in, pysample, folder):
    child = host_in(host, "busy")
    path = os.path.join(folder, "a script.py")
    with open(path, "w") as f:
        f.write("# \u00e9\nimport sys\nprint(__file__, __args__)\n" + MARK.format("'file'"))
    result = pysample("exec", child.pid, path, "--thread", "x")
    assert (result.code, result.out) == (0, f"{path} ['--thread', 'x']\n"), result
    with open(path) as f:
        result = pysample("exec", child.pid, "-", stdin=f)
    assert (result.code, result.out) == (0, "<stdin> []\n"), result
    ended_well(child, "file", "file")


def test_what_it_raises_comes_back(host, host_in, run_in, pysample, folder):
    child = host_in(host, "busy")
    path = os.path.join(folder, "raises.py")
    with open(path, "w") as f:
        f.write("def inner():\n    return 1 // 0\n\n\ndef outer():\n    inner()\n\n\nouter()\n")
    result = pysample("exec", child.pid, path)
    assert result.code == 1, result
    lines = result.err.splitlines()
    assert lines[0] == "Traceback (most recent call last):", result
    assert [x for x in lines if x.startswith("  File")] == [
        f'  File "{path}", line 9, in <module>',
        f'  File "{path}", line 6, in outer',
        f'  File "{path}", line 2, in inner',
    ], result
    assert "return 1 // 0" in result.err and lines[-1].startswith("ZeroDivisionError: "), result
    result = run_in(child, "if")
    assert result.code == 1 and "SyntaxError" in result.err, result
    for leaving, code in (("0", 0), ("None", 0), ("3", 1), ("'why'", 1)):
        result = run_in(child, f"import sys; sys.exit({leaving})")
        assert result.code == code, result
    assert "why" in result.err, result
    odd = "class Odd:\n    def __str__(self): return 1 // 0\nimport sys; sys.exit(Odd())"
    result = run_in(child, odd)
    assert result.code == 1 and "ZeroDivisionError" in result.err, result
    result = run_in(child, "raise KeyboardInterrupt")
    assert result.code == 1 and "KeyboardInterrupt" in result.err, result
    ended_well(child)


def test_much_output_comes_whole(host, host_in, run_in):
    child = host_in(host, "busy")
    result = run_in(child, "print('x' * 3000000); [print(i) for i in range(100000)]")
    first, *rest = result.out.split("\n")
    assert result.code == 0 and first == "x" * 3000000
    assert rest == [*map(str, range(100000)), ""]
    ended_well(child)


def test_clocks_and_waits_that_the_program_has_replaced(host, host_in, run_in):
    child = host_in(host, "busy")
    code = "import time\ndef replaced(*_): raise ValueError\n"
    code += "before = time.sleep, time.monotonic\ntime.sleep = time.monotonic = replaced\n"
    code += "try: print('x' * 3000000)\nfinally: time.sleep, time.monotonic = before"
    result = run_in(child, code)
    assert (result.code, len(result.out), result.err) == (0, 3000001, ""), result
    ended_well(child)


def test_a_stream_that_may_not_be_looked_at(host, host_in, run_in):
    """It stands below ours; nor is its class asked for anything."""
    child = host_in(host, "busy")
    code = "import sys\nclass Kind(type):\n"
    code += " def __getattr__(self, name): sys.asked.append(name); raise SystemExit\n"
    code += "sys.asked, sys.before = [], (sys.stdout, sys.stderr)\n"
    code += "methods = {'flush': lambda self: None, 'write': lambda self, text: len(text)}\n"
    code += "sys.stdout = Kind('Stream', (), methods)()"
    result = run_in(child, code)
    assert (result.code, result.err) == (0, ""), result
    result = run_in(child, "print(1)")
    assert (result.code, result.out, result.err) == (0, "1\n", ""), result
    code = "import sys\nbelow = lambda stream: stream.__dict__['_pysample_stream'][0]\n"
    code += "print(below(sys.stdout).__class__.__name__, end=' ')\n"
    code += "print(below(sys.stderr) is below(sys.before[1]), sys.asked)\n"
    code += "sys.stdout = below(sys.before[0])\ndel sys.before, sys.asked"
    result = run_in(child, code)
    assert (result.code, result.out) == (0, "Stream True []\n"), result
    ended_well(child)


def test_output_of_other_threads_stays_theirs(host, host_in, run_in, tmp_path):
    with open(tmp_path / "errors", "w+") as errors:
        child = host_in(host, "printing", stderr=errors)
        code = "import sys\nfor i in range(2000): print('ours', file=sys.stderr)"
        choice = [] if host.implementation == "pypy" else ["--thread", child.tid]
        result = run_in(child, code, options=choice)
        assert (result.code, result.err) == (0, "ours\n" * 2000), result
        ended_well(child)
        errors.seek(0)
        # PyPy warns when it starts where /proc/cpuinfo does not tell the size of caches.
        told = {line for line in errors if not line.startswith("Warning: cannot find your CPU")}
        assert told == {"by another thread\n"}


def test_a_reader_that_leaves_does_no_harm(host, host_in, pysample):
    child = host_in(host, "busy")
    code = "for i in range(200000): print(i)\n" + MARK.format(1)
    p = pysample.start("exec", child.pid, "-c", code)
    assert p.stdout.read(1) == b"0"
    p.stdout.close()
    assert p.wait(process.PATIENCE) == 0
    ended_well(child, 1)


def test_output_that_cannot_be_written_is_told(host, host_in, pysample):
    child = host_in(host, "busy")
    with open("/dev/full", "w") as full:
        result = pysample("exec", child.pid, "-c", "print(1)\n" + MARK.format(1), stdout=full)
    assert result.code == 1 and "No space left" in result.err, result
    ended_well(child, 1)


# Which thread -----------------------------------------------------------------------------

WHICH = "import threading; print(threading.get_native_id())"


def test_threads_can_be_chosen(host, host_in, run_in, pysample):
    child = host_in(host, "busy")
    for which in ("main", child.tid, "any"):
        result = run_in(child, WHICH, options=["--thread", which])
        assert (result.code, result.out) == (0, f"{child.tid}\n"), result
    result = run_in(child, WHICH, options=["--thread", 1])
    assert result.code == 2 and "no thread 1" in result.err, result
    for word in ("first", "-3", "0", "99999999999"):
        result = run_in(child, WHICH, options=["--thread", word])
        assert result.code == 2 and word in result.err, result
    ended_well(child)


# Where it cannot, or not yet --------------------------------------------------------------


def test_a_wait_for_events_is_no_obstacle(door, host_in, run_in):
    child = host_in(door, "wait_for_events")
    result = run_in(child, MARK.format(1), options=["--timeout", process.PATIENCE, "--wake"])
    assert result.code == 0, result
    child.go()
    assert child.said()["ran"] == [1]
    assert child.wait() == 0


def test_a_program_without_standard_files(host, host_in, run_in):
    if host.implementation == "pypy":
        return  # has to tell something on its standard output first: test_exec_pypy.py
    child = host_in(host, "closed")
    result = run_in(child, "import sys; print('out'); print('err', file=sys.stderr)")
    assert (result.code, result.out, result.err) == (0, "out\n", "err\n"), result
    result = run_in(child, "1/0")
    assert result.code == 1 and "ZeroDivisionError" in result.err, result
    result = run_in(child, "import sys; del sys.stdout, sys.stderr")
    assert result.code == 0, result
    result = run_in(child, "import sys; print('out'); print('err', file=sys.stderr)")
    assert (result.code, result.out, result.err) == (0, "out\n", "err\n"), result


# How it ends ------------------------------------------------------------------------------


def test_detached_it_runs_on_its_own(host, host_in, run_in):
    child = host_in(host, "busy")
    result = run_in(child, "import sys; print('\"theirs\"', flush=True)", options=["--detach"])
    assert (result.code, result.out, result.err) == (0, "", ""), result
    assert child.said() == "theirs"
    assert child.temporary() == []
    ended_well(child)


def test_a_script_that_does_not_end(host, host_in, run_in, pysample):
    child = host_in(host, "busy")
    result = run_in(child, "while True: pass", options=["--timeout", "300ms"])
    assert result.code == 1 and "goes on" in result.err, result
    assert child.temporary() == []


def test_interrupted_while_it_waits(host, host_in, pysample):
    child = host_in(host, "read")
    p = pysample.start("exec", "--timeout", "1h", child.pid, "-c", MARK.format(1))
    process.until(lambda: child.temporary(), "the script to be laid down")
    process.sampling(p, 20)
    p.send_signal(signal.SIGINT)
    result = pysample.finish(p)
    assert result.code == 3 and "withdrawn and did not run" in result.err, result
    assert child.temporary() == []
    ended_well(child)


def test_interrupted_while_it_runs(host, host_in, pysample):
    child = host_in(host, "busy")
    p = pysample.start("exec", child.pid, "-c", "print(1)\nwhile True: print(end='')")
    assert p.stdout.read(1) == b"1"
    p.send_signal(signal.SIGINT)
    result = pysample.finish(p)
    assert result.code == 1 and "goes on" in result.err, result
    assert child.temporary() == []


@pytest.mark.parametrize("how", ["signal", "timeout"])
def test_one_that_sends_without_end_is_left(host, host_in, pysample, how):
    child = host_in(host, "busy")
    code = (
        FIND_PIPE
        + "print(1, flush=True)\nos.set_blocking(fd, True)\n"
        + "import signal; signal.signal(signal.SIGPIPE, signal.SIG_DFL)\n"
        + "data = b'o\\1\\0\\0\\0x' * 10000\nwhile True: os.write(fd, data)"
    )
    options = ["--timeout", "1s"] if how == "timeout" else []
    p = pysample.start("exec", *options, child.pid, "-c", code)
    assert p.stdout.read(1) == b"1"
    if how == "signal":
        p.send_signal(signal.SIGINT)
    result = pysample.finish(p)
    assert result.code == 1 and "goes on" in result.err, result.err
    assert child.temporary() == []


def test_a_script_that_comes_by_a_pipe_with_a_name(host, host_in):
    child = host_in(host, "busy")
    result = subprocess.run(
        [os.environ["PYSAMPLE"], "exec", str(child.pid), "/dev/stdin"],
        input=b"print(__file__)", capture_output=True, timeout=process.PATIENCE,
    )
    assert (result.returncode, result.stdout) == (0, b"/dev/stdin\n"), result
    ended_well(child)


@pytest.mark.parametrize("closed", [[0], [1], [2], [0, 1, 2]])
def test_without_standard_files_of_our_own(host, host_in, closed):
    child = host_in(host, "busy")
    result = subprocess.run(
        ["sh", "-c", 'exec "$@" ' + " ".join(f"{fd}>&-" for fd in closed), "sh"]
        + [os.environ["PYSAMPLE"], "exec", str(child.pid), "-c", "print(1)\n" + MARK.format(1)],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=process.PATIENCE,
    )
    assert result.returncode == 0, result
    assert result.stdout == (b"" if 1 in closed else b"1\n") and not result.stderr, result
    assert child.temporary() == []
    ended_well(child, 1)


def test_a_target_that_ends_meanwhile(host, host_in, run_in, pysample):
    child = host_in(host, "busy")
    result = run_in(child, "import os; print('last', flush=True); os._exit(7)")
    assert (result.code, result.out) == (1, "last\n"), result
    assert "ended while the script ran" in result.err, result
    assert child.wait() == 7
    child = host_in(host, "read")
    p = pysample.start("exec", "--timeout", "1h", child.pid, "-c", "1")
    process.until(lambda: child.temporary(), "the script to be laid down")
    process.kill(child.pid)
    child.wait()
    result = pysample.finish(p)
    assert result.code == 3 and "ended" in result.err, result
    assert child.temporary() == []


@pytest.mark.parametrize("what,column", [("AS", 0), ("DATA", 5)])
def test_where_there_is_no_memory(host, host_in, run_in, what, column):
    """What cannot even begin would end the program, but for those that have a door for it."""
    child, limit = under_way(host_in(host, "busy")), getattr(resource, "RLIMIT_" + what)
    unlimited = resource.RLIM_INFINITY
    with open(f"/proc/{child.pid}/statm") as f:
        has = int(f.read().split()[column]) * resource.getpagesize()
    more = 8 << 20 if host.implementation == "pypy" else 1 << 16  # it needs some for itself
    resource.prlimit(child.pid, limit, (has + more, unlimited))
    result = run_in(child, MARK.format(0), options=["--timeout", "300ms"])
    if host.implementation == "cpython" and host.version >= (3, 14):
        assert result.code in (0, 4), result
    else:
        assert result.code == 3 and "KiB of memory beside what it has" in result.err, result
        assert f"prlimit --pid {child.pid}" in result.err, result
    assert child.temporary() == []
    resource.prlimit(child.pid, limit, (unlimited, unlimited))
    assert run_in(child, MARK.format(1), options=["--timeout", "10m"]).code == 0
    child.go()
    said = child.said()
    assert said["ran"][-1] == 1 and said["same"], said
    assert child.wait() == 0


def test_one_that_is_shutting_down(host, host_in, run_in):
    """Nothing could run there, for the modules are gone."""
    if host.implementation == "pypy":
        return  # which finalizes nothing at its end
    child = host_in(host, "ends_at_last")
    assert child.said() == {"finalizing": True}
    result = run_in(child, MARK.format(1), options=["--timeout", "300ms"])
    assert result.code == 3 and "shutting down" in result.err, result
    assert child.temporary() == []
    child.go()
    assert child.said()["ran"] == []
    assert child.wait() == 0


def test_the_main_thread_ends_while_it_is_asked(host, host_in, pysample):
    child = host_in(host, "main_ends")
    process.until(lambda: process.at_rest(child.pid), "its threads to wait")
    p = pysample.start("exec", "--timeout", "1h", child.pid, "-c", "print(1)")
    process.until(child.temporary, "the script to be laid down")
    process.sampling(p, 20)
    child.go()
    result = pysample.finish(p)
    if host.implementation == "cpython" and host.version < (3, 14):
        assert result.code == 3 and "no main thread" in result.err, result
    else:  # another one is asked
        assert (result.code, result.out) == (0, "1\n"), result
    assert child.temporary() == []


def test_a_script_that_forks(host, host_in, run_in):
    """What goes on with the program when the script is over there is none of pysample's."""
    child = host_in(host, "busy")
    code = "import os, sys\nprint('before')\nchild = os.fork()\n"
    code += "print('parent' if child else '\"child\"', child, flush=True)\n"
    code += "if not child: raise ValueError\n" + MARK.format(1)
    result = run_in(child, code)
    with open(f"/proc/{child.pid}/task/{child.pid}/children") as f:
        child.others += map(int, f.read().split())
    word, copy = result.out.split("\n")[1].split()
    assert (result.code, result.out, result.err) == (0, f"before\nparent {copy}\n", ""), result
    line = child.line()
    while line.startswith(process.PYPY_TELLS):
        line = child.line()
    assert line == '"child" 0'
    process.kill(int(copy))
    assert child.temporary() == []
    ended_well(child, 1)


def test_a_script_that_forks_into_another_namespace(host, host_in, run_in):
    """Its copy has the number that it has: 1."""
    before = ["unshare", "--pid", "--mount", "--fork", "--kill-child"]
    child = host_in(host, "busy", before=before)
    with open(f"/proc/{child.pid}/task/{child.pid}/children") as f:
        child.pid = int(f.read().split()[0])
    child.others.append(child.pid)
    code = "import ctypes, os\nprint('before', flush=True)\n"
    code += "ctypes.CDLL(None, use_errno=True).unshare(0x20000000)\ncopy = os.fork()\n"
    code += "if not copy:\n print('\"%d\"' % os.getpid(), flush=True)\n os._exit(0)\n"
    code += "os.waitpid(copy, 0)\nprint('parent', os.getpid())"
    result = run_in(child, code)
    assert (result.code, result.out, result.err) == (0, "before\nparent 1\n", ""), result
    line = child.line()
    while line.startswith(process.PYPY_TELLS):
        line = child.line()
    assert line == '"1"'
    child.go()
    assert child.said()["ran"] == []


# Safety -----------------------------------------------------------------------------------


def test_each_of_many_at_once_runs_once(host, host_in, pysample):
    child = host_in(host, "busy")
    running = [
        pysample.start("exec", "--timeout", "10m", child.pid, "-c", MARK.format(i))
        for i in range(12)
    ]
    for p in running:
        result = pysample.finish(p)
        assert result.code == 0, result
    child.go()
    said = child.said()
    assert sorted(said["ran"]) == list(range(12)) and said["same"], said
    assert child.wait() == 0
    assert child.temporary() == []


def test_many_in_a_row_leave_nothing(host, host_in, run_in):
    child = host_in(host, "busy")
    for i in range(20):
        result = run_in(child, MARK.format(i))
        assert (result.code, result.out, result.err) == (0, "", ""), result
    child.go()
    said = child.said()
    assert said["ran"] == list(range(20)) and said["same"], said
    assert child.wait() == 0
    assert child.temporary() == []


# Each of them needs something else of what is in the target for it.
USES = (
    "pass",
    "print('x' * 3000000)",
    "1/0",
    "import sys; sys.exit('why')",
    "import sys; sys.stdout.isatty(); sys.stdout.writelines(['a']); sys.stdout.buffer.write(b'b')",
    "import sys; sys.kept = sys.stdout, sys.stderr.buffer; del sys.kept",
)


def test_nothing_waits_for_the_collector(host, host_in, run_in):
    """A program may have switched it off."""
    if host.implementation == "pypy":
        return  # which frees nothing before it collects
    child = host_in(host, "busy")
    for code in USES:  # once for what stays loaded
        run_in(child, code)
    assert run_in(child, "import gc; gc.disable(); gc.collect()").code == 0
    for code in USES:
        run_in(child, code)
        result = run_in(child, "import gc; print(gc.collect())")
        assert result.out == "0\n", (code, result)
    ended_well(child)


def test_streams_that_are_kept_write_where_the_program_does(host, host_in, run_in):
    child = host_in(host, "busy")
    keep = "import sys; sys.kept = sys.stdout, sys.stdout.buffer, sys.stdout.writelines"
    assert run_in(child, keep + "; print('here')").out == "here\n"
    code = "import sys; a, b, c = sys.kept; a.write('\"1\"\\n'); a.flush(); b.write(b'\"2\"\\n'); b.flush()\n"
    code += "c(['\"3\"', '\\n']); a.flush(); a.buffer.write(b'\"4\"\\n'); a.buffer.flush(); del sys.kept"
    result = run_in(child, code)
    assert (result.code, result.out, result.err) == (0, "", ""), result
    assert [child.said() for _ in range(4)] == ["1", "2", "3", "4"]
    ended_well(child)


def test_what_a_target_sends_is_not_believed(host, host_in, run_in):
    child = host_in(host, "busy")
    for noise in ("b'\\xff' * 5000", "b'o\\xff\\xff\\xff\\x7fx'", "b'b\\x01\\0\\0\\0' + b'1'"):
        result = run_in(child, FIND_PIPE + f"os.write(fd, {noise})")
        assert result.code == 1 and "is the target sound" in result.err, result
    result = run_in(child, FIND_PIPE + "os.close(fd)")
    assert result.code == 1 and "without a word" in result.err, result
    assert child.temporary() == []
    child.go()
    assert child.said()["ran"] == []


def test_a_script_that_is_taken_away(host, host_in, pysample):
    """Its folder belongs to the target's user: what is done there does not hold pysample up."""
    child = host_in(host, "read")
    p = pysample.start("exec", "--timeout", "1h", child.pid, "-c", MARK.format(1))
    name = process.until(child.temporary, "the script to be laid down")[0]
    process.sampling(p, 20)
    os.unlink(os.path.join(child.folder, name, "s"))
    result = pysample.finish(p)
    assert result.code == 1 and "without a word" in result.err, result
    assert child.temporary() == []
    child.go()
    assert child.said()["ran"] == []


def test_a_thread_that_has_no_room_for_more_calls(door, host_in, run_in):
    """Wherever the script breaks off, that is told, and not waited for. (Before 3.14 such a
    thread is not asked at all.)"""
    for left in range(1, 9):
        child = host_in(door, "deep", env={"LEFT": str(left)}, stderr=subprocess.DEVNULL)
        under_way(child)
        result = run_in(child, "1", options=("--timeout", "3s"))
        assert result.code in (0, 1, 4), result
        assert child.temporary() == []


WHERE = """
import sys
frame = sys._getframe()
while "folder" not in frame.f_locals:
    frame = frame.f_back
print(frame.f_locals["folder"].decode())
"""


def test_a_folder_that_only_we_may_write_to_is_not_used_for_another_user(host, host_in, run_in):
    child = host_in(host, "busy", user=65534)
    name = "/" + os.path.basename(child.folder) + "/"
    assert name in run_in(child, WHERE).out
    os.chmod(child.folder, 0o755)
    result = run_in(child, WHERE)
    assert result.code == 0 and name not in result.out, result
    ended_well(child)


def test_a_folder_of_any_group_of_the_targets_is_used(host, host_in, run_in):
    child = host_in(host, "busy", user=65534, before=["setpriv", "--groups", "65530,65531"])
    os.chown(child.folder, 0, 65531)
    os.chmod(child.folder, 0o1771)
    result = run_in(child, WHERE)
    assert "/" + os.path.basename(child.folder) + "/" in result.out, result
    ended_well(child)


def test_a_folder_in_which_others_may_put_another_script_is_not_used(host, host_in, run_in):
    child = host_in(host, "busy")
    name = "/" + os.path.basename(child.folder) + "/"
    assert name in run_in(child, WHERE).out
    for owner, mode in ((0, 0o777), (0, 0o775), (64999, 0o1777), (64999, 0o755)):
        os.chown(child.folder, owner, -1)
        os.chmod(child.folder, mode)
        result = run_in(child, WHERE)
        assert result.code == 0 and result.out and name not in result.out, (owner, mode, result)
    os.chown(child.folder, 0, -1)
    # A link to a folder that is good: it may lead elsewhere by the time that the target looks.
    os.rename(child.folder, child.folder + "-itself")
    os.chmod(child.folder + "-itself", 0o1777)
    os.symlink(os.path.basename(child.folder) + "-itself", child.folder)
    result = run_in(child, WHERE)
    assert result.code == 0 and result.out and name not in result.out, result
    os.unlink(child.folder)
    os.rename(child.folder + "-itself", child.folder)
    ended_well(child)


def test_usage(pysample, folder):
    for args, words in (
        (["exec"], ["which process"]),
        (["exec", "1"], ["what is to run", "-c"]),
        (["exec", "x", "-c", "1"], ["'x' is not a PID"]),
        (["exec", "1", "--no-such"], ["--no-such"]),
        (["exec", "1", "-c"], ["-c", "value"]),
        (["exec", "1", os.path.join(folder, "none.py")], ["none.py", "No such file"]),
        (["exec", "1", folder], [folder, "is a directory", "hint", "-c CODE"]),
        (["exec", "--timeout", "x", "1", "-c", "1"], ["--timeout"]),
    ):
        result = pysample(*args)
        assert result.code == 2, result
        for word in words:
            assert word in result.err, (word, result)
    assert pysample("exec", "--help").code == 0


def test_no_python(spawn, pysample):
    child = spawn(["sleep", "1000"])
    result = pysample("exec", "--timeout", "1s", child.pid, "-c", "1")
    assert result.code == 3, result
