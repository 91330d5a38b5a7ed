"""How sure a change is: tests of ranks with the trial as the unit, and Holm's correction.

What happens within a trial hangs together, so each trial is one value. Ranks, so that a time beyond
the trial's end counts as longer than any other, and nothing is assumed of how values spread.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, comb, inf

import numpy as np

from harness.fidelity.resampling import REPLICATES, Interval, Statistic, middle, replicates
from harness.fidelity.tolerances import Floats

FAMILY = 0.001
"""The chance that a gate finds any change at all where nothing changed.

A tenth of the false alarms that a gate may have: the others are left to what one occurrence fails.
"""

_POWER = 0.8
# What is beyond this has no small probability, however exactly it is computed.
_SCREEN = 0.05


def rank_sum(old: Floats, new: Floats) -> float:
    """The two-sided p-value of Wilcoxon, Mann and Whitney's test, exact where it may be small.

    Exact with ties: the share of all ways to part the values that are as uneven (the permutation
    distribution of the sum of mid-ranks).
    """
    # Imported late: it takes a second to load, which no other command should cost.
    from scipy.stats import mannwhitneyu, rankdata

    if not old.size or not new.size:
        return 1.0
    both = np.concatenate([old, new])
    if (both == both[0]).all():
        return 1.0
    rough = float(mannwhitneyu(new, old, method="asymptotic").pvalue)
    if rough > _SCREEN:
        return rough
    ranks = np.rint(2 * rankdata(both)).astype(int)
    return _two_sided(_sums(ranks, new.size), int(ranks[old.size :].sum()))


def signed_rank(old: Floats, new: Floats) -> float:
    """The two-sided p-value of Wilcoxon's test of pairs, exact with ties; equal pairs are left out.

    Pairs in which both lie beyond the end are equal.
    """
    from scipy.stats import rankdata

    with np.errstate(invalid="ignore"):
        gaps = np.where(old == new, 0.0, new - old)
    gaps = gaps[gaps != 0]
    if not gaps.size:
        return 1.0
    ranks = np.rint(2 * rankdata(np.abs(gaps))).astype(int)
    ways = np.zeros(int(ranks.sum()) + 1)
    ways[0] = 1.0
    for rank in ranks:
        ways[rank:] += ways[:-rank].copy()
    return _two_sided(ways, int(ranks[gaps > 0].sum()))


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
    return float(min(1.0, 2 * min(below, above) / ways.sum()))


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
    return 2 / (2**new if paired else comb(old + new, new))


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
