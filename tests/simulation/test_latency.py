"""Durations drawn from a table of quantiles."""

from __future__ import annotations

from itertools import pairwise
from random import Random
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.simulation.latency import Latency, Overshoot, constant, of_samples
from harness.simulation.randomness import stream

SECONDS = st.floats(0, 1e6, allow_nan=False)
TABLES = st.lists(SECONDS, min_size=1, max_size=50).map(lambda them: tuple(sorted(them)))


@given(TABLES, st.integers())
def test_what_is_drawn_lies_within_the_table(quantiles: tuple[float, ...], seed: int) -> None:
    latency, random = Latency(quantiles), Random(seed)
    for _ in range(20):
        assert quantiles[0] <= latency.draw(random) <= quantiles[-1]


@given(SECONDS, st.integers())
def test_a_constant_is_constant(seconds: float, seed: int) -> None:
    assert constant(seconds).draw(Random(seed)) == seconds


@given(st.lists(SECONDS, min_size=1), st.integers(1, 200))
def test_a_table_of_samples_keeps_their_ends_and_has_no_others(
    samples: list[float], steps: int
) -> None:
    latency = of_samples(samples, steps)
    assert len(latency.quantiles) == steps + 1
    assert (latency.quantiles[0], latency.quantiles[-1]) == (min(samples), max(samples))
    assert set(latency.quantiles) <= set(samples)


def test_the_median_of_what_is_drawn_is_that_of_the_samples() -> None:
    random = Random(3)
    samples = [random.lognormvariate(-5, 0.7) for _ in range(5000)]
    latency = of_samples(samples)
    drawn = [latency.draw(random) for _ in range(5000)]
    assert median(drawn) == pytest.approx(median(samples), rel=0.05)
    assert sorted(drawn)[4750] == pytest.approx(sorted(samples)[4750], rel=0.1)


@pytest.mark.parametrize("quantiles", [(), (2.0, 1.0), (-1.0, 1.0)])
def test_a_table_that_is_none_is_refused(quantiles: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="latency"):
        Latency(quantiles)


def test_no_samples_are_refused() -> None:
    with pytest.raises(ValueError, match="nothing was measured"):
        of_samples([])


def test_streams_are_told_apart_by_seed_and_name() -> None:
    def first(*key: object) -> float:
        return stream(1, *key).random()

    assert first("a", 1) == first("a", 1)
    assert len({first("a", 1), first("a", 2), first("b", 1), stream(2, "a", 1).random()}) == 4


def test_timers_due_together_are_late_alike_and_others_are_not() -> None:
    overshoot = Overshoot(Latency((0.0, 0.001, 0.004)), Random(1))
    assert overshoot(1.0041) == overshoot(1.0049)
    drawn = [overshoot((number + 0.9) * 0.005) for number in range(4000)]
    assert len(set(drawn)) > 3900
    assert min(drawn) >= 0.0
    assert max(drawn) <= 0.004
    assert median(drawn) == pytest.approx(0.001, abs=0.0001)


@pytest.mark.parametrize("longest", [0.004, 0.02])
def test_no_timer_overtakes_one_that_was_due_before_it(longest: float) -> None:
    overshoot = Overshoot(Latency((0.0, 0.001, longest)), Random(1))
    dues = [number * 0.0003 for number in range(20_000)]
    fired = [due + overshoot(due) for due in dues]
    assert all(a <= b + 1e-12 for a, b in pairwise(fired))


def test_workers_are_not_late_alike() -> None:
    latency = Latency((0.0, 0.001))
    first, second = (Overshoot(latency, Random(seed)) for seed in (1, 2))
    moments = [number * 0.5 for number in range(2000)]
    sooner = sum(first(moment) < second(moment) for moment in moments)
    assert 900 < sooner < 1100
