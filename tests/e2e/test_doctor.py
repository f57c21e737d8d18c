# SPDX-License-Identifier: MIT
"""pysample doctor says what is in the way, and nothing that is not; and every other command
says the same where it is refused."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios

import elf
import interpreters
import process
import pytest
from test_refused import NOBODY, as_nobody, for_all, gone  # noqa: F401: for_all is a fixture

E2E = os.path.join(interpreters.REPO, "tests/e2e")
PYTHON = "/usr/bin/python3"


class Report:
    def __init__(self, result):
        self.result, self.code = result, result.code
        self.data = json.loads(result.out) if result.out else {}
        self.checks = {c["check"]: c for c in self.data.get("checks", [])}

    def verdict(self, check):
        return self.checks[check]["verdict"]

    def bad(self):
        return [c["check"] for c in self.data["checks"] if c["verdict"] == "no"]

    def says(self, check, verdict, *words):
        c = self.checks[check]
        assert c["verdict"] == verdict, (c, self.result)
        for word in words:
            assert word in c["text"] + " " + c.get("hint", ""), (word, c)

    def __repr__(self):
        return repr(self.result)


@pytest.fixture
def doctor(pysample):
    """doctor(pid) → Report; the text for people says the same and ends the same."""

    def examine(pid, **how):
        report = Report(pysample("doctor", "--json", pid, **how))
        text = pysample("doctor", pid, **how)
        assert text.code == report.code, (text, report)
        assert "Sanitizer" not in text.err
        for check in report.checks.values():
            assert check["text"], check
            if check["check"] != "process":  # it runs, and then it sleeps
                assert check["text"] in text.out, (check, text)
        return report

    return examine


def language(python):
    return "{}.{}.{}".format(*python.version)


# What is well --------------------------------------------------------------------------------


def test_nothing_is_in_the_way_of_root(python, start, doctor):
    child = start(python, "threads.py", 5)
    child.said()
    report = doctor(child.pid)
    assert report.code == 0 and report.bad() == [], report
    assert report.data["sample"] and report.data["exec"]
    assert report.data["python"].startswith(f"CPython {language(python)}"), report
    report.says("process", "ok", "6 threads")
    report.says("memory", "ok", "process_vm_readv")
    report.says("interpreter", "ok", "section")
    report.says("mount namespace", "ok", os.path.realpath(python.root) if python.root else "the same")


def test_nothing_is_in_the_way_of_the_same_user(one, spawn, places, for_all, doctor):
    child = spawn(as_nobody(one, places(one), "plain.py"), env=one.environment())
    child.said()
    report = doctor(child.pid, before=NOBODY, program=for_all)
    assert report.code == 0 and report.bad() == [], report
    report.says("user", "ok", "user 65534, as pysample does")
    report.says("dumpable", "ok", "yes")
    assert report.data["sample"]


def test_pythons_that_are_not_read_yet(foreign, spawn, doctor):
    code = "import os; os.write(1, b'ready\\n'); os.read(0, 1)"
    child = spawn([*foreign.prefix(), foreign.path, "-c", code], env=foreign.environment())
    assert child.line() == "ready"
    report = doctor(child.pid)
    assert report.code == 1 and not report.data["sample"], report
    report.says("version", "no", "cannot sample this one yet")
    if foreign.implementation == "pypy":
        report.says("interpreter", "ok", "PyPy ", f"(Python {language(foreign)})")
        assert report.data["exec"] == foreign.executable, report
        report.says("way in", "ok" if foreign.executable else "no")
    else:
        report.says("interpreter", "ok", f"CPython {language(foreign)}")
        report.says("way in", *(("ok", "pending calls") if foreign.executable else ("no",)))
        assert report.data["exec"] == foreign.executable, report
        assert report.bad() == ["version", *([] if foreign.executable else ["way in"])], report


# Which process -------------------------------------------------------------------------------


def test_no_python(spawn, doctor):
    child = spawn(["sleep", "1000"])
    process.until(lambda: os.readlink(f"/proc/{child.pid}/exe").endswith("sleep"), "sleep to start")
    report = doctor(child.pid)
    assert report.code == 3 and not report.data["sample"] and not report.data["exec"], report
    assert report.bad() == ["interpreter"]
    assert process.state(child.pid) == "S"


def test_nobody(pysample):
    pid = gone()
    result = pysample("doctor", pid)
    assert result.code == 3 and f"no process {pid}" in result.err and not result.out, result


def test_a_zombie(pysample):
    child = subprocess.Popen(["true"])
    try:
        process.until(lambda: process.state(child.pid) == "Z", "it to end")
        result = pysample("doctor", child.pid)
        assert result.code == 3 and "zombie" in result.err, result
    finally:
        child.wait()


def test_a_main_thread_that_has_ended(one, start, doctor):
    child = start(one, "zombie.py")
    child.said()
    process.until(lambda: process.state(child.pid) == "Z", "the main thread to end")
    report = doctor(child.pid)
    assert report.code == 0 and report.data["sample"], report
    report.says("process", "note", "main one ended")


def test_a_thread_is_no_process(one, start, pysample):
    child = start(one, "threads.py", 2)
    child.said()
    tid = max(map(int, os.listdir(f"/proc/{child.pid}/task")))
    result = pysample("doctor", tid)
    assert result.code == 2 and str(child.pid) in result.err, result


# Permission ----------------------------------------------------------------------------------


def test_another_users_process(one, start, for_all, doctor):
    child = start(one, "plain.py")
    child.said()
    report = doctor(child.pid, before=NOBODY, program=for_all)
    assert report.code == 4 and report.bad()[0] == "user", report
    report.says("user", "no", "user 0, you are user 65534", "sudo")
    report.says("security module", "unknown", "refused before")
    report.says("interpreter", "unknown", "not looked at")


def test_another_group(one, spawn, places, for_all, doctor):
    group = ["setpriv", "--reuid=65534", "--regid=1", "--clear-groups", "--bounding-set=-all"]
    argv = as_nobody(one, places(one), "plain.py")
    argv = [*group, *argv[argv.index(one.path) :]] if not one.root else [
        "chroot", "--userspec=65534:1", *argv[2:]
    ]
    child = spawn(argv, env=one.environment())
    child.said()
    report = doctor(child.pid, before=NOBODY, program=for_all)
    assert report.code == 4 and report.bad()[0] == "user", report
    report.says("user", "no", "group")


def test_a_process_that_is_not_dumpable(one, spawn, places, for_all, doctor):
    child = spawn(as_nobody(one, places(one), "nodump.py"), env=one.environment())
    child.said()
    report = doctor(child.pid, before=NOBODY, program=for_all)
    assert report.code == 4 and report.bad()[0] == "dumpable", report
    report.says("user", "ok")
    assert doctor(child.pid).code == 0, "root may"


def test_root_without_the_capability(one, spawn, places, for_all, doctor):
    child = spawn(as_nobody(one, places(one), "plain.py"), env=one.environment())
    child.said()
    before = ["setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-all"]
    report = doctor(child.pid, before=before, program=for_all)
    assert report.code == 4 and report.bad()[0] == "user", report
    report.says("user", "no", "CAP_SYS_PTRACE", "--cap-add=SYS_PTRACE")


def test_capabilities_that_pysample_lacks(one, spawn, places, for_all, doctor, pysample):
    place = places(one)
    inside = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    inside += ["--inh-caps=+net_raw", "--ambient-caps=+net_raw"]
    argv = [*inside, one.path, "-B", os.path.join(place.inside, "plain.py")]
    child = spawn([*one.prefix(), *argv], env=one.environment())
    child.said()
    report = doctor(child.pid, before=NOBODY, program=for_all)
    assert report.code == 4 and report.bad()[0] == "capabilities", report
    report.says("dumpable", "ok")
    result = pysample("dump", child.pid, before=NOBODY, program=for_all)
    assert result.code == 4 and "capabilities" in result.err, result


def in_user_namespace(one, place, uid):
    inner = os.path.join(place.inside, "plain.py")
    argv = ["chroot", one.root] if one.root else []
    return [PYTHON, "-B", os.path.join(E2E, "userns.py"), str(uid), *which(argv), one.path, "-B", inner]


def which(argv):
    """execv() looks for nothing."""
    return ["/usr/sbin/" + argv[0], *argv[1:]] if argv else []


def test_a_user_namespace_of_somebody_else(one, spawn, places, for_all, doctor, pysample):
    child = spawn(in_user_namespace(one, places(one), 65534), env=one.environment())
    child.said()
    report = doctor(child.pid, before=NOBODY, program=for_all)
    assert report.code == 4 and report.bad()[0] == "user namespace", report
    report.says("user", "ok")
    result = pysample("dump", child.pid, before=NOBODY, program=for_all)
    assert result.code == 4 and "user namespace" in result.err and "sudo" in result.err, result
    report = doctor(child.pid)
    assert report.code == 0 and report.bad() == [], report
    report.says("user namespace", "ok", "inside pysample's")


def test_a_user_namespace_of_ones_own(one, spawn, places, for_all, doctor):
    """As of a container without root: whoever made it may look into it."""
    inner = [*which(one.prefix()), one.path, "-B", os.path.join(places(one).inside, "plain.py")]
    child = spawn([*NOBODY, "unshare", "--user", "--map-root-user", *inner], env=one.environment())
    child.said()
    report = doctor(child.pid, before=NOBODY, program=for_all)
    report.says("user namespace", "ok", "who made it")
    assert report.code == 0 and report.bad() == [], report


def test_out_of_a_user_namespace(one, start, for_all, doctor, pysample):
    child = start(one, "plain.py")
    child.said()
    before = ["unshare", "--user", "--map-root-user"]
    report = doctor(child.pid, before=before, program=for_all)
    assert report.code == 4 and report.bad()[0] == "user namespace", report
    report.says("user namespace", "no", "do not count", f"nsenter -t {child.pid}")
    result = pysample("record", child.pid, before=before, program=for_all, cwd="/tmp")
    assert result.code == 4 and "user namespace" in result.err, result


HIDING = 'mount -t proc -o hidepid=2 proc /proc || exit 77; exec "$@"'


def test_a_proc_that_hides_others(one, start, for_all, doctor, pysample):
    child = start(one, "plain.py")
    child.said()
    before = ["unshare", "--mount", "sh", "-c", HIDING, "sh", *NOBODY]
    report = doctor(child.pid, before=before, program=for_all)
    assert report.code == 4 and report.bad()[0] == "visible", report
    report.says("visible", "no", "hidepid", "sudo")
    result = pysample("dump", child.pid, before=before, program=for_all)
    assert result.code == 4 and "hidepid" in result.err, result
    result = pysample("dump", gone(), before=before, program=for_all)
    assert result.code == 3 and "no process" in result.err, result


def test_the_proc_of_another_pid_namespace(one, start, doctor, pysample):
    child = start(one, "plain.py")
    child.said()
    before = ["unshare", "--pid", "--fork", "--kill-child"]
    report = doctor(child.pid, before=before)
    assert report.code == 4 and report.bad()[0] == "/proc", report
    result = pysample("dump", child.pid, before=before)
    assert result.code == 4 and "mount -t proc" in result.err, result


def test_filters_of_system_calls(one, start, doctor, pysample):
    child = start(one, "plain.py")
    child.said()
    launcher = [PYTHON, "-B", os.path.join(E2E, "seccomp.py")]
    for error in ("EPERM", "EACCES", "ENOSYS"):
        report = doctor(child.pid, before=[*launcher, error])
        assert report.code == 0 and report.bad() == [], report
        report.says("memory", "note", "as a file only", "seccomp")
        report.says("seccomp", "ok", "pysample: a filter")
    # The leak check of a sanitized build needs ptrace itself.
    environment = dict(pysample.environment)
    environment["ASAN_OPTIONS"] += ":detect_leaks=0"
    report = doctor(child.pid, before=[*launcher, "EPERM:ptrace"], env=environment)
    assert report.code == 0 and report.bad() == ["ptrace"], report
    assert report.data["sample"] and not report.data["exec"]
    report = doctor(child.pid, before=[*launcher, "EPERM:process_vm_writev"])
    report.says("writing", "note", "as a file only")


# Around it -----------------------------------------------------------------------------------


def only_child(pid):
    def find():
        with open(f"/proc/{pid}/task/{pid}/children") as f:
            return [int(c) for c in f.read().split()]

    return process.until(find, f"a child of {pid}")[0]


def test_in_other_namespaces(python, start, doctor):
    before = ["unshare", "--pid", "--mount", "--fork", "--kill-child"]
    child = start(python, "plain.py", before=before)
    child.said()
    pid = only_child(child.pid)
    child.others.append(pid)
    report = doctor(pid)
    assert report.code == 0 and report.bad() == [], report
    report.says("pid namespace", "ok", "process 1;")
    report.says("mount namespace", "ok", "another than pysample's")


def traced_by(pid):
    with open(f"/proc/{pid}/status") as f:
        return int(re.search(r"^TracerPid:\s+(\d+)", f.read(), re.M).group(1))


def test_beside_another_tracer(one, start, pysample, doctor, folder):
    child = start(one, "busy.py")
    child.said()
    p = pysample.start("record", "--blocking", "-r", "10", "-o", f"{folder}/x.txt", child.pid)
    process.until(lambda: traced_by(child.pid) == p.pid, "it to be traced")
    report = doctor(child.pid)
    p.send_signal(signal.SIGINT)
    pysample.finish(p)
    assert report.code == 0 and report.bad() == ["tracer"], report
    report.says("tracer", "no", f"process {p.pid}")
    assert report.data["sample"] and not report.data["exec"]


def test_a_stopped_process(one, start, doctor):
    child = start(one, "stopped.py")
    child.said()
    process.until(lambda: process.state(child.pid) == "T", "it to stop")
    report = doctor(child.pid)
    assert report.code == 0 and report.bad() == [], report
    report.says("at work", "note", f"kill -CONT {child.pid}")
    assert process.state(child.pid) == "T"


# Remote debugging ----------------------------------------------------------------------------


def has_door(python):
    return python.version >= (3, 14)


VARIABLE = "PYTHON_DISABLE_REMOTE_DEBUG"


@pytest.mark.parametrize(
    "options,value,says",
    [
        ([], None, None),
        (["-X", "disable-remote-debug"], None, "-X disable-remote-debug"),
        (["-IXdisable-remote-debug"], "1", "-X disable-remote-debug"),
        (["-X", "disable_remote_debug"], None, None),
        ([], "1", VARIABLE),
        ([], "", "though it is empty"),
        (["-E"], "1", None),
        (["-I"], "1", None),
    ],
    ids=str,
)
def test_switched_off_at_the_start(python, options, value, says, spawn, doctor):
    """The interpreter itself says whether that switched it off."""
    code = "import os, sys; f = getattr(sys, 'is_remote_debug_enabled', lambda: 1);"
    code += " os.write(1, b'%d\\n' % f()); os.read(0, 1)"
    env = {**python.environment(), **({} if value is None else {VARIABLE: value})}
    child = spawn([*python.prefix(), python.path, *options, "-c", code], env=env)
    enabled = child.line() == "1"
    assert enabled == (says is None or not has_door(python)), "the interpreter has changed"
    report = doctor(child.pid)
    assert report.code == 0 and report.data["sample"], report
    assert report.data["exec"] == enabled
    if not has_door(python):
        report.says("remote debugging", "ok", "no switch")
    elif enabled:
        report.says("remote debugging", "ok", "it is on")
    else:
        report.says("remote debugging", "no", "switched off", says)
        assert report.bad() == ["remote debugging"]


def test_switched_off_by_the_program_itself(python, start, doctor):
    if not has_door(python):
        return  # nothing to switch; what it says then is tested above
    child = start(python, "switch.py")
    child.said()
    report = doctor(child.pid)
    assert report.bad() == ["remote debugging"], report
    report.says("remote debugging", "no", "embeds it")


def without_requests(path):
    with open(path, "r+b") as f:
        text = f.read()
        name = b"cpython.remote_debugger_script\0"
        assert text.count(name) == 1
        f.seek(text.index(name))
        f.write(b"cpython.remote_debugger_nothin\0")


def test_a_build_without_it(python, start, places, doctor):
    """The code is told from the build's file by the name of its audit event."""
    if not has_door(python):
        return
    copy = elf.Copy(python, places(python), without_requests)
    child = start(python, "switch.py", path=copy.path, env=copy.environment)
    child.said()
    report = doctor(child.pid)
    report.says("remote debugging", "no", "built without it")


