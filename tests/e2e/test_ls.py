# SPDX-License-Identifier: MIT
"""pysample ls lists every Python that it can know of, says what it is, and nothing else."""

import json
import os
import shutil
import signal
import subprocess
import tempfile

import elf
import process
import pytest
from test_doctor import HIDING, on_terminal, only_child
from test_refused import NOBODY, as_nobody, for_all  # noqa: F401: for_all is a fixture

READY = "import os; os.write(1, b'ready\\n'); os.read(0, 1)"


@pytest.fixture
def ls(pysample):
    """ls() → pid → what the list says of it; .all is the whole answer."""

    def take(*args, **how):
        result = pysample("ls", "--json", *args, **how)
        assert result.code == 0 and result.err == "", result
        take.all = json.loads(result.out)
        pids = [p["pid"] for p in take.all["processes"]]
        assert pids == sorted(set(pids)), "each once, in order"
        return {p["pid"]: p for p in take.all["processes"]}

    return take


@pytest.fixture
def ready(spawn):
    """ready(interpreter, ...) → Child that waits."""

    def start(python, *options, before=(), **how):
        how = {"env": python.environment(), **how}
        child = spawn([*before, *python.prefix(), python.path, *options, "-c", READY], **how)
        assert child.line() == "ready"
        return child

    return start


def language(python):
    return "{}.{}.{}".format(*python.version)


# Which Python --------------------------------------------------------------------------------


def test_all_pythons_of_this_machine(ready, ls):
    from conftest import FOUND

    children = [(python, ready(python).pid) for python in FOUND]
    listed = ls()
    for python, pid in children:
        said = listed[pid]
        pypy = python.implementation == "pypy"
        assert said["implementation"] == ("PyPy" if pypy else "CPython"), said
        assert said["version"] == language(python), said
        assert not said["free_threaded"] and not said["by_name_only"], said
        assert said["sample"] == python.supported, said
        assert said["exec"] == (not pypy or python.own_version >= (7, 3, 18)), said
        assert said["threads"] == len(os.listdir(f"/proc/{pid}/task")), said
        assert said["uid"] == 0 and said["user"] == "root"
        assert READY in said["command"]
        assert ("root" in said) == bool(python.root), said
    assert os.getpid() in listed, "the one that runs this test"


def test_what_is_no_python_is_not_listed(spawn, folder, ls):
    fake = shutil.copy(shutil.which("sleep"), os.path.join(folder, "python3.14"))
    children = [spawn(["sleep", "1000"]), spawn([fake, "1000"]), spawn(["sh", "-c", "read x"])]
    for c in children:
        process.until(lambda c=c: process.state(c.pid) == "S", "it to wait")
    listed = ls()
    assert not [c.pid for c in children if c.pid in listed], listed
    assert ls.all["seen"] > len(children)


@pytest.mark.parametrize("change", [None, elf.strip], ids=["renamed", "stripped"])
def test_called_otherwise(python, change, start, places, ls):
    copy = elf.Copy(python, places(python), change)
    child = start(python, "plain.py", path=copy.path, env=copy.environment)
    child.said()
    for file in copy.files:
        os.unlink(file)
    assert ls()[child.pid]["version"] == language(python)


def test_without_section_headers_only_a_thorough_search_finds_it(one, start, places, ls):
    copy = elf.Copy(one, places(one), elf.without_section_headers_and_symbol)
    child = start(one, "plain.py", path=copy.path, env=copy.environment)
    child.said()
    copy.change_late()
    assert child.pid not in ls()
    said = ls("--all")[child.pid]
    assert said["version"] == language(one) and said["sample"], said


def test_a_name_is_enough_to_search_it(one, start, places, ls):
    """As that, but called python."""
    copy = elf.Copy(one, places(one), elf.without_section_headers_and_symbol, name="python3")
    child = start(one, "plain.py", path=copy.path, env=copy.environment)
    child.said()
    copy.change_late()
    said = ls()[child.pid]
    assert said["version"] == language(one) and said["sample"], said


def test_threads_and_a_main_thread_that_has_ended(one, start, ls):
    threads, zombie = start(one, "threads.py", 7), start(one, "zombie.py")
    threads.said(), zombie.said()
    process.until(lambda: process.state(zombie.pid) == "Z", "the main thread to end")
    listed = ls()
    assert listed[threads.pid]["threads"] == 8
    assert listed[zombie.pid]["sample"] and listed[zombie.pid]["version"] == language(one)


