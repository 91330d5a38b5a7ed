"""Chart: what became of the expected runs, and how sure the rates of the violations are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.ticker import LogLocator, NullFormatter

from harness.report import phrases
from harness.report.charts.chart import Chart
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
    unit,
)
from harness.report.model import Comparison
from harness.report.palette import VIOLATION, approach_looks
from harness.verdict.model import Outcome, Result

_ROW = 36
_TOP = 54
_FOOT = 26
# Between heading and panel: a legend.
_OVER = 27
_SHARES = 350
_RATES = 290
_GAP = 50

# How each outcome is filled: (colour, opacity).
_FILLS: Mapping[Outcome, tuple[str, float]] = {
    Outcome.ONCE: (INK, 0.12),
    Outcome.OVERRUN: (INK, 0.26),
    Outcome.DUPLICATE: (VIOLATION, 1.0),
    Outcome.FAILED: (INK, 0.42),
    Outcome.LOST: (INK, 0.62),
    Outcome.NEVER_STARTED: (INK, 0.9),
}
_CAPTION = (
    "Left: each expected run has one outcome. Right: the two that break a promise, on a "
    "logarithmic scale with their 95 % intervals; an open mark is the upper bound of a rate of "
    "which none was seen. The number is that of the runs."
)


def outcomes_chart(comparison: Comparison) -> Chart | None:
    """Stacked shares on the left, the rates of violations on a logarithmic scale on the right.

    None where no run was expected.
    """
    rows = [result for result in comparison.measured if result.expected]
    if not rows:
        return None
    looks = approach_looks(comparison.results)
    height = len(rows) * _ROW
    with drawing(f"{comparison.scenario} outcomes"):
        figure = sheet(_TOP + height + _FOOT)
        shares = panel(figure, LABELS, _TOP, _SHARES, height)
        rates = panel(figure, LABELS + _SHARES + _GAP, _TOP, _RATES, height)
        name_rows(shares, [result.approach for result in rows], looks, LABELS)
        tips = _stack(shares, rows, height)
        tips |= _rates(rates, rows, height)
        for axes in (shares, rates):
            axes.set_ylim(len(rows) - 0.5, -0.5)
        return finish(figure, "outcomes", "What became of the expected runs", _CAPTION, tips)


def _stack(axes: Axes, rows: Sequence[Result], height: float) -> dict[str, str]:
    heading(axes, "Share of expected runs", _OVER)
    tips: dict[str, str] = {}
    seen = [outcome for outcome in _FILLS if any(getattr(result, outcome.value) for result in rows)]
    for row, result in enumerate(rows):
        left = 0.0
        for outcome in seen:
            count: int = getattr(result, outcome.value)
            if not count:
                continue
            colour, opacity = _FILLS[outcome]
            share = 100 * count / result.expected
            gid = f"{row}-{outcome}"
            axes.barh(row, share, 0.6, left, color=colour, alpha=opacity, linewidth=0, gid=gid)
            tips[gid] = (
                f"{result.approach}: {_words(outcome)} {phrases.rate(count, result.expected, None)}"
            )
            left += share
    axes.set_xlim(0, 100)
    unit(axes, "%")
    _legend(axes, seen, height)
    return tips


def _words(outcome: Outcome) -> str:
    return outcome.value.replace("_", " ")


def _legend(axes: Axes, outcomes: Sequence[Outcome], height: float) -> None:
    """What the fills mean, in one line under the heading."""
    top, left = 1 + 12 / height, 0.0
    for outcome in outcomes:
        colour, opacity = _FILLS[outcome]
        axes.add_patch(
            Rectangle(
                (left / _SHARES, top - 4.5 / height),
                9 / _SHARES,
                9 / height,
                color=colour,
                alpha=opacity,
                linewidth=0,
                transform=axes.transAxes,
                clip_on=False,
            )
        )
        axes.text(
            (left + 13) / _SHARES,
            top,
            _words(outcome),
            transform=axes.transAxes,
            va="center_baseline",
            fontsize=SMALL - 0.5,
        )
        left += 26 + 6.2 * len(_words(outcome))


def _rates(axes: Axes, rows: Sequence[Result], height: float) -> dict[str, str]:
    heading(axes, "Rates, with 95 % interval", _OVER)
    for left, name, colour, marker in ((5, "duplicate", VIOLATION, "o"), (90, "missed", INK, "D")):
        place = 1 + 12 / height
        axes.plot(
            [left / _RATES],
            [place],
            marker,
            color=colour,
            markersize=6,
            clip_on=False,
            transform=axes.transAxes,
        )
        axes.text(
            (left + 9) / _RATES,
            place,
            name,
            transform=axes.transAxes,
            va="center_baseline",
            fontsize=SMALL - 0.5,
        )
    axes.set_xscale("log")
    axes.set_xlim(_least(rows), 100)
    axes.xaxis.set_major_locator(LogLocator(10))
    unit(axes, "%")
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
        faint = 0.75 if count else 0.55
        axes.plot([begin, end], [height, height], color=colour, linewidth=1.4, alpha=faint)
    elif not count:
        return {}
    gid = f"rate-{name}-{height:g}"
    if count:
        axes.plot([share], [height], marker, color=colour, markersize=6, gid=gid, clip_on=False)
    else:
        axes.plot(
            [end], [height], "<", color=colour, markersize=6, fillstyle="none", gid=gid, alpha=0.9
        )
    axes.annotate(
        f"{count}",
        (end, height),
        xytext=(8, 0),
        textcoords="offset points",
        va="center",
        fontsize=SMALL - 1,
        color=INK,
        alpha=1.0 if count else 0.9,
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
    while least > 0.001 and least >= min(figures, default=1.0):
        least /= 10
    return least
