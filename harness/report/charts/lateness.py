"""Chart: how long after its due time a run started."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from harness.report import phrases
from harness.report.charts.chart import Chart
from harness.report.charts.distribution import distribution, draw_distributions
from harness.report.charts.drawing import (
    INK,
    LABELS,
    SMALL,
    drawing,
    finish,
    heading,
    name_rows,
    panel,
    row_lines,
    sheet,
)
from harness.report.model import Comparison
from harness.report.palette import Look, approach_looks
from harness.verdict.model import Result

_ROW = 34
_LEAST_HEIGHT = 150
_TOP = 32
_FOOT = 26
_PANEL = 340
_GAP = 62
# Where the scale begins at the earliest, in seconds: no clock of ours tells less apart.
_FLOOR = 1e-4


def lateness_chart(comparison: Comparison) -> Chart | None:
    """p50, p95 and the most on the left, the distribution on the right, over a logarithmic scale.

    None where nothing was measured.
    """
    late = {
        result.approach: list(
            chain.from_iterable(t.lateness for t in comparison.valid_tallies(result.approach))
        )
        for result in comparison.measured
    }
    rows = [result for result in comparison.measured if late[result.approach]]
    if not rows:
        return None
    looks = approach_looks(comparison.results)
    found = {result.approach: distribution(late[result.approach]) for result in rows}
    least = max(_FLOOR, min(min(one.seconds) for one in found.values()))
    most = max(10 * least, *(one.seconds[-1] for one in found.values()))
    height = max(len(rows) * _ROW, _LEAST_HEIGHT)
    with drawing(f"{comparison.scenario} lateness"):
        figure = sheet(_TOP + height + _FOOT)
        left = panel(figure, LABELS, _TOP, _PANEL, height)
        right = panel(figure, LABELS + _PANEL + _GAP, _TOP, _PANEL, height)
        for axes in (left, right):
            _scale(axes, least * 0.8, most * 1.25)
        name_rows(left, [result.approach for result in rows], looks, LABELS)
        heading(left, "p50, p95 and the most")
        tips = _marks(left, rows, looks, least)
        draw_distributions(right, found, looks, "Started within", least * 0.8)
        caption = (
            "From the due time to the start of the run, on a logarithmic scale. Left: p50 is the "
            "filled mark, p95 the upright stroke, the line ends at the most. Right: share of runs "
            "that had started by then."
        )
        return finish(figure, "lateness", "Lateness: due to started", caption, tips)


def _scale(axes: Axes, least: float, most: float) -> None:
    axes.set_xscale("log")
    axes.set_xlim(least, most)
    axes.xaxis.set_major_locator(LogLocator(10))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _time(value)))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.grid(axis="x")


def _time(value: float) -> str:
    return f"{value:g} s" if value > 0.5 else f"{value * 1000:g} ms"


def _figures(value: float) -> str:
    """A time to two figures: most are below what is written of others."""
    return f"{1000 * value:.2g} ms" if value < 0.01 else phrases.seconds(value)


def _marks(
    axes: Axes, rows: Sequence[Result], looks: Mapping[str, Look], least: float
) -> dict[str, str]:
    axes.set_ylim(len(rows) - 0.5, -0.5)
    row_lines(axes, len(rows))
    tips: dict[str, str] = {}
    for row, result in enumerate(rows):
        late = result.lateness
        if late.p50 is None or late.p95 is None or late.max is None:
            continue
        look = looks[result.approach]
        p50, p95, longest = (max(value, least) for value in (late.p50, late.p95, late.max))
        axes.plot([p50, longest], [row] * 2, color=look.colour, linewidth=1.6)
        axes.plot([p95] * 2, [row - 0.16, row + 0.16], color=INK, linewidth=1.6)
        gid = f"late-{row}"
        axes.plot(
            [p50],
            [row],
            look.marker,
            color=look.colour,
            markersize=8,
            gid=gid,
            clip_on=False,
            markeredgecolor=INK,
            markeredgewidth=0.5,
        )
        text = f"{_figures(late.p50)}, {_figures(late.p95)}"
        tips[gid] = f"{result.approach}: p50, p95 {text}; most {phrases.seconds(late.max)}"
        axes.annotate(
            text,
            (p50, row),
            xytext=(0, 7),
            textcoords="offset points",
            fontsize=SMALL - 1.5,
            alpha=0.75,
        )
    return tips
