# SPDX-License-Identifier: MIT
"""What cannot be done is refused with the reason, the right exit code, and nothing lost."""

import os
import signal
import subprocess

import process
import pytest
from test_record import read

COMMANDS = ["record", "dump"]


@pytest.fixture
def refused(pysample, folder):
    """refused(code, words, *args): that it ends so, says so, and leaves no file."""

    def check(code, words, *args, **how):
        result = pysample(*args, cwd=folder, **how)
        assert result.code == code, result
        for word in words:
            assert word.lower() in result.err.lower(), (word, result)
        assert os.listdir(folder) == [], result
        return result

    return check


# Usage ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "args,words",
    [
        (["record", "1", "-r", "0"], ["-r", "0"]),
        (["record", "1", "-r", "1e9"], ["1e9"]),
        (["record", "1", "-r", "-5"], ["-5"]),
        (["record", "1", "-r", "fast"], ["fast"]),
        (["record", "1", "-r", "nan"], ["nan"]),
        (["record", "1", "-d", "-1"], ["-1"]),
        (["record", "1", "-d", "0"], ["-d"]),
        (["record", "1", "-d", "5x"], ["5x"]),
        (["record", "1", "-d", "1e99"], ["1e99"]),
        (["record", "1", "-f", "nonsense"], ["nonsense", "flamegraph", "collapsed"]),
        (["record", "1", "-o", "a.png"], ["a.png", "pictures", ".html", "collapsed"]),
        (["record", "-o", "a.cpuprofile", "--", "touch", "x"], ["a.cpuprofile", "-f"]),
        (["record", "1", "--no-such-option"], ["--no-such-option"]),
        (["record"], ["pid"]),
        (["record", "x12"], ["x12"]),
        (["record", "0"], ["0"]),
        (["record", "-1"], ["-1"]),
        (["record", "99999999999999999999"], ["99999999999999999999"]),
        (["record", "1", "2"], ["2"]),
        (["record", "1", "--", "python3"], []),
        (["record", "--"], []),
        (["dump"], ["pid"]),
        (["dump", "12a"], ["12a"]),
        (["nonsense"], ["nonsense"]),
        ([], ["usage"]),
    ],
    ids=lambda v: " ".join(v)[:40] if isinstance(v, list) else None,
)
def test_usage(args, words, refused):
    refused(2, words, *args)


def test_a_pid_alone_is_told_of_record(refused):
    refused(2, ["record 4242"], "4242")


@pytest.mark.parametrize("args", [["--help"], ["-h"], ["record", "--help"], ["dump", "-h"]])
def test_help_goes_to_standard_output(args, pysample):
    result = pysample(*args)
    assert result.code == 0 and result.err == "" and "usage" in result.out.lower(), result


def test_version(pysample):
    result = pysample("--version")
    assert result.code == 0 and result.out.startswith("pysample "), result


# Who ---------------------------------------------------------------------------------------


def gone():
    child = subprocess.Popen(["true"])
    child.wait()
    return child.pid


@pytest.mark.parametrize("command", COMMANDS)
def test_no_such_process(command, refused):
    pid = gone()
    refused(3, [f"no process {pid}"], command, pid)


@pytest.mark.parametrize("command", COMMANDS)
def test_not_a_python(command, spawn, refused):
    child = spawn(["sleep", "1000"])
    process.until(lambda: comm(child.pid) == "sleep", "sleep to start")
    refused(3, [str(child.pid), "python"], command, child.pid)
    assert process.state(child.pid) == "S"


def comm(pid):
    with open(f"/proc/{pid}/comm") as f:
        return f.read().strip()


@pytest.mark.parametrize("command", COMMANDS)
def test_a_python_that_is_not_read_yet_is_named(foreign, command, spawn, refused):
    code = "import os; os.write(1, b'ready\\n'); os.read(0, 1)"
    child = spawn([*foreign.prefix(), foreign.path, "-c", code], env=foreign.environment())
    assert child.line() == "ready"
    language = "{}.{}.{}".format(*foreign.version)
    words = ["PyPy", f"(Python {language})"]
    if foreign.implementation != "pypy":
        words = [f"CPython {language}"]
    refused(1, words, command, child.pid)


def test_kernel_thread_or_first_process(refused, pysample):
    result = pysample("dump", 2)  # kthreadd, or in a container whatever has that id
    assert result.code in (1, 3, 4) and result.err, result


@pytest.mark.parametrize("command", COMMANDS)
def test_a_zombie(command, refused):
    child = subprocess.Popen(["true"])
    try:
        process.until(lambda: process.state(child.pid) == "Z", "it to end")
        refused(3, [str(child.pid)], command, child.pid)
    finally:
        child.wait()