@pytest.mark.parametrize("value,off", [(None, False), ("", False), ("1", True)])
def test_switched_off_in_pypy(foreign, value, off, spawn, doctor):
    if foreign.implementation != "pypy":
        return
    code = "import os, __pypy__ as p; x = getattr(p, '_pypy_disable_remote_debugger', 2);"
    code += " os.write(1, b'%d\\n' % x); os.read(0, 1)"
    env = {**foreign.environment(), **({} if value is None else {VARIABLE: value})}
    child = spawn([*foreign.prefix(), foreign.path, "-E", "-c", code], env=env)
    said = int(child.line())
    report = doctor(child.pid)
    if said == 2:
        report.says("remote debugging", "note", "does not have it")
    else:
        assert said == off, "the interpreter has changed"
        report.says("remote debugging", "no" if off else "ok")
        assert report.data["exec"] == (not off), report


# What was tried ------------------------------------------------------------------------------


def tries(text):
    """The lines under the interpreter's."""
    lines = text.split("\n")
    (at,) = [i for i, line in enumerate(lines) if re.match(r"  \S+ +interpreter ", line)]
    found = []
    for line in lines[at + 1 :]:
        if not line.startswith(" " * 10):
            break
        found.append(line.strip())
    return found


@pytest.mark.parametrize(
    "change,by",
    [(None, "section .PyRuntime"), (elf.without_section_headers_and_symbol, "scan of memory")],
    ids=["whole", "bare"],
)
def test_it_says_where_it_looked(python, change, by, start, places, pysample):
    copy = elf.Copy(python, places(python), change)
    child = start(python, "plain.py", path=copy.path, env=copy.environment)
    child.said()
    copy.change_late()
    result = pysample("doctor", child.pid)
    assert result.code == 0, result
    found = [t for t in tries(result.out) if t.endswith("there it is")]
    assert len(found) == 1 and by in found[0], result
    if by.startswith("section"):
        assert os.path.basename(copy.files[-1]) in found[0], result


