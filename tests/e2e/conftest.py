# SPDX-License-Identifier: MIT
import os
import shutil
import subprocess
import tempfile

import interpreters
import process
import pytest

FOUND, WHY_NOT = interpreters.find()
OLD = [] if WHY_NOT else interpreters.on_machine(interpreters.OLD)
# Tests run it in folders of their own.
PYSAMPLE = os.environ.get("PYSAMPLE", "")
PYSAMPLE = PYSAMPLE and os.path.abspath(PYSAMPLE)
FEW = os.environ.get("PYSAMPLE_FEW") == "1"


def pytest_configure(config):
    if not os.access(PYSAMPLE, os.X_OK):
        pytest.exit("the environment variable PYSAMPLE must name the built program", 1)
    if WHY_NOT:
        pytest.exit(WHY_NOT, 1)


def pytest_report_header(config):
    return "interpreters: " + ", ".join(i.name for i in FOUND + OLD)


def newest_of_each(found):
    """One for each minor version; with FEW, the oldest and newest of each way to run code in
    them. Sanitizers look at our code, which differs between the ways only."""
    newest = {}
    for i in sorted(found, key=lambda i: i.version):
        newest[i.implementation, i.version[:2]] = i
    found = sorted(newest.values(), key=lambda i: (i.implementation, i.version))
    if not FEW:
        return found
    ways = {}
    for i in found:
        ways.setdefault((i.implementation, i.version >= (3, 14)), []).append(i)
    return [i for way in ways.values() for i in {id(w): w for w in (way[0], way[-1])}.values()]


def pytest_generate_tests(metafunc):
    """A test that takes `python` is run with every interpreter that pysample reads; `one`
    is the newest of them, `foreign` each that it does not read, those that it can do nothing
    with at all included, `foreign_beside` those of them that lie beside one that it reads;
    `host` each minor version that it can run code in: `door` those that have a door of their
    own for it (PEP 768), `ring` those that have not, `pypy` those that are PyPy; `every` each
    minor version that there is."""
    supported = [i for i in FOUND if i.supported]
    foreign = [i for i in FOUND if not i.supported] + OLD
    hosts = newest_of_each([i for i in FOUND if i.executable])
    kinds = {
        "python": supported,
        "one": [max(supported, key=lambda i: i.version)],
        "host": hosts,
        "door": [i for i in hosts if i.implementation == "cpython" and i.version >= (3, 14)],
        "ring": [
            i for i in (hosts if FEW else FOUND) if i.implementation == "cpython" and i.executable
            and i.version < (3, 14)
        ],
        "pypy": [i for i in FOUND if i.executable and i.implementation == "pypy"],
        "foreign": foreign,
        "foreign_beside": [f for f in foreign if any(i.root == f.root for i in supported)],
        "every": newest_of_each(FOUND),
    }
    for name, values in kinds.items():
        if name in metafunc.fixturenames:
            assert values, f"no interpreter for {metafunc.function.__name__}({name})"
            metafunc.parametrize(name, values, ids=str, scope="session")


def pytest_sessionfinish(session, exitstatus):
    """A test that was skipped is one that was not done."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter and any(reporter.stats.get(k) for k in ("skipped", "xfailed", "xpassed")):
        reporter.write_line("skipped tests count as failed")
        session.exitstatus = 1


@pytest.fixture(scope="session")
def places():
    made = {}

    def place(interpreter):
        if interpreter not in made:
            made[interpreter] = interpreters.Place(interpreter)
        return made[interpreter]

    yield place
    for p in made.values():
        p.remove()


@pytest.fixture
def spawn():
    """spawn(argv, **popen) → Child; ended with the test, whatever comes."""
    children = []

    def start(argv, **how):
        child = process.Child(argv, **how)
        children.append(child)
        return child

    yield start
    for child in reversed(children):
        child.end()


@pytest.fixture
def start(spawn, places):
    """start(interpreter, "script.py", *args) → Child that runs a target."""

    def run(interpreter, script, *args, before=(), path=None, options=(), **how):
        place = places(interpreter)
        argv = [*before, *interpreter.prefix(), path or interpreter.path, "-B", *options]
        argv += [os.path.join(place.inside, script), *map(str, args)]
        return spawn(argv, **{"env": interpreter.environment(), **how})

    return run


class Result:
    def __init__(self, argv, code, out, err):
        self.argv, self.code, self.out, self.err = argv, code, out, err

    def __repr__(self):
        return f"{self.argv}\nexit {self.code}\nstdout: {self.out[:4000]}\nstderr: {self.err[:4000]}"


def checked(result):
    for word in ("Sanitizer", "runtime error:"):
        assert word not in result.err, result
    return result


ENVIRONMENT = {
    **os.environ,
    "ASAN_OPTIONS": "exitcode=99:abort_on_error=0",
    "UBSAN_OPTIONS": "halt_on_error=1:exitcode=99",
}


@pytest.fixture
def pysample(request):
    """pysample(*args) runs it to its end; .start(*args) gives the Popen."""
    running = []
    rescued = tempfile.mkdtemp(prefix="pysample-e2e-")  # for recordings that find no place
    os.chmod(rescued, 0o777)
    environment = {**ENVIRONMENT, "TMPDIR": rescued}

    def begin(*args, before=(), program=PYSAMPLE, **how):
        how = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, **how}
        how = {"stderr": subprocess.PIPE, "env": environment, **how}
        p = subprocess.Popen([*before, program, *map(str, args)], **how)
        running.append(p)
        return p

    def finish(p, timeout=process.PATIENCE):
        try:
            out, err = p.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            p.kill()
            out, err = p.communicate()
            raise AssertionError(f"{p.args} went on for {timeout} s; stderr: {err!r}") from None
        out = (out or b"").decode("utf-8", "strict")
        return checked(Result(p.args, p.returncode, out, (err or b"").decode("utf-8", "replace")))

    def run(*args, **how):
        return finish(begin(*args, **how))

    run.start, run.finish, run.program = begin, finish, PYSAMPLE
    run.rescued, run.environment = rescued, environment
    yield run
    for p in running:
        if p.poll() is None:
            p.kill()
        p.communicate()
    shutil.rmtree(rescued)


@pytest.fixture
def folder():
    """A temporary folder that every user may write in."""
    path = tempfile.mkdtemp(prefix="pysample-e2e-")
    os.chmod(path, 0o777)
    yield path

    def removed():  # a copy of a program that was killed may still put away what it wrote there
        shutil.rmtree(path, ignore_errors=True)
        return not os.path.exists(path)

    process.until(removed, f"{path} to be removed")
