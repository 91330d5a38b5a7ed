"""The measures by name: what `expect` may bound, sweeps draw, and a gate compares."""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter

from harness.scenario.duration import format_duration
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
"""The names of all measures, and where a result has each."""


def measured(name: str, result: Result) -> float | None:
    """The value of a measure; None where there was nothing to measure it on, or not enough."""
    if name == "unrecovered" and result.failover.samples == 0:
        return None
    if name.startswith("double_hold") and not _leased(result):
        return None
    value: float | None = attrgetter(MEASURES[name])(result)
    return value


def _leased(result: Result) -> bool:
    """Whether any lease was granted; what never asks for one cannot hold it twice."""
    waited, taken_over = result.lease_wait.p50 is not None, result.takeover.samples > 0
    return waited or taken_over or result.double_hold_count > 0


def never_ended(name: str, result: Result) -> bool:
    """Whether a quantile is unknown because the trial ended first, not for want of samples."""
    kind, _, quantile = name.rpartition("_")
    if kind not in _LATENCIES or quantile not in _QUANTILES:
        return False
    latency: Latency = getattr(result, kind)
    return latency.unrecovered > 0


def in_seconds(name: str) -> bool:
    """Whether a measure is a time in seconds; the others are counts and ratios."""
    return name.endswith(("_seconds", *(f"_{quantile}" for quantile in _QUANTILES)))


def shown(name: str, value: float) -> str:
    """A value of a measure as a scenario would write it."""
    return format_duration(round(value, 4)) if in_seconds(name) else f"{value:g}"
