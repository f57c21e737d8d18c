"""Two families of functions that never call each other, in a tight loop.

a1 -> a2 -> ... -> a8 and b1 -> ... -> b8; a call lasts some 30 ns. A stack that skips a
generation or mixes the families never existed.
"""

import sys

source = []
for family in "ab":
    for i in range(1, 9):
        below = f"{family}{i + 1}(n)" if i < 8 else "n + 1"
        source.append(f"def {family}{i}(n):\n    return {below}\n")
source.append(
    "def main():\n"
    "    while True:\n"
    "        a1(1); b1(2)\n"
    "        a3(1); b5(1); b2(1); a6(1)\n"
)
exec(compile("".join(source), "families.py", "exec"))
print("ready", flush=True)
main()