def test_itself(pysample):
    result = pysample("dump", before=["sh", "-c", 'exec "$0" "$1" $$'])
    assert result.code == 3, result


@pytest.mark.parametrize("short", [["-d", "1ns"], ["-d", "50ms", "-r", "0.001"]], ids=" ".join)
def test_no_time_for_a_single_sample(one, short, start, refused):
    child = start(one, "busy.py")
    child.said()
    words = [str(child.pid), "not one sample", "after its duration", "longer -d", "-r"]
    refused(3, words, "record", child.pid, *short, "-o", "out.txt")


# Permission --------------------------------------------------------------------------------

NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
NOBODY += ["--bounding-set=-all", "--inh-caps=-all"]


@pytest.fixture
def for_all(pysample, tmp_path_factory, folder):
    """The program where any user may run it."""
    import shutil
    import tempfile

    where = tempfile.mkdtemp(prefix="pysample-e2e-")
    os.chmod(where, 0o755)
    yield shutil.copy(pysample.program, os.path.join(where, "pysample"))
    shutil.rmtree(where)


@pytest.mark.parametrize("command", COMMANDS)
def test_another_users_process(python, command, start, for_all, refused):
    child = start(python, "plain.py")
    child.said()
    words = [str(child.pid), "user", "sudo"]
    refused(4, words, command, child.pid, before=NOBODY, program=for_all)


def as_nobody(python, place, script, *args):
    inner = os.path.join(place.inside, script)
    if python.root:
        return ["chroot", "--userspec=65534:65534", python.root, python.path, "-B", inner, *args]
    return [*NOBODY, python.path, "-B", inner, *args]


def test_ones_own_process_can_be_read(one, spawn, places, for_all, pysample):
    from test_dump import agree

    child = spawn(as_nobody(one, places(one), "plain.py"), env=one.environment())
    truth = child.said()
    agree(pysample("dump", child.pid, before=NOBODY, program=for_all), truth)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_process_that_is_not_dumpable(one, command, spawn, places, for_all, refused):
    child = spawn(as_nobody(one, places(one), "nodump.py"), env=one.environment())
    child.said()
    words = [str(child.pid), "dumpable", "sudo"]
    refused(4, words, command, child.pid, before=NOBODY, program=for_all)


def test_root_without_the_capability(one, start, spawn, places, for_all, refused):
    child = spawn(as_nobody(one, places(one), "plain.py"), env=one.environment())
    child.said()
    before = ["setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-all"]
    refused(4, ["CAP_SYS_PTRACE"], "dump", child.pid, before=before, program=for_all)


def test_causes_are_told_apart(one, start, spawn, places, for_all, pysample):
    others = start(one, "plain.py")
    others.said()
    undumpable = spawn(as_nobody(one, places(one), "nodump.py"), env=one.environment())
    undumpable.said()
    errors = set()
    for child in (others, undumpable):
        result = pysample("dump", child.pid, before=NOBODY, program=for_all)
        assert result.code == 4
        errors.add(result.err.replace(str(child.pid), "PID"))
    assert len(errors) == 2, errors


@pytest.mark.parametrize("error", ["EPERM", "EACCES", "ENOSYS", "EIO"])
def test_a_filter_that_forbids_the_fast_way(python, error, start, pysample):
    """As in containers: the slow way, by /proc/PID/mem, is taken instead."""
    import interpreters
    from test_dump import agree

    child = start(python, "plain.py")
    truth = child.said()
    launcher = os.path.join(interpreters.REPO, "tests/e2e/seccomp.py")
    result = pysample("dump", child.pid, before=["/usr/bin/python3", "-B", launcher, error])
    agree(result, truth)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("error", ["EPERM", "EACCES", "ENOSYS"])
def test_a_filter_that_forbids_ptrace(one, command, error, start, refused, pysample):
    """Reading works; only stopping it does not, and so it is told."""
    import interpreters

    child = start(one, "plain.py")
    child.said()
    launcher = os.path.join(interpreters.REPO, "tests/e2e/seccomp.py")
    before = ["/usr/bin/python3", "-B", launcher, f"{error}:ptrace"]
    env = dict(pysample.environment)
    env["ASAN_OPTIONS"] += ":detect_leaks=0"  # the leak check needs ptrace itself
    words = [f"stop process {child.pid}", "ptrace", "seccomp", "leave out --blocking"]
    refused(4, words, command, "--blocking", child.pid, before=before, env=env)
    assert process.state(child.pid) == "S"


# Hostile memory ----------------------------------------------------------------------------


