# SPDX-License-Identifier: MIT
"""exec by the door that CPython 3.14 and later have for it (PEP 768)."""

import os
import subprocess

import process
import pytest
from hosts import MARK, ended_well, host_in, run_in, under_way  # noqa: F401
from process import until


def test_an_audit_hook_that_refuses(door, host_in, run_in):
    child = under_way(host_in(door, "refusing", stderr=subprocess.DEVNULL))
    result = run_in(child, MARK.format(1))
    assert result.code == 4 and "audit hook" in result.err, result
    assert child.temporary() == []
    child.go()
    ran = child.said()["ran"]
    assert "cpython.remote_debugger_script" in ran and 1 not in ran, ran


def test_an_audit_hook_that_takes_its_time(door, host_in, run_in):
    """It has refused nothing as long as it is at work."""
    child = under_way(host_in(door, "slow_hook"))
    result = run_in(child, "print(1)", options=["--timeout", "10m"])
    assert (result.code, result.out) == (0, "1\n"), result
    ended_well(child)
    child = under_way(host_in(door, "slow_hook", stderr=subprocess.DEVNULL))
    result = run_in(child, MARK.format(1), options=["--timeout", "600ms"])
    # On a busy machine it may not have been picked up by then.
    assert result.code == 3 and "withdrawn and did not run" in result.err, result
    ended_well(child)


def test_an_audit_hook_that_is_not_seen_and_does_not_come_back(door, host_in, run_in):
    """Nobody knows whether it would refuse: so that is not what is said."""
    child = under_way(host_in(door, "held_hook", stderr=subprocess.DEVNULL))
    result = run_in(child, MARK.format(1), options=["--timeout", "1s"])
    assert result.code == 3 and "has not come back" in result.err, result
    assert "__cantrace__" in result.err and child.temporary() == [], result
    child.go()  # the hook
    ended_well(child)


def test_code_without_an_import_of_its_own(door, host_in, run_in):
    """Where such code is interrupted, the interpreter may fail to open the script; it is asked
    for again when other code runs."""
    child = host_in(door, "bare", stderr=subprocess.DEVNULL)
    for i in range(20):
        result = run_in(child, f"print({i})")
        assert (result.code, result.out) == (0, f"{i}\n"), result
    ended_well(child)


def test_threads_that_execute_are_preferred(door, host_in, run_in):
    child = host_in(door, "threads")
    process.until(lambda: process.waits_for_input(child.pid), "its main thread to wait")
    code = "import threading; print(threading.get_native_id())"
    for _ in range(5):
        result = run_in(child, code)
        assert result.code == 0 and int(result.out) != child.tid, result
    tids = [int(t) for t in os.listdir(f"/proc/{child.pid}/task") if int(t) != child.tid]
    for tid in tids:
        result = run_in(child, code, options=["--thread", tid])
        assert (result.code, result.out) == (0, f"{tid}\n"), result
    result = run_in(child, code, options=["--thread", "main", "--timeout", "300ms"])
    assert result.code == 3 and str(child.tid) in result.err, result
    ended_well(child)


def test_a_thread_that_ends_is_not_waited_for(door, host_in, pysample):
    child = host_in(door, "thread_ends")
    tid = child.said()["thread"]
    process.until(lambda: process.at_rest(child.pid), "its threads to wait")
    p = pysample.start("exec", "--timeout", "1h", "--thread", tid, child.pid, "-c", MARK.format(1))
    process.until(child.temporary, "the script to be laid down")
    process.sampling(p, 20)
    child.go()
    result = pysample.finish(p)
    assert result.code == 3 and f"thread {tid} of" in result.err, result
    assert "has ended" in result.err and "did not run" in result.err, result
    assert child.temporary() == []
    child.go()
    assert child.said()["ran"] == []


def test_threads_that_end_while_they_are_asked(door, host_in, run_in):
    """Another one is asked, and what had failed before is no failure."""
    child = host_in(door, "passing")
    for i in range(15):
        result = run_in(child, f"print({i})", options=["--timeout", "10m"])
        assert (result.code, result.out, result.err) == (0, f"{i}\n", ""), result
    ended_well(child)


def test_one_without_a_main_thread_that_waits(door, host_in, run_in):
    """The interpreter still lists the thread that has ended, and it is not the one to ask."""
    child = host_in(door, "without_main_idle")
    process.until(lambda: process.state(child.pid) == "Z", "its main thread to end")
    code = "import threading; print(threading.get_native_id())"
    result = run_in(child, code, options=["--timeout", "10m", "--wake"])
    assert result.code == 0 and int(result.out) != child.tid, result
    result = run_in(child, code, options=["--thread", "main"])
    assert result.code == 3 and f"thread {child.tid} of" in result.err, result
    assert "has ended" in result.err and "leave out --thread" in result.err, result
    child.go()
    said = child.said()
    assert said["ran"] == [] and said["same"], said
    assert child.wait() == 0


POOL = r"""
#include <pthread.h>
#include <stddef.h>
#include <unistd.h>
int PyGILState_Ensure(void);
void PyGILState_Release(int state);
void *PyObject_CallNoArgs(void *callable);
void PyErr_Clear(void);
static void *run(void *call)
{
	int state = PyGILState_Ensure();
	PyObject_CallNoArgs(call);
	PyErr_Clear();
	PyGILState_Release(state);
	for (;;)
		pause();
}
void begin(void *call)
{
	pthread_t thread;
	pthread_create(&thread, NULL, run, call);
}
"""


