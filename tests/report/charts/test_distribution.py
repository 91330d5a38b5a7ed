from __future__ import annotations

import pytest

from harness.report.charts.distribution import distribution


def test_a_distribution_steps_up_at_each_value() -> None:
    found = distribution([3.0, 1.0, 1.0, 2.0])
    assert found.seconds == [1.0, 2.0, 3.0]
    assert found.shares == [0.5, 0.75, 1.0]
    assert found.end is None


def test_censored_samples_keep_it_below_all_where_they_are_the_longest() -> None:
    found = distribution([1.0, 2.0], censored=[5.0, 5.0])
    assert found.seconds == [1.0, 2.0]
    assert found.shares == pytest.approx([0.25, 0.5])
    assert found.end == 5.0


def test_a_sample_censored_early_counts_as_kaplan_and_meier_have_it() -> None:
    # At 2 one of the two that are left is done: 1 - (3/4) * (1/2), not 2/4.
    found = distribution([1.0, 2.0], censored=[1.5, 4.0])
    assert found.shares == pytest.approx([0.25, 0.625])
    assert found.cuts == [1.5]


def test_where_all_are_censored_nothing_is_known_but_the_end() -> None:
    found = distribution([], censored=[4.0, 2.0])
    assert found.shares == []
    assert found.end == 4.0


def test_a_long_one_is_thinned_by_less_than_anyone_can_see() -> None:
    values = [place**2 / 1e6 for place in range(20_000)]
    found = distribution(values)
    assert len(found.shares) <= 300
    assert found.seconds[0] == values[0]
    assert found.seconds[-1] == values[-1]
    gaps = [b - a for a, b in zip(found.shares, found.shares[1:], strict=False)]
    assert max(gaps) < 0.005
