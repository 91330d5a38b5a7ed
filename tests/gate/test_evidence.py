"""How sure a change is."""

from __future__ import annotations

from itertools import combinations, product
from math import inf

import numpy as np
import pytest
from scipy.stats import mannwhitneyu, rankdata, wilcoxon

from harness.fidelity.resampling import quantile, share
from harness.gate.evidence import (
    EXACT,
    FAMILY,
    fewest_trials,
    holm,
    least_chance,
    rank_sum,
    ratio_interval,
    signed_rank,
    trials_needed,
)


def test_without_ties_the_test_of_ranks_is_that_of_mann_and_whitney() -> None:
    random = np.random.default_rng(1)
    for shift in (0.8, 1.5, 3.0):
        old, new = random.normal(size=12), random.normal(shift, size=15)
        exact = float(mannwhitneyu(new, old, method="exact").pvalue)
        if exact < 0.04:
            assert rank_sum(old, new) == pytest.approx(exact)


def test_with_ties_it_is_the_share_of_ways_to_part_the_values_that_are_as_uneven() -> None:
    old, new = np.array([0.0, 0, 0, 0, 1, 0, 0]), np.array([1.0, 2, 1, 0, 3, 2, 2])
    ranks = rankdata(np.concatenate([old, new]))
    sums = [sum(ranks[list(chosen)]) for chosen in combinations(range(14), 7)]
    found = sum(ranks[7:])
    tail = sum(one >= found for one in sums) / len(sums)
    assert rank_sum(old, new) == pytest.approx(2 * tail)
    assert rank_sum(new, old) == pytest.approx(2 * tail)


def test_a_time_beyond_the_end_is_longer_than_any_other() -> None:
    old, new = np.full(10, 2.0), np.full(10, inf)
    assert rank_sum(old, new) == pytest.approx(least_chance(10, 10, paired=False))
    assert rank_sum(new, new) == 1.0
    assert rank_sum(new, old) == rank_sum(old, new)


def test_the_test_of_pairs_is_exact_and_leaves_out_those_that_are_equal() -> None:
    old = np.array([1.0, 2, 3, 4, 5, inf, inf])
    new = np.array([2.5, 3, 4, 3.5, 9, inf, 5])
    gaps = np.array([1.5, 1, 1, -0.5, 4, -inf])
    ranks = rankdata(abs(gaps))
    sums = [sum(ranks[np.array(ups) == 1]) for ups in product((0, 1), repeat=6)]
    found = sum(ranks[gaps > 0])
    tails = (sum(s >= found for s in sums), sum(s <= found for s in sums))
    assert signed_rank(old, new) == pytest.approx(min(1.0, 2 * min(tails) / 64))
    assert signed_rank(old, old) == 1.0


def test_pairs_without_ties_are_tested_as_scipy_does() -> None:
    random = np.random.default_rng(3)
    old = random.normal(size=25)
    new = old + random.normal(0.5, 0.4, size=25)
    assert signed_rank(old, new) == pytest.approx(float(wilcoxon(new, old, method="exact").pvalue))


def test_nothing_on_one_side_proves_nothing() -> None:
    assert rank_sum(np.empty(0), np.ones(5)) == 1.0
    assert signed_rank(np.empty(0), np.empty(0)) == 1.0


def test_holm_multiplies_by_how_many_are_left_and_keeps_the_order() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def test_holm_keeps_the_chance_of_an_alarm_where_nothing_changed() -> None:
    random = np.random.default_rng(5)
    alarms = 0
    for _ in range(300):
        chances = [
            rank_sum(*random.poisson(0.3, size=(2, 15)).astype(np.float64)) for _ in range(10)
        ]
        alarms += min(holm(chances)) <= 0.05
    assert 1 <= alarms <= 25


@pytest.mark.parametrize("paired", [False, True])
def test_the_least_chance_is_that_of_a_complete_parting(paired: bool) -> None:
    old, new = np.arange(8.0), np.arange(8.0) + 10
    test = signed_rank if paired else rank_sum
    assert test(old, new) == pytest.approx(least_chance(8, 8, paired))


def test_the_fewest_trials_are_those_that_can_tell_anything() -> None:
    needed, before = fewest_trials(60, comparisons=50)
    assert before == 60
    assert least_chance(60, needed, paired=False) <= FAMILY / 50
    assert least_chance(60, needed - 1, paired=False) > FAMILY / 50
    # Where the baseline has too few, more of the new ones alone do not help.
    assert fewest_trials(2, comparisons=50) == (10, 10)
    assert fewest_trials(9, comparisons=50) == (11, 9)


