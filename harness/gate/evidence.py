"""How sure a change is: tests of ranks with the trial as the unit, and Holm's correction.

What happens within a trial hangs together, so each trial is one value. Ranks, so that a time beyond
the trial's end counts as longer than any other, and nothing is assumed of how values spread.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, comb, erfc, inf, isnan, sqrt
from typing import Any

import numpy as np

from harness.fidelity.resampling import REPLICATES, Interval, Statistic, middle, replicates
from harness.fidelity.tolerances import Floats

FAMILY = 0.001
"""The chance that a gate finds any change at all where nothing changed.

A tenth of the false alarms that a gate may have: the others are left to what one occurrence fails.
"""

EXACT = 50
"""Up to so many pairs, or as many on each side, all ways are counted: work grows as its cube.

Beyond it the sums of ranks are as good as normal, and the ways too many for a floating number.
"""

_POWER = 0.8
# What is beyond this has no small probability, however exactly it is computed.
_SCREEN = 0.05


def rank_sum(old: Floats, new: Floats) -> float:
    """The two-sided p-value of Wilcoxon, Mann and Whitney's test; endless values are equal.

    Exact with ties, where it may be small and the trials are few (see EXACT): the share of all ways
    to part the values that are as uneven (the permutation distribution of the sum of mid-ranks).
    Else from the normal distribution, corrected for ties and continuity. Raises ValueError where a
    value is no number.
    """
    # Imported late: it takes a second to load, which no other command should cost.
    from scipy.stats import mannwhitneyu, rankdata

    if not old.size or not new.size:
        return 1.0
    both = np.concatenate([old, new])
    _known(both.max())
    if (both == both[0]).all():
        return 1.0
    ranks = rankdata(both)
    rough = _known(mannwhitneyu(ranks[old.size :], ranks[: old.size], method="asymptotic").pvalue)
    if rough > _SCREEN or not _counts_all(old.size, new.size):
        return rough
    # The sum of one side is that of the other: the smaller one has fewer ways.
    doubled = np.rint(2 * ranks).astype(int)
    fewer = doubled[old.size :] if new.size <= old.size else doubled[: old.size]
    return _two_sided(_sums(doubled, fewer.size), int(fewer.sum()))


def signed_rank(old: Floats, new: Floats) -> float:
    """The two-sided p-value of Wilcoxon's test of pairs; equal pairs are left out.

    Pairs in which both lie beyond the end are equal. Exact with ties up to EXACT pairs, beyond it
    from the normal distribution, corrected for ties and continuity. Raises ValueError where a value
    is no number.
    """
    from scipy.stats import rankdata, wilcoxon

    with np.errstate(invalid="ignore"):
        gaps = np.where(old == new, 0.0, new - old)
    gaps = gaps[gaps != 0]
    if not gaps.size:
        return 1.0
    _known(gaps.max())
    ranks = rankdata(np.abs(gaps))
    if gaps.size > EXACT:
        signed = np.copysign(ranks, gaps)
        return _known(wilcoxon(signed, correction=True, method="asymptotic").pvalue)
    doubled = np.rint(2 * ranks).astype(int)
    ways = np.zeros(int(doubled.sum()) + 1)
    ways[0] = 1.0
    for rank in doubled:
        ways[rank:] += ways[:-rank].copy()
    return _two_sided(ways, int(doubled[gaps > 0].sum()))


def _known(value: Any) -> float:
    """A value that must be a number: one that is none would pass for no change at all."""
    known = float(value)
    if isnan(known):
        raise ValueError("a rank test of something that is no number")
    return known


def _counts_all(old: int, new: int) -> bool:
    """Whether so few that all ways to part them are counted: no more work than with EXACT each."""
    return (old + new) * min(old, new) <= 2 * EXACT * EXACT


def _sums(ranks: np.ndarray[tuple[int], np.dtype[np.int_]], chosen: int) -> Floats:
    """In how many ways so many of the ranks come to each sum."""
    ways = np.zeros((chosen + 1, int(np.sort(ranks)[-chosen:].sum()) + 1))
    ways[0, 0] = 1.0
    for rank in ranks:
        ways[1:, rank:] += ways[:-1, :-rank].copy()
    row: Floats = ways[chosen]
    return row


def _two_sided(ways: Floats, found: int) -> float:
    """Twice the smaller tail."""
    below, above = ways[: found + 1].sum(), ways[found:].sum()
    return min(1.0, _known(2 * min(below, above) / ways.sum()))


def holm(chances: Sequence[float]) -> list[float]:
    """The p-values corrected for being so many (Holm, 1979): below FAMILY is sure enough."""
    adjusted = [1.0] * len(chances)
    largest = 0.0
    for place, which in enumerate(sorted(range(len(chances)), key=lambda one: chances[one])):
        largest = max(largest, (len(chances) - place) * chances[which])
        adjusted[which] = min(1.0, largest)
    return adjusted


def least_chance(old: int, new: int, paired: bool) -> float:
    """The smallest p-value that so many trials can have: all of one above all of the other."""
    if paired:
        if new <= EXACT:
            return 2.0 ** (1 - new)
        return _parted(new * (new + 1) / 4, new * (new + 1) * (2 * new + 1) / 24)
    if _counts_all(old, new):
        return 2 / comb(old + new, new)
    return _parted(old * new / 2, old * new * (old + new + 1) / 12)


def _parted(mean: float, variance: float) -> float:
    """The p-value where a sum of ranks is at its end, twice its mean or nothing."""
    return erfc((mean - 0.5) / sqrt(2 * variance))


def fewest_trials(old: int, comparisons: int) -> tuple[int, int]:
    """How many new trials against how many old ones could tell anything at all.

    Besides that many other comparisons. The old ones are those that there are, unless these are
    too few whatever comes.
    """
    limit = FAMILY / max(1, comparisons)
    counts = range(1, 1000)
    enough = (n for n in counts if least_chance(old, n, paired=False) <= limit)
    both = (n for n in counts if least_chance(n, n, paired=False) <= limit)
    found = next(enough, None)
    if found is not None and found <= 3 * old:
        return found, old
    needed = next(both)
    return needed, needed


def trials_needed(old: Floats, new: Floats, comparisons: int) -> int | None:
    """How many trials on each side would show a change as large as this, in four of five cases.

    Noether's formula (1987) for Mann and Whitney's test; None where no rank tells them apart.
    """
    from scipy.stats import norm, rankdata

    above = rankdata(np.concatenate([old, new]))[old.size :].sum() - new.size * (new.size + 1) / 2
    apart = abs(above / (old.size * new.size) - 0.5)
    if apart == 0:
        return None
    reach = norm.isf(FAMILY / max(1, comparisons) / 2) + norm.isf(1 - _POWER)
    return max(ceil(float(reach**2 / (6 * apart**2))), fewest_trials(old.size, comparisons)[0])


def ratio_interval(
    statistic: Statistic,
    old: Sequence[Floats],
    new: Sequence[Floats],
    paired: bool,
    random: np.random.Generator,
) -> tuple[Interval, int]:
    """The interval of new / old from trials drawn again, and the side it lies on.

    The side is 1 where new is surely more, -1 where it is surely less, else 0. Paired trials are
    drawn together.
    """
    if paired:
        drawn = random.integers(len(old), size=(REPLICATES, len(old))).tolist()
        before, after = (
            np.array([statistic([side[place] for place in row]) for row in drawn])
            for side in (old, new)
        )
    else:
        before = replicates(statistic, old, len(old), random)
        after = replicates(statistic, new, len(new), random)
    with np.errstate(invalid="ignore", divide="ignore"):
        gaps = np.where(before == after, 0.0, after - before)
        ratios = np.where(before == after, 1.0, after / before)
    ratios = np.where((before == 0) & (after > 0), inf, ratios)
    low, high = middle(gaps)
    return middle(ratios), 1 if low > 0 else -1 if high < 0 else 0
