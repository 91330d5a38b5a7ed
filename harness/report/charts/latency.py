"""Charts: every failover and every outage that was measured, and how they are distributed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from harness.report import phrases
from harness.report.charts.chart import Chart
from harness.report.charts.distribution import distribution, draw_distributions
from harness.report.charts.drawing import (
    INK,
    LABELS,
    NAME_LENGTH,
    drawing,
    finish,
    heading,
    name_rows,
    panel,
    row_lines,
    sheet,
    unit,
)
from harness.report.model import Comparison
from harness.report.palette import VIOLATION, Look, approach_looks
from harness.verdict.model import Latency, Result, Sample

_ROW = 38
_LEAST_HEIGHT = 150
_TOP = 32
_FOOT = 26
_PANEL = 340
_GAP = 62
# Samples drawn in all, and of one row at least. More would be a solid bar, and megabytes of it.
_MOST = 2400
_LEAST = 60
# Up to so many, dots are large enough to show beside the strokes.
_SPARSE = 20
# The golden ratio spreads a sequence evenly, however long it is: a jitter without chance.
_GOLDEN = 0.6180339887498949

_TITLES = {"failover": "Failover latency", "outage": "Outage"}
_MEANINGS = {
    "failover": "From a fault that hit the worker in charge to the job's next start.",
    "outage": "Longest stretch without a start of the job around such a fault, less its period.",
}
_CENSORED: dict[str, Any] = {
    "marker": ">",
    "markersize": 6.5,
    "fillstyle": "none",
    "color": VIOLATION,
    "linestyle": "none",
    "clip_on": False,
}


def latency_chart(comparison: Comparison, kind: str) -> Chart | None:
    """Every sample on the left, the distribution on the right, both over seconds.

    `kind` is failover or outage. None where there are no samples.
    """
    found = [(result, _samples(comparison, result, kind)) for result in comparison.measured]
    rows = [(result, samples) for result, samples in found if samples]
    if not rows:
        return None
    looks = approach_looks(comparison.results)
    most = max(_LEAST, _MOST // len(rows))
    height = max(len(rows) * _ROW, _LEAST_HEIGHT)
    with drawing(f"{comparison.scenario} {kind}"):
        figure = sheet(_TOP + height + _FOOT)
        left = panel(figure, LABELS, _TOP, _PANEL, height)
        right = panel(figure, LABELS + _PANEL + _GAP, _TOP, _PANEL, height)
        name_rows(left, [result.approach for result, _ in rows], looks, LABELS)
        heading(left, "Every sample" + _left_out([len(s) for _, s in rows], most))
        longest = max(samples[-1].seconds for _, samples in rows)
        for axes in (left, right):
            axes.set_xlim(0, max(longest, 0.001) * 1.05)
            axes.grid(axis="x")
            unit(axes, "s")
        tips: dict[str, str] = {}
        for row, (result, samples) in enumerate(rows):
            look, latency = looks[result.approach], getattr(result, kind)
            tips |= _strip(left, row, _thinned(samples, most), look, latency)
        row_lines(left, len(rows))
        _distributions(right, rows, looks)
        left.set_ylim(len(rows) - 0.5, -0.5)
        return finish(figure, kind, _TITLES[kind], _caption(comparison, kind), tips)


def _caption(comparison: Comparison, kind: str) -> str:
    text = f"{_MEANINGS[kind]} Left: a dot is a sample; strokes are p50 (thick), p95 and the most."
    results = {result.approach: getattr(result, kind) for result in comparison.measured}
    if any(latency.unrecovered for latency in results.values()):
        text += (
            " Red: not over before the trial's end, so longer than that. The strokes count these "
            "as longer than all others, the curve as unknown from there on."
        )
    text += " Right: share of samples that took at most so long (Kaplan-Meier)."
    missing = [
        phrases.clean(name, NAME_LENGTH) for name, latency in results.items() if not latency.samples
    ]
    return text + (f" Without samples: {', '.join(missing)}." if missing else "")


def _samples(comparison: Comparison, result: Result, kind: str) -> list[Sample]:
    found: list[Sample] = []
    for trial in comparison.valid_tallies(result.approach):
        found.extend(getattr(trial, kind))
    return sorted(found, key=lambda sample: (sample.seconds, sample.censored))


def _left_out(counts: Sequence[int], most: int) -> str:
    """What to add to a title where not every sample is drawn."""
    total = sum(counts)
    drawn = sum(min(count, most) for count in counts)
    return "" if drawn == total else f" ({drawn} of {total} drawn, evenly)"


def _strip(
    axes: Axes, row: int, samples: Sequence[Sample], look: Look, latency: Latency
) -> dict[str, str]:
    """One approach: its samples as dots, its quantiles as upright strokes behind them."""
    places = np.arange(len(samples))
    heights = row + 0.56 * ((places * _GOLDEN) % 1 - 0.5)
    seen = [place for place, sample in enumerate(samples) if not sample.censored]
    _dots(axes, [samples[place].seconds for place in seen], heights[seen].tolist(), look)
    cut = [place for place, sample in enumerate(samples) if sample.censored]
    if cut:
        axes.plot([samples[place].seconds for place in cut], heights[cut], **_CENSORED)
    tips: dict[str, str] = {}
    for quantile, half, weight in (("p50", 0.42, 2.6), ("p95", 0.34, 1.4), ("max", 0.2, 1.4)):
        value: float | None = getattr(latency.quantiles, quantile)
        if value is not None:
            gid = f"{quantile}-{row}"
            ends = [row - half, row + half]
            axes.plot([value] * 2, ends, color=INK, linewidth=weight, gid=gid, zorder=1.5)
            tips[gid] = f"{quantile} {phrases.seconds(value)}"
    return tips


def _dots(axes: Axes, xs: Sequence[float], ys: Sequence[float], look: Look) -> None:
    """Many dots as one path, a tenth of the bytes: strokes of no length with round ends."""
    if not xs:
        return
    # Not quite of no length: pixels would leave those out.
    speck = 1e-4 * axes.get_xlim()[1]
    vertices = [(end, y) for x, y in zip(xs, ys, strict=True) for end in (x, x + speck)]
    path = Path(vertices, [Path.MOVETO, Path.LINETO] * len(xs))
    path.should_simplify = False
    axes.add_patch(
        PathPatch(
            path,
            facecolor="none",
            edgecolor=look.colour,
            linewidth=4.6 if len(xs) > _SPARSE else 7.5,
            capstyle="round",
            alpha=0.8,
            clip_on=False,
            snap=False,
            zorder=2,
        )
    )


def _distributions(
    axes: Axes, rows: Sequence[tuple[Result, Sequence[Sample]]], looks: dict[str, Look]
) -> None:
    found = {
        result.approach: distribution(
            [one.seconds for one in samples if not one.censored],
            [one.seconds for one in samples if one.censored],
        )
        for result, samples in rows
    }
    draw_distributions(axes, found, looks, "Done within")


def _thinned(samples: Sequence[Sample], most: int) -> Sequence[Sample]:
    """At most `most` of sorted samples, evenly over their order, the extremes kept."""
    if len(samples) <= most:
        return samples
    step = (len(samples) - 1) / (most - 1)
    return [samples[round(place * step)] for place in range(most)]
