# SPDX-License-Identifier: MIT
"""The arithmetic of the bench: distances, medians, intervals. Pure."""

import collections
import math
import random
import statistics

# Two-sided 95 % points of Student's t, by degrees of freedom.
T95 = (math.nan, 12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201,
       2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064,
       2.060, 2.056, 2.052, 2.048, 2.045, 2.042)

Interval = collections.namedtuple("Interval", "middle low high")


def distance(a, b):
    """Total-variation distance of two counters, in percent: 0 the same, 100 nothing shared."""
    na, nb = sum(a.values()), sum(b.values())
    if not na or not nb:
        return math.nan
    return 50.0 * sum(abs(a.get(s, 0) / na - b.get(s, 0) / nb) for s in a.keys() | b.keys())


def thin(counts, n, rng):
    """n of the samples, drawn without putting back; all, if there are no more."""
    if n >= sum(counts.values()):
        return counts
    keys = list(counts)
    return collections.Counter(rng.sample(keys, n, counts=[counts[k] for k in keys]))


def distance_at(a, b, n, draws=5, seed=1):
    """The distance of n samples of each, for the distance of small numbers is noise.

    Two sets of samples of one and the same distribution are apart by some
    sqrt(kinds / n): so distances compare only at equal n.
    """
    rng = random.Random(seed)
    return statistics.fmean(distance(thin(a, n, rng), thin(b, n, rng)) for _ in range(draws))


def mean_interval(values):
    """The mean and its 95 % confidence interval by Student's t; no interval of one value."""
    mean = statistics.fmean(values)
    if len(values) < 2:
        return Interval(mean, math.nan, math.nan)
    t = T95[min(len(values) - 1, len(T95) - 1)]
    half = t * statistics.stdev(values) / math.sqrt(len(values))
    return Interval(mean, mean - half, mean + half)


def slowdown(with_it, without):
    """By how many percent paired runs took longer with the profiler: mean, interval.

    Of the logarithms of the ratios, so that twice as slow and twice as fast cancel out.
    """
    logs = mean_interval([math.log(a / b) for a, b in zip(with_it, without)])
    return Interval(*(100 * (math.exp(v) - 1) for v in logs))


def spread(values):
    """Median, least, most."""
    values = [v for v in values if not math.isnan(v)]
    if not values:
        return Interval(math.nan, math.nan, math.nan)
    return Interval(statistics.median(values), min(values), max(values))


def quantile(values, share):
    """The least value that at least that share of them does not exceed; None of none."""
    s = sorted(values)
    return s[max(0, math.ceil(share * len(s)) - 1)] if s else None


def at_most(bad, of):
    """What a share of which `bad` of `of` were seen is at most, in percent, with 95 %
    confidence: three in n where none was. (Poisson, by Wilson and Hilferty.)"""
    if not of:
        return math.nan
    k = bad + 1
    return min(100.0, 100.0 * k * (1 - 1 / (9 * k) + 1.645 / (3 * math.sqrt(k))) ** 3 / of)
