"""Chart: every failover and every outage that was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from harness.report import phrases
from harness.report.charts.drawing import (
    INK,
    LABELS,
    as_svg,
    drawing,
    heading,
    name_rows,
    panel,
    row_lines,
    sheet,
)
from harness.report.palette import VIOLATION
from harness.verdict.model import Latency, Result, Sample
from harness.verdict.tally import Tally

_ROW = 42
_TOP = 32
_FOOT = 26
_PANEL = 355
_GAP = 30
# Samples drawn a row. More would be a solid bar, and megabytes of it.
_MOST = 300
# The golden ratio spreads a sequence evenly, however long it is: a jitter without chance.
_GOLDEN = 0.6180339887498949

_SEEN: Mapping[str, Any] = {
    "marker": "o",
    "markersize": 5.5,
    "alpha": 0.85,
    "markeredgecolor": INK,
    "markeredgewidth": 0.4,
    "linestyle": "none",
    "clip_on": False,
}
_CENSORED: Mapping[str, Any] = {
    "marker": ">",
    "markersize": 6.5,
    "fillstyle": "none",
    "color": VIOLATION,
    "linestyle": "none",
    "clip_on": False,
}

Trials = Mapping[str, Sequence[Tally]]


def draw_latencies(results: Sequence[Result], trials: Trials, colours: Mapping[str, str]) -> str:
    """Failover latency on the left, outage on the right, on one scale of seconds.

    `trials` holds the tallies that count. Without samples the text is empty.
    """
    failover = [_samples(trials, result, "failover") for result in results]
    outage = [_samples(trials, result, "outage") for result in results]
    longest = max((s.seconds for row in (*failover, *outage) for s in row), default=None)
    if longest is None:
        return ""
    height = len(results) * _ROW
    with drawing("latency"):
        figure = sheet(_TOP + height + _FOOT)
        left = panel(figure, LABELS, _TOP, _PANEL, height)
        right = panel(figure, LABELS + _PANEL + _GAP, _TOP, _PANEL, height)
        name_rows(left, [result.approach for result in results], colours, LABELS)
        heading(left, "Failover latency" + _left_out(failover))
        heading(right, "Outage" + _left_out(outage))
        left.set_label("failover")
        right.set_label("outage")
        tips: dict[str, str] = {}
        for row, result in enumerate(results):
            colour = colours[result.approach]
            tips |= _strip(left, row, failover[row], result.failover, colour)
            tips |= _strip(right, row, outage[row], result.outage, colour)
        for axes in (left, right):
            axes.set_ylim(len(results) - 0.5, -0.5)
            axes.set_xlim(0, max(longest, 0.001) * 1.05)
            axes.grid(axis="x")
            row_lines(axes, len(results))
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} s"))
        return as_svg(figure, "Failover latency and outage, by approach", tips)


def _samples(trials: Trials, result: Result, name: str) -> list[Sample]:
    found: list[Sample] = []
    for trial in trials.get(result.approach, ()):
        found.extend(getattr(trial, name))
    return sorted(found, key=lambda sample: (sample.seconds, sample.censored))


def _left_out(rows: Sequence[Sequence[Sample]]) -> str:
    """What to add to a title where not every sample is drawn."""
    total = sum(len(samples) for samples in rows)
    drawn = sum(min(len(samples), _MOST) for samples in rows)
    return "" if drawn == total else f" ({drawn} of {total} samples)"


def _strip(
    axes: Axes, row: int, samples: Sequence[Sample], latency: Latency, colour: str
) -> dict[str, str]:
    """One approach: its samples as dots, its quantiles as upright strokes behind them."""
    name = f"{axes.get_label()}-{row}"
    tips: dict[str, str] = {}
    for place, sample in enumerate(_thinned(samples)):
        height = row + 0.56 * ((place * _GOLDEN) % 1 - 0.5)
        gid = f"{name}-{place}"
        look = _CENSORED if sample.censored else {**_SEEN, "color": colour}
        axes.plot([sample.seconds], [height], gid=gid, **look)
        ending = "; not before the end" if sample.censored else ""
        length = phrases.seconds(sample.seconds)
        tips[gid] = f"{sample.fault} at {sample.at:.1f} s, {sample.what}: {length}{ending}"
    for quantile, half, weight in (("p50", 0.42, 2.6), ("p95", 0.34, 1.4), ("max", 0.2, 1.4)):
        value: float | None = getattr(latency.quantiles, quantile)
        if value is not None:
            gid = f"{name}-{quantile}"
            ends = [row - half, row + half]
            axes.plot([value] * 2, ends, color=INK, linewidth=weight, gid=gid, zorder=1.5)
            tips[gid] = f"{quantile} {phrases.seconds(value)}"
    return tips


def _thinned(samples: Sequence[Sample]) -> list[Sample]:
    """At most `_MOST` of sorted samples, evenly over their order, the extremes kept."""
    if len(samples) <= _MOST:
        return list(samples)
    step = (len(samples) - 1) / (_MOST - 1)
    return [samples[round(place * step)] for place in range(_MOST)]
