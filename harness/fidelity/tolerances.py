"""What is compared, and how far apart the two sides may be: fixed before anything is measured."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import inf

import numpy as np
from numpy.typing import NDArray

from harness.verdict.model import Outcome, Sample
from harness.verdict.statistics import times
from harness.verdict.tally import Tally

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """The live value may be `low` to `high` times the simulated one, or off by up to `slack`.

    Whichever allows more counts. `slack` is in the metric's own unit; `why` gives the reason.
    """

    low: float
    high: float
    slack: float = 0.0
    why: str

    def allowed(self, simulated: float) -> tuple[float, float]:
        """The least and the greatest live value that agree with the simulated one."""
        if simulated == inf:
            return inf, inf
        lowest = min(self.low * simulated, simulated - self.slack)
        return max(0.0, lowest), max(self.high * simulated, simulated + self.slack)

    def swallows(self, simulated: float) -> bool:
        """Whether `slack` alone allows all that is less: such a value is hard to disagree with."""
        return self.slack >= simulated

    def excess(self, live: Floats | float, simulated: Floats | float) -> Floats:
        """How far live is from simulated, with the tolerance as the unit.

        Within -1 to 1 they agree; the sign is that of live - simulated. Infinite where only one
        of them is known to lie beyond the end; not a number where one has no value.
        """
        real, model = np.broadcast_arrays(np.asarray(live, float), np.asarray(simulated, float))
        with np.errstate(invalid="ignore", divide="ignore"):
            above = np.maximum(model * (self.high - 1), self.slack)
            below = np.maximum(model * (1 - self.low), self.slack)
            gap = real - model
            scaled = gap / np.where(gap >= 0, above, below)
        scaled = np.where((real == inf) & (model < inf), inf, scaled)
        scaled = np.where((real < inf) & (model == inf), -inf, scaled)
        # The same on both sides is no difference, nothing and endless included.
        return np.where(real == model, 0.0, scaled)


@dataclass(frozen=True, slots=True)
class TimeMetric:
    """A quantile, in percent, of times pooled over trials; in seconds, infinite where censored."""

    name: str
    percent: int
    times: Callable[[Tally], Iterable[float]]
    tolerance: Tolerance


@dataclass(frozen=True, slots=True)
class CountMetric:
    """How often something happened in a trial."""

    name: str
    count: Callable[[Tally], int]
    why: str


_RECOVERY_P50 = Tolerance(
    low=0.9,
    high=1.1,
    slack=0.1,
    why="what a user would notice; 0.1 s is about what a poll, a heartbeat or an expiry cycle adds "
    "by chance",
)
_RECOVERY_P95 = Tolerance(
    low=0.75,
    high=1.25,
    slack=0.25,
    why="a tail rests on few samples, and on the rare coincidences that a model gets right last",
)
_WAIT_P50 = Tolerance(
    low=0.67,
    high=1.5,
    slack=0.001,
    why="fractions of a millisecond, which depend on what else the machine does; no outcome hangs "
    "on one millisecond",
)
_WAIT_P95 = Tolerance(
    low=0.5,
    high=2.0,
    slack=0.003,
    why="the tail is the scheduler of a busy machine, which is not modelled; 3 ms are below one of "
    "its time slices",
)
CALLS = Tolerance(
    low=0.9,
    high=1.1,
    why="the same code asks on both sides: only polls and retries can add or save some",
)
"""The tolerance of calls per expected run."""

_EFFECTS = "the same rules decide it on both sides: only chance may tell them apart"


def _failover(one: Tally) -> Iterable[float]:
    return _seconds(one.failover)


def _takeover(one: Tally) -> Iterable[float]:
    return _seconds(one.takeover)


def _outage(one: Tally) -> Iterable[float]:
    return _seconds(one.outage)


def _lateness(one: Tally) -> Iterable[float]:
    return one.lateness


def _lease_wait(one: Tally) -> Iterable[float]:
    return one.lease_wait


def _seconds(samples: Iterable[Sample]) -> list[float]:
    return times(tuple(samples))


TIMES = (
    TimeMetric("failover p50", 50, _failover, _RECOVERY_P50),
    TimeMetric("failover p95", 95, _failover, _RECOVERY_P95),
    TimeMetric("takeover p50", 50, _takeover, _RECOVERY_P50),
    TimeMetric("outage p50", 50, _outage, _RECOVERY_P50),
    TimeMetric("lateness p50", 50, _lateness, _WAIT_P50),
    TimeMetric("lease wait p50", 50, _lease_wait, _WAIT_P50),
    TimeMetric("lease wait p95", 95, _lease_wait, _WAIT_P95),
)

COUNTS = (
    CountMetric("duplicate", lambda one: one.outcomes.get(Outcome.DUPLICATE, 0), _EFFECTS),
    CountMetric(
        "missed",
        lambda one: sum(count for outcome, count in one.outcomes.items() if outcome.missed),
        _EFFECTS,
    ),
    CountMetric("overlaps", lambda one: one.overlap_count, _EFFECTS),
    CountMetric("overrun", lambda one: one.outcomes.get(Outcome.OVERRUN, 0), _EFFECTS),
)

CALLS_PER_RUN = "calls per run"
RANKED = ("failover p50", "overlaps", "duplicate", "missed", CALLS_PER_RUN)
"""The metrics by which approaches are put in order."""
