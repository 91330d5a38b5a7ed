"""Figures as text: counts with their rate and interval, seconds, and a verdict in one sentence."""

from __future__ import annotations

import unicodedata

from harness.report.model import unmeasured
from harness.verdict.model import Latency, Result

Interval = tuple[float | None, float | None]

NOTHING = "-"
# A quantile that falls among the samples that the trial's end cut off.
BEYOND = "> end"
NO_HIT = "no crash, pause or partition hit a worker in charge"


# A stretch this much longer than the period is a timer's doing, not an outage, in seconds.
_JITTER = 0.05


def clean(text: str, limit: int | None = None) -> str:
    """Text from outside as one harmless line: no control characters, at most `limit` long."""
    line = "".join(_printable(character) for character in text)
    if limit is not None and len(line) > limit:
        return line[: limit - 1] + "…"
    return line


def _printable(character: str) -> str:
    if character.isspace():
        return " "
    # Controls, lone surrogates, direction overrides and the like: unwritable, or able to deceive.
    return "�" if unicodedata.category(character).startswith("C") else character


def seconds(value: float | None) -> str:
    """A time in the unit and precision that fit its size."""
    if value is None:
        return NOTHING
    if value < 0.0995:
        return f"{value * 1000:.0f} ms"
    if value < 9.995:
        return f"{value:.2f} s"
    return f"{value:.1f} s" if value < 99.95 else f"{value:.0f} s"


def percent(share: float) -> str:
    """A share of one in percent, without the sign; finer towards nothing and towards all."""
    value = share * 100
    if 0 < value < 0.995:
        return f"{value:.2g}"
    if 9.95 <= value < 90:
        return f"{value:.0f}"
    return f"{value:.1f}".removesuffix(".0")


def rate(count: int, total: int, interval: Interval | None) -> str:
    """A count with its share of `total` and the interval; zero with its upper bound."""
    if total == 0:
        return NOTHING
    low, high = interval or (None, None)
    if count == 0:
        return "0" if high is None else f"0 (< {percent(high)} %)"
    if low is None or high is None:
        return f"{count} ({percent(count / total)} %)"
    return f"{count} ({percent(count / total)} %, {percent(low)}-{percent(high)})"


def short_rate(count: int, total: int, interval: Interval | None) -> str:
    """A count with the interval of its share alone."""
    low, high = interval or (None, None)
    if count == 0 or total == 0 or low is None or high is None:
        return rate(count, total, interval)
    return f"{count} ({percent(low)}-{percent(high)} %)"


def times(count: int, total_seconds: float) -> str:
    """How often and how long in all."""
    return f"{count} ({seconds(total_seconds)})" if count else "0"


def quantile(latency: Latency, name: str) -> str:
    """One quantile of a latency; it says so where it lies beyond the end of the trial."""
    value: float | None = getattr(latency.quantiles, name)
    if value is None and latency.unrecovered:
        return BEYOND
    return seconds(value)


def sentence(result: Result, faults_planned: bool) -> str:
    """What became of the runs under this approach, in words; of faults only where some were."""
    missing = unmeasured(result)
    if missing is not None:
        return missing
    clauses = [_ran_twice(result), _missed(result), *_together(result), *_nobody_started(result)]
    if faults_planned and result.failover.samples == 0:
        clauses.append(NO_HIT)
    return "; ".join(clauses)


def _ran_twice(result: Result) -> str:
    if result.expected == 0:
        return "no run was expected"
    if result.duplicate:
        share = percent(result.duplicate / result.expected)
        return f"ran {share} % of runs more than once ({result.duplicate} of {result.expected})"
    return f"ran none of {result.expected} runs more than once{_bound(result, 'duplicate')}"


def _missed(result: Result) -> str:
    if result.missed:
        return f"missed {percent(result.missed / max(1, result.expected))} % ({result.missed})"
    return f"missed none{_bound(result, 'missed')}"


def _bound(result: Result, name: str) -> str:
    high = result.intervals.get(name, (None, None))[1]
    return "" if high is None else f" (95 %: below {percent(high)} %)"


def _together(result: Result) -> list[str]:
    clauses = []
    if result.overlap_count:
        often = _counted(result.overlap_count, "time")
        clauses.append(
            f"a job ran beside itself {often}, {seconds(result.overlap_seconds)} in all, "
            f"up to {result.max_concurrency} at once"
        )
    if result.double_hold_count:
        often = _counted(result.double_hold_count, "time")
        clauses.append(
            f"two workers held the same lease {often}, {seconds(result.double_hold_seconds)} in all"
        )
    return clauses


def _nobody_started(result: Result) -> list[str]:
    clauses = []
    longest = result.outage.quantiles.max
    if longest is not None and longest < _JITTER:
        clauses.append("the faults left no gap")
    elif longest is not None:
        clauses.append(f"nobody started a job for up to {seconds(longest)} after a fault")
    if result.outage.unrecovered:
        clauses.append(
            f"{result.outage.unrecovered} of {result.outage.samples} times a job was still out "
            "at the end"
        )
    if result.failover.unrecovered:
        clauses.append(
            f"{result.failover.unrecovered} of {result.failover.samples} times a job did not "
            "start again before the end"
        )
    return clauses


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
