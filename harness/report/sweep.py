"""A sweep's report: a page of all its points, and the charts over what was varied."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.report.charts.quantities import number_of
from harness.report.charts.scaling import scaling_charts
from harness.report.charts.sweep import sweep_charts
from harness.report.page.entry import Entry
from harness.report.points import Sweep
from harness.report.reading import read_report
from harness.report.several import write_several


def entries_of(sweep: Sweep, directory: Path) -> list[Entry]:
    """The points' reports, read back. Raises ReportError."""
    return [
        Entry(point.label, read_report(directory / point.directory), directory / point.directory)
        for point in sweep.points
    ]


def write_sweep_report(
    sweep: Sweep, entries: Sequence[Entry], directory: Path, title: str | None = None
) -> None:
    """Write the page, its charts, and all points' figures into a directory. Raises OSError."""
    comparisons = [entry.comparison for entry in entries]
    values = [point.values for point in sweep.points]
    charts = sweep_charts(sweep.parameters, zip(values, comparisons, strict=True))
    if len(sweep.parameters) > 1:
        # With one parameter alone, its own charts show the same.
        charts += scaling_charts(comparisons)
    names = [one.name for one in sweep.parameters]
    columns = [{name: _cell(one.get(name)) for name in names} for one in values]
    write_several(title or _title(sweep), entries, directory, charts, columns)


def _title(sweep: Sweep) -> str:
    return f"{sweep.scenario} over {' and '.join(one.name for one in sweep.parameters)}"


def _cell(value: str | None) -> float | str | None:
    """A value as a spreadsheet can draw it: a number, in seconds where it is a duration."""
    if value is None:
        return None
    number = number_of(value)
    return value if number is None else number
