"""The comparison on a terminal: two tables that fit its width, and what to be warned of."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.report.circumstances import remarks
from harness.report.columns import Column, tables
from harness.report.model import Comparison
from harness.report.phrases import clean, why_not
from harness.verdict.model import Result

_ALARM = "bold red"
_GAP = 2
_NAME = 30
_NARROWEST = 12

Cell = Callable[[Column, Result], str]


def print_table(comparison: Comparison, console: Console) -> None:
    """Print the comparison. Colour only repeats what the figures say."""
    title = Text(clean(comparison.scenario), style="bold")
    title.append(f"  {clean(comparison.runtime)}, seed {comparison.seed}", style="not bold dim")
    console.print(title)
    if comparison.description:
        console.print(Text(clean(comparison.description)))
    console.print()
    if not comparison.results:
        console.print("No approach was run.")
    if comparison.measured:
        dropped: list[Column] = []
        for columns in tables(comparison):
            layout = _fitting(columns, comparison.measured, console.width)
            dropped += [column for column in columns if column not in layout.columns]
            console.print(_table(layout, comparison))
            console.print()
        if dropped:
            titles = ", ".join(column.title for column in dropped)
            text = f"left out, for want of room: {titles}; they are in the report"
            console.print(Text(text, style="dim"))
            console.print()
    reasons = [(result.approach, why_not(result)) for result in comparison.results]
    rows = [(name, reason) for name, reason in reasons if reason is not None]
    if rows:
        grid = Table.grid(padding=(0, _GAP, 0, 0))
        for name, reason in rows:
            grid.add_row(Text(clean(name, _NAME)), Text(clean(reason), style="yellow"))
        console.print(grid)
        console.print()
    for line in remarks(comparison):
        console.print(Text(f"! {clean(line)}", style="yellow"))


def _table(layout: _Layout, comparison: Comparison) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, layout.gap, 0, 0), header_style="dim")
    table.add_column("\napproach")
    for column in layout.columns:
        table.add_column(_stacked(column), justify="right")
    for result in comparison.measured:
        cells = [
            Text(layout.cell(column, result), style=_ALARM if column.alarming(result) else "")
            for column in layout.columns
        ]
        name = "\n".join(textwrap.wrap(clean(result.approach, _NAME), layout.names)) or "-"
        table.add_row(Text(name), *cells)
    return table


@dataclass(frozen=True)
class _Layout:
    """How a table is set: `names` and `gap` are the widths of the first column and the gaps."""

    columns: Sequence[Column]
    cell: Cell
    gap: int
    names: int = _NAME


def _fitting(columns: Sequence[Column], results: Sequence[Result], width: int) -> _Layout:
    """The richest layout that fits: with shorter cells, then fewer columns, then names broken."""
    names = max(len(clean(result.approach, _NAME)) for result in results)
    minor = [column for column in columns if column.minor]
    fewer = [
        [column for column in columns if column not in minor[:dropped]]
        for dropped in range(len(minor) + 1)
    ]
    layouts = [
        _Layout(columns, _full, _GAP),
        _Layout(columns, _short, _GAP),
        *(_Layout(kept, _short, 1) for kept in fewer),
    ]
    for layout in layouts:
        left = width - _needed(layout, results)
        if left >= names:
            return layout
    return replace(layout, names=max(_NARROWEST, left))


def _needed(layout: _Layout, results: Sequence[Result]) -> int:
    """The width of all columns but the first, gaps included."""
    return sum(
        layout.gap
        + max(
            len(line) for line in (*_stacked(c).split("\n"), *(layout.cell(c, r) for r in results))
        )
        for c in layout.columns
    )


def _full(column: Column, result: Result) -> str:
    return column.text(result)


def _short(column: Column, result: Result) -> str:
    return (column.short or column.text)(result)


def _stacked(column: Column) -> str:
    """A title on two lines, broken at its last blank, its foot in line with the others'."""
    first, blank, last = column.title.rpartition(" ")
    return f"{first}\n{last}" if blank else f"\n{last}"
