"""How sure we are: intervals for rates, quantiles and their intervals, with censored samples.

All intervals are of 95 %. A quantile is an order statistic (the nearest rank), so it is always a
value that was seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, isfinite

from harness.verdict.model import Latency, Quantiles, Sample

CONFIDENCE = 0.95

Interval = tuple[float | None, float | None]


def rate_interval(count: int, total: int) -> Interval:
    """The Wilson interval of a rate; (None, None) where nothing was counted."""
    if total == 0:
        return None, None
    # Imported late: it takes a second to load, which no other command should cost.
    from scipy.stats import binomtest

    interval = binomtest(count, total).proportion_ci(CONFIDENCE, method="wilson")
    return float(interval.low), float(interval.high)


def quantiles(values: Sequence[float]) -> Quantiles:
    """p50, p95, p99 and the greatest. Infinite values are allowed; what falls on one is None."""
    ordered = sorted(values)
    return Quantiles(
        p50=_ranked(ordered, 50),
        p95=_ranked(ordered, 95),
        p99=_ranked(ordered, 99),
        max=_ranked(ordered, 100),
    )


def median_interval(values: Sequence[float]) -> Interval:
    """The interval of the median by order statistics; None for a bound that `values` cannot give.

    Too few values give no bound, and neither does one that falls on an infinite value.
    """
    if not values:
        return None, None
    from scipy.stats import quantile_test

    interval = quantile_test(sorted(values), p=0.5).confidence_interval(CONFIDENCE)
    return _finite(float(interval.low)), _finite(float(interval.high))


def times(samples: Sequence[Sample]) -> list[float]:
    """The seconds of the samples; infinite where censored: all that is known is that it is more."""
    return [inf if sample.censored else sample.seconds for sample in samples]


def latency(samples: Sequence[Sample]) -> Latency:
    """Quantiles over samples of which some are censored, and how many are."""
    censored = sum(sample.censored for sample in samples)
    return Latency(len(samples), censored, quantiles(times(samples)))


def _ranked(ordered: Sequence[float], percent: int) -> float | None:
    if not ordered:
        return None
    # In whole numbers: the smallest rank with at least that share of the values at or below it.
    rank = -(-percent * len(ordered) // 100)
    return _finite(ordered[rank - 1])


def _finite(value: float) -> float | None:
    return value if isfinite(value) else None
