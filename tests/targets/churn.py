# SPDX-License-Identifier: MIT
"""Makes functions of one size, runs and drops them: their code objects come to lie where
others lay a moment ago. A stack whose numbers differ never existed."""

import os

from oracle import line

SOURCE = """
def outer_{n:06}():
    x = 0
    for i in range(60):
        x += inner_{n:06}()
    return x

def inner_{n:06}():
    x = 0
    for i in range(60):
        x += i
    return x

outer_{n:06}()
"""


def churn():
    n = 0
    while True:
        exec(compile(SOURCE.format(n=n), f"{n:06}.py", "exec"), {})
        n = (n + 1) % 1_000_000


os.write(1, line(pid=os.getpid()))
churn()
