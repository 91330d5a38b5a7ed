"""Figures of the gate as text."""

from __future__ import annotations

from math import inf, isfinite, isnan

from harness.report.phrases import BEYOND, percent, seconds
from harness.verdict.measures import in_seconds

_PER_RUN = "calls_per_run"


def figure(name: str, value: float) -> str:
    """The value of a measure that the gate compares: a time, calls, or a rate in percent."""
    if name == _PER_RUN:
        return f"{value:.2f}"
    if not in_seconds(name):
        return f"{percent(value)} %"
    if value == inf:
        return BEYOND
    return f"{value * 1000:.1f} ms" if 0 < value < 0.0095 else seconds(value)


def change(old: float, new: float) -> str:
    """By how much it changed, in percent; empty where that cannot be said."""
    if not old or not isfinite(old) or not isfinite(new):
        return ""
    return f"{(new / old - 1) * 100:+.0f} %"


def between(low: float, high: float) -> str:
    """The interval of the ratio, in percent of change; empty where there is none."""
    if isnan(low) or isnan(high):
        return ""
    ends = [f"{(end - 1) * 100:+.0f}" if isfinite(end) else "endless" for end in (low, high)]
    return f"95 %: {ends[0]} to {ends[1]} %"


def likely(chance: float) -> str:
    """How likely chance alone does that, corrected for all that was compared."""
    shown = "< 0.0001" if chance < 0.0001 else f"= {chance:.2g}"
    return f"p {shown} after Holm"


def counted(count: int, noun: str, several: str | None = None) -> str:
    """`1 trial`, `2 trials`; `several` where the plural is not made with an s."""
    return f"{count} {noun}" if count == 1 else f"{count} {several or noun + 's'}"
