"""The scoreboard: a row an approach, a figure a cell, with how sure it is and how it stands."""

from __future__ import annotations

from dataclasses import dataclass

from harness.report.columns import Column, all_columns
from harness.report.model import Comparison
from harness.report.safety import Badge, Safety
from harness.report.standing import Mark, mark, unmet
from harness.verdict.model import Result

# Worth a column only where they are not zero.
_NEWS = frozenset({"overrun", "late"})


@dataclass(frozen=True, slots=True)
class Cell:
    """A figure; `value` is what it is sorted by, None last."""

    value: float | None
    figure: str
    beside: str
    mark: Mark | None
    title: str


@dataclass(frozen=True, slots=True)
class Row:
    """An approach; without cells where it was not measured."""

    approach: str
    safety: Safety
    cells: tuple[Cell, ...]
    unmet: bool

    @property
    def measured(self) -> bool:
        """Whether it has figures."""
        return self.safety.badge is not Badge.NOT_MEASURED


@dataclass(frozen=True, slots=True)
class Group:
    """Neighbouring columns under one heading."""

    title: str
    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class Scoreboard:
    """All of it; rows in the scenario's order. `zero` names the columns left out as all zero."""

    groups: tuple[Group, ...]
    rows: tuple[Row, ...]
    zero: tuple[str, ...]

    @property
    def width(self) -> int:
        """How many columns there are, beside the names."""
        return sum(len(group.columns) for group in self.groups)

    @property
    def minor(self) -> tuple[str, ...]:
        """The titles of the columns that a narrow window has no room for."""
        return tuple(c.title for group in self.groups for c in group.columns if c.minor)


def scoreboard(comparison: Comparison, safeties: tuple[Safety, ...]) -> Scoreboard:
    """The scoreboard of a comparison; `safeties` are those of its results, in their order."""
    known = all_columns(comparison)
    columns = [column for column in known if not _idle(comparison, column)]
    titles = dict.fromkeys(column.group for column in columns)
    groups = [Group(title, tuple(c for c in columns if c.group == title)) for title in titles]
    rows = [
        Row(
            result.approach,
            safe,
            ()
            if safe.badge is Badge.NOT_MEASURED
            else tuple(_cell(comparison, result, column) for column in columns),
            bool(unmet(comparison, result.approach)),
        )
        for result, safe in zip(comparison.results, safeties, strict=True)
    ]
    return Scoreboard(tuple(groups), tuple(rows), tuple(c.title for c in known if c not in columns))


def _idle(comparison: Comparison, column: Column) -> bool:
    """Whether it holds no news: zero for all, and nobody expects anything of it."""
    if column.key not in _NEWS or any(one.measure == column.measure for one in comparison.checks):
        return False
    return not any(column.value(result) for result in comparison.measured)


def _cell(comparison: Comparison, result: Result, column: Column) -> Cell:
    found = mark(comparison, result, column.measure) if column.measure else None
    text = f"{column.title}: {column.text(result)}"
    title = f"{text}\n{found.text}" if found else text
    value = column.value(result)
    return Cell(value, column.figure(result), column.beside(result), found, title)