def test_a_thread_that_goes_back_to_c_is_not_waited_for(door, host_in, pysample, places):
    """It lives on, but the interpreter has forgotten it, and what was asked of it."""
    place = places(door)
    library = os.path.join(place.outside, "pool.so")
    gcc = ["gcc", "-shared", "-fPIC", "-pthread", "-x", "c", "-", "-o", library]
    subprocess.run(gcc, input=POOL.encode(), check=True)
    env = {"POOL": os.path.join(place.inside, "pool.so")}
    child = host_in(door, "thread_leaves", env=env, stderr=subprocess.DEVNULL)
    tid = child.said()["thread"]
    process.until(lambda: process.at_rest(child.pid), "its threads to wait")
    p = pysample.start("exec", "--timeout", "1h", "--thread", tid, child.pid, "-c", MARK.format(1))
    process.until(child.temporary, "the script to be laid down")
    process.sampling(p)
    child.go()
    result = pysample.finish(p)
    assert result.code == 3 and f"thread {tid} of" in result.err, result
    assert "left Python" in result.err and "leave out --thread" in result.err, result
    assert child.temporary() == []
    child.go()
    assert child.said()["ran"] == []


def test_scripts_that_overlap(door, host_in, pysample, places):
    """The first one ends before the second, whose streams stand upon its own."""
    child = host_in(door, "threads")
    place = places(door)
    process.until(lambda: process.waits_for_input(child.pid), "its threads to be there")
    running = []
    for tid in [t for t in os.listdir(f"/proc/{child.pid}/task") if int(t) != child.pid][:3]:
        gate = f"{os.path.basename(child.folder)}-{tid}"
        code = "import os, time; print('in', flush=True)\n"
        code += f"while not os.path.exists({os.path.join(place.inside, gate)!r}): time.sleep(0.01)"
        code += "\nprint('out')"
        p = pysample.start("exec", "--timeout", "10m", "--thread", tid, child.pid, "-c", code)
        assert p.stdout.read(3) == b"in\n"
        running.append((p, os.path.join(place.outside, gate)))
    assert len(running) == 3
    for p, gate in running:
        with open(gate, "w"):
            pass
        result = pysample.finish(p)
        assert (result.code, result.out) == (0, "out\n"), result
    ended_well(child)


def test_a_thread_that_waits_long_for_the_gil_is_not_said_to_have_refused(door, host_in, run_in):
    child = host_in(door, "crowd")
    for i in range(3):
        result = run_in(child, f"print({i})", options=["--timeout", process.PATIENCE])
        assert (result.code, result.out) == (0, f"{i}\n"), result
    ended_well(child)


def test_one_that_starts_up_is_waited_for(door, spawn, places, pysample):
    """At any moment of its start: it is the first thing that it is asked for."""
    place = places(door)
    code = "import sys, json, decimal; sys.stdin.read(); print('fine')"
    for _ in range(12):
        env = {**door.environment(), "TMPDIR": place.inside}
        child = spawn([*door.prefix(), door.path, "-B", "-c", code], env=env)
        result = pysample("exec", child.pid, "-c", "print(1)")
        # A wait for input cannot be interrupted: the script may have come too late, or the
        # request in the midst of a class of importlib's or namedtuple's own, ...
        assert result.code in (0, 3, 4), result
        child.popen.stdin.close()
        # ... but nothing may have happened to the program.
        assert child.line() == "fine"
        assert child.wait() == 0


def test_the_request_of_another_is_left_alone(door, host_in, run_in, pysample):
    child = host_in(door, "read")
    first = pysample.start("exec", "--timeout", "1h", child.pid, "-c", MARK.format("'first'"))
    process.until(child.temporary, "the first script to be laid down")
    process.sampling(first, 20)
    result = run_in(child, MARK.format("'ours'"), options=["--timeout", "300ms"])
    assert result.code == 3 and "another tool" in result.err, result
    assert len(child.temporary()) == 1
    child.go()
    assert pysample.finish(first).code == 0
    said = child.said()
    assert said["ran"] == ["first"] and said["same"], said


def test_other_interpreters(door, host_in, run_in):
    child = host_in(door, "interpreters")
    inside = child.said()
    code = (
        "import _interpreters, threading; "
        "print(_interpreters.get_current()[0], threading.get_native_id())"
    )
    for options in ([], ["--thread", inside["tid"]]):
        result = run_in(child, code, options=options)
        assert result.code == 0, result
        assert result.out == f"{inside['interpreter']} {inside['tid']}\n", result
    child.go()
    said = child.said()
    assert said["ran"] == [] and child.wait() == 0, said


def test_an_interpreter_that_is_being_made_is_not_asked(door, host_in, run_in):
    """Scripts would find no modules there."""
    child = host_in(door, "making_interpreters")
    for i in range(10):
        code = f"import sys; print({i}, sys.modules['__main__'].__name__)"
        result = run_in(child, code, options=["--timeout", "10m"])
        assert (result.code, result.out) == (0, f"{i} __main__\n"), result
    ended_well(child)


def test_what_runs_beside_is_not_disturbed(door, host_in, run_in, pysample, folder):
    child = host_in(door, "busy")
    path = os.path.join(folder, "beside.txt")
    p = pysample.start("record", child.pid, "-o", path, "-r", "1000")
    process.sampling(p)
    for i in range(20):
        assert run_in(child, MARK.format(i)).code == 0
    process.sampling(p)
    p.send_signal(2)
    result = pysample.finish(p)
    assert result.code == 0, result
    until(lambda: os.path.exists(path), "the recording")
    ended_well(child, *range(20))
