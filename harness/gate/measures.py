"""What the gate compares, and what change of it matters: the one place that lists both.

More of any of these is worse.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.fidelity.resampling import Statistic, quantile, share
from harness.fidelity.tolerances import Floats
from harness.gate.figures import TRIALS, Figures


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """A change matters from `part` of the old value on, if it is `floor` or more as well.

    `floor` is in the measure's own unit; `why` gives the reason for both.
    """

    part: float
    floor: float
    why: str

    def exceeded(self, less: float, more: float) -> bool:
        """Whether `more` is that much more than `less`; endless is more than any time."""
        if less == more:
            return False
        return more - less >= self.floor and more - less >= self.part * less


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

    def trials(self, figures: Figures) -> list[Floats]:
        """What each trial adds to it."""
        return [np.array(one) for one in figures.times[self.times]]


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

    def trials(self, figures: Figures) -> list[Floats]:
        """What each trial adds to it."""
        pairs = zip(figures.counts[self.count], figures.counted(self.per), strict=True)
        return [np.array(pair, dtype=float) for pair in pairs]


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
    Rate("duplicate", "duplicate", "expected", _SHARE),
    Rate("missed", "missed", "expected", _SHARE),
    Rate("overlap", "overlap", "expected", _SHARE),
    Rate("overlapping", "overlapping", "expected", _SHARE),
    Rate("repeated", "repeated", "expected", _SHARE),
    Rate("unrecovered", "unrecovered", "failovers", _SHARE),
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
