"""Charts of measures over a parameter: a line an approach, two panels side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from harness.report.charts.chart import Chart
from harness.report.charts.drawing import (
    NAME_LENGTH,
    SMALL,
    WIDTH,
    drawing,
    finish,
    heading,
    panel,
    sheet,
    stroke,
)
from harness.report.charts.quantities import Axis, Quantity, Reading
from harness.report.palette import Look, approach_looks
from harness.report.phrases import clean
from harness.verdict.model import Result

_TOP = 34
_PANEL = 400
_HEIGHT = 210
_LEFT = 56
_GAP = 76
_FOOT = 46
_ENTRY = 236
_LINE = 20
# Labels closer than this, in pixels a character, would run into each other.
_CHARACTER = 7.5


@dataclass(frozen=True, slots=True)
class Curves:
    """What was measured over an axis: of each approach a result at each of its values.

    `level` are the results of the approaches that the parameter does not concern.
    """

    axis: Axis
    lines: Mapping[str, Sequence[Result | None]]
    level: Mapping[str, Result]

    @property
    def approaches(self) -> list[str]:
        """All of them."""
        return [*self.lines, *self.level]


def draw_curves(
    name: str, title: str, curves: Curves, quantities: Sequence[Quantity], note: str = ""
) -> Chart | None:
    """One or two quantities over the axis; None where there is nothing to draw."""
    quantities = [one for one in quantities if _measured(curves, one)]
    if not quantities:
        return None
    looks = approach_looks(curves.approaches)
    wide = len(quantities) == 1
    entries = math.ceil(len(looks) / (WIDTH // _ENTRY))
    with drawing(name):
        figure = sheet(_TOP + _HEIGHT + _FOOT + entries * _LINE + 8)
        tips: dict[str, str] = {}
        for place, quantity in enumerate(quantities):
            width = WIDTH - _LEFT - 24 if wide else _PANEL
            axes = panel(figure, _LEFT + place * (_PANEL + _GAP), _TOP, width, _HEIGHT)
            tips |= _panel(axes, curves, quantity, looks, width)
        _legend(figure, curves, looks)
        return finish(figure, name, title, _caption(curves, quantities, note), tips)


def _measured(curves: Curves, quantity: Quantity) -> bool:
    results = [result for line in curves.lines.values() for result in line]
    return any(
        reading.value is not None or reading.beyond
        for reading in (quantity.read(one) for one in (*results, *curves.level.values()) if one)
    )


def _panel(
    axes: Axes, curves: Curves, quantity: Quantity, looks: Mapping[str, Look], width: float
) -> dict[str, str]:
    heading(axes, quantity.title + (f" (thin: {quantity.also})" if quantity.more else ""))
    _feet(axes, curves.axis, width)
    top = _top(curves, quantity)
    axes.set_ylim(0, top * 1.08)
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y")
    tips: dict[str, str] = {}
    for name, result in curves.level.items():
        reading = quantity.read(result)
        if reading.value is not None:
            gid = f"{quantity.name}-level-{_place(looks, name)}"
            ends, height = [0.0, 1.0], [reading.value] * 2
            across = axes.get_yaxis_transform()
            axes.plot(ends, height, transform=across, gid=gid, zorder=1.8, **_level(looks[name]))
            tips[gid] = f"{name}: {quantity.text(reading.value)}"
    for name, results in curves.lines.items():
        tips |= _line(axes, curves.axis, quantity, name, results, looks, top)
    return tips


def _level(look: Look) -> dict[str, Any]:
    return {
        "color": look.colour,
        "linewidth": 1.4,
        "linestyle": (0, (1, 2.2)),
        "marker": look.marker,
        "markersize": 5.5,
        "markeredgewidth": 0.0,
        "clip_on": False,
    }


def _place(looks: Mapping[str, Look], name: str) -> int:
    """The place of a name: names from outside make no ids."""
    return list(looks).index(name)


def _line(
    axes: Axes,
    axis: Axis,
    quantity: Quantity,
    name: str,
    results: Sequence[Result | None],
    looks: Mapping[str, Look],
    top: float,
) -> dict[str, str]:
    look = looks[name]
    readings = [Reading(None) if one is None else quantity.read(one) for one in results]
    values = [math.nan if one.value is None else one.value for one in readings]
    lows = [math.nan if one.low is None else one.low for one in readings]
    highs = [math.nan if one.high is None else one.high for one in readings]
    axes.fill_between(axis.places, lows, highs, color=look.colour, alpha=0.13, linewidth=0)
    axes.plot(axis.places, values, **stroke(look, 6.5), clip_on=False, zorder=3)
    if quantity.more is not None:
        more = [None if one is None else quantity.more(one).value for one in results]
        second = [math.nan if value is None else value for value in more]
        axes.plot(axis.places, second, color=look.colour, linewidth=0.9, zorder=2.5)
    tips: dict[str, str] = {}
    for place, (at, value, reading) in enumerate(
        zip(axis.places, axis.values, readings, strict=True)
    ):
        gid = f"{quantity.name}-{_place(looks, name)}-{place}"
        if reading.beyond:
            axes.plot([at], [top * 1.04], "^", color=look.colour, fillstyle="none", gid=gid)
            tips[gid] = f"{name}, {axis.name} {value}: beyond the end of the trials"
        elif reading.value is not None:
            # Seen by nobody: what the pointer finds.
            axes.plot([at], [reading.value], "o", markersize=12, alpha=0, gid=gid, clip_on=False)
            tips[gid] = f"{name}, {axis.name} {value}: {quantity.text(reading.value)}"
    return tips


def _top(curves: Curves, quantity: Quantity) -> float:
    """The greatest of all that is drawn."""
    results = [result for line in curves.lines.values() for result in line if result is not None]
    readings = [quantity.read(one) for one in (*results, *curves.level.values())]
    readings += [quantity.more(one) for one in results if quantity.more is not None]
    ends = [end for one in readings for end in (one.value, one.high) if end is not None]
    return max(ends, default=0.0) or 1.0


def _feet(axes: Axes, axis: Axis, width: float) -> None:
    """The values where they lie, as they were written, those left out that find no room."""
    scale = math.log if axis.log else float
    if axis.log:
        axes.set_xscale("log")
    first, last = scale(axis.places[0]), scale(axis.places[-1])
    span = last - first or 1.0
    shown, end = [], -math.inf
    for place, label in zip(axis.places, axis.labels, strict=True):
        middle, half = (scale(place) - first) / span * width, len(label) * _CHARACTER / 2
        if middle - half > end:
            shown.append((place, label))
            end = middle + half
    axes.xaxis.set_major_locator(FixedLocator([place for place, _ in shown]))
    axes.xaxis.set_minor_locator(NullLocator())
    texts = dict(shown)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: texts.get(value, "")))
    margin = 0.03 * span
    ends = (first - margin, last + margin)
    axes.set_xlim(*(map(math.exp, ends) if axis.log else ends))
    scaled = " (log scale)" if axis.log else ""
    axes.set_xlabel(clean(axis.name, 60) + scaled, fontsize=SMALL, labelpad=3)


def _legend(figure: Figure, curves: Curves, looks: Mapping[str, Look]) -> None:
    total = figure.get_figheight() * 72
    columns = WIDTH // _ENTRY
    for place, (name, look) in enumerate(looks.items()):
        left = 8 + place % columns * _ENTRY
        top = _TOP + _HEIGHT + _FOOT + (place // columns + 0.5) * _LINE
        ends, height = [left / WIDTH, (left + 13) / WIDTH, (left + 26) / WIDTH], 1 - top / total
        style: dict[str, Any] = stroke(look, 6.5) if name in curves.lines else _level(look)
        figure.add_artist(Line2D(ends, [height] * 3, markevery=[1], **style))
        label = clean(name, NAME_LENGTH)
        figure.text((left + 34) / WIDTH, height, label, va="center", fontsize=11)


def _caption(curves: Curves, quantities: Sequence[Quantity], note: str) -> str:
    parts = ["A line is an approach."]
    results = [one for line in curves.lines.values() for one in line if one is not None]
    readings = [quantity.read(one) for quantity in quantities for one in results]
    if any(one.high is not None for one in readings):
        parts[0] = "A line is an approach, a band the 95 % interval."
    if curves.level:
        name = clean(curves.axis.name, 60)
        parts.append(f"Dotted and level: approaches that {name} does not concern.")
    if any(one.beyond for one in readings):
        parts.append("An open triangle at the top: more than the trials were watched for.")
    return " ".join([*parts, *([note] if note else [])])