def test_it_says_where_it_looked_in_vain(spawn, pysample):
    child = spawn(["sleep", "1000"])
    process.until(lambda: os.readlink(f"/proc/{child.pid}/exe").endswith("sleep"), "sleep to start")
    tried = tries(pysample("doctor", child.pid).out)
    assert any("scan of memory" in t and "no more tables" in t for t in tried), tried
    assert any("other files with no runtime" in t for t in tried), tried


def test_memory_is_not_searched_where_there_is_no_table(foreign, spawn, pysample):
    """PyPy and CPython before 3.13: it takes long, and each `exec` would wait for it."""
    code = "import os; os.write(1, b'ready\\n'); os.read(0, 1)"
    child = spawn([*foreign.prefix(), foreign.path, "-c", code], env=foreign.environment())
    child.line()
    tried = tries(pysample("doctor", child.pid).out)
    known = foreign.implementation == "pypy" or foreign.version >= (3, 8)
    assert tried and not (known and any("scan of memory" in t for t in tried)), tried


def test_a_table_that_lies(python, start, pysample):
    child = start(python, "hostile.py", 2)
    child.said()
    for _ in range(15):
        child.go()
        child.said()
        result = pysample("doctor", child.pid)
        assert result.code in (0, 1, 3), result
        assert "CPython" in result.out and len(result.out) < 1 << 16, result


