# SPDX-License-Identifier: MIT
"""Judges stacks by what the oracle wrote down. Pure."""

import collections
import os

import formats

LEGAL, IMPOSSIBLE, WRONG_LINE = "legal", "impossible", "wrong line"


class Law:
    """The stacks that a program can have; made of the oracle's JSON."""

    def __init__(self, told):
        self.functions = [(formats.bare(name), os.path.basename(file), frozenset(lines))
                          for name, file, lines in told["functions"]]
        self.children = collections.defaultdict(list)
        for node, (parent, line, function) in enumerate(told["nodes"]):
            name, file, _ = self.functions[function]
            self.children[parent, name, file].append((line, node, function))
        self.verdicts = {}

    def judge(self, stack):
        """Of a stack of (name, file, line), root first."""
        if stack not in self.verdicts:
            self.verdicts[stack] = self._judge(stack)
        return self.verdicts[stack]

    def _judge(self, stack):
        # Different functions of one name, or several lines of a caller, leave several
        # places of the tree open: all are followed, those with the right lines apart.
        loose, exact = {-1}, {(-1, None)}
        line_before = 0
        for name, file, line in stack:
            loose = {node for at in loose for _, node, _ in self.children[at, name, file]}
            exact = {(node, function) for at, _ in exact
                     for called_at, node, function in self.children[at, name, file]
                     if called_at == line_before}
            line_before = line
        if not loose or not stack:
            return IMPOSSIBLE
        if any(line_before in self.functions[function][2] for _, function in exact if function is not None):
            return LEGAL
        return WRONG_LINE


def shares(law, counts):
    """Percent of the samples with each verdict, and the stacks that are not legal."""
    total = sum(counts.values())
    sums, bad = collections.Counter(), collections.Counter()
    for stack, n in counts.items():
        verdict = law.judge(stack)
        sums[verdict] += n
        if verdict != LEGAL:
            bad[verdict, stack] += n
    return {v: 100.0 * sums[v] / total if total else float("nan")
            for v in (LEGAL, IMPOSSIBLE, WRONG_LINE)}, bad


def first_break(law, stack):
    """Where an illegal stack breaks: the longest legal beginning by functions."""
    nodes = {-1}
    for i, (name, file, _) in enumerate(stack):
        nodes = {node for at in nodes for _, node, _ in law.children[at, name, file]}
        if not nodes:
            return i
    return len(stack)
