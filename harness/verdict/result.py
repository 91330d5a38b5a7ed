"""Trials summed up: the result of one approach, and its JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any
from zlib import crc32

from harness.history.event import DIGITS
from harness.verdict.model import Extra, Latency, Outcome, Quantiles, Result, Sample
from harness.verdict.statistics import latency, median_interval, quantiles, rate_interval, times
from harness.verdict.tally import Tally

_TWICE = frozenset({Outcome.DUPLICATE})
_NEVER = frozenset(outcome for outcome in Outcome if outcome.missed)


def summarize(approach: str, tallies: Sequence[Tally]) -> Result:
    """Sum up all trials of one approach, in the order given; samples are pooled over the trials.

    `trials` counts them all, `invalid_trials` those among them that do not count: no other figure
    holds anything of theirs, but for `checksum`, which holds all.
    """
    valid = [one for one in tallies if one.valid]
    result = Result(
        approach=approach,
        trials=len(tallies),
        invalid_trials=len(tallies) - len(valid),
        invalid=tuple(f"seed {one.seed}: {reason}" for one in tallies for reason in one.invalid),
        mechanisms=tuple(sorted({name for one in valid for name in one.mechanisms})),
        checksum=_checksum(tallies),
    )
    return _with_times(_with_counts(result, valid), valid)


def _with_counts(result: Result, valid: Sequence[Tally]) -> Result:
    outcomes: Counter[Outcome] = Counter()
    extras: Counter[Extra] = Counter()
    for one in valid:
        outcomes.update(one.outcomes)
        extras.update(one.extras)
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
        late=sum(one.late for one in valid),
        suppressed=sum(one.suppressed for one in valid),
        overlapping=extras[Extra.OVERLAPPING],
        repeated=extras[Extra.REPEATED],
        retried=extras[Extra.RETRIED],
        overlap_count=sum(one.overlap_count for one in valid),
        overlap_seconds=sum(one.overlap_seconds for one in valid),
        max_concurrency=max((one.concurrency for one in valid), default=0),
        double_hold_count=sum(one.double_hold_count for one in valid),
        double_hold_seconds=sum(one.double_hold_seconds for one in valid),
        calls_per_run=sum(one.calls for one in valid) / expected if expected else None,
    )


def _with_times(result: Result, valid: Sequence[Tally]) -> Result:
    failover = _pooled(one.failover for one in valid)
    return replace(
        result,
        failover=latency(failover),
        takeover=latency(_pooled(one.takeover for one in valid)),
        outage=latency(_pooled(one.outage for one in valid)),
        lateness=quantiles([value for one in valid for value in one.lateness]),
        lease_wait=quantiles([value for one in valid for value in one.lease_wait]),
        intervals={
            "duplicate": rate_interval([_counted(one, _TWICE) for one in valid]),
            "missed": rate_interval([_counted(one, _NEVER) for one in valid]),
            "failover_p50": median_interval(times(failover)),
        },
    )


def _counted(one: Tally, which: frozenset[Outcome]) -> tuple[int, int]:
    """How many of a trial's expected runs came to one of these, and how many there were."""
    return sum(one.outcomes.get(outcome, 0) for outcome in which), sum(one.outcomes.values())


def _checksum(tallies: Sequence[Tally]) -> str | None:
    """A single trial's own; of more, the CRC-32 over theirs, four bytes each. None without one."""
    sums = [one.checksum for one in tallies if one.checksum is not None]
    if not sums or len(sums) < len(tallies):
        return None
    if len(sums) == 1:
        return f"{sums[0]:08x}"
    return f"{crc32(b''.join(one.to_bytes(4, 'big') for one in sums)):08x}"


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
        "checksum": result.checksum,
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


def _pooled(samples: Iterable[Iterable[Sample]]) -> list[Sample]:
    return [sample for trial in samples for sample in trial]


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
