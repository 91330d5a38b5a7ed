from __future__ import annotations

from math import inf, nan

import pytest

from harness.fidelity.agreement import compare
from harness.fidelity.bias import biases
from harness.fidelity.model import Bias, Estimate, Fidelity, Finding, Interval, Row, Unit
from tests.fidelity.building import make_tally, trials

LOWER, HIGHER, NEITHER = (0.9, 0.98), (1.02, 1.1), (0.9, 1.1)


def row(approach: str, ratio: Interval | None, metric: str = "calls per run") -> Row:
    value = Estimate(1.0, (1.0, 1.0), 10)
    middle = None if ratio is None else Estimate(sum(ratio) / 2, ratio, 10)
    return Row(
        approach=approach,
        metric=metric,
        unit=Unit.PER_RUN,
        live=value,
        simulated=value,
        ratio=middle,
        allowed=(0.9, 1.1),
        excess=None,
        finding=Finding.AGREES,
    )


def found(*ratios: Interval | None) -> tuple[Bias, ...]:
    return biases([row(name, ratio) for name, ratio in zip("abcdefgh", ratios, strict=False)])


def measured(approaches: str, live: int, simulated: int, seed: object, **how: float) -> Fidelity:
    return compare(
        {name: trials(live, f"live {name} {seed}", **how) for name in approaches},
        {name: trials(simulated, f"sim {name} {seed}") for name in approaches},
        "worker-crash",
    )


def test_a_bias_that_every_single_tolerance_allows_is_found() -> None:
    fidelity = measured("abcd", 20, 60, "planted", calls=0.94, waits=1.35)
    assert not fidelity.found(Finding.DIFFERS)
    by_metric = {one.metric: one for one in fidelity.biases}
    assert set(by_metric) == {"calls per run", "lease wait p50", "lease wait p95"}
    calls, waits = by_metric["calls per run"], by_metric["lease wait p50"]
    assert 0.9 < calls.ratio[0] <= calls.ratio[1] < 1 < waits.ratio[0]
    assert waits.compared == 4
    assert set(waits.approaches) <= set("abcd")


@pytest.mark.parametrize("seed", range(2))
def test_there_is_no_bias_where_both_sides_have_the_same_distribution(seed: int) -> None:
    assert measured("abcd", 5, 40, seed).biases == ()


def test_few_trials_have_no_bias() -> None:
    def found_with(live: int, simulated: int) -> tuple[Bias, ...]:
        return compare(
            {name: [make_tally(calls=50)] * live for name in "abc"},
            {name: [make_tally(calls=100)] * simulated for name in "abc"},
            "worker-crash",
        ).biases

    assert found_with(3, 20) == (Bias("calls per run", (0.5, 0.5), ("a", "b", "c"), 3),)
    assert found_with(2, 20) == found_with(3, 19) == ()


def test_three_quarters_of_the_approaches_make_a_bias() -> None:
    assert found(LOWER, LOWER, NEITHER, LOWER) == (
        Bias("calls per run", (pytest.approx(0.94), pytest.approx(0.94)), ("a", "b", "d"), 4),
    )
    assert found(HIGHER, HIGHER, (1.5, 1.7), LOWER)[0].ratio == pytest.approx((1.06, 1.6))
    assert found(LOWER, LOWER, LOWER, NEITHER, HIGHER) == ()
    assert found(LOWER, LOWER, HIGHER, HIGHER) == ()


def test_two_approaches_make_none_and_those_without_a_ratio_do_not_count() -> None:
    assert found(LOWER, LOWER) == ()
    assert found(LOWER, LOWER, None, (nan, nan), (nan, inf)) == ()
    (bias,) = found(LOWER, LOWER, LOWER, None, (nan, nan))
    assert bias.compared == 3


def test_less_than_one_percent_is_none_however_sure() -> None:
    assert found(*[(0.992, 0.994)] * 8) == ()
    assert found(*[(1.006, 1.008)] * 8) == ()


def test_each_metric_is_looked_at_alone() -> None:
    rows = [row(name, LOWER, metric) for name in "ab" for metric in ("failover p50", "calls")]
    assert biases(rows) == ()
    assert [one.metric for one in biases([*rows, row("c", LOWER, "calls")])] == ["calls"]