def test_a_smaller_change_needs_more_trials() -> None:
    random = np.random.default_rng(2)
    old = random.normal(size=30)
    small, large = (trials_needed(old, random.normal(shift, size=30), 20) for shift in (0.4, 1.5))
    assert small is not None
    assert large is not None
    assert small > large
    assert trials_needed(old, old, 20) is None


def test_the_interval_of_a_ratio_says_on_which_side_it_lies() -> None:
    random = np.random.default_rng(4)
    old = [np.array([2.0 + 0.01 * k, 2.1]) for k in range(20)]
    new = [2 * one for one in old]
    (low, high), side = ratio_interval(quantile(50), old, new, False, random)
    assert 1.9 < low <= 2.0 <= high < 2.1
    assert side == 1
    assert ratio_interval(quantile(50), new, old, True, random)[1] == -1
    assert ratio_interval(quantile(50), old, old, False, random)[1] == 0


def test_an_endless_time_has_an_endless_ratio() -> None:
    old, new = [np.array([2.0])] * 10, [np.array([inf])] * 10
    (low, _), side = ratio_interval(quantile(50), old, new, False, np.random.default_rng(1))
    assert (low, side) == (inf, 1)
    assert ratio_interval(quantile(50), new, new, False, np.random.default_rng(1)) == ((1, 1), 0)


def test_a_rate_that_was_none_has_an_endless_ratio_too() -> None:
    old, new = [np.array([0.0, 50])] * 10, [np.array([5.0, 50])] * 10
    (low, _), side = ratio_interval(share, old, new, False, np.random.default_rng(1))
    assert (low, side) == (inf, 1)


@pytest.mark.parametrize("count", [EXACT, EXACT + 1, 1024, 5000])
def test_more_pairs_than_ways_can_be_counted_for_still_show_a_change(count: int) -> None:
    old = np.random.default_rng(6).normal(10, 1, size=count)
    assert signed_rank(old, 1.5 * old) < 1e-9
    assert signed_rank(old, old) == 1.0
    mixed = np.where(np.arange(count) % 2, old + 1, old - 1)
    assert signed_rank(old, mixed) > 0.5


@pytest.mark.parametrize(("before", "after"), [(50, 50), (51, 51), (400, 400), (3, 3000)])
def test_more_trials_than_ways_can_be_counted_for_still_show_a_change(
    before: int, after: int
) -> None:
    random = np.random.default_rng(7)
    old, new = random.normal(10, 1, size=before), random.normal(16, 1, size=after)
    assert rank_sum(old, new) < 0.005
    assert rank_sum(new, old) == pytest.approx(rank_sum(old, new))
    assert rank_sum(old, random.normal(10, 1, size=after)) > 0.01


def test_where_the_counting_ends_the_p_values_go_on() -> None:
    random = np.random.default_rng(8)
    exact: list[float] = []
    rough: list[float] = []
    values = np.round(random.normal(3, 1, size=EXACT))
    for count, found in ((EXACT, exact), (EXACT + 1, rough)):
        # Many ties, and twelve values that are endless.
        old = np.resize(values, count)
        new = old + np.resize([0.0, 2, 1, 1, 2, -1], count)
        old[:6], new[3:9] = inf, inf
        found += [rank_sum(old, new), signed_rank(old, new)]
    assert rough == pytest.approx(exact, rel=0.35)
    assert max(exact) < 0.05


def test_many_endless_times_are_all_equal_and_longer_than_any() -> None:
    old, new = np.full(200, 2.0), np.full(200, inf)
    assert rank_sum(new, new) == signed_rank(new, new) == 1.0
    assert rank_sum(old, new) < 1e-50
    assert signed_rank(old, new) < 1e-30
    half = np.where(np.arange(200) % 2, inf, 2.0)
    assert rank_sum(half, half[::-1].copy()) > 0.9


@pytest.mark.parametrize("count", [10, 200])
def test_what_is_no_number_is_never_taken_for_no_change(count: int) -> None:
    old, new = np.arange(float(count)), np.arange(float(count))
    new[3] = np.nan
    for test in (rank_sum, signed_rank):
        with pytest.raises(ValueError, match="no number"):
            test(old, new)


@pytest.mark.parametrize("paired", [False, True])
def test_the_least_chance_of_many_trials_is_that_of_a_complete_parting_too(paired: bool) -> None:
    old, new = np.arange(80.0), np.arange(80.0) * 2 + 100
    test = signed_rank if paired else rank_sum
    assert test(old, new) == pytest.approx(least_chance(80, 80, paired), rel=1e-6)
