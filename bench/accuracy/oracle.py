# SPDX-License-Identifier: MIT
"""Runs a program under the interpreter that is to be sampled, and writes down every stack
that it can have, as the interpreter itself tells them.

    python3.X oracle.py OUT SCRIPT CYCLES

The program must do the same in every cycle. At each start, resumption or throw into a
function its whole stack is noted: the callers with the lines at which they call. What a
sampler may see of a program is one of these stacks, its last function at any of its lines.

Calling a generator function makes a frame of it for a moment, of which there is no event:
so calls are looked at, too.

OUT is JSON: "functions" [name, file, [lines]], and "nodes" [parent, line, function]: a tree
from the root on, in which `line` is that of the parent at which the function was called.
"""

import json
import os
import sys
import types

MAKES_FRAME = 0x20 | 0x80 | 0x200  # generators, coroutines, asynchronous generators
TOOL = 3


class Tree:
    def __init__(self):
        self.nodes, self.index = [], {}
        self.functions, self.ids, self.codes = [], {}, {}
        self.seen = set()

    def function(self, code):
        """An id for (name, file, lines): codes that are made anew share it."""
        known = self.codes.get(id(code))
        if known and known[0] is code:
            return known[1]
        lines = sorted({line for _, _, line in code.co_lines() if line is not None})
        key = (code.co_name, code.co_filename, tuple(lines))
        if key not in self.ids:
            self.ids[key] = len(self.functions)
            self.functions.append([code.co_name, code.co_filename, lines])
        self.codes[id(code)] = (code, self.ids[key])  # kept alive, so that ids stay theirs
        return self.ids[key]

    def add(self, path):
        """path: (line in the caller, code), root first."""
        node = -1
        for line, code in path:
            key = (node, line, self.function(code))
            node = self.index.get(key, -2)
            if node == -2:
                node = self.index[key] = len(self.nodes)
                self.nodes.append(key)

    def stack(self, frame, end, extra=None):
        """The stack that ends in this frame, up to the frame of code `end`, or to its root."""
        path = [(frame.f_lineno, extra)] if extra else []
        while True:
            above = frame.f_back
            at_end = above is None or frame.f_code is end
            path.append((0 if at_end else above.f_lineno, frame.f_code))
            if at_end:
                break
            frame = above
        key = tuple((line, id(code)) for line, code in path)
        if key not in self.seen:
            self.seen.add(key)
            self.add(reversed(path))


def watch(tree, end):
    monitoring = sys.monitoring
    events = monitoring.events

    def started(code, offset, *what):
        tree.stack(sys._getframe(1), end)

    def called(code, offset, callee, first):
        if type(callee) is types.MethodType:
            callee = callee.__func__
        if type(callee) is types.FunctionType and callee.__code__.co_flags & MAKES_FRAME:
            tree.stack(sys._getframe(1), end, callee.__code__)

    monitoring.use_tool_id(TOOL, "oracle")
    for event in (events.PY_START, events.PY_RESUME, events.PY_THROW):
        monitoring.register_callback(TOOL, event, started)
    monitoring.register_callback(TOOL, events.CALL, called)
    monitoring.set_events(TOOL, events.PY_START | events.PY_RESUME | events.PY_THROW | events.CALL)


def main(out, script, cycles):
    with open(script, "rb") as f:
        code = compile(f.read(), script, "exec")
    sys.argv = [script, cycles]
    sys.path[0] = os.path.dirname(script)
    tree = Tree()
    watch(tree, code)
    exec(code, {"__name__": "__main__", "__file__": script})
    sys.monitoring.set_events(TOOL, 0)
    with open(out, "w", encoding="utf-8") as f:
        json.dump({"functions": tree.functions, "nodes": tree.nodes}, f)


if __name__ == "__main__":
    main(*sys.argv[1:])
