# SPDX-License-Identifier: MIT
"""offsets/opcodes.c has the numbers that the interpreters themselves have."""

import collections
import json
import os
import re
import subprocess

import interpreters

ASK = (
    "import json, opcode, _opcode_metadata as m;"
    "print(json.dumps([{**opcode.opmap, **m._specialized_opmap}, opcode._inline_cache_entries]))"
)


def rows():
    with open(os.path.join(interpreters.REPO, "offsets", "opcodes.c")) as f:
        found = re.findall(r"ROW\((\d+), (\w+), (\d+), ([\w| ]+)\)", f.read())
    by_minor = collections.defaultdict(dict)
    for minor, name, number, classes in found:
        by_minor[int(minor)][name] = (int(number), set(classes.split(" | ")))
    return by_minor


def ask(python):
    done = subprocess.run(
        [*python.prefix(), python.path, "-c", ASK], capture_output=True, check=True, env=python.environment()
    )
    return json.loads(done.stdout)


def test_numbers_are_those_of_the_interpreter(python):
    numbers, caches = ask(python)
    known = rows()[python.version[1]]
    assert known, "no rows for this version"
    for name, (number, classes) in known.items():
        assert numbers[name] == number, name
        generic = name.replace("INSTRUMENTED_", "")
        units = max((n for op, n in caches.items() if generic.startswith(op)), default=0)
        if "OP_CACHED" in classes:
            assert units == 1, name
        elif "OP_MOVES" in classes:
            assert units == 0, name


def test_nothing_that_resumes_or_returns_is_missing(python):
    numbers, _ = ask(python)
    known = rows()[python.version[1]]
    for name, number in numbers.items():
        if number > 255 or name == "RETURN_GENERATOR":
            continue
        plain = name.replace("INSTRUMENTED_", "")
        if plain.startswith(("FOR_ITER", "SEND")):
            assert "OP_RESUMES" in known[name][1], name
        if plain.startswith("RETURN_"):
            assert "OP_RETURNS" in known[name][1], name
        if name in ("INSTRUMENTED_LINE", "INSTRUMENTED_INSTRUCTION", "ENTER_EXECUTOR"):
            assert known[name][1] == {"OP_ANY"}, name
        if plain in ("CALL", "CALL_KW", "CALL_FUNCTION_EX") or plain.startswith(("CALL_BUILTIN", "CALL_METHOD")):
            assert "OP_USES" in known[name][1], name
        if plain.startswith(("CALL_PY_", "CALL_BOUND_METHOD_", "CALL_KW_PY", "CALL_KW_BOUND")):
            assert {"OP_CALLS", "OP_VERSIONED"} <= known[name][1], name
