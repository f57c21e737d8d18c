# SPDX-License-Identifier: MIT
"""The arithmetic of the bench."""

import collections
import math
import random
import statistics

import pytest

import stats


def test_distance_is_of_shares_not_of_numbers():
    assert stats.distance({"a": 1, "b": 1}, {"a": 50, "b": 50}) == 0
    assert stats.distance({"a": 1}, {"b": 9}) == 100
    assert stats.distance({"a": 3, "b": 1}, {"a": 1, "b": 1}) == pytest.approx(25)
    assert math.isnan(stats.distance({}, {"a": 1}))


def test_thinning_keeps_shares_and_never_adds():
    counts = collections.Counter(a=9000, b=1000)
    thinned = stats.thin(counts, 1000, random.Random(3))
    assert sum(thinned.values()) == 1000
    assert 60 < thinned["b"] < 140
    assert stats.thin(counts, 20000, random.Random(3)) == counts


def test_distance_of_few_samples_is_noise_that_falls_with_their_number():
    rng = random.Random(5)
    a, b = (collections.Counter(rng.choices(range(40), k=20000)) for _ in range(2))
    few, many = stats.distance_at(a, b, 500), stats.distance_at(a, b, 20000)
    assert 3 < few / many < 12  # sqrt(40), give or take


def test_weights_bring_no_noise_of_their_own():
    """As of samples that stand for microseconds each: their distance is that of so many samples."""
    rng = random.Random(13)

    def counter(k):
        return collections.Counter(rng.choices(range(100), k=k))

    def mean(pairs, samples):
        return statistics.fmean(stats.distance_at(a, b, 1000, 1, seed, samples) for seed, (a, b) in enumerate(pairs))

    pairs = [(counter(1200), counter(3000)) for _ in range(60)]
    plain = mean(pairs, (None, None))
    weighed = [({k: 150 * v for k, v in a.items()}, b) for a, b in pairs]
    assert mean(weighed, (1200, 3000)) == pytest.approx(plain, rel=0.04)
    assert mean(weighed, (None, None)) > 1.15 * plain
    assert stats.drawn(500, 2000, 2000) == 500 and stats.drawn(500, 400, 9000) == 9000 == stats.drawn(500, 500, 9000)


def test_noise_adds_to_the_plain_distance_and_not_to_the_one_at_least():
    rng = random.Random(11)
    p, q = [1] * 200, [1] * 100 + [1.6] * 100  # 11.5 % apart

    def rounds(weights, k):
        return [collections.Counter(rng.choices(range(200), weights, k=k)) for _ in range(4)]

    same = [stats.distance_at_least(rounds(p, 1000), rounds(p, 1000))[0] for _ in range(60)]
    assert abs(statistics.fmean(same)) < 0.6 < 8 < stats.distance(*rounds(p, 1000)[:2])
    found = [stats.distance_at_least(rounds(p, 20000), rounds(q, 20000)) for _ in range(20)]
    true = stats.distance(dict(enumerate(p)), dict(enumerate(q)))
    assert 0.8 * true < statistics.fmean(f for f, _ in found) < 1.01 * true
    assert all(0 < error < 1 for _, error in found)


def test_a_distance_at_least_takes_two_rounds():
    a = collections.Counter(a=1)
    assert stats.distance_at_least([a], [a]) is None and stats.distance_at_least([a, {}], [a, a]) is None
    assert stats.distance_at_least([a, a], [{"b": 5}, {"b": 1}]) == (100, 0)


def test_the_median_has_an_interval_of_six_values_on():
    assert stats.median_interval([3.0, 1.0, 2.0])[0] == 2 and math.isnan(stats.median_interval([1.0] * 5).low)
    assert stats.median_interval([6.0, 5.0, 4.0, 3.0, 2.0, 1.0]) == (3.5, 1.0, 6.0)
    # Of the tables: the 40th and the 61st of 100, the 2nd and the 9th of 10.
    assert stats.median_interval(range(1, 101)) == (50.5, 40, 61) and stats.median_interval(range(1, 11)) == (5.5, 2, 9)


def test_the_interval_holds_the_median_as_often_as_it_says_whatever_the_noise():
    """Also where one of ten is far off, as on a machine with neighbours."""
    rng = random.Random(7)

    def noise():
        return rng.gauss(0, 2) if rng.random() < 0.9 else rng.choice((-50, 50)) * rng.random()

    intervals = [stats.median_interval([noise() for _ in range(40)]) for _ in range(2000)]
    assert 0.94 < sum(i.low <= 0 <= i.high for i in intervals) / 2000 < 0.99


def test_slowdown_is_of_pairs_and_symmetric():
    assert stats.slowdown([2.0, 4.0], [1.0, 2.0]).middle == pytest.approx(100)
    assert stats.slowdown([1.0, 2.0], [2.0, 4.0]).middle == pytest.approx(-50)
    even = stats.slowdown([1.1, 1.0] * 10, [1.0, 1.1] * 10)
    assert even.middle == pytest.approx(0) and even.low < 0 < even.high


def test_spread_leaves_out_what_could_not_be_measured():
    assert stats.spread([3.0, math.nan, 1.0, 2.0]) == (2.0, 1.0, 3.0)
    assert math.isnan(stats.spread([]).middle)


def test_none_seen_is_not_none_there():
    assert stats.at_most(0, 30000) == pytest.approx(0.01, rel=0.02)
    assert stats.at_most(0, 2) == 100
    assert stats.at_most(10, 10000) == pytest.approx(0.1696, rel=0.01)
