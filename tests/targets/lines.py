# SPDX-License-Identifier: MIT
"""Line tables that are long, jump far, run backwards, or have holes."""

from oracle import hold


def long_table():
    body = "\n".join(f"    x{n % 9} = ({n} +\n        {n} * then.__hash__())" for n in range(3000))
    return f"def long_table(then):\n{body}\n    then()\n{body}\n"


def far_jumps():
    return (
        "def far_jumps(then):\n"
        + "\n" * 70_000
        + "    x = 1;  y = 2\n"
        + "\n" * 300
        + "    return (then(\n"
        + "\n" * 3_000
        + "    ), x, y)\n"
    )


def wide_columns():
    return (
        "def wide_columns(then):\n    return ["
        + "0, " * 400
        + "then(), "
        + "(" * 80
        + "1"
        + ")" * 80
        + "]\n"
    )


def backwards():
    return """
def backwards(then):
    return [
        x
        for x in [
            y
            for y
            in
            [1]
        ]
        if (
            then
            ()
            or
            True
        )
    ]
"""


def no_lines():
    """An import that does not fit on a page, under a with."""
    return """
def no_lines(then):
    import contextlib
    with contextlib.suppress(
        ValueError
    ), contextlib.suppress(
        KeyError
    ):
        try:
            raise KeyError
        finally:
            then()
"""


steps = []
for make in [long_table, far_jumps, wide_columns, backwards, no_lines]:
    namespace = {}
    exec(compile(make(), f"<{make.__name__}>", "exec"), namespace)
    steps.append(namespace[make.__name__])
assert len(steps[0].__code__.co_linetable) > 3 * 4096


def descend(n):
    return steps[n](lambda: descend(n + 1)) if n < len(steps) else hold()


descend(0)
