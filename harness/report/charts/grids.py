"""Heat maps of one measure over two parameters, one an approach, all on one scale of colours."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from harness.report import phrases
from harness.report.charts.chart import Chart
from harness.report.charts.drawing import (
    INK,
    NAME_LENGTH,
    SMALL,
    WIDTH,
    drawing,
    finish,
    panel,
    sheet,
)
from harness.report.charts.quantities import Axis, Quantity, Reading
from harness.report.phrases import clean
from harness.verdict.model import Result

_MOST_COLUMNS = 4
_LEFT = 96
_GAP = 18
_ROW = 27
_TOP = 30
_FOOT = 44
# Colours that the colour-blind tell apart, and that get lighter all the way; neither end is used.
_MAP = "cividis"
_DARKEST, _LIGHTEST = 0.08, 0.95
_DARK_TEXT, _LIGHT_TEXT = "#111111", "#ffffff"


@dataclass(frozen=True, slots=True)
class Grid:
    """An approach's results by their places on both axes.

    A place is None where that parameter does not concern the approach: the result stands for all.
    """

    approach: str
    results: Mapping[tuple[int | None, int | None], Result]


def draw_grids(
    name: str,
    title: str,
    axes_of: tuple[Axis, Axis],
    grids: Sequence[Grid],
    quantity: Quantity,
    note: str = "",
) -> Chart | None:
    """The heat maps; None where nothing was measured, or nothing but zero."""
    readings = [[quantity.read(result) for result in grid.results.values()] for grid in grids]
    most = max((one.value or 0.0 for row in readings for one in row), default=0.0)
    if most == 0.0 and not any(one.beyond for row in readings for one in row):
        return None
    across, down = axes_of
    columns = min(_MOST_COLUMNS, len(grids))
    rows = math.ceil(len(grids) / columns)
    width = (WIDTH - _LEFT - (columns - 1) * _GAP) / columns
    height = len(down.values) * _ROW
    with drawing(name):
        figure = sheet(rows * (_TOP + height + _FOOT))
        tips: dict[str, str] = {}
        for place, grid in enumerate(grids):
            row, column = divmod(place, columns)
            left, top = _LEFT + column * (width + _GAP), _TOP + row * (_TOP + height + _FOOT)
            axes = panel(figure, left, top, width, height)
            _frame(axes, grid, axes_of, column == 0)
            tips |= _cells(axes, grid, axes_of, quantity, most, f"{place}")
        caption = f"Lighter is more, on one scale for all. Across: {clean(across.name, 60)}."
        caption += f" Down: {clean(down.name, 60)}."
        if any(None in place for grid in grids for place in grid.results):
            caption += " A cell across several values: an approach that they do not concern."
        return finish(figure, name, title, f"{caption} {note}".strip(), tips)


def _frame(axes: Axes, grid: Grid, axes_of: tuple[Axis, Axis], first: bool) -> None:
    across, down = axes_of
    axes.set_title(
        clean(grid.approach, NAME_LENGTH), loc="left", fontsize=11.5, fontweight="bold", pad=6
    )
    axes.set_xlim(0, len(across.values))
    axes.set_ylim(len(down.values), 0)
    axes.spines["bottom"].set_visible(False)
    axes.tick_params(axis="both", length=0, pad=4)
    axes.set_xticks([place + 0.5 for place in range(len(across.values))], across.labels)
    axes.set_xlabel(clean(across.name, 30), fontsize=SMALL, labelpad=2)
    if first:
        axes.set_yticks([place + 0.5 for place in range(len(down.values))], down.labels)
        axes.set_ylabel(clean(down.name, 14), fontsize=SMALL, labelpad=4)


def _cells(
    axes: Axes,
    grid: Grid,
    axes_of: tuple[Axis, Axis],
    quantity: Quantity,
    most: float,
    key: str,
) -> dict[str, str]:
    across, down = axes_of
    tips: dict[str, str] = {}
    for number, ((column, row), result) in enumerate(grid.results.items()):
        left, wide = (0, len(across.values)) if column is None else (column, 1)
        top, high = (0, len(down.values)) if row is None else (row, 1)
        reading = quantity.read(result)
        fill, ink, text = _look(reading, quantity, most)
        gid = f"cell-{key}-{number}"
        axes.add_patch(
            Rectangle(
                (left + 0.02, top + 0.03),
                wide - 0.04,
                high - 0.06,
                facecolor=fill or "none",
                edgecolor=INK if fill is None else "none",
                alpha=1.0 if fill else 0.4,
                linewidth=0.6,
                gid=gid,
            )
        )
        axes.text(
            left + wide / 2,
            top + high / 2,
            text,
            ha="center",
            va="center",
            color=ink,
            fontsize=SMALL - 0.5,
        )
        where = [
            f"{axis.name} {axis.values[place]}"
            for axis, place in zip(axes_of, (column, row), strict=True)
            if place is not None
        ]
        tips[gid] = f"{grid.approach}, {', '.join(where)}: {text}" if where else grid.approach
    return tips


def _look(reading: Reading, quantity: Quantity, most: float) -> tuple[str | None, str, str]:
    """Fill, ink and text of a cell."""
    if reading.value is None and not reading.beyond:
        return None, INK, phrases.NOTHING
    share = 1.0 if reading.value is None else reading.value / (most or 1.0)
    depth = _DARKEST + share * (_LIGHTEST - _DARKEST)
    red, green, blue, _ = matplotlib.colormaps[_MAP](depth)
    ink = _DARK_TEXT if depth > 0.55 else _LIGHT_TEXT
    text = phrases.BEYOND if reading.value is None else quantity.text(reading.value)
    return matplotlib.colors.to_hex((red, green, blue)), ink, text
