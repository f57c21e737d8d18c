# SPDX-License-Identifier: MIT
"""The interpreter is found wherever it is and whatever it is called."""

import json
import os
import re
import shutil
import signal
import subprocess
import time

import elf
import expect
import process
import pytest
from test_dump import agree
from test_record import read
from test_refused import NOBODY, as_nobody, for_all  # noqa: F401


@pytest.fixture
def copied(start, places):
    """copied(python, script, change) → (Child, Copy); the target runs in the copy."""

    def run(python, change=None, script="plain.py"):
        copy = elf.Copy(python, places(python), change)
        return start(python, script, path=copy.path, env=copy.environment), copy

    return run


@pytest.mark.parametrize(
    "change",
    [None, elf.strip, elf.without_section_headers, elf.without_section_headers_and_symbol],
    ids=lambda c: c.__name__ if c else "renamed",
)
def test_copies_that_tell_little(python, change, copied, pysample):
    child, copy = copied(python, change)
    truth = child.said()
    copy.change_late()
    agree(pysample("dump", child.pid), truth)


@pytest.mark.parametrize("change", [None, elf.without_section_headers_and_symbol], ids=["", "bare"])
def test_deleted_while_it_runs(python, change, copied, pysample):
    child, copy = copied(python, change)
    truth = child.said()
    copy.change_late()
    for file in copy.files:
        os.unlink(file)
    agree(pysample("dump", child.pid), truth)


def test_replaced_by_an_upgrade(python, copied, pysample):
    child, copy = copied(python)
    truth = child.said()
    for file in copy.files:
        shutil.copy("/bin/true", file + ".new")
        os.rename(file + ".new", file)
    agree(pysample("dump", child.pid), truth)


def only_child(pid):
    def find():
        with open(f"/proc/{pid}/task/{pid}/children") as f:
            return [int(c) for c in f.read().split()]

    return process.until(find, f"a child of {pid}")[0]


def inner_ids(pid):
    """Thread ids as the target sees them → as we do."""
    ids = {}
    for tid in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{tid}/status") as f:
            (line,) = [line for line in f if line.startswith("NSpid:")]
        ids[int(line.split()[-1])] = int(tid)
    return ids


@pytest.mark.parametrize("threads", [4, 500])
def test_in_other_namespaces(python, threads, start, pysample, folder):
    """A container, in short: its own processes, its own mounts, its own ids."""
    before = ["unshare", "--pid", "--mount", "--fork", "--kill-child"]
    child = start(python, "threads.py", threads, before=before)
    truth = child.said()
    pid = only_child(child.pid)
    child.others.append(pid)
    assert truth["pid"] == 1
    ids = inner_ids(pid)
    for t in truth["threads"]:
        t["tid"] = ids[t["tid"]]
    agree(pysample("dump", pid), truth)
    file = os.path.join(folder, "out.txt")
    result = pysample("record", pid, "-d", "300ms", "-r", "50", "-it", "-o", file)
    assert result.code == 0, result
    seen = {s.partition(")")[0] for s in expect.collapsed(read(file))}
    assert seen == {f"thread ({t['tid']}" for t in truth["threads"]}


def test_cpu_time_of_threads_in_another_pid_namespace(python, start, pysample, folder):
    before = ["unshare", "--pid", "--mount", "--fork", "--kill-child"]
    child = start(python, "busy.py", before=before)
    child.said()
    pid = only_child(child.pid)
    child.others.append(pid)
    file = os.path.join(folder, "out.txt")
    result = pysample("record", pid, "-d", "200ms", "-o", file)
    assert result.code == 0, result
    assert expect.collapsed(read(file))


EMBEDDER = r"""
#include <stdio.h>
int Py_BytesMain(int argc, char **argv);
void Py_Initialize(void);
int PyRun_SimpleString(const char *);
int main(int argc, char **argv)
{
	static char text[4096];
	if (argc == 3 && argv[1][0] == 's') {
		Py_Initialize();
		snprintf(text, sizeof text, "import sys\nsys.path.insert(0, '%s')\nimport plain\n",
			 argv[2]);
		return PyRun_SimpleString(text);
	}
	return Py_BytesMain(argc, argv);
}
"""


def libraries(python):
    where = (python.root or "") + python.home
    name = "libpython{}.{}.so.1.0".format(*python.version)
    found = subprocess.run(
        ["find", "-L", os.path.join(where, "lib"), "-maxdepth", "2", "-name", name],
        capture_output=True,
        text=True,
    ).stdout.split()
    return found[:1]


