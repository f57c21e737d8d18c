# SPDX-License-Identifier: MIT
"""As many threads as asked for, at different depths and with names of many kinds."""

import sys
import threading

from oracle import hold, park, started

NAMES = [
    "worker-{}",
    "wörker {}",
    "線程 {}",
    "a) S {}",
    "semi;colon {}",
    'quote " {}',
    "<b>{}</b>",
    "a name that is longer than the system keeps {}",
]


def down(n):
    if n == 0:
        return park()
    return down(n - 1)


class Worker(threading.Thread):
    def __init__(self, n):
        super().__init__(name=NAMES[n % len(NAMES)].format(n))
        self.n = n

    def run(self):
        down(self.n % 20)


count = int(sys.argv[1])
started([Worker(n) for n in range(count)])
hold()
