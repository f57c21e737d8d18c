# SPDX-License-Identifier: MIT
"""The arithmetic of the bench: distances, medians, intervals. Pure."""

import collections
import math
import random
import statistics

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


def drawn(n, samples, total):
    """How many to draw, by weight, for as much noise as n samples have, where so many samples have
    weights of that sum. Of weights of 1 it is n. Who gives each sample a weight, as microseconds,
    would otherwise have the noise of its samples and that of the lot."""
    if n >= samples:
        return total
    return min(total, round(1 / (1 / n - 1 / samples + 1 / total)))


def distance_at(a, b, n, draws=5, seed=1, samples=(None, None)):
    """The distance of n samples of each, for the distance of small numbers is noise.

    Two sets of samples of one and the same distribution are apart by some
    sqrt(kinds / n): so distances compare only at equal n. `samples`: of each, where their weights
    are not 1.
    """
    rng, sizes = random.Random(seed), []
    for counts, number in zip((a, b), samples):
        total = sum(counts.values())
        sizes.append(drawn(n, number or total, total) if total else n)
    return statistics.fmean(distance(thin(a, sizes[0], rng), thin(b, sizes[1], rng)) for _ in range(draws))


def shares(counts):
    total = sum(counts.values())
    return {k: n / total for k, n in counts.items()} if total else {}


def distance_at_least(a, b):
    """What two distributions are apart at least, in percent, with the noise taken out: (mean,
    standard error), of one counter of each in every round; None of fewer than two rounds.

    Which stacks have more in `a` is told by all rounds but one, and by how much in sum by that
    one, in turns. The rounds know nothing of each other's noise, so of equal distributions this is
    0 on average, and it is never more on average than the true distance: a sign that noise has
    turned takes something away. The plain distance is never less, on average.
    """
    pairs = [(shares(x), shares(y)) for x, y in zip(a, b) if x and y]
    if len(pairs) < 2:
        return None
    more = [{k: x.get(k, 0) - y.get(k, 0) for k in x.keys() | y.keys()} for x, y in pairs]
    total = collections.Counter()
    for m in more:
        for k, v in m.items():
            total[k] += v
    found = []
    for m in more:
        # Of a stack that this round alone has, the others say nothing: 0.
        found.append(50.0 * sum(math.copysign(v, (total[k] - v) * v) if abs(total[k] - v) > 1e-15 else 0.0 for k, v in m.items()))
    return statistics.fmean(found), statistics.stdev(found) / math.sqrt(len(found))


def median_interval(values):
    """The median and its interval by order statistics, whatever the distribution: it holds the
    median at least 95 times in 100, for each value is above it or below as a coin falls. None of
    fewer than six values."""
    ordered, n = sorted(values), len(values)
    # In whole numbers of 2 ** n, for a single one of them may be too little for a float.
    k, ways = 0, 1
    tail = ways
    while 1000 * tail <= 25 << n:  # the chance that no more than k values are below
        k += 1
        ways = ways * (n - k + 1) // k
        tail += ways
    low, high = (ordered[k - 1], ordered[n - k]) if k else (math.nan, math.nan)
    return Interval(statistics.median(ordered), low, high)


def slowdown(with_it, without):
    """By how many percent paired runs took longer with the profiler: median, interval.

    Of the logarithms of the ratios, so that twice as slow and twice as fast cancel out.
    """
    logs = median_interval([math.log(a / b) for a, b in zip(with_it, without)])
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
