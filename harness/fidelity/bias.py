"""Metrics that the simulation has too high or too low in most approaches."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

from harness.fidelity.model import Bias, Estimate, Row

# In fewer approaches, or a smaller part of those compared, chance can do it.
_FEWEST = 3
_PART = 0.75
# Less misleads nobody, and timers that wake a little late would have it in every metric.
_LEAST = 0.01


def biases(rows: Sequence[Row]) -> tuple[Bias, ...]:
    """The metrics whose ratio's interval excludes 1 on the same side in most approaches.

    Most: at least 3, and three quarters of those that have a ratio, each off by 1 % or more.
    """
    found = []
    for metric in dict.fromkeys(row.metric for row in rows):
        ratios = {
            row.approach: row.ratio
            for row in rows
            if row.metric == metric and row.ratio is not None and isfinite(row.ratio.value)
        }
        for side in (-1, 1):
            off = {name: one.value for name, one in ratios.items() if _side(one) == side}
            if len(off) >= max(_FEWEST, _PART * len(ratios)):
                span = min(off.values()), max(off.values())
                found.append(Bias(metric, span, tuple(off), len(ratios)))
    return tuple(found)


def _side(ratio: Estimate) -> int:
    """-1 where live is surely less, 1 where it is surely more, 0 where neither is known."""
    low, high = ratio.interval
    if high < 1 and ratio.value <= 1 - _LEAST:
        return -1
    return 1 if low > 1 and ratio.value >= 1 + _LEAST else 0