# On a terminal -------------------------------------------------------------------------------


def on_terminal(argv, columns, **how):
    """What a program writes to a terminal of so many columns, and its exit code."""
    main, inner = pty.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    p = subprocess.Popen(argv, stdout=inner, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, **how)
    os.close(inner)
    text = b""
    while True:
        ready, _, _ = select.select([main], [], [], process.PATIENCE)
        assert ready, f"{argv} said nothing for {process.PATIENCE} s"
        try:
            piece = os.read(main, 1 << 16)
        except OSError:  # the other end was closed
            break
        if not piece:
            break
        text += piece
    os.close(main)
    return text.decode().replace("\r\n", "\n"), p.wait(process.PATIENCE)


@pytest.mark.parametrize("columns", [50, 80, 132])
def test_lines_fit_the_terminal(one, columns, start, pysample):
    child = start(one, "plain.py")
    child.said()
    argv = [pysample.program, "doctor", str(child.pid)]
    text, code = on_terminal(argv, columns, env=pysample.environment)
    assert code == 0
    checks = text[text.index("To look into it") :]
    assert max(map(len, checks.split("\n"))) <= columns, text
    plain = pysample("doctor", child.pid).out
    same = [re.sub(r"sleeping|running|\s", "", t) for t in (text, plain)]
    assert same[0] == same[1], "the same words"


def test_what_cannot_be_written_is_said(one, start, pysample):
    child = start(one, "plain.py")
    child.said()
    for command in (["doctor", child.pid], ["ls"], ["ls", "-j"]):
        with open("/dev/full", "wb") as full:
            result = pysample(*command, stdout=full)
        assert result.code == 1 and "No space" in result.err, result
