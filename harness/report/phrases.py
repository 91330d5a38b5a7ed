"""Figures as text: counts with their rate and interval, times, and why there are none."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from math import ceil, log10

from harness.report.model import unmeasured
from harness.verdict.model import Latency, Result

Interval = tuple[float | None, float | None]

NOTHING = "-"
# A quantile that falls among the samples that the trial's end cut off.
BEYOND = "> end"
NO_HIT = "no crash, pause or partition hit a worker in charge"

# Below this, times are in milliseconds.
_MILLISECONDS = 0.0995

# A stretch this much longer than the period is a timer's doing, not an outage, in seconds.
JITTER = 0.05

# Where nothing could be judged, the cause is another reason, if there is one.
_FOLLOWS = "no run was expected"


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
    if value < _MILLISECONDS:
        return f"{value * 1000:.0f} ms"
    return f"{value:.{_digits(value)}f} s"


def _digits(value: float) -> int:
    if value < 9.995:
        return 2
    return 1 if value < 99.95 else 0


def percent(share: float) -> str:
    """A share of one in percent, without the sign; finer towards nothing and towards all."""
    value = share * 100
    if 0 < value < 0.995:
        return f"{value:.2g}"
    if 99.45 < value < 100:
        # As many digits as tell it from all.
        return f"{value:.{max(1, ceil(-log10(100 - value)))}f}"
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
    return f"{count} ({percent(count / total)} %, {_span(percent(low), percent(high))})"


def short_rate(count: int, total: int, interval: Interval | None) -> str:
    """A count with the interval of its share alone."""
    low, high = interval or (None, None)
    if count == 0 or total == 0 or low is None or high is None:
        return rate(count, total, interval)
    return f"{count} ({_span(percent(low), percent(high))} %)"


def share(count: int, total: int) -> str:
    """A count as its share of `total`; zero as zero."""
    if total == 0:
        return NOTHING
    return f"{percent(count / total)} %" if count else "0"


def share_range(count: int, total: int, interval: Interval | None) -> str:
    """How sure a share is: its interval, of zero the upper bound."""
    low, high = interval or (None, None)
    if total == 0 or low is None or high is None:
        return ""
    return f"{_span(percent(low), percent(high))} %" if count else f"< {percent(high)} %"


def _span(low: str, high: str) -> str:
    return low if low == high else f"{low}-{high}"


def seconds_range(value: float, interval: Interval) -> str:
    """The interval of a time, in the unit and precision of its value; finer if it is narrow."""
    low, high = interval
    if low is None or high is None:
        return ""
    in_ms = value < _MILLISECONDS
    unit, scale, digits = ("ms", 1000.0, 0) if in_ms else ("s", 1.0, _digits(value))
    for more in (0, 1):
        texts = f"{low * scale:.{digits + more}f}", f"{high * scale:.{digits + more}f}"
        if texts[0] != texts[1]:
            return f"{texts[0]}-{texts[1]} {unit}"
    return "± < 0.1 ms" if in_ms else f"± < {10 ** -(digits + 1) * 1000:.0f} ms"


def times(count: int, total_seconds: float) -> str:
    """How often and how long in all."""
    return f"{count} ({seconds(total_seconds)})" if count else "0"


def quantile(latency: Latency, name: str) -> str:
    """One quantile of a latency; it says so where it lies beyond the end of the trial."""
    value: float | None = getattr(latency.quantiles, name)
    if value is None and latency.unrecovered:
        return BEYOND
    return seconds(value)


def causes(invalid: Iterable[str]) -> list[tuple[str, tuple[str, ...]]]:
    """The reasons of invalid trials, each once with its seeds; causes before what they led to."""
    found: dict[str, list[str]] = {}
    for line in invalid:
        before, colon, reason = line.partition(": ")
        known = colon and before.startswith("seed ")
        seeds = found.setdefault(reason if known else line, [])
        if known:
            seeds.append(before.removeprefix("seed "))
    ordered = sorted(found.items(), key=lambda item: item[0].startswith(_FOLLOWS))
    return [(reason, tuple(seeds)) for reason, seeds in ordered]


def why_not(result: Result) -> str | None:
    """Why there are no figures, in one short line: the first cause; None where there are some."""
    if result.skipped is not None or unmeasured(result) is None:
        return unmeasured(result)
    found = causes(result.invalid)
    if not found:
        return "no valid trial"
    reason, seeds = found[0]
    many = f" (in {len(seeds)} of {result.trials} trials)" if result.trials > 1 and seeds else ""
    return f"no valid trial: {reason}{many}"