class Embedder:
    """A program linked with an interpreter's library."""

    def __init__(self, python, library, place):
        program = os.path.join(place.outside, "server")
        with open(program + ".c", "w") as f:
            f.write(EMBEDDER)
        subprocess.run(
            ["gcc", "-o", program, program + ".c", library, "-Wl,--unresolved-symbols=ignore-all"],
            check=True,
        )
        folder = os.path.dirname(library)[len(python.root or "") :]
        self.argv = [*python.prefix(), os.path.join(place.inside, "server")]
        self.env = {**python.environment(), "LD_LIBRARY_PATH": folder, "PYTHONHOME": python.home}


@pytest.fixture
def embedders(places):
    """(embedder, place) of each interpreter that comes with its library; one at least must."""
    from conftest import FOUND

    found = [(i, lib) for i in FOUND if i.supported for lib in libraries(i)]
    assert found, "no interpreter has its libpython"
    return [(Embedder(i, lib, places(i)), places(i)) for i, lib in found]


def test_embedded_in_a_program_of_another_name(embedders, spawn, pysample):
    for embedder, place in embedders:
        for args in (["-B", os.path.join(place.inside, "plain.py")], ["s", place.inside]):
            child = spawn([*embedder.argv, *args], env=embedder.env)
            truth = child.said()
            agree(pysample("dump", child.pid), truth)


# In start-up ------------------------------------------------------------------------------


def looked(popen):
    """It has found no Python yet and waits, or it has ended."""
    return popen.poll() is not None or (process.slept(popen.pid) or 0) >= 5


def feed(fifo):
    """Lets go who waits to read it, with nothing to read."""
    os.close(os.open(fifo, os.O_WRONLY))


@pytest.fixture
def starting(start, places):
    """starting(python) → (Child, FIFO): in the dynamic loader, before any of Python runs.
    It waits there for a preloaded file, until it is fed."""

    def begin(python):
        place = places(python)
        fifo = os.path.join(place.outside, "preload.fifo")
        if not os.path.exists(fifo):
            os.mkfifo(fifo)
        inside = os.path.join(place.inside, "preload.fifo")
        env = {**python.environment(), "LD_PRELOAD": inside}
        child = start(python, "plain.py", env=env, stderr=subprocess.DEVNULL)
        name = os.path.basename(python.real)
        process.until(
            lambda: os.readlink(f"/proc/{child.pid}/exe").endswith(name), "the program to start"
        )
        return child, fifo

    return begin


def test_caught_before_python_is_there_it_is_waited_for(python, starting, pysample, folder):
    child, fifo = starting(python)
    file = os.path.join(folder, "out.txt")
    recorder = pysample.start("record", child.pid, "-i", "-o", file)
    dumper = pysample.start("dump", child.pid)
    for p in (recorder, dumper):
        process.until(lambda p=p: looked(p), "pysample to look")
        assert p.poll() is None, pysample.finish(p)
    feed(fifo)
    truth = child.said()
    assert pysample.finish(dumper).code == 0
    process.sampling(recorder)
    recorder.send_signal(signal.SIGINT)
    result = pysample.finish(recorder)
    assert result.code == 0, result
    assert expect.stack(truth["threads"][0]["frames"]) in expect.collapsed(read(file)), result


