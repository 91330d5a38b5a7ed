"""Intervals from trials drawn again: the trial is the unit, for what happens in one hangs together.

All intervals are of 95 %. Randomness is passed in; the same generator gives the same intervals.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf, nan

import numpy as np

from harness.fidelity.tolerances import Floats

Interval = tuple[float, float]
Statistic = Callable[[Sequence[Floats]], float]

REPLICATES = 1000
PREDICTIONS = 2000
_TAIL = 0.025


def quantile(percent: int) -> Statistic:
    """A quantile (the nearest rank) of the samples of some trials; not a number without any."""

    def of(trials: Sequence[Floats]) -> float:
        pooled = np.concatenate(trials) if trials else np.empty(0)
        if not pooled.size:
            return nan
        rank = -(-percent * pooled.size // 100)
        pooled.partition(rank - 1)
        return float(pooled[rank - 1])

    return of


def share(trials: Sequence[Floats]) -> float:
    """What is counted, divided by what it is counted for; a trial is the pair of the two."""
    if not trials:
        return nan
    counted, of = np.concatenate(trials).reshape(-1, 2).sum(axis=0)
    return float(counted / of) if of else nan


def replicates(
    statistic: Statistic, trials: Sequence[Floats], size: int, random: np.random.Generator
) -> Floats:
    """The statistic of `size` trials drawn with replacement, over and over."""
    drawn = random.integers(len(trials), size=(REPLICATES, size)).tolist()
    return np.array([statistic([trials[place] for place in row]) for row in drawn])


def middle(values: Floats) -> Interval:
    """The interval that holds 95 % of the values; those that are no number are left out."""
    known = np.sort(values[~np.isnan(values)])
    if not known.size:
        return nan, nan
    # Ranks, not a mean of two neighbours: one of them may be infinite.
    out = int(_TAIL * known.size)
    return float(known[out]), float(known[known.size - 1 - out])


def hull(*intervals: Interval) -> Interval:
    """The least interval that holds all of these; bounds that are no number are left out."""
    lows = [low for low, _ in intervals if low == low]
    highs = [high for _, high in intervals if high == high]
    return min(lows, default=nan), max(highs, default=nan)


def quantile_interval(values: Floats, percent: int) -> Interval:
    """The interval of a quantile by order statistics; unbounded where there are too few values."""
    if not values.size:
        return nan, nan
    # Imported late: it takes a second to load, which no other command should cost.
    from scipy.stats import quantile_test

    found = quantile_test(np.sort(values), p=percent / 100).confidence_interval(1 - 2 * _TAIL)
    low, high = float(found.low), float(found.high)
    return (low if low == low else 0.0), (high if high == high else inf)


def mean_interval(counts: Floats, random: np.random.Generator) -> Interval:
    """The interval of the mean count of a trial.

    The wider of Poisson's, below which no count can be known, and that of trials drawn again,
    which sees that counts come in clusters.
    """
    from scipy.stats import chi2

    total, trials = float(counts.sum()), len(counts)
    low = float(chi2.ppf(_TAIL, 2 * total)) / 2 if total else 0.0
    high = float(chi2.ppf(1 - _TAIL, 2 * total + 2)) / 2
    drawn = random.choice(counts, size=(PREDICTIONS, trials)).mean(axis=1)
    return hull((low / trials, high / trials), middle(drawn))


def predicted_total(counts: Floats, trials: int, random: np.random.Generator) -> tuple[int, int]:
    """The least and the greatest total that so many further trials are expected to have.

    As many trials drawn from `counts`, one more count allowed on both sides; and no narrower than
    what a Poisson count known from so many trials allows, so that never seen is not never.
    """
    from scipy.stats import nbinom

    low, high = middle(random.choice(counts, size=(PREDICTIONS, trials)).sum(axis=1))
    seen, known = counts.sum() + 0.5, len(counts) / (len(counts) + trials)
    least, most = hull(
        (low - 1, high + 1),
        (float(nbinom.ppf(_TAIL, seen, known)), float(nbinom.ppf(1 - _TAIL, seen, known))),
    )
    return max(0, int(least)), int(most)
