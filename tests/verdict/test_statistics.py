"""Intervals and quantiles, with censored samples."""

from __future__ import annotations

from math import comb, inf
from random import Random

import pytest
from scipy.stats import binomtest

from harness.verdict.model import Latency, Quantiles, Sample
from harness.verdict.statistics import latency, median_interval, quantiles, rate_interval


def samples(*seconds: float, censored: int = 0) -> list[Sample]:
    found = [Sample("f#1", "report", 0.0, value) for value in seconds]
    return found + [Sample("f#1", "report", 0.0, 0.01, censored=True)] * censored


class TestRates:
    def test_none_of_many_has_an_upper_bound(self) -> None:
        low, high = rate_interval([(0, 412)])
        assert low == 0
        # Wilson for no event: z² / (n + z²).
        assert high == pytest.approx(1.959964**2 / (412 + 1.959964**2), rel=1e-6)

    def test_the_interval_holds_the_rate(self) -> None:
        low, high = rate_interval([(30, 100)])
        assert low == pytest.approx(0.2189, abs=1e-4)
        assert high == pytest.approx(0.3958, abs=1e-4)

    def test_nothing_counted_gives_no_interval(self) -> None:
        assert rate_interval([]) == (None, None)
        assert rate_interval([(0, 0)]) == (None, None)

    @pytest.mark.parametrize(("count", "total"), [(1, 7), (30, 100), (99, 100), (5, 5), (0, 3)])
    def test_one_trial_has_the_textbook_interval(self, count: int, total: int) -> None:
        known = binomtest(count, total).proportion_ci(0.95, method="wilson")
        assert rate_interval([(count, total)]) == pytest.approx((known.low, known.high))

    def test_trials_that_agree_count_as_one_large_one(self) -> None:
        assert rate_interval([(3, 10)] * 10) == rate_interval([(30, 100)])

    def test_trials_that_differ_tell_less(self) -> None:
        # All or nothing: a hundred trials of ten runs are worth a hundred runs, not a thousand.
        low, high = rate_interval([(10, 10)] * 30 + [(0, 10)] * 70)
        assert (low, high) == pytest.approx(rate_interval([(30, 100)]), abs=0.01)

    @pytest.mark.parametrize("trials", [5, 10, 40])
    def test_it_covers_the_truth_where_runs_of_a_trial_hang_together(self, trials: int) -> None:
        random = Random(1)
        covered = 0
        for _ in range(400):
            rates = [random.betavariate(1, 4) for _ in range(trials)]
            low, high = rate_interval(
                [(sum(random.random() < rate for _ in range(20)), 20) for rate in rates]
            )
            assert low is not None
            assert high is not None
            covered += low <= 0.2 <= high
        assert covered / 400 > 0.92


class TestQuantiles:
    def test_each_is_a_value_that_was_seen(self) -> None:
        hundred = [float(value) for value in range(100, 0, -1)]
        assert quantiles(hundred) == Quantiles(50, 95, 99, 100)

    def test_of_one_value_all_are_that_value(self) -> None:
        assert quantiles([3.0]) == Quantiles(3, 3, 3, 3)

    def test_of_nothing_there_are_none(self) -> None:
        assert quantiles([]) == Quantiles()

    def test_a_censored_sample_counts_above_all_others_however_short(self) -> None:
        measured = latency(samples(1, 2, 3, censored=1))
        assert measured == Latency(4, 1, Quantiles(2, None, None, None))

    def test_a_quantile_that_falls_on_a_censored_sample_is_unknown(self) -> None:
        assert latency(samples(1, censored=2)).quantiles == Quantiles()

    def test_one_censored_of_a_hundred_leaves_p99_but_no_greatest(self) -> None:
        measured = latency(samples(*range(1, 100), censored=1))
        assert measured.quantiles == Quantiles(50, 95, 99, None)


class TestMedianInterval:
    @pytest.mark.parametrize("few", range(6))
    def test_five_values_are_too_few(self, few: int) -> None:
        assert median_interval([float(value) for value in range(few)]) == (None, None)

    def test_six_are_enough_for_the_extremes(self) -> None:
        assert median_interval([6.0, 1.0, 3.0, 2.0, 5.0, 4.0]) == (1, 6)

    @pytest.mark.parametrize("size", [6, 9, 20, 53])
    def test_it_is_the_narrowest_pair_of_order_statistics_that_holds(self, size: int) -> None:
        low, high = median_interval([float(value) for value in range(1, size + 1)])
        assert low is not None
        assert high == size + 1 - low

        def below(rank: float) -> float:
            return float(sum(comb(size, hits) for hits in range(int(rank))) / 2**size)

        assert below(low) <= 0.025 < below(low + 1)

    def test_a_bound_on_a_censored_sample_is_unknown(self) -> None:
        low, high = median_interval([1.0, 2.0, 3.0, 4.0, 5.0, inf])
        assert (low, high) == (1, None)

    def test_it_covers_the_truth_as_often_as_it_says(self) -> None:
        random = Random(1)
        held = 0
        for _ in range(500):
            low, high = median_interval([random.random() for _ in range(25)])
            assert low is not None
            assert high is not None
            held += low <= 0.5 <= high
        assert held >= 460