def age(pid):
    """Seconds since its start."""
    with open(f"/proc/{pid}/stat") as f:
        ticks = int(f.read().rpartition(")")[2].split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")


def test_a_loader_that_takes_long_to_come_to_libpython_is_waited_for(embedders, spawn, pysample):
    """It is no young program any more, but one that is linked with a Python."""
    embedder, place = embedders[0]
    fifo = os.path.join(place.outside, "server.fifo")
    os.mkfifo(fifo)
    env = {**embedder.env, "LD_PRELOAD": os.path.join(place.inside, "server.fifo")}
    argv = [*embedder.argv, "-B", os.path.join(place.inside, "plain.py")]
    child = spawn(argv, env=env, stderr=subprocess.DEVNULL)
    process.until(lambda: comm(child.pid) == "server" and age(child.pid) > 2.5, "it to age")
    p = pysample.start("dump", child.pid)
    process.until(lambda: looked(p), "pysample to look")
    assert p.poll() is None, pysample.finish(p)
    feed(fifo)
    child.said()
    result = pysample.finish(p)
    assert result.code == 0 and "Thread " in result.out, result


def test_caught_while_python_reads_its_configuration(python, start, places, pysample, folder):
    copy = elf.Copy(python, places(python))
    fifo = os.path.join(copy.folder, "pyvenv.cfg")
    os.mkfifo(fifo)
    env = {k: v for k, v in copy.environment.items() if k != "PYTHONHOME"}
    child = start(python, "plain.py", path=copy.path, env=env)
    file = os.path.join(folder, "out.txt")
    p = pysample.start("record", child.pid, "-i", "-o", file)
    process.until(lambda: looked(p), "pysample to look")
    assert p.poll() is None, pysample.finish(p)
    feed(fifo)
    truth = child.said()
    process.sampling(p)
    p.send_signal(signal.SIGINT)
    result = pysample.finish(p)
    assert result.code == 0, result
    assert expect.stack(truth["threads"][0]["frames"]) in expect.collapsed(read(file)), result


def test_a_program_that_dies_in_start_up(one, starting, pysample):
    child, _ = starting(one)
    p = pysample.start("dump", child.pid)
    process.until(lambda: looked(p), "pysample to look")
    process.kill(child.pid)
    child.popen.wait()
    result = pysample.finish(p)
    assert result.code == 3, result


# exec -------------------------------------------------------------------------------------


def test_another_program_of_the_same_pid_is_followed(python, start, pysample, folder):
    child = start(python, "execs.py", "python")
    first = expect.stack(child.said()["threads"][0]["frames"])
    file = os.path.join(folder, "out.txt")
    p = pysample.start("record", child.pid, "-i", "-o", file)
    process.sampling(p)
    child.go()
    second = expect.stack(child.said()["threads"][0]["frames"])
    process.sampling(p, 300)
    p.send_signal(signal.SIGINT)
    result = pysample.finish(p)
    assert result.code == 0, result
    stacks = expect.collapsed(read(file))
    assert first in stacks and second in stacks, result


def test_python_again_after_a_shell(one, start, pysample, folder):
    child = start(one, "execs.py", "shell")
    first = expect.stack(child.said()["threads"][0]["frames"])
    file = os.path.join(folder, "out.txt")
    p = pysample.start("record", child.pid, "-i", "-o", file)
    process.sampling(p)
    child.go()
    process.until(
        lambda: open(f"/proc/{child.pid}/comm").read().strip() == "sh", "the shell to start"
    )
    child.go()
    second = expect.stack(child.said()["threads"][0]["frames"])
    process.sampling(p, 300)
    p.send_signal(signal.SIGINT)
    result = pysample.finish(p)
    assert result.code == 0, result
    stacks = expect.collapsed(read(file))
    assert first in stacks and second in stacks, result


def test_a_program_that_is_no_python_any_more_keeps_what_was_seen(one, start, pysample, folder):
    child = start(one, "execs.py", "sleep")
    first = expect.stack(child.said()["threads"][0]["frames"])
    file = os.path.join(folder, "out.txt")
    p = pysample.start("record", child.pid, "-i", "-o", file)
    process.sampling(p)
    child.go()
    process.until(
        lambda: open(f"/proc/{child.pid}/comm").read().strip() == "sleep", "sleep to start"
    )
    process.kill(child.pid)
    result = pysample.finish(p)
    assert result.code == 0, result
    stacks = expect.collapsed(read(file))
    assert first in stacks and all("execs.py" in s for s in stacks), stacks


def comm(pid):
    with open(f"/proc/{pid}/comm") as f:
        return f.read().strip()


@pytest.fixture
def replaced(start, pysample, folder):
    """replaced(python, argv, *options) → (Popen, stack, file) of a recording whose target has
    just become another program."""

    def run(python, argv, name, *options, child=None, output="out", **how):
        child = child or start(python, "execs.py", *argv)
        first = expect.stack(child.said()["threads"][0]["frames"])
        file = os.path.join(folder, output + ".txt")
        p = pysample.start("record", child.pid, "-i", "-o", file, *options, **how)
        process.sampling(p, or_ended="-d" in options)
        child.go()
        process.until(lambda: comm(child.pid) == name, f"{name} to start")
        return p, first, file

    return run


PATIENCE = 10  # seconds that a program is given to become a Python again


def duration(result):
    return float(re.search(r"Duration: ([\d.]+) s", result.err)[1])


def test_what_becomes_no_python_and_stays_so_is_given_up(one, replaced, pysample):
    recordings = []
    for name, options in ("reading", []), ("blocking", ["--blocking"]):
        began = time.monotonic()
        recordings.append((began, *replaced(one, ["sleep"], "sleep", *options, output=name)))
    for began, p, first, file in recordings:
        result = pysample.finish(p)
        lasted = time.monotonic() - began
        assert result.code == 0, result
        assert first in expect.collapsed(read(file))
        words = "ended when the target became another program (sleep), which is no Python"
        assert words in result.err, result
        assert duration(result) <= lasted - PATIENCE, "waiting for it is no part of it"


def ended_while_waiting(one, end, seconds, replaced, pysample):
    """None: its duration was over before the target became another program."""
    options = ["-d", seconds] if end == "duration" else []
    p, first, file = replaced(one, ["sleep"], "sleep", "-v", *options, bufsize=0)
    while b"replaced its program by sleep; following it" not in (line := p.stderr.readline()):
        if not line and end == "duration":
            return None
        assert line, "it ended without a word of exec"
    if end == "signal":
        p.send_signal(signal.SIGINT)
    elif end == "target":
        process.kill(int(p.args[p.args.index("record") + 1]))
    result = pysample.finish(p)
    assert first in expect.collapsed(read(file))
    return result


@pytest.mark.parametrize("end", ["duration", "signal", "target"])
def test_why_it_ended_while_it_was_waited_for(one, end, replaced, pysample):
    for seconds in (1, 2, 4, 8):
        result = ended_while_waiting(one, end, seconds, replaced, pysample)
        if result:
            break
    assert result, "in eight seconds it did not become another program"
    assert result.code == 0, result
    words = {"duration": "after its duration", "signal": "by a signal", "target": "with the target"}
    assert f"ended {words[end]}; from " in result.err, result
    assert " s on the target was another program (sleep)" in result.err, result
    # What it was waited for is not called late.
    since = float(re.search(r"from ([\d.]+) s on", result.err)[1])
    skipped = int(re.search(r"(\d+) skipped because late", result.err)[1])
    assert skipped <= since * 1000 + 1, result


def test_what_becomes_a_python_that_is_not_read_is_saved_and_said(
    foreign_beside, replaced, pysample
):
    from conftest import FOUND

    foreign = foreign_beside
    python = next(i for i in FOUND if i.supported and i.root == foreign.root)
    argv = [foreign.path, "-c", "import time; time.sleep(1000)"]
    p, first, file = replaced(python, argv, os.path.basename(foreign.path)[:15])
    result = pysample.finish(p)
    assert result.code == 1, result
    assert first in expect.collapsed(read(file))
    assert "ended when the target became another program (" in result.err, result
    name = "PyPy" if foreign.implementation == "pypy" else "CPython "
    assert name in result.err and "replaced its program" in result.err, result
    assert f"Wrote collapsed: {file}" in result.err, result


def test_what_becomes_a_program_that_may_not_be_read(one, spawn, places, for_all, replaced, pysample):
    """One that its user may run but not read is not dumpable."""
    place = places(one)
    secret = os.path.join(place.outside, "secret")
    shutil.copy((one.root or "") + "/bin/sleep", secret)
    os.chmod(secret, 0o711)
    script = ["execs.py", os.path.join(place.inside, "secret"), "1000"]
    child = spawn(as_nobody(one, place, *script), env=one.environment())
    p, first, file = replaced(one, [], "secret", child=child, before=NOBODY, program=for_all)
    result = pysample.finish(p)
    assert result.code == 4, result
    assert first in expect.collapsed(read(file))
    assert "not dumpable" in result.err and "(secret)" in result.err, result


def test_a_pid_that_another_python_got(one, places, pysample, folder):
    """The pid's new owner is not mistaken for the old one."""
    import interpreters

    place = places(one)
    file = os.path.join(folder, "out.txt")
    helper = os.path.join(interpreters.REPO, "tests/e2e/reuse.py")
    run = subprocess.run(
        ["unshare", "--pid", "--fork", "--mount", "--mount-proc", "--kill-child"]
        + ["/usr/bin/python3", "-B", helper, pysample.program, "record", "PID", "-o", file, "--"]
        + [*one.prefix(), one.path, "-B", os.path.join(place.inside, "busy.py")],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=one.environment(),
        timeout=process.PATIENCE,
    )
    said = json.loads(run.stdout)
    assert said["same"] and said["code"] == 0, (said, run.stderr)
    assert all("work (" in s for s in expect.collapsed(read(file))), said
