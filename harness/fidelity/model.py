"""How well two sides agree, as data: a row an approach and metric, an order a ranked metric."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

Interval = tuple[float, float]


class Finding(StrEnum):
    """What a comparison of two values came to.

    Too small: within a tolerance that could hardly have excluded anything.
    """

    AGREES = "agrees"
    DIFFERS = "differs"
    TOO_SMALL = "too small"
    TOO_LITTLE = "too little data"


class Unit(StrEnum):
    """What a value is measured in."""

    SECONDS = "s"
    PER_RUN = "per run"
    PER_TRIAL = "per trial"


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its 95 % interval.

    `inf` is beyond the end of the trial, or unbounded; not a number is nothing to measure. It
    rests on `samples`: so many times (`censored` of them cut off by the end), events or runs.
    """

    value: float
    interval: Interval
    samples: int
    censored: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One metric of one approach, live and simulated.

    `allowed` are the live values that agree, in the unit of the row; of counts `predicted` says it
    as a total over all live trials. `ratio` is live divided by
    simulated, None where it says nothing, as for counts. `excess` is how far live is off, with the
    tolerance as the unit: what `finding` rests on; None for counts. `wide` says of values that
    agree that their interval reaches out of the tolerance. `why` gives the tolerance's reason.
    """

    approach: str
    metric: str
    unit: Unit
    live: Estimate
    simulated: Estimate
    ratio: Estimate | None
    allowed: Interval
    excess: Estimate | None
    finding: Finding
    predicted: tuple[int, int] | None = None
    wide: bool = False
    why: str = ""


@dataclass(frozen=True, slots=True)
class Swap:
    """Two approaches that both sides tell apart, and put in opposite order."""

    less_live: str
    less_simulated: str


@dataclass(frozen=True, slots=True)
class Order:
    """The approaches from the least to the greatest value of a metric, on both sides.

    `compared` counts the pairs that both sides tell apart: their intervals do not overlap. `tau`
    is Kendall's tau-b over all approaches, None where one side sees no difference at all.
    """

    metric: str
    live: tuple[str, ...]
    simulated: tuple[str, ...]
    compared: int
    swapped: tuple[Swap, ...]
    tau: float | None

    @property
    def finding(self) -> Finding:
        """Whether the two orders are one."""
        if self.swapped:
            return Finding.DIFFERS
        return Finding.AGREES if self.compared else Finding.TOO_LITTLE


@dataclass(frozen=True, slots=True)
class Bias:
    """A metric that is off to the same side in most approaches.

    `ratio` is the least and the greatest ratio of live to simulated among these `approaches`,
    all below 1 or all above; `compared` counts all approaches that have a ratio.
    """

    metric: str
    ratio: Interval
    approaches: tuple[str, ...]
    compared: int


@dataclass(frozen=True, slots=True)
class Trials:
    """How many trials of an approach count."""

    live: int
    simulated: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fidelity:
    """How well a scenario's simulation agrees with what was measured.

    `left_out` gives the approaches that could not be compared, and why; `broken` names those among
    them that ran, and had no trial that counts. `notes` says what else limits what the figures may
    be believed for.
    """

    scenario: str
    trials: dict[str, Trials]
    rows: tuple[Row, ...]
    orders: tuple[Order, ...]
    biases: tuple[Bias, ...] = ()
    left_out: dict[str, str]
    broken: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def found(self, finding: Finding) -> tuple[Row, ...]:
        """The rows with that finding."""
        return tuple(row for row in self.rows if row.finding is finding)

    @property
    def ranking(self) -> Finding:
        """Whether the approaches come in the same order, by every metric that is ranked."""
        findings = {order.finding for order in self.orders}
        for finding in (Finding.DIFFERS, Finding.AGREES):
            if finding in findings:
                return finding
        return Finding.TOO_LITTLE

    @property
    def finding(self) -> Finding:
        """All in one: something differs; or what was settled agrees; or nothing was settled.

        What is too small settles nothing, nor does an approach that had no trial that counts.
        """
        if self.found(Finding.DIFFERS) or self.ranking is Finding.DIFFERS:
            return Finding.DIFFERS
        settled = self.found(Finding.AGREES) and not self.broken
        return Finding.AGREES if settled else Finding.TOO_LITTLE
