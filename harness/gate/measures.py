"""What the gate compares, and what change of it matters: the one place that lists both.

More of any of these is worse.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import numpy as np

from harness.fidelity.resampling import Statistic, quantile, share
from harness.fidelity.tolerances import Floats
from harness.gate.figures import TRIALS, Figures


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """A change matters from `part` of the old value on, if it is `floor` or more as well.

    `floor` is in the measure's own unit, `runs` in what a rate counts: so many more of them in all
    of the smaller report. `why` gives the reason.
    """

    part: float
    floor: float = 0.0
    runs: float = 0.0
    why: str

    def exceeded(self, less: float, more: float, of: float = inf) -> bool:
        """Whether `more` is that much more than `less`; endless is more than any time.

        `of` is what a rate is for each of, in the smaller report.
        """
        if less == more:
            return False
        gap = more - less
        # A share times what it is a share of is a whole number but for the last digit.
        counted = self.runs == 0 or gap * of >= self.runs - 1e-6
        return gap >= self.floor and gap >= self.part * less and counted


@dataclass(frozen=True, slots=True)
class Quantile:
    """A quantile, in percent, of times pooled over trials; in seconds."""

    name: str
    times: str
    percent: int
    tolerance: Tolerance

    @property
    def statistic(self) -> Statistic:
        """The figure of some trials."""
        return quantile(self.percent)

    def known(self, figures: Figures) -> bool:
        """Whether there are figures to have it from."""
        return self.times in figures.times

    def trials(self, figures: Figures) -> list[Floats]:
        """What each trial adds to it."""
        return [np.array(one, dtype=float) for one in figures.times[self.times]]

    def of(self, trials: Sequence[Floats]) -> float:
        """A time is no share of anything: endless."""
        return inf


@dataclass(frozen=True, slots=True)
class Rate:
    """How much of something there is, for each of something else."""

    name: str
    count: str
    per: str
    tolerance: Tolerance

    @property
    def statistic(self) -> Statistic:
        """The figure of some trials."""
        return share

    def known(self, figures: Figures) -> bool:
        """Whether there are figures to have it from."""
        return self.count in figures.counts and (self.per == TRIALS or self.per in figures.counts)

    def trials(self, figures: Figures) -> list[Floats]:
        """What each trial adds to it."""
        pairs = zip(figures.counts[self.count], figures.counted(self.per), strict=True)
        return [np.array(pair, dtype=float) for pair in pairs]

    def of(self, trials: Sequence[Floats]) -> float:
        """What it is for each of, in all these trials."""
        return float(sum(trial[1] for trial in trials))


Measure = Quantile | Rate

_RECOVERY = Tolerance(
    part=0.2,
    floor=0.02,
    why="what a user would notice; a poll, a heartbeat or an expiry cycle adds more than 20 ms",
)
_WAIT = Tolerance(
    part=0.2,
    floor=0.005,
    why="a few milliseconds are the scheduler of a busy machine; no outcome hangs on them",
)
_WRONG = Tolerance(
    part=0.2,
    runs=2,
    why="each is a run that went wrong, however many went well; one more is what chance does",
)
_SHARE = Tolerance(
    part=0.2,
    floor=0.005,
    why="half a percent of the runs: less is a run or two, which chance moves about",
)
_CALLS = Tolerance(
    part=0.1,
    floor=0.05,
    why="the same code asks the same questions: only polls and retries add some by chance",
)
_OVERLAP = Tolerance(
    part=0.2,
    floor=0.1,
    why="a tenth of a second in a trial: less is where in a run a fault happened to hit",
)

MEASURES: Sequence[Measure] = (
    Rate("duplicate", "duplicate", "expected", _WRONG),
    Rate("missed", "missed", "expected", _WRONG),
    Rate("overlap", "overlap", "expected", _WRONG),
    Rate("overlapping", "overlapping", "expected", _WRONG),
    Rate("repeated", "repeated", "expected", _WRONG),
    Rate("unrecovered", "unrecovered", "failovers", _WRONG),
    Rate("late", "late", "expected", _SHARE),
    Rate("overrun", "overrun", "expected", _SHARE),
    Rate("overlap_seconds", "overlap_seconds", TRIALS, _OVERLAP),
    Rate("calls_per_run", "calls", "expected", _CALLS),
    Quantile("failover_p50", "failover", 50, _RECOVERY),
    Quantile("failover_p95", "failover", 95, _RECOVERY),
    Quantile("takeover_p50", "takeover", 50, _RECOVERY),
    Quantile("outage_p50", "outage", 50, _RECOVERY),
    Quantile("outage_max", "outage", 100, _RECOVERY),
    # Of these a trial has many: each trial has its own quantile, and the usual trial's is compared.
    Quantile("lateness_p50", "lateness_p50", 50, _WAIT),
    Quantile("lateness_p95", "lateness_p95", 50, _WAIT),
    Quantile("lease_wait_p50", "lease_wait_p50", 50, _WAIT),
    Quantile("lease_wait_p95", "lease_wait_p95", 50, _WAIT),
)

CORRECTNESS = ("duplicate", "missed", "overlap", "overlapping", "repeated", "unrecovered")
"""Where the baseline had none of these, one is too many.

Without `max_concurrency`: that it rises above 1 is what `overlap` says.
"""
