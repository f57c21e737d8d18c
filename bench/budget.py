# SPDX-License-Identifier: MIT
"""How a run of so many minutes is divided: among its parts, and in one among what it still has to
do. What took less than its share leaves more to those after it, and the other way round. Pure but
for the clock."""

import time

# Minutes of 55, in the order in which they are measured: what matters most comes first, and the
# last can be of any length.
SHARES = {"accuracy": 27.0, "speed": 5.0, "overhead": 8.5, "exec": 2.5, "modes": 2.0, "heap": 5.0, "cost": 5.0}
END_S = 20  # for the report and its pictures

# Programs whose distances are looked at closely: the noise of a distance falls with the root of
# the number of samples.
LONG, LONGER = ("families", "generators", "recursion"), 5
OLDER = 0.6  # of that, for Pythons that are not the newest
# What the oldest Python is asked for, beside those.
OF_OLDEST = (*LONG, "pipeline", "coroutines", "exceptions", "classes", "library")
RECORDING_S = 0.35  # that one takes beyond its seconds: to start, to end, to be read


class Division:
    """What is left of a time, divided among what is left to do. If things take longer than their
    share, those after them get less in that proportion."""

    def __init__(self, until, weights, now=time.monotonic):
        self.until, self.to_do, self.now = until, sum(weights), now
        self.began, self.given = now(), 0.0

    def left(self):
        return max(0.0, self.until - self.now())

    def next(self, weight):
        """Seconds for this one."""
        took = self.now() - self.began
        share = self.left() * weight / self.to_do if self.to_do else 0.0
        if self.given and took > self.given:
            share *= self.given / took
        self.to_do -= weight
        self.given += share
        return share


def order(parts):
    return sorted(parts, key=list(SHARES).index)


def seconds(share, recordings, least, each=RECORDING_S):
    """Of each of so many recordings that together take this share."""
    return max(least, share / max(1, recordings) - each)


def programs(python, pythons, asked):
    """Those that it is asked for."""
    return [p for p in asked if python is not pythons[0] or len(pythons) < 3 or p in OF_OLDEST]


def weight(python, pythons, program):
    return (LONGER if program in LONG else 1) * (1 if python is pythons[-1] else OLDER)
