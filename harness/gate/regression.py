"""What changed since the baseline: by how much, and how sure.

A measure of correctness that the baseline had none of fails by one occurrence. Any other measure
needs both, a change beyond its tolerance and evidence: the interval of the ratio excludes 1, and a
test over the trials passes Holm's correction over all that the gate compares.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import isfinite, isnan, nan

import numpy as np

from harness.fidelity.tolerances import Floats
from harness.gate.evidence import (
    FAMILY,
    fewest_trials,
    holm,
    least_chance,
    rank_sum,
    ratio_interval,
    signed_rank,
    trials_needed,
)
from harness.gate.figures import Figures
from harness.gate.measures import MEASURES, Measure
from harness.gate.model import Case, Kind, Status
from harness.gate.places import Place
from harness.gate.wording import between, change, figure, likely
from harness.scenario.model import ALL

# With fewer pairs, signs alone prove nothing beside so many other comparisons.
_PAIRS = 20
# So many values in a row of chance that the same reports give the same intervals.
_SEED = 7
_NOTHING = "the baseline has nothing to compare with"


@dataclass(frozen=True, slots=True)
class Compared:
    """One measure of one approach on both sides; what a trial adds to it, in each trial.

    `had` counts the trials of the baseline and of the report, of which the pairs may be a part.
    """

    place: Place
    measure: Measure
    old: Sequence[Floats]
    new: Sequence[Floats]
    paired: bool
    had: tuple[int, int]

    @property
    def figures(self) -> tuple[float, float]:
        """The figure of the baseline, and the new one; not a number where there is none."""
        statistic = self.measure.statistic
        return statistic(self.old), statistic(self.new)

    @property
    def values(self) -> tuple[Floats, Floats]:
        """The figure of each trial, on both sides, without those that have none."""
        sides = [
            np.array([self.measure.statistic([trial]) for trial in side])
            for side in (self.old, self.new)
        ]
        if self.paired:
            known = ~(np.isnan(sides[0]) | np.isnan(sides[1]))
            return sides[0][known], sides[1][known]
        return sides[0][~np.isnan(sides[0])], sides[1][~np.isnan(sides[1])]

    @property
    def can_change(self) -> bool:
        """Whether any two trials are so far apart that it would matter.

        It does not depend on which trial is old and which is new, so that not asking is no choice
        in anybody's favour.
        """
        both = np.concatenate(self.values)
        return bool(both.size) and self.measure.tolerance.exceeded(
            float(both.min()), float(both.max()), self.measure.of([*self.old, *self.new])
        )

    @property
    def matters(self) -> bool:
        """Whether the change is more than is tolerated, for better or worse."""
        less, more = sorted(self.figures)
        of = min(map(self.measure.of, (self.old, self.new)))
        return self.measure.tolerance.exceeded(less, more, of)

    @property
    def part(self) -> bool:
        """Whether some trials have no counterpart, and are left out."""
        return self.had != (len(self.old), len(self.new))


def pairs(
    place: Place, old: Figures, new: Figures, measures: Sequence[Measure] = MEASURES
) -> Iterator[Compared]:
    """What is to be compared of an approach; the same seeds in virtual time are pairs.

    Where enough seeds are the same, trials with others are left out.
    """
    at = {seed: position for position, seed in enumerate(old.seeds)}
    both = [(at[seed], position) for position, seed in enumerate(new.seeds) if seed in at]
    paired = place.simulated and len(both) >= _PAIRS
    had = len(old.seeds), len(new.seeds)
    if paired:
        place = replace(place, seeds=tuple(new.seeds[position] for _, position in both))
    for measure in measures:
        before, after = measure.trials(old), measure.trials(new)
        if paired:
            before, after = [before[k] for k, _ in both], [after[k] for _, k in both]
        yield Compared(place, measure, before, after, paired, had)


def nothing_known(place: Place, old: Figures, measures: Sequence[Measure]) -> Iterator[Case]:
    """A case for each measure that the baseline says nothing of: it was written without it."""
    for one in measures:
        if not one.known(old):
            text = f"{one.name}: {_NOTHING}, which was written without it"
            name = _asked(one)
            yield place.case(Kind.BASELINE, one.name, name, Status.SKIPPED, text, notable=True)


def judged(asked: Sequence[Compared]) -> list[Case]:
    """One case for each that has a figure; the chance to err is that of all of them together."""
    family = [one for one in asked if one.can_change]
    chances = [_chance(one) for one in family]
    sure = dict(zip(map(id, family), holm(chances), strict=True))
    cases = [_case(one, sure.get(id(one)), len(family)) for one in asked]
    few = _too_few(asked, len(family))
    return [*few, *(case for case in cases if case is not None)]


def _too_few(asked: Sequence[Compared], comparisons: int) -> Iterator[Case]:
    """Reports so short that nothing but correctness could have failed."""
    seen = set()
    for one in asked:
        place, old, new = one.place, len(one.old), len(one.new)
        chance = least_chance(old, new, one.paired)
        if place.directory in seen or chance <= FAMILY / max(1, comparisons):
            continue
        seen.add(place.directory)
        least, before = fewest_trials(old, comparisons)
        text = (
            f"{new} trials against {old} are too few to tell a change of a time or a rate from "
            f"chance, whatever it is: it takes at least {least} against {before}"
        )
        whole = replace(place, approach=ALL)
        name = "enough trials to tell a change"
        yield whole.case(Kind.BASELINE, "trials", name, Status.SKIPPED, text, notable=True)


def _chance(one: Compared) -> float:
    old, new = one.values
    return signed_rank(old, new) if one.paired else rank_sum(old, new)


def _case(one: Compared, chance: float | None, comparisons: int) -> Case | None:
    old, new = one.figures
    if isnan(old) and isnan(new):
        return None
    if isnan(old) or isnan(new):
        return _one_sided(one, old)
    if chance is None or not one.matters:
        pairs_only = f"; {_how_many(one)}" if one.part else ""
        return _told(one, Status.PASSED, _moved(one, change(old, new)) + pairs_only)
    random = np.random.default_rng(_SEED)
    (low, high), side = ratio_interval(one.measure.statistic, one.old, one.new, one.paired, random)
    known = {"ratio_low": low, "ratio_high": high, "p": chance}
    how = (change(old, new), between(low, high), likely(chance))
    text = f"{_moved(one, *how)}; {_how_many(one)}"
    if chance > FAMILY or side != (1 if new > old else -1):
        return _unsure(one, text, comparisons, known)
    if side < 0:
        return _told(one, Status.PASSED, f"better: {text}", known, notable=True)
    return _told(one, Status.FAILED, text, known)


def _unsure(one: Compared, text: str, comparisons: int, known: dict[str, float]) -> Case:
    """More than is tolerated, and perhaps by chance: says how many trials would show it."""
    old, new = one.values
    if least_chance(old.size, new.size, one.paired) > FAMILY / comparisons:
        least, before = fewest_trials(old.size, comparisons)
        text = f"too few trials to tell: {text}; it takes at least {least} against {before}"
        return _told(one, Status.SKIPPED, text, known, notable=True)
    enough = trials_needed(old, new, comparisons)
    more = f"; about {enough} trials on both sides would show it" if enough else ""
    return _told(one, Status.PASSED, f"not sure: {text}{more}", known, notable=True)


def _one_sided(one: Compared, old: float) -> Case:
    """Nothing to measure it on, on one of the sides."""
    if isnan(old):
        return _told(one, Status.SKIPPED, f"{one.measure.name}: {_NOTHING}")
    # What was seen in most trials does not vanish by chance; the faults may have missed.
    known = [not isnan(one.measure.statistic([trial])) for trial in one.old]
    often = 2 * sum(known) > len(known)
    text = f"{one.measure.name}: {figure(one.measure.name, old)} in the baseline, nothing measured"
    return _told(one, Status.ERROR if often else Status.SKIPPED, text, notable=True)


def _told(
    one: Compared,
    status: Status,
    text: str,
    known: dict[str, float] | None = None,
    notable: bool = False,
) -> Case:
    old, new = one.figures
    figures = {"baseline": old, "now": new, "ratio": new / old if old else nan, **(known or {})}
    return one.place.case(
        Kind.BASELINE,
        one.measure.name,
        _asked(one.measure),
        status,
        text,
        seed=_worst(one) if status is Status.FAILED else None,
        figures={name: value if isfinite(value) else None for name, value in figures.items()},
        notable=notable,
    )


def _asked(measure: Measure) -> str:
    return f"{measure.name} no worse than the baseline"


def _worst(one: Compared) -> int | None:
    """The seed of the new trial that has most of it."""
    values = [one.measure.statistic([trial]) for trial in one.new]
    ranked = [(value, -place) for place, value in enumerate(values) if not isnan(value)]
    return one.place.seeds[-max(ranked)[1]] if ranked else None


def _moved(one: Compared, *how: str) -> str:
    name, (old, new) = one.measure.name, one.figures
    if old == new:
        return f"{name}: {figure(name, new)}, as in the baseline"
    said = "; ".join(filter(None, how))
    return f"{name}: {figure(name, old)} -> {figure(name, new)}" + (f" ({said})" if said else "")


def _how_many(one: Compared) -> str:
    if one.part:
        return (
            f"{len(one.new)} pairs of the same seeds, of {one.had[1]} trials against {one.had[0]}"
        )
    if one.paired:
        return f"{len(one.new)} pairs of trials"
    return f"{len(one.new)} trials against {len(one.old)}"