def test_one_that_is_starting_is_listed_as_such(one, start, places, ls):
    place = places(one)
    fifo = os.path.join(place.outside, "preload.fifo")
    if not os.path.exists(fifo):
        os.mkfifo(fifo)
    env = {**one.environment(), "LD_PRELOAD": os.path.join(place.inside, "preload.fifo")}
    child = start(one, "plain.py", env=env, stderr=subprocess.DEVNULL)
    name = os.path.basename(one.real)
    process.until(lambda: os.readlink(f"/proc/{child.pid}/exe").endswith(name), "it to start")
    said = process.until(lambda: ls().get(child.pid), "it to be mapped")
    assert not said["sample"] and said["no_sample"] == "not running", said
    assert said["implementation"] == "CPython"


# What may be done ----------------------------------------------------------------------------


def test_switched_off(ready, ls):
    from conftest import FOUND

    for python in (i for i in FOUND if i.supported or i.own_version):
        child = ready(python, "-X", "disable-remote-debug")
        said = ls()[child.pid]
        assert said["sample"] == python.supported, said
        if python.own_version and not python.executable:
            assert said["no_exec"] == "not yet", said
        elif python.own_version or python.version >= (3, 14):
            assert said["no_exec"] == "disabled", said
            # Only the first thing in the way is said at length.
            assert "switched off" in said["why"] or not python.supported, said
        else:
            assert said["exec"], said


def test_as_another_user(one, ready, spawn, places, for_all, ls, pysample):
    others = ready(one)
    own = spawn(as_nobody(one, places(one), "plain.py"), env=one.environment())
    undumpable = spawn(as_nobody(one, places(one), "nodump.py"), env=one.environment())
    own.said(), undumpable.said()
    nobody = {"before": NOBODY, "program": for_all}
    listed = ls(**nobody)
    said = listed[others.pid]
    assert said["by_name_only"] and said["no_sample"] == said["no_exec"] == "other user", said
    assert said["version"] == "{}.{}".format(*one.version), "as its name says"
    assert listed[own.pid]["sample"] and listed[own.pid]["version"] == language(one)
    assert listed[own.pid]["user"] == "nobody"
    assert listed[undumpable.pid]["no_sample"] == "not dumpable", listed[undumpable.pid]
    unknown = ls.all["not_looked_into"]
    assert unknown >= 1, "the first process of a machine is root's"
    text = pysample("ls", **nobody)
    assert text.code == 0 and "could not be looked into" in text.err, text
    assert "sudo pysample ls" in text.err
    assert pysample("ls", "-q", **nobody).err == ""


def test_what_is_hidden_is_said(one, spawn, places, for_all, pysample, ls):
    own = spawn(as_nobody(one, places(one), "plain.py"), env=one.environment())
    own.said()
    how = {"before": ["unshare", "--mount", "sh", "-c", HIDING, "sh", *NOBODY], "program": for_all}
    listed = ls(**how)
    assert listed[own.pid]["sample"] and ls.all["others_hidden"]
    assert all(p["user"] == "nobody" for p in listed.values())
    assert "hidepid" in pysample("ls", **how).err
    ls()
    assert not ls.all["others_hidden"]


def test_with_the_proc_of_another_pid_namespace(pysample):
    result = pysample("ls", before=["unshare", "--pid", "--fork", "--kill-child"])
    assert result.code == 4 and "/proc" in result.err and not result.out, result


# Where ---------------------------------------------------------------------------------------


def test_in_a_pid_namespace(one, ready, ls, pysample):
    child = ready(one, before=["unshare", "--pid", "--mount", "--fork", "--kill-child"])
    pid = only_child(child.pid)
    child.others.append(pid)
    said = ls()[pid]
    assert said["inner_pid"] == 1 and said["sample"], said
    (line,) = [x for x in pysample("ls").out.split("\n") if x.split()[:1] == [str(pid)]]
    assert "  pid namespace  " in line


@pytest.fixture
def group():
    """A control group as Docker names them, in a hierarchy of version 2."""
    where = tempfile.mkdtemp(prefix="pysample-e2e-")
    subprocess.run(["mount", "-t", "cgroup2", "none", where], check=True)
    identity = os.urandom(32).hex()
    path = os.path.join(where, f"docker-{identity}.scope")
    try:
        os.mkdir(path)
        yield path, identity
        os.rmdir(path)
    finally:
        subprocess.run(["umount", where], check=True)
        os.rmdir(where)


