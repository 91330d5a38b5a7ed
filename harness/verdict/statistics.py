"""How sure we are: intervals for rates, quantiles and their intervals, with censored samples.

All intervals are of 95 %. A quantile is an order statistic (the nearest rank), so it is always a
value that was seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, isfinite, sqrt
from statistics import NormalDist

from harness.verdict.model import Latency, Quantiles, Sample

CONFIDENCE = 0.95
_UPPER = (1 + CONFIDENCE) / 2

Interval = tuple[float | None, float | None]


def rate_interval(trials: Sequence[tuple[int, int]]) -> Interval:
    """The Wilson interval of a rate, pooled over trials; each is (how many, of how many).

    What happens within a trial hangs together: the trials' own rates tell by how much, and so many
    fewer runs the interval counts on (the design effect; Rao and Scott 1992, A Simple Method for
    the Analysis of Clustered Binary Data; few trials tell it badly, which Student's t allows for:
    Korn and Graubard 1998). One trial alone cannot tell, nor can trials in which none or all were
    counted: their runs count as independent. (None, None) where nothing was counted.
    """
    count, total = (sum(column) for column in zip(*trials, strict=True)) if trials else (0, 0)
    if total == 0:
        return None, None
    share = count / total
    size = total / _design_effect(trials, share, total)
    squared = NormalDist().inv_cdf(_UPPER) ** 2
    middle = (share + squared / (2 * size)) / (1 + squared / size)
    spread = sqrt(squared * (share * (1 - share) / size + squared / (4 * size * size)))
    half = spread / (1 + squared / size)
    # At the ends it is exact; elsewhere the sums are, but for the last digit.
    low = 0.0 if count == 0 else max(0.0, middle - half)
    return low, 1.0 if count == total else min(1.0, middle + half)


def _design_effect(trials: Sequence[tuple[int, int]], share: float, total: int) -> float:
    """The rate's variance over trials, by that of as many independent runs; at least 1."""
    count = len(trials)
    if count < 2 or share in (0.0, 1.0):
        return 1.0
    squares = sum((one - share * of) ** 2 for one, of in trials)
    effect = count / (count - 1) * squares / (total * share * (1 - share))
    if effect <= 1.0:
        return 1.0
    # Imported late: it takes a second to load, which no other command should cost.
    from scipy.stats import t

    return effect * (float(t.ppf(_UPPER, count - 1)) / NormalDist().inv_cdf(_UPPER)) ** 2


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
