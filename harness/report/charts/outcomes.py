"""Chart: what became of the expected runs, and how sure the rates of the violations are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from harness.report import phrases
from harness.report.charts.drawing import (
    INK,
    LABELS,
    SMALL,
    as_svg,
    drawing,
    heading,
    name_rows,
    panel,
    row_lines,
    sheet,
)
from harness.report.palette import VIOLATION
from harness.verdict.model import Outcome, Result

_ROW = 36
_TOP = 32
_FOOT = 26
_SHARES = 330
_RATES = 300
_GAP = 60

# How each outcome is filled: (colour, opacity, hatch). The page's legend says the same.
_FILLS: Mapping[Outcome, tuple[str, float, str | None]] = {
    Outcome.ONCE: (INK, 0.13, None),
    Outcome.OVERRUN: (INK, 0.3, None),
    Outcome.DUPLICATE: (VIOLATION, 1.0, None),
    Outcome.NEVER_STARTED: (INK, 0.95, None),
    Outcome.LOST: (INK, 0.65, None),
    Outcome.FAILED: (INK, 0.48, None),
}


def draw_outcomes(results: Sequence[Result], colours: Mapping[str, str]) -> str:
    """Stacked shares on the left, the rates of violations on a logarithmic scale on the right.

    Without any expected run there is nothing to draw, and the text is empty.
    """
    rows = [result for result in results if result.expected]
    if not rows:
        return ""
    height = len(rows) * _ROW
    with drawing("outcomes"):
        figure = sheet(_TOP + height + _FOOT)
        shares = panel(figure, LABELS, _TOP, _SHARES, height)
        rates = panel(figure, LABELS + _SHARES + _GAP, _TOP, _RATES, height)
        name_rows(shares, [result.approach for result in rows], colours, LABELS)
        tips = _stack(shares, rows)
        tips |= _rates(rates, rows)
        for axes in (shares, rates):
            axes.set_ylim(len(rows) - 0.5, -0.5)
        return as_svg(figure, "Outcomes of the expected runs, by approach", tips)


def _stack(axes: Axes, rows: Sequence[Result]) -> dict[str, str]:
    heading(axes, "Share of expected runs")
    tips: dict[str, str] = {}
    for row, result in enumerate(rows):
        left = 0.0
        for outcome, (colour, opacity, hatch) in _FILLS.items():
            count: int = getattr(result, outcome.value)
            if not count:
                continue
            share = 100 * count / result.expected
            gid = f"{row}-{outcome}"
            bar = axes.barh(row, share, 0.6, left, color=colour, alpha=opacity, hatch=hatch)[0]
            bar.set_gid(gid)
            words = outcome.value.replace("_", " ")
            tips[gid] = f"{result.approach}: {words} {phrases.rate(count, result.expected, None)}"
            left += share
    axes.set_xlim(0, 100)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} %"))
    return tips


def _rates(axes: Axes, rows: Sequence[Result]) -> dict[str, str]:
    heading(axes, "Violations, with 95 % interval (log scale)")
    axes.set_xscale("log")
    axes.set_xlim(_least(rows), 100)
    axes.xaxis.set_major_locator(LogLocator(10))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} %"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.grid(axis="x")
    tips: dict[str, str] = {}
    row_lines(axes, len(rows))
    for row, result in enumerate(rows):
        duplicate = result.intervals.get("duplicate")
        missed = result.intervals.get("missed")
        tips |= _rate(axes, row - 0.19, result, result.duplicate, "duplicate", duplicate)
        tips |= _rate(axes, row + 0.19, result, result.missed, "missed", missed)
    return tips


def _rate(
    axes: Axes,
    height: float,
    result: Result,
    count: int,
    name: str,
    interval: phrases.Interval | None,
) -> dict[str, str]:
    """One rate with its interval; zero is an open mark at its upper bound."""
    low, high = interval or (None, None)
    colour, marker = (VIOLATION, "o") if name == "duplicate" else (INK, "D")
    share = 100 * count / result.expected
    end = share if high is None else 100 * high
    begin = axes.get_xlim()[0] if not count or low is None else 100 * low
    if high is not None:
        axes.plot([begin, end], [height, height], color=colour, linewidth=1.4, alpha=0.75)
    elif not count:
        return {}
    gid = f"rate-{name}-{height:g}"
    if count:
        axes.plot([share], [height], marker, color=colour, markersize=6, gid=gid, clip_on=False)
    else:
        axes.plot([end], [height], "<", color=colour, markersize=6, fillstyle="none", gid=gid)
    axes.annotate(
        f"{count}",
        (end, height),
        xytext=(8, 0),
        textcoords="offset points",
        va="center",
        fontsize=SMALL - 1,
        color=colour,
        annotation_clip=False,
    )
    text = phrases.rate(count, result.expected, interval)
    return {gid: f"{result.approach}: {name} {text} of {result.expected}"}


def _least(rows: Sequence[Result]) -> float:
    """Where the scale begins, in percent: the power of ten below the smallest figure."""
    figures = [
        100 * share
        for result in rows
        for name, count in (("duplicate", result.duplicate), ("missed", result.missed))
        for share in (*(result.intervals.get(name) or ()), count / result.expected)
        if share
    ]
    least = 10.0
    while least > 0.01 and least >= min(figures, default=1.0):
        least /= 10
    return least
