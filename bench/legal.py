"""Which stacks each of the programs in targets/ can have.

A stack is a list of function names, the root first, beginning with "<module>".
"""


def families(stack):
    names = stack[1:]
    if not names:
        return True
    if names[0] != "main":
        return False
    names = names[1:]
    if names and names[0] not in ("a1", "b1", "a3", "b5", "b2", "a6"):
        return False
    return all(b[0] == a[0] and int(b[1]) == int(a[1]) + 1 for a, b in zip(names, names[1:]))


def by_callees(callees):
    def legal(stack):
        return all(b in callees.get(a, ()) for a, b in zip(stack, stack[1:]))

    return legal


generators = by_callees(
    {
        "<module>": ("main",),
        "main": ("loop_p", "sum_q", "loop_q", "loop_from", "sort"),
        "loop_p": ("gen_p",),
        "loop_q": ("gen_q",),
        "sum_q": ("gen_q",),
        "loop_from": ("gen_from",),
        "gen_from": ("gen_p",),
        "gen_p": ("leaf_p",),
        "gen_q": ("leaf_q",),
        "sort": ("sorted_key",),
        "sorted_key": ("leaf_q",),
    }
)

_recursion = by_callees(
    {
        "<module>": ("main",),
        "main": ("down",),
        "down": ("down", "turn"),
        "turn": ("leaf_a", "leaf_b"),
        "leaf_b": ("leaf_a",),
    }
)


def recursion(stack):
    depth = stack.count("down")
    if not _recursion(stack) or depth > 301:
        return False
    # turn() is called at the very bottom only, so at one of these depths.
    return "turn" not in stack or depth in (101, 138, 191, 231, 301)


RULES = {"families": families, "generators": generators, "recursion": recursion}