def test_a_table_that_lies(python, start, pysample, folder):
    """Whatever the target says of itself: no crash, no hang, no endless output."""
    child = start(python, "hostile.py", 1)
    child.said()
    for _ in range(60):
        child.go()
        child.said()
        result = pysample("dump", child.pid)
        assert result.code in (0, 1, 3), result
        assert len(result.out) < 1 << 20
        assert result.code == 0 or result.err, result
    for i in range(10):
        child.go()
        child.said()
        file = os.path.join(folder, f"{i}.txt")
        result = pysample("record", child.pid, "-i", "-d", "50ms", "-o", file)
        assert result.code in (0, 1, 3), result


# Where to ----------------------------------------------------------------------------------


def test_a_folder_that_is_not_there(one, start, refused):
    child = start(one, "busy.py")
    child.said()
    refused(1, ["/no/such/folder", "No such file"], "record", child.pid, "-o", "/no/such/folder/x.txt")


def test_a_folder_that_may_not_be_written(one, spawn, places, for_all, pysample):
    child = spawn(as_nobody(one, places(one), "busy.py"), env=one.environment())
    child.said()
    result = pysample(
        "record", child.pid, "-o", "/usr/lib/x.txt", before=NOBODY, program=for_all
    )
    assert result.code == 1 and "ermission denied" in result.err, result
    assert "/usr/lib/x.txt" in result.err or "/usr/lib" in result.err


@pytest.mark.parametrize("blocking", [[], ["--blocking"]], ids=["reading", "blocking"])
def test_a_full_disk(one, blocking, start, pysample, folder):
    """A file system of one page: the end of the recording does not fit."""
    child = start(one, "names.py")
    child.said()
    somebodys = os.path.join(pysample.rescued, "out.html")
    with open(somebodys, "w") as f:
        f.write("another recording that was rescued")
    script = 'mount -t tmpfs -o size=4k none "$1" || exit 77; echo old >"$1/out.html"; shift; "$@"; s=$?;'
    script += ' cat "$D/out.html"; ls -A "$D"; exit $s'
    result = pysample(
        "record", child.pid, "-i", *blocking, "-d", "100ms", "-o", os.path.join(folder, "out.html"),
        before=["unshare", "--mount", "sh", "-c", script, "sh", folder],
        env={**pysample.environment, "D": folder},
    )
    assert result.code == 1 and "No space" in result.err, result
    assert read(somebodys) == "another recording that was rescued"
    (saved,) = set(os.listdir(pysample.rescued)) - {"out.html"}
    assert saved.endswith(".html")
    assert os.path.join(pysample.rescued, saved) in result.err
    assert read(os.path.join(pysample.rescued, saved)).rstrip().endswith("</html>")
    assert result.out == "old\nout.html\n", "the old file, and nothing half-written"


def test_standard_output_that_takes_nothing(one, start, pysample):
    child = start(one, "busy.py")
    child.said()
    with open("/dev/full", "wb") as full:
        result = pysample(
            "record", child.pid, "-d", "100ms", "-f", "collapsed", "-o", "-", stdout=full
        )
    assert result.code == 1 and "No space" in result.err, result
    with open("/dev/full", "wb") as full:
        result = pysample("dump", child.pid, stdout=full)
    assert result.code == 1 and "No space" in result.err, result


def test_a_reader_that_went_away(one, start, pysample):
    child = start(one, "busy.py")
    child.said()
    reading, writing = os.pipe()
    os.close(reading)
    result = pysample("record", child.pid, "-d", "100ms", "-f", "collapsed", "-o", "-", stdout=writing)
    os.close(writing)
    assert result.code in (1, -signal.SIGPIPE), result


def test_no_more_memory_for_files(one, start, pysample, folder):
    """A limit on the size of files stops the writing, and nothing half is left."""
    child = start(one, "names.py")
    child.said()
    file = os.path.join(folder, "out.html")
    with open(file, "w") as f:
        f.write("old")
    script = 'trap "" XFSZ; ulimit -f 8; exec "$0" "$@"'
    result = pysample(
        "record", child.pid, "-i", "-d", "100ms", "-o", file, before=["bash", "-c", script]
    )
    assert result.code == 1 and "arge" in result.err, result
    assert read(file) == "old" and os.listdir(folder) == ["out.html"]


def test_killed_it_leaves_the_old_file(one, start, pysample, folder):
    child = start(one, "busy.py")
    child.said()
    file = os.path.join(folder, "out.txt")
    with open(file, "w") as f:
        f.write("old")
    p = pysample.start("record", child.pid, "-o", file)
    process.sampling(p)
    p.kill()
    p.communicate()
    assert read(file) == "old"
