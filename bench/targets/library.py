"""A real library at work: parso parses its own sources and checks their style."""

import glob
import itertools
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "packages"))

import parso

sys.setrecursionlimit(10000)
CYCLES = itertools.repeat(None, int(sys.argv[1])) if sys.argv[1:] else itertools.repeat(None)
GRAMMAR = parso.load_grammar(version="3.12")


def sources():
    texts = []
    for path in sorted(glob.glob(os.path.join(os.path.dirname(parso.__file__), "*.py"))):
        with open(path, encoding="utf-8") as f:
            texts.append(f.read()[:2500])
    return texts


def names(node):
    if node.type == "name":
        yield node.value
    for child in getattr(node, "children", ()):
        yield from names(child)


def one(text):
    module = GRAMMAR.parse(text, error_recovery=True)
    GRAMMAR._get_normalizer_issues(module)
    return len(set(names(module))), len(module.get_code())


def main(texts):
    for _ in CYCLES:
        for text in texts:
            one(text)


TEXTS = sources()
for TEXT in TEXTS:
    one(TEXT)
print("ready", flush=True)
main(TEXTS)
