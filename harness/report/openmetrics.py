"""The results as OpenMetrics text: what a Prometheus, or a push gateway, takes.

Source: the OpenMetrics specification, version 1.0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.registry import Collector

from harness.history.event import DIGITS
from harness.report.model import Comparison
from harness.report.phrases import clean
from harness.verdict.expectations import Standing
from harness.verdict.model import Latency, Quantiles, Result

_LABELS = ("scenario", "approach", "runtime")

Sample = tuple[tuple[str, ...], float | None]
"""The values of a metric's own labels, and its value; None is left out."""


def openmetrics(comparison: Comparison) -> str:
    """All figures as gauges of this one run, with the labels scenario, approach and runtime.

    Times in seconds, rates as fractions, rounded as in results.json. What was not measured is left
    out.
    """
    registry = CollectorRegistry()
    registry.register(_Figures(comparison))
    text: bytes = generate_latest(registry)  # type: ignore[no-untyped-call]
    return text.decode()


@dataclass(frozen=True)
class _Metric:
    """One metric of one approach: its samples by the values of `labels`."""

    name: str
    meaning: str
    samples: Sequence[Sample]
    labels: tuple[str, ...] = ()


class _Figures(Collector):
    """A comparison, as the library asks for it."""

    def __init__(self, comparison: Comparison) -> None:
        self.comparison = comparison

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """A family for each metric that somebody has a sample of."""
        families: dict[str, GaugeMetricFamily] = {}
        for result in self.comparison.results:
            about = (self.comparison.scenario, result.approach, self.comparison.runtime)
            for metric in _metrics(self.comparison, result):
                for own, value in metric.samples:
                    if value is not None:
                        family = families.setdefault(metric.name, _family(metric))
                        family.add_metric(
                            [clean(text) for text in (*about, *own)], round(value, DIGITS)
                        )
        yield from families.values()


def _family(metric: _Metric) -> GaugeMetricFamily:
    unit = "seconds" if metric.name.endswith("_seconds") else ""
    return GaugeMetricFamily(
        metric.name, metric.meaning, labels=[*_LABELS, *metric.labels], unit=unit
    )


def _metrics(comparison: Comparison, result: Result) -> Iterator[_Metric]:
    yield _Metric(
        "harness_trials",
        "Trials, by whether they count.",
        [
            (("valid",), result.trials - result.invalid_trials),
            (("invalid",), result.invalid_trials),
        ],
        ("validity",),
    )
    yield _Metric(
        "harness_skipped",
        "Approaches that did not run, and why.",
        [] if result.skipped is None else [((result.skipped,), 1)],
        ("reason",),
    )
    if result not in comparison.measured:
        return
    yield from _runs(result)
    yield from _exclusion(result)
    yield from _times(result)
    yield from _intervals(result.intervals)
    yield _Metric(
        "harness_expectation_met",
        "Whether what the scenario expects of the measure is met: 1, or 0.",
        [
            ((check.measure,), float(check.standing is Standing.MET))
            for check in comparison.checks
            if check.approach == result.approach and check.standing is not Standing.UNMEASURED
        ],
        ("measure",),
    )


def _runs(result: Result) -> Iterator[_Metric]:
    outcomes = ("once", "duplicate", "overrun", "never_started", "lost", "failed")
    extra = ("overlapping", "repeated", "retried")
    yield _Metric(
        "harness_runs",
        "Expected runs, by what became of them.",
        [((name,), getattr(result, name)) for name in outcomes],
        ("outcome",),
    )
    yield _one("harness_expected_runs", "Due times at which a job had to run.", result.expected)
    yield _one("harness_duplicate_runs", "Due times with two or more effects.", result.duplicate)
    yield _one("harness_missed_runs", "Due times without an effect.", result.missed)
    yield _one("harness_late_runs", "Runs that started later than the grace allows.", result.late)
    yield _Metric(
        "harness_extra_runs",
        "Starts beyond the first of a due time, by why they are one too many.",
        [((name,), getattr(result, name)) for name in extra],
        ("kind",),
    )
    yield _one("harness_suppressed_effects", "Effects that the sink refused.", result.suppressed)
    yield _one("harness_calls_per_run", "Requests to the coordinator a run.", result.calls_per_run)


def _exclusion(result: Result) -> Iterator[_Metric]:
    yield _one("harness_overlaps", "Times a job ran beside itself.", result.overlap_count)
    yield _one(
        "harness_overlap_seconds", "How long jobs ran beside themselves.", result.overlap_seconds
    )
    yield _one("harness_concurrent_runs_max", "Most runs of a job at once.", result.max_concurrency)
    yield _one(
        "harness_double_holds", "Times two workers held one lease.", result.double_hold_count
    )
    yield _one(
        "harness_double_hold_seconds",
        "How long two workers held one lease.",
        result.double_hold_seconds,
    )


def _times(result: Result) -> Iterator[_Metric]:
    latencies = (
        ("failover", result.failover, "From a fault to the job's next start."),
        ("takeover", result.takeover, "From a fault to the lease's grant to another worker."),
        ("outage", result.outage, "Stretch without a start around a fault, less the period."),
    )
    for name, latency, meaning in latencies:
        yield _quantiles(name, meaning, latency.quantiles)
        yield from _samples(name, latency)
    yield _quantiles("lateness", "From a due time to its first start.", result.lateness)
    yield _quantiles("lease_wait", "From asking for a lease to its grant.", result.lease_wait)


def _samples(name: str, latency: Latency) -> Iterator[_Metric]:
    yield _one(f"harness_{name}_samples", f"How often a {name} was looked for.", latency.samples)
    yield _one(
        f"harness_{name}_unrecovered",
        f"How often no end of a {name} was seen before the trial's.",
        latency.unrecovered,
    )


def _quantiles(name: str, meaning: str, found: Quantiles) -> _Metric:
    shares = {"0.5": found.p50, "0.95": found.p95, "0.99": found.p99, "1": found.max}
    return _Metric(
        f"harness_{name}_seconds",
        meaning,
        [((share,), value) for share, value in shares.items()],
        ("quantile",),
    )


def _intervals(intervals: Mapping[str, tuple[float | None, float | None]]) -> Iterator[_Metric]:
    names = {
        "duplicate": ("harness_duplicate_ratio", "Share of duplicate runs: 95 % interval."),
        "missed": ("harness_missed_ratio", "Share of missed runs: 95 % interval."),
        "failover_p50": (
            "harness_failover_median_seconds",
            "Median of the failover: 95 % interval.",
        ),
    }
    for measure, (name, meaning) in names.items():
        low, high = intervals.get(measure, (None, None))
        yield _Metric(name, meaning, [(("low",), low), (("high",), high)], ("bound",))


def _one(name: str, meaning: str, value: float | None) -> _Metric:
    return _Metric(name, meaning, [((), value)])
