# SPDX-License-Identifier: MIT
"""Notes what the threads of this process are doing, for the heap dump that heap_walk.py writes:
it stands in front of that text, in one namespace.

A forked copy has only the thread that forked, so this is executed before the fork, while the
target waits: it is short, for compiling it is what takes the time. The rules are those of
heap_walk.py.
"""

import sys


def built_in(name, probe):
    """A module of the interpreter itself, also if sys.modules has something else by its name."""
    module = sys.modules.get(name)
    if type(module) is type(sys) and type(vars(module).get(probe)) in (type(len), type):
        return module
    if name not in sys.builtin_module_names:
        return None

    class spec:
        pass

    spec.name, spec.origin, spec.parent = name, "built-in", ""
    module = IMP.create_builtin(spec)
    IMP.exec_builtin(module)
    return module


IMP = sys.modules.get("_imp")
_thread = built_in("_thread", "get_ident")

Function = type(lambda: 0)
Module = type(sys)
Getset = type(Function.__dict__["__code__"])

# Types, asked without running anything of them

TYPE_DICT = type.__dict__["__dict__"].__get__
TYPE_MRO = type.__dict__["__mro__"].__get__


def mro_of(kind):
    return TYPE_MRO(kind) or (kind,)


def is_ready(kind):
    """A static type that its module never made ready has neither bases nor a dict; to ask for
    its bases is a crash up to CPython 3.11."""
    return TYPE_MRO(kind) is not None


def own_attributes(kind):
    return {k: v for k, v in TYPE_DICT(kind).items() if type(k) is str} if is_ready(kind) else {}


# Frames

def locals_of(frame):
    """[(name, value)] of a function's frame. Others have a namespace that may be anything."""
    if not frame.f_code.co_flags & 1:
        return []
    found = frame.f_locals
    if type(found) is not dict and not type(found).__name__ == "FrameLocalsProxy":
        return []
    return [(k, v) for k, v in list(found.items()) if type(k) is str]


def stack_of(frame):
    frames = []
    while frame is not None:
        code = frame.f_code
        function = getattr(code, "co_qualname", None) or code.co_name
        row = (function, code.co_filename, frame.f_lineno, frame, code, frame.f_globals)
        frames.append((*row, locals_of(frame)))
        frame = frame.f_back
    return frames


def threads_by_ident():
    """ident → (native id, name), as the threading module has them, if it is there."""
    found = {}
    module = sys.modules.get("threading")
    active = vars(module).get("_active") if type(module) is Module else None
    if type(active) is not dict:
        return found
    for ident, thread in list(active.items()):
        inner = None
        for c in mro_of(type(thread)):
            get = own_attributes(c).get("__dict__")
            if type(get) is Getset:
                inner = get.__get__(thread)
                break
        if type(ident) is int and type(inner) is dict:
            name, native = inner.get("_name"), inner.get("_native_id")
            name = name if type(name) is str else ""
            found[ident] = (native if type(native) is int and native > 0 else 0, name)
    return found


def stacks():
    """All threads, the others with their frames and locals, for walk(). A forked copy has only
    this thread, so it is to be called before the fork."""
    known = threads_by_ident()
    frames = sys._current_frames()
    here = _thread.get_ident()
    frames[here] = None  # also so that no frame of ours refers to itself
    found = []
    for ident, frame in frames.items():
        found.append((ident, *known.get(ident, (0, "")), frame and stack_of(frame)))
    return found
