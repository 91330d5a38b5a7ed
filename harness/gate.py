"""Verdicts against what the scenario expects: pass or fail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from operator import attrgetter

from harness.scenario.duration import format_duration
from harness.scenario.model import ALL, Expectation, Scenario
from harness.verdict.model import Latency, Result

_COUNTS = (
    "expected once duplicate overrun missed never_started lost failed late suppressed"
    " overlapping repeated retried overlap_seconds max_concurrency double_hold_seconds"
    " calls_per_run"
).split()
_LATENCIES = ("failover", "takeover", "outage")
_TIMES = ("lateness", "lease_wait")
_QUANTILES = ("p50", "p95", "p99", "max")

MEASURES: Mapping[str, str] = {
    **{name: name for name in _COUNTS},
    "overlap": "overlap_count",
    "double_hold": "double_hold_count",
    "unrecovered": "failover.unrecovered",
    **{f"{name}_{q}": f"{name}.quantiles.{q}" for name in _LATENCIES for q in _QUANTILES},
    **{f"{name}_{q}": f"{name}.{q}" for name in _TIMES for q in _QUANTILES},
}
"""What `expect` may bound, and where a result has it."""


@dataclass(frozen=True, slots=True)
class Unmet:
    """An expectation that a result does not meet; `text` says how, in one line.

    `measured` is false where there was nothing to measure: that proves nothing, neither way.
    """

    approach: str
    measure: str
    text: str
    measured: bool = True


def check_expectations(scenario: Scenario, results: Mapping[str, Result]) -> list[Unmet]:
    """Every expectation that is not met, or that nothing was there to check against.

    What is expected of `all` is not asked of an approach that did not run.
    """
    return [
        unmet
        for name, result in results.items()
        for expectation in scenario.expectations(name)
        if (unmet := _check(expectation, result)) is not None
    ]


def _check(expectation: Expectation, result: Result) -> Unmet | None:
    if result.trials > result.invalid_trials:
        return _unmet(expectation, result)
    if expectation.approach == ALL:
        return None
    text = f"{result.approach}: no valid trial to see its {expectation.measure} in"
    return Unmet(result.approach, expectation.measure, text, measured=False)


def _unmet(expectation: Expectation, result: Result) -> Unmet | None:
    name = expectation.measure
    value: float | None = attrgetter(MEASURES[name])(result)
    if name == "unrecovered" and result.failover.samples == 0:
        value = None
    low, high = expectation.minimum, expectation.maximum
    if value is None:
        if not _never_ended(name, result):
            text = f"{result.approach}: there was no {name} to measure"
            return Unmet(result.approach, name, text, measured=False)
        # Whatever lies beyond the end is at least as much as is asked for.
        if high is None:
            return None
        text = f"{name} lies beyond the end of the trial"
    elif high is not None and value > high:
        text = f"{name} is {_shown(name, value)}, expected at most {_shown(name, high)}"
    elif low is not None and value < low:
        text = f"{name} is {_shown(name, value)}, expected at least {_shown(name, low)}"
    else:
        return None
    return Unmet(result.approach, name, f"{result.approach}: {text}")


def _never_ended(measure: str, result: Result) -> bool:
    """Whether a quantile is unknown because the trial ended first, not for want of samples."""
    name, _, quantile = measure.rpartition("_")
    if name not in _LATENCIES or quantile not in _QUANTILES:
        return False
    latency: Latency = getattr(result, name)
    return latency.unrecovered > 0


def _shown(measure: str, value: float) -> str:
    if measure.endswith(("_seconds", *(f"_{quantile}" for quantile in _QUANTILES))):
        return format_duration(round(value, 4))
    return f"{value:g}"
