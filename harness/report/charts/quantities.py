"""What is drawn over a parameter that varies: the main measures, and the parameter's axis."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness.report import phrases
from harness.report.phrases import clean
from harness.scenario.duration import parse_duration
from harness.verdict.model import Latency, Result

# Values that span more than this get a logarithmic axis.
_DECADE = 10.0
_LABEL = 18


@dataclass(frozen=True, slots=True)
class Reading:
    """What was measured, with its interval; `beyond` says that it exceeds what was watched."""

    value: float | None
    low: float | None = None
    high: float | None = None
    beyond: bool = False


@dataclass(frozen=True, slots=True)
class Quantity:
    """A measure that is drawn: `text` writes one of its values, `unit` stands at its axis.

    `more` is a second reading of the same kind that is drawn beside, and `also` what it is.
    """

    name: str
    title: str
    unit: str
    read: Callable[[Result], Reading]
    text: Callable[[float], str]
    more: Callable[[Result], Reading] | None = None
    also: str = ""

    def cell(self, result: Result) -> str:
        """What was measured, as a cell of a table."""
        reading = self.read(result)
        if reading.value is None:
            return phrases.BEYOND if reading.beyond else phrases.NOTHING
        return self.text(reading.value)


def _rate(count: str) -> Callable[[Result], Reading]:
    def read(result: Result) -> Reading:
        if not result.expected:
            return Reading(None)
        low, high = result.intervals.get(count, (None, None))
        low, high = (None if end is None else 100 * end for end in (low, high))
        return Reading(100 * float(getattr(result, count)) / result.expected, low, high)

    return read


def _quantile(name: str, quantile: str) -> Callable[[Result], Reading]:
    def read(result: Result) -> Reading:
        latency: Latency = getattr(result, name)
        value: float | None = getattr(latency.quantiles, quantile)
        low, high = result.intervals.get(f"{name}_{quantile}", (None, None))
        return Reading(value, low, high, value is None and latency.unrecovered > 0)

    return read


def _overlap(result: Result) -> Reading:
    trials = result.trials - result.invalid_trials
    return Reading(result.overlap_seconds / trials if trials else None)


def _percent(value: float) -> str:
    return f"{phrases.percent(value / 100)} %"


DUPLICATES = Quantity("duplicates", "Duplicates, % of runs", "%", _rate("duplicate"), _percent)
MISSED = Quantity("missed", "Missed, % of runs", "%", _rate("missed"), _percent)
OVERLAP = Quantity("overlap", "Overlap, seconds a trial", "s", _overlap, phrases.seconds)
CALLS = Quantity(
    "calls",
    "Coordinator calls per run",
    "",
    lambda result: Reading(result.calls_per_run),
    lambda value: f"{value:.1f}",
)
FAILOVER = Quantity(
    "failover",
    "Failover latency p50, seconds",
    "s",
    _quantile("failover", "p50"),
    phrases.seconds,
    _quantile("failover", "p95"),
    "p95",
)
OUTAGE = Quantity(
    "outage", "Longest outage, seconds", "s", _quantile("outage", "max"), phrases.seconds
)
QUANTITIES = (DUPLICATES, MISSED, OVERLAP, FAILOVER, OUTAGE, CALLS)


@dataclass(frozen=True, slots=True)
class Axis:
    """A parameter's values in their order: as written, and where they lie.

    They lie at their numbers, durations at their seconds; one beside the other where one of them
    is no number. `log` says that they span more than a decade.
    """

    name: str
    values: tuple[str, ...]
    places: tuple[float, ...]
    log: bool

    @property
    def labels(self) -> list[str]:
        """The values as they stand at the axis."""
        return [clean(value, _LABEL) for value in self.values]


def axis_of(name: str, values: Sequence[str]) -> Axis:
    """The axis of a parameter: in the order of its numbers, or as given."""
    numbers = [number_of(value) for value in values]
    known = [number for number in numbers if number is not None]
    if len(known) < len(numbers):
        return Axis(name, tuple(values), tuple(map(float, range(len(values)))), False)
    pairs = sorted(zip(known, values, strict=True), key=lambda pair: pair[0])
    low, high = pairs[0][0], pairs[-1][0]
    return Axis(
        name,
        tuple(value for _, value in pairs),
        tuple(number for number, _ in pairs),
        low > 0 and high / low > _DECADE,
    )


def number_of(value: str) -> float | None:
    """What a value comes to as a number, seconds or per cent; None where it is none."""
    for read in (float, parse_duration):
        try:
            number = float(read(value.removesuffix("%").strip()))
        except ValueError:
            continue
        return number if math.isfinite(number) else None
    return None
