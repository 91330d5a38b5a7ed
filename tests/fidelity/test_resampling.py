from __future__ import annotations

from math import inf, isnan, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.fidelity.resampling import (
    hull,
    mean_interval,
    middle,
    predicted_total,
    quantile,
    quantile_interval,
    replicates,
    share,
)
from harness.verdict.statistics import median_interval, quantiles

values = st.lists(st.floats(min_value=0, max_value=1e6) | st.just(inf), min_size=1, max_size=60)


def random() -> np.random.Generator:
    return np.random.default_rng(1)


@given(values, st.integers(min_value=0, max_value=59))
def test_quantiles_are_those_of_the_verdict(found: list[float], cut: int) -> None:
    trials = [np.array(found[:cut]), np.array(found[cut:])]
    known = quantiles(found)
    for percent, expected in ((50, known.p50), (95, known.p95)):
        assert quantile(percent)(trials) == (inf if expected is None else expected)


def test_intervals_of_a_median_are_those_of_the_verdict() -> None:
    found = [float(number) for number in range(40)]
    assert quantile_interval(np.array(found), 50) == median_interval(found)
    assert quantile_interval(np.array([1.0, 2.0]), 50) == (0.0, inf)


def test_what_lies_beyond_the_end_stays_there_in_an_interval() -> None:
    assert middle(np.array([1.0] * 50 + [inf] * 50 + [nan] * 7)) == (1.0, inf)
    assert all(isnan(bound) for bound in middle(np.array([nan])))
    assert hull((nan, nan), (1.0, 2.0), (0.5, 1.5)) == (0.5, 2.0)


def test_without_samples_there_is_no_value() -> None:
    assert isnan(quantile(50)([np.array([]), np.array([])]))
    assert isnan(share([np.array([3.0, 0.0])]))
    assert share([np.array([3.0, 1.0]), np.array([5.0, 3.0])]) == 2


def test_trials_are_drawn_whole() -> None:
    trials = [np.array([1.0, 1.0, 1.0]), np.array([2.0])]
    drawn = replicates(quantile(50), trials, 1, random())
    assert set(drawn) == {1.0, 2.0}
    assert 0.4 < (drawn == 2.0).mean() < 0.6


def test_a_count_never_seen_has_an_upper_bound() -> None:
    low, high = mean_interval(np.zeros(30), random())
    assert low == 0
    assert high == pytest.approx(3.69 / 30, rel=0.01)
    assert predicted_total(np.zeros(200), 10, random()) == (0, 1)
    assert predicted_total(np.zeros(20), 20, random())[1] > 1


def test_counts_in_clusters_have_a_wider_interval_than_single_ones() -> None:
    single, clusters = np.ones(40), np.array([10.0] * 4 + [0.0] * 36)
    for interval in (mean_interval, lambda counts, chance: predicted_total(counts, 40, chance)):
        narrow, wide = interval(single, random()), interval(clusters, random())
        assert wide[1] - wide[0] > 1.3 * (narrow[1] - narrow[0])
