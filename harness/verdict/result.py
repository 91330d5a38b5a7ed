"""Verdicts summed up: the result of one approach, and its JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from harness.history.event import DIGITS
from harness.verdict.model import Extra, Latency, Outcome, Quantiles, Result, Sample, Verdict
from harness.verdict.statistics import latency, median_interval, quantiles, rate_interval, times


def summarize(approach: str, verdicts: Sequence[Verdict]) -> Result:
    """Sum up all trials of one approach; samples are pooled over the trials.

    `trials` counts them all, `invalid_trials` those among them that do not count: no other figure
    holds anything of theirs.
    """
    valid = [verdict for verdict in verdicts if verdict.valid]
    result = Result(
        approach=approach,
        trials=len(verdicts),
        invalid_trials=len(verdicts) - len(valid),
        invalid=tuple(
            f"seed {verdict.trial.seed}: {reason}"
            for verdict in verdicts
            for reason in verdict.invalid
        ),
        mechanisms=tuple(sorted({name for verdict in valid for name in verdict.mechanisms})),
    )
    return _with_times(_with_counts(result, valid), valid)


def _with_counts(result: Result, valid: Sequence[Verdict]) -> Result:
    outcomes = Counter(one.outcome for verdict in valid for one in verdict.expected)
    extras = Counter(run.extra for verdict in valid for run in verdict.runs)
    overlaps = [stretch for verdict in valid for stretch in verdict.overlaps]
    double_holds = [stretch for verdict in valid for stretch in verdict.double_holds]
    expected = outcomes.total()
    return replace(
        result,
        expected=expected,
        once=outcomes[Outcome.ONCE],
        duplicate=outcomes[Outcome.DUPLICATE],
        overrun=outcomes[Outcome.OVERRUN],
        never_started=outcomes[Outcome.NEVER_STARTED],
        lost=outcomes[Outcome.LOST],
        failed=outcomes[Outcome.FAILED],
        late=sum(one.late for verdict in valid for one in verdict.expected),
        suppressed=sum(verdict.suppressed for verdict in valid),
        overlapping=extras[Extra.OVERLAPPING],
        repeated=extras[Extra.REPEATED],
        retried=extras[Extra.RETRIED],
        overlap_count=len(overlaps),
        overlap_seconds=sum(stretch.seconds for stretch in overlaps),
        max_concurrency=max(map(_concurrency, valid), default=0),
        double_hold_count=len(double_holds),
        double_hold_seconds=sum(stretch.seconds for stretch in double_holds),
        calls_per_run=sum(verdict.calls for verdict in valid) / expected if expected else None,
    )


def _with_times(result: Result, valid: Sequence[Verdict]) -> Result:
    failover = _pooled(verdict.failover for verdict in valid)
    return replace(
        result,
        failover=latency(failover),
        takeover=latency(_pooled(verdict.takeover for verdict in valid)),
        outage=latency(_pooled(verdict.outage for verdict in valid)),
        lateness=quantiles([value for verdict in valid for value in verdict.lateness]),
        lease_wait=quantiles([value for verdict in valid for value in verdict.lease_wait]),
        intervals={
            "duplicate": rate_interval(result.duplicate, result.expected),
            "missed": rate_interval(result.missed, result.expected),
            "failover_p50": median_interval(times(failover)),
        },
    )


def skipped(approach: str, why: str) -> Result:
    """The result of an approach that did not run."""
    return Result(approach=approach, trials=0, invalid_trials=0, skipped=why)


def result_as_json(result: Result) -> dict[str, Any]:
    """The result as `results.json` holds it. Times in seconds, rates as fractions."""
    return {
        "approach": result.approach,
        "trials": result.trials,
        "invalid_trials": result.invalid_trials,
        "invalid": list(result.invalid),
        **_counts_as_json(result),
        "failover": _latency_as_json(result.failover),
        "takeover": _latency_as_json(result.takeover),
        "outage": _latency_as_json(result.outage),
        "lateness": _quantiles_as_json(result.lateness),
        "lease_wait": _quantiles_as_json(result.lease_wait),
        "calls_per_run": _rounded(result.calls_per_run),
        "intervals": {
            name: [_rounded(bound) for bound in bounds] for name, bounds in result.intervals.items()
        },
        "mechanisms": list(result.mechanisms),
        "skipped": result.skipped,
    }


def _counts_as_json(result: Result) -> dict[str, Any]:
    return {
        "expected": result.expected,
        "once": result.once,
        "duplicate": result.duplicate,
        "overrun": result.overrun,
        "late": result.late,
        "suppressed": result.suppressed,
        "missed": {
            "total": result.missed,
            "never_started": result.never_started,
            "lost": result.lost,
            "failed": result.failed,
        },
        "extra_runs": {
            "overlapping": result.overlapping,
            "repeated": result.repeated,
            "retried": result.retried,
        },
        "overlap": {
            "count": result.overlap_count,
            "seconds": _rounded(result.overlap_seconds),
            "max_concurrency": result.max_concurrency,
        },
        "double_hold": {
            "count": result.double_hold_count,
            "seconds": _rounded(result.double_hold_seconds),
        },
    }


def _pooled(samples: Iterable[Sequence[Sample]]) -> list[Sample]:
    return [sample for trial in samples for sample in trial]


def _concurrency(verdict: Verdict) -> int:
    """The most runs of one job at once; 1 where there was no overlap."""
    if verdict.overlaps:
        return max(stretch.most for stretch in verdict.overlaps)
    return 1 if verdict.runs else 0


def _latency_as_json(measured: Latency) -> dict[str, Any]:
    return {
        "samples": measured.samples,
        "unrecovered": measured.unrecovered,
        **_quantiles_as_json(measured.quantiles),
    }


def _quantiles_as_json(measured: Quantiles) -> dict[str, float | None]:
    return {
        "p50": _rounded(measured.p50),
        "p95": _rounded(measured.p95),
        "p99": _rounded(measured.p99),
        "max": _rounded(measured.max),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS)
