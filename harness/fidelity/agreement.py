"""Live and simulated trials of one scenario, metric by metric: do they agree?"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, isfinite, isnan

import numpy as np

from harness.fidelity.bias import biases
from harness.fidelity.model import Estimate, Fidelity, Finding, Interval, Row, Trials, Unit
from harness.fidelity.ranking import ranking
from harness.fidelity.resampling import (
    Statistic,
    hull,
    mean_interval,
    middle,
    predicted_total,
    quantile,
    quantile_interval,
    replicates,
    share,
)
from harness.fidelity.tolerances import (
    CALLS,
    CALLS_PER_RUN,
    COUNTS,
    RANKED,
    TIMES,
    CountMetric,
    Floats,
    TimeMetric,
    Tolerance,
)
from harness.verdict.tally import Tally

# With fewer trials, what lies outside the tolerance may do so by chance.
FEWEST_LIVE = 3
FEWEST_SIMULATED = 20

# Of a side with many trials, so many times the other's are drawn: more would only take longer.
_ENOUGH = 10
# As many draws without a sample as an interval of 95 % leaves out on one side.
_RARE = 0.025

Both = tuple[Sequence[Tally], Sequence[Tally]]


def compare(
    live: Mapping[str, Sequence[Tally]], simulated: Mapping[str, Sequence[Tally]], scenario: str
) -> Fidelity:
    """Compare trials by approach; those that are invalid or were cut short are left out.

    Deterministic: the same trials give the same result. `scenario` is its name.
    """
    trials: dict[str, Trials] = {}
    left_out: dict[str, str] = {}
    rows: list[Row] = []
    for name in dict.fromkeys([*live, *simulated]):
        real, model = _whole(live.get(name, ())), _whole(simulated.get(name, ()))
        if real and model:
            trials[name] = Trials(len(real), len(model))
            rows += _rows(name, (real, model))
        else:
            missing = [side for side, has in (("live", real), ("simulated", model)) if not has]
            left_out[name] = f"no valid {' and no valid '.join(missing)} trial"
    return Fidelity(
        scenario=scenario,
        trials=trials,
        rows=tuple(rows),
        orders=ranking(rows, RANKED),
        biases=biases([row for row in rows if _enough(trials[row.approach])]),
        left_out=left_out,
        broken=tuple(name for name in left_out if live.get(name) or simulated.get(name)),
        notes=(*_notes("live", live), *_notes("simulated", simulated)),
    )


def _enough(trials: Trials) -> bool:
    return trials.live >= FEWEST_LIVE and trials.simulated >= FEWEST_SIMULATED


def _whole(trials: Sequence[Tally]) -> list[Tally]:
    return [one for one in trials if one.valid and not one.partial]


def _notes(side: str, trials: Mapping[str, Sequence[Tally]]) -> list[str]:
    notes = []
    for name, all_of in trials.items():
        out = len(all_of) - len(_whole(all_of))
        if out:
            trial = f"{len(all_of)} {side} trial{'s' if len(all_of) > 1 else ''}"
            reasons = "; ".join(dict.fromkeys(why for one in all_of for why in one.invalid))
            notes.append(f"{name}: {out} of {trial} left out: {reasons or 'cut short'}")
    return notes


def _rows(approach: str, both: Both) -> list[Row]:
    rows = [_time_row(approach, metric, both, _random(approach, metric.name)) for metric in TIMES]
    rows.append(_calls_row(approach, both, _random(approach, CALLS_PER_RUN)))
    counts = [
        _count_row(approach, metric, both, _random(approach, metric.name)) for metric in COUNTS
    ]
    return [row for row in rows if row is not None] + counts


def _random(approach: str, metric: str) -> np.random.Generator:
    """Chance of its own for each row, so that no row hangs on which others there are."""
    return np.random.default_rng(zlib.crc32(f"{approach}/{metric}".encode()))


def _time_row(
    approach: str, metric: TimeMetric, both: Both, random: np.random.Generator
) -> Row | None:
    live, simulated = (
        [np.array(tuple(metric.times(one)), dtype=float) for one in side] for side in both
    )
    statistic = quantile(metric.percent)

    def estimate(trials: Sequence[Floats]) -> Estimate:
        pooled = np.concatenate(trials)
        interval = quantile_interval(pooled, metric.percent)
        return Estimate(statistic(trials), interval, pooled.size, int(np.isinf(pooled).sum()))

    values = estimate(live), estimate(simulated)
    if isnan(values[0].value) and isnan(values[1].value):
        return None
    comparison = _Comparison(statistic, live, simulated, metric.tolerance, random)
    return comparison.row(approach, metric.name, Unit.SECONDS, *values)


def _calls_row(approach: str, both: Both, random: np.random.Generator) -> Row | None:
    live, simulated = (
        [np.array((one.calls, sum(one.outcomes.values())), dtype=float) for one in side]
        for side in both
    )
    if not any(share(side) > 0 for side in (live, simulated)):
        return None

    def estimate(trials: Sequence[Floats]) -> Estimate:
        value, runs = share(trials), sum(int(one[1]) for one in trials)
        if len(trials) < 2:
            return Estimate(value, (0.0, inf), runs)
        size = len(trials)
        return Estimate(value, middle(replicates(share, trials, size, random)), runs)

    values = estimate(live), estimate(simulated)
    comparison = _Comparison(share, live, simulated, CALLS, random)
    return comparison.row(approach, CALLS_PER_RUN, Unit.PER_RUN, *values)


@dataclass(frozen=True, slots=True)
class _Comparison:
    """A statistic of trials on both sides, and how far apart it may be."""

    statistic: Statistic
    live: Sequence[Floats]
    simulated: Sequence[Floats]
    tolerance: Tolerance
    random: np.random.Generator

    def row(
        self, approach: str, metric: str, unit: Unit, live: Estimate, simulated: Estimate
    ) -> Row:
        """The row of that metric."""
        ratio, excess = self._apart(live.value, simulated.value)
        finding, wide = self._finding(excess, live, simulated)
        known = isfinite(live.value) and isfinite(simulated.value) and simulated.value > 0
        return Row(
            approach=approach,
            metric=metric,
            unit=unit,
            live=live,
            simulated=simulated,
            ratio=ratio if known else None,
            allowed=self.tolerance.allowed(simulated.value),
            excess=excess,
            finding=finding,
            wide=wide,
            why=self.tolerance.why,
        )

    def _apart(self, live: float, simulated: float) -> tuple[Estimate, Estimate]:
        """The ratio of the two sides and the excess, with intervals.

        The wider of two: trials of both sides drawn again, which shows what is known of the live
        side; and the live value against as many simulated trials, which holds for few trials too.
        """
        size = len(self.live)
        drawn = (
            self._drawn(self.live, size),
            self._drawn(self.simulated, min(len(self.simulated), _ENOUGH * size)),
        )
        predicted = self._drawn(self.simulated, size)
        excess = hull(
            middle(self.tolerance.excess(*drawn)),
            middle(self.tolerance.excess(live, predicted)),
        )
        with np.errstate(invalid="ignore", divide="ignore"):
            ratio = hull(middle(drawn[0] / drawn[1]), middle(live / predicted))
            quotient = float(np.divide(live, simulated))
        return (
            Estimate(quotient, ratio, size),
            Estimate(float(self.tolerance.excess(live, simulated)), excess, size),
        )

    def _drawn(self, trials: Sequence[Floats], size: int) -> Floats:
        return replicates(self.statistic, trials, size, self.random)

    def _finding(
        self, excess: Estimate, live: Estimate, simulated: Estimate
    ) -> tuple[Finding, bool]:
        enough = _enough(Trials(len(self.live), len(self.simulated)))
        if isnan(excess.value):
            missing = isnan(live.value)
            differs = enough and self._never_without(self.simulated if missing else self.live)
            return (Finding.DIFFERS if differs else Finding.TOO_LITTLE), False
        low, high = excess.interval
        if -1 <= excess.value <= 1:
            if self.tolerance.swallows(simulated.value):
                return Finding.TOO_SMALL, False
            return Finding.AGREES, low < -1 or high > 1
        outside = low > 1 or high < -1
        return (Finding.DIFFERS if enough and outside else Finding.TOO_LITTLE), False

    def _never_without(self, trials: Sequence[Floats]) -> bool:
        """Whether so few trials of this side would hardly ever hold no sample at all."""
        drawn = self._drawn(trials, min(len(self.live), len(self.simulated)))
        return float(np.isnan(drawn).mean()) < _RARE


def _count_row(approach: str, metric: CountMetric, both: Both, random: np.random.Generator) -> Row:
    live, simulated = (np.array([metric.count(one) for one in side], float) for side in both)
    low, high = predicted_total(simulated, len(live), random)
    total = int(live.sum())
    if low <= total <= high:
        seen = total or simulated.any()
        finding = Finding.AGREES if seen else Finding.TOO_SMALL
    else:
        enough = len(simulated) >= FEWEST_SIMULATED
        finding = Finding.DIFFERS if enough else Finding.TOO_LITTLE
    allowed: Interval = (low / len(live), high / len(live))
    return Row(
        approach=approach,
        metric=metric.name,
        unit=Unit.PER_TRIAL,
        live=_mean(live, random),
        simulated=_mean(simulated, random),
        ratio=None,
        allowed=allowed,
        excess=None,
        finding=finding,
        predicted=(low, high),
        why=metric.why,
    )


def _mean(counts: Floats, random: np.random.Generator) -> Estimate:
    return Estimate(float(counts.mean()), mean_interval(counts, random), int(counts.sum()))