def test_in_a_container(one, group, spawn, ls, pysample):
    path, identity = group
    child = spawn([*one.prefix(), one.path, "-c", READY], env=one.environment())
    try:
        assert child.line() == "ready"
        with open(os.path.join(path, "cgroup.procs"), "w") as f:
            f.write(str(child.pid))
        said = ls()[child.pid]
        assert said["container"] == {"engine": "docker", "id": identity}, said
        assert f"  docker {identity[:12]}  " in pysample("ls").out
        assert f", in docker {identity[:12]};" in pysample("doctor", child.pid).out
    finally:
        child.end()  # a group is removed only when it is empty


# The table -----------------------------------------------------------------------------------


def cells(text):
    """Rows as dicts, cut at the columns' borders, which every line has to keep."""
    lines = text.rstrip("\n").split("\n")
    titles = lines[0].split()
    edges, at = [], 0
    for title in titles:
        at = lines[0].index(title, at)
        edges.append(at)
    # Numbers stand at the right: their columns begin where the one before ends.
    for number in ("PID", "THREADS"):
        i = titles.index(number)
        edges[i] = 0 if i == 0 else max(
            len(x[: edges[i]].rstrip()) for x in lines if len(x) > edges[i]
        )
    rows = []
    for line in lines[1:]:
        ends = [*edges[1:], len(line) + 1]
        rows.append({t: line[a:b].strip() for t, a, b in zip(titles, edges, ends)})
        for edge, title in zip(edges[1:], titles[1:]):
            assert line[edge - 1] == " " or title == "THREADS", (edge, line)
    return rows


def test_columns_stand_below_one_another(ready, ls, pysample):
    from conftest import FOUND

    children = [ready(python) for python in FOUND]
    listed = ls()
    rows = {int(r["PID"]): r for r in cells(pysample("ls").out)}
    for c in children:
        row, said = rows[c.pid], listed[c.pid]
        assert row["PYTHON"] == said["python"] and row["USER"] == said["user"]
        assert row["THREADS"] == str(said["threads"])
        assert row["SAMPLE"] == ("yes" if said["sample"] else "no: " + said["no_sample"])
        assert row["EXEC"] == ("yes" if said["exec"] else "no: " + said["no_exec"])
        assert row["COMMAND"] == said["command"]


def test_long_lines_are_cut_on_a_terminal_only(one, spawn, pysample):
    code = READY + "#" + "x" * 300 + "\u6f22\u5b57"
    child = spawn([*one.prefix(), one.path, "-c", code], env=one.environment())
    assert child.line() == "ready"
    assert code in pysample("ls").out
    text, status = on_terminal([pysample.program, "ls"], 132, env=pysample.environment)
    assert status == 0
    (line,) = [x for x in text.split("\n") if x.split()[:1] == [str(child.pid)]]
    assert len(line) == 132 and line in pysample("ls").out
    narrow, status = on_terminal([pysample.program, "ls"], 20, env=pysample.environment)
    assert status == 0 and "COMMAND" in narrow


def test_names_do_not_steer_the_terminal(one, spawn, pysample, ls):
    argv = [*one.prefix(), one.path, "-c", READY, "\033[31m\n\r\t\x9b"]
    child = spawn(argv, env=one.environment())
    assert child.line() == "ready"
    result = pysample("ls")
    assert child.pid in ls()
    assert not set("\033\r\t\x9b") & set(result.out), result
    assert len([x for x in result.out.split("\n") if x.split()[:1] == [str(child.pid)]]) == 1


# While the machine lives ---------------------------------------------------------------------


def test_while_processes_come_and_go(one, start, ls):
    stays = start(one, "plain.py")
    stays.said()
    storm = "import os\nwhile 1:\n if os.fork() == 0: os._exit(0)\n os.wait()"
    children = [subprocess.Popen([*one.prefix(), one.path, "-c", storm], env=one.environment())
                for _ in range(2)]
    try:
        for _ in range(25):
            assert ls()[stays.pid]["version"] == language(one)
    finally:
        for c in children:
            c.send_signal(signal.SIGKILL)
            c.wait()


def test_tables_that_lie(python, start, pysample):
    child = start(python, "hostile.py", 3)
    child.said()
    for _ in range(10):
        child.go()
        child.said()
        result = pysample("ls")
        assert result.code == 0 and f"{child.pid} " in result.out, result
