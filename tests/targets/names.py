# SPDX-License-Identifier: MIT
"""Functions and files with names that no text format likes."""

import types

from oracle import hold

NAMES = [
    "new\nline",
    "semi;colon",
    "tab\tand\rreturn",
    "'single' \"double\" `back`",
    "back\\slash \\n",
    "<script>alert(1)</script>",
    "</script><!--",
    "&amp; & <b>",
    "${PATH} $(id) %s %n",
    "\x1b[31mred\x1b[0m",
    "nul\0inside",
    "\x01\x7f\x80\x9f",
    "latin-1: Zoë ÿ",
    "ucs-2: 関数 Ω \u2028 \ufeff",
    "ucs-4: 🐍 \U0010ffff",
    "right to left: \u202eabc\u202c",
    "lone surrogates: \ud800 \udfff \udc80",
    "two surrogates: \ud83d\udc0d",
    "spaces  and trailing ",
    " (fake.py:1);(fake.py:2) 3",
    "",
    "x" * 10_000,
    "ж" * 10_000,
    "🐍" * 2_500,
]


def template(steps):
    return steps[0](steps[1:]) if steps else hold()


def named(function, file):
    code = template.__code__.replace(co_name=function, co_qualname=function, co_filename=file)
    return types.FunctionType(code, {"hold": hold}, function)


steps = [named(name, "ordinary.py") for name in NAMES]
steps += [named("ordinary", "/somewhere/" + name + ".py") for name in NAMES]
steps += [named("ordinary", name) for name in NAMES]
template(steps)
