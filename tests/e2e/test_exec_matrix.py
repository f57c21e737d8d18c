# SPDX-License-Identifier: MIT
"""exec in every situation, in every Python: what comes of it is what the table in docs/USAGE.md
says, which is read here. A line there without a situation here, or the reverse, is a failure."""

import os
import re
import signal
import subprocess

import process
import pytest
from hosts import MARK, host_in, run_in, under_way  # noqa: F401
from interpreters import REPO

SHORT = ["--timeout", "300ms"]  # until what cannot be is given up
LONG = ["--timeout", "10m"]  # nothing may be late

# In a program that is started with it, main() is called in another thread: as in one that
# embeds Python and starts it somewhere.
ELSEWHERE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
typedef int main_fn(int, char **, char **);
typedef int start_fn(main_fn *, int, char **, void *, void *, void *, void *);
static struct { main_fn *main; int argc; char **argv, **env; } program;
static void *run(void *ignored)
{
	return (void *)(long)program.main(program.argc, program.argv, program.env);
}
static int run_elsewhere(int argc, char **argv, char **env)
{
	pthread_t thread;
	void *result = (void *)99;
	program.argc = argc, program.argv = argv, program.env = env;
	if (!pthread_create(&thread, NULL, run, NULL))
		pthread_join(thread, &result);
	return (int)(long)result;
}
int __libc_start_main(main_fn *main, int argc, char **argv, void *a, void *b, void *c, void *d)
{
	start_fn *next = (start_fn *)dlsym(RTLD_NEXT, "__libc_start_main");
	program.main = main;
	return next(run_elsewhere, argc, argv, a, b, c, d);
}
"""


class World:
    """What a situation is made with."""

    def __init__(self, host, host_in, place):
        self.host, self.host_in, self.place = host, host_in, place

    def doing(self, what, **how):
        return self.host_in(self.host, what, **how)


def at_rest(child):
    process.until(lambda: process.at_rest(child.pid), "it to wait")
    return child


# Situations -------------------------------------------------------------------------------


def stopped(world):
    child = world.doing("busy")
    os.kill(child.pid, signal.SIGSTOP)
    process.until(lambda: process.state(child.pid) == "T", "the stop")
    return child


def forked(world):
    child = world.doing("forks")
    child.pid = child.said()["child"]
    child.others.append(child.pid)
    return child


def chrooted(world):
    child = world.doing("busy", user=65534, env={"CHROOT": "1"}, root=True)
    return child


def in_namespaces(world):
    before = ["unshare", "--pid", "--mount", "--net", "--fork", "--kill-child"]
    child = world.doing("busy", before=before)
    with open(f"/proc/{child.pid}/task/{child.pid}/children") as f:
        child.pid = int(f.read().split()[0])
    child.others.append(child.pid)
    return child


def in_another_interpreter(world):
    child = world.doing("interpreters")
    child.said()
    return child


def beside_another_interpreter(world):
    child = world.doing("interpreters_beside")
    assert child.said() == {"there": True}
    return child


def embedded(world):
    source = os.path.join(world.place.outside, "elsewhere.c")
    library = os.path.join(world.place.outside, "elsewhere.so")
    if not os.path.exists(library):
        with open(source, "w") as f:
            f.write(ELSEWHERE)
        subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, source], check=True)
    inside = os.path.join(world.place.inside, "elsewhere.so")
    # The program that enters the chroot does not find it, and says so.
    child = world.doing("busy", env={"LD_PRELOAD": inside}, stderr=subprocess.DEVNULL)
    assert child.tid != child.pid
    return child


def others_execute(world):
    child = world.doing("threads")
    process.until(lambda: process.waits_for_input(child.pid), "its main thread to wait")
    return child


def without_main(world):
    child = world.doing("without_main")
    process.until(lambda: process.state(child.pid) == "Z", "its main thread to end")
    return child


def plainly(what, **how):
    return lambda world: world.doing(what, **how)


def executing(what, **how):
    return lambda world: under_way(world.doing(what, **how))


def idly(what):
    return lambda world: at_rest(world.doing(what))


SITUATIONS = {
    "executes Python code": plainly("busy"),
    "is idle in asyncio": idly("wait_for_events"),
    "sleeps (`time.sleep`)": idly("sleep"),
    "waits for a lock": idly("lock"),
    "waits for input (`read`)": idly("read"),
    "executes C code that does not come back": executing("in_c"),
    "is stopped (SIGSTOP, Ctrl-Z)": stopped,
    "was forked a moment ago": forked,
    "has many threads that all execute": plainly("crowded"),
    "has threads that execute, and a main thread that waits": others_execute,
    "has several interpreters, and the main one executes": beside_another_interpreter,
    "has several interpreters, and another one than the main one executes": in_another_interpreter,
    "is in a chroot, as another user": chrooted,
    "is in a pid, mount and network namespace of its own": in_namespaces,
    "was started with `-X disable-remote-debug`": plainly(
        "busy", options=["-X", "disable-remote-debug"]
    ),
    "has `PYTHON_DISABLE_REMOTE_DEBUG` set": plainly(
        "busy", env={"PYTHON_DISABLE_REMOTE_DEBUG": "1"}
    ),
    "has an audit hook that refuses": executing("refusing", stderr=subprocess.DEVNULL),
    "has no standard files": executing("closed"),
    "embeds Python in a thread that is not its main one": embedded,
    "has lost its main thread, and another one executes": without_main,
}

# Outcomes ---------------------------------------------------------------------------------


def goes_on(child):
    assert child.temporary() == []
    assert process.state(child.pid) not in "Tt", "it is left stopped"


def runs(child, run_in, row):
    elsewhere = "another one than the main one" in row  # whose modules are its own
    code = "print('here')\n" + ("" if elsewhere else MARK.format(1))
    result = run_in(child, code, options=LONG)
    assert (result.code, result.out, result.err) == (0, "here\n", ""), result
    goes_on(child)
    return [] if elsewhere else [1]


# What it is told to be doing. A semaphore (3.8 to 3.12) is a futex, too.
DOING = {
    "is idle in asyncio": "epoll",
    "sleeps (`time.sleep`)": "nanosleep|select",
    "waits for a lock": "futex",
    "waits for input (`read`)": "in read",
    "executes C code that does not come back": "runs code in C",
}


def does_not_run(child, run_in, row):
    result = run_in(child, MARK.format(1), options=SHORT)
    assert re.search(DOING.get(row, ""), result.err), result
    assert result.code == 3 and result.err, result
    assert "withdrawn and did not run" in result.err or "interpreters" in result.err or (
        "no main thread" in result.err
    ), result
    goes_on(child)
    return []


def says_how_to_continue(child, run_in, row):
    result = run_in(child, MARK.format(1), options=SHORT)
    assert result.code == 3 and f"kill -CONT {child.pid}" in result.err, result
    assert process.state(child.pid) == "T" and child.temporary() == []
    os.kill(child.pid, signal.SIGCONT)
    return []


def is_refused(child, run_in, row):
    result = run_in(child, MARK.format(1), options=LONG)
    assert result.code == 4 and "hint" in result.err, result
    word = re.search("`.*?(disable-remote-debug|DISABLE_REMOTE_DEBUG)|audit hook|stdout", row)
    assert (word.group(1) or word.group(0) if word else "stdout") in result.err, result
    goes_on(child)
    return []


OUTCOMES = {
    "runs": runs,
    "does not run (3)": does_not_run,
    "does not run, is told of `kill -CONT` (3)": says_how_to_continue,
    "is refused (4)": is_refused,
}
NO_SUCH_THING = "–"

# The table --------------------------------------------------------------------------------


def read_table():
    """{situation: {column: cell}} of the table in USAGE.md whose head begins so."""
    with open(os.path.join(REPO, "docs", "USAGE.md")) as f:
        lines = f.read().split("| The program ", 1)[1].split("\n\n", 1)[0].splitlines()
    rows = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines]
    return {row[0]: dict(zip(rows[0], row[1:])) for row in rows[2:]}


def column_of(host, heads):
    """The one of the heads that names this host: "CPython 3.9–3.13", "PyPy"."""
    found = []
    for head in heads:
        minors = [int(n) for n in re.findall(r"3\.(\d+)", head)]
        if head.lower().startswith(host.implementation) and (
            not minors or minors[0] <= host.version[1] <= minors[-1]
        ):
            found.append(head)
    assert len(found) == 1, (host, heads)
    return found[0]


# Those in which it cannot be told to end, or has nothing to say.
FOR_EVER = ("sleeps", "waits for a lock", "executes C code", "has no standard files")


def test_the_table_has_these_situations_and_outcomes():
    table = read_table()
    assert list(table) == list(SITUATIONS)
    said = {cell for row in table.values() for cell in row.values()}
    assert said == {*OUTCOMES, NO_SUCH_THING}


@pytest.mark.parametrize("situation", SITUATIONS)
def test_cell(host, situation, host_in, run_in, places):
    row = read_table()[situation]
    cell = row[column_of(host, row)]
    if cell == NO_SUCH_THING:
        return
    child = SITUATIONS[situation](World(host, host_in, places(host)))
    ran = OUTCOMES[cell](child, run_in, situation)
    if situation.startswith(FOR_EVER):
        return
    child.go()
    said = child.said()
    assert [mark for mark in said["ran"] if mark == 1] == ran and said["same"], said
    assert child.wait() == 0


# The same ways in, for a debugger -----------------------------------------------------------


def test_debug_in_namespaces(host, host_in, pysample, places, folder):
    """It finds pysample by a path, for the network's names are others there."""
    child = in_namespaces(World(host, host_in, places(host)))
    commands = os.path.join(folder, "commands")
    with open(commands, "w") as f:
        f.write("p 6 * 7\nimport sys\np sys.argv[1:]\nq\n")
    with open(commands) as f:
        result = pysample("debug", *LONG, child.pid, stdin=f)
    assert result.code == 0 and "\n42\n" in result.out and "['busy']" in result.out, result
    assert child.temporary() == []
    child.go()
    said = child.said()
    # PyPy closes files when it collects garbage.
    assert said["ran"] == [] and (said["same"] or host.implementation == "pypy"), said
    assert child.wait() == 0
