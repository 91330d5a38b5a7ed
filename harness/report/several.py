"""A report of several comparisons: one page, one summary, one table of all figures."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.report.charts.chart import Chart
from harness.report.charts.quantities import QUANTITIES
from harness.report.document import results_csv, results_json
from harness.report.markdown import summary_of_several
from harness.report.model import Comparison, unmeasured
from harness.report.page.entry import Entry
from harness.report.page.rendering import overview
from harness.report.phrases import clean
from harness.report.reading import RESULTS
from harness.report.writing import CHARTS, write_charts, write_text

VERSION = 1
FILES = (RESULTS, "results.csv", "summary.md", "index.html", CHARTS)
"""What such a report is made of."""


def write_several(
    title: str,
    entries: Sequence[Entry],
    directory: Path,
    charts: Sequence[Chart] = (),
    columns: Sequence[Mapping[str, Any]] | None = None,
) -> None:
    """Write the report into a directory, which is made if need be; older files are replaced.

    `columns` go before each entry's rows of results.csv, by default its label. Raises OSError.
    """
    directory.mkdir(parents=True, exist_ok=True)
    document = json.dumps(several_json(entries), indent=2, allow_nan=False)
    # The data goes first: should a chart fail, the figures are there.
    write_text(directory / RESULTS, document + "\n")
    write_text(directory / "results.csv", _csv(entries, columns))
    write_text(directory / "summary.md", summary_of_several([_labelled(one) for one in entries]))
    write_text(directory / "index.html", overview(title, entries, directory, charts))
    if charts:
        write_charts(charts, directory / CHARTS)


def several_json(entries: Sequence[Entry]) -> dict[str, Any]:
    """The document of results.json: those of all comparisons, in their order."""
    return {
        "version": VERSION,
        "comparisons": [results_json(entry.comparison) for entry in entries],
    }


def print_several(entries: Sequence[Entry], console: Console) -> None:
    """Print a table a comparison, with the few figures that tell most; the page has the others."""
    for entry in entries:
        table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim")
        table.add_column("", min_width=24)
        for one in QUANTITIES:
            table.add_column(one.name, justify="right", min_width=8, no_wrap=True)
        reasons = []
        for result in entry.comparison.results:
            name, reason = clean(result.approach, 30), unmeasured(result)
            if reason is None:
                table.add_row(Text(name), *(one.cell(result) for one in QUANTITIES))
            else:
                reasons.append(f"{name}: {clean(reason)}")
        console.print(Text(clean(entry.label), style="bold"))
        if table.row_count:
            console.print(table)
        for line in reasons:
            console.print(Text(line, style="yellow"))
        console.print()


def _labelled(entry: Entry) -> Comparison:
    """The comparison under its label: where only figures are shown, that is its name."""
    return replace(entry.comparison, scenario=entry.label)


def _csv(entries: Sequence[Entry], columns: Sequence[Mapping[str, Any]] | None) -> str:
    """All rows under all columns, whichever of them have it."""
    before = columns or [{"label": entry.label} for entry in entries]
    rows = [
        {**first, **row}
        for first, entry in zip(before, entries, strict=True)
        for row in csv.DictReader(io.StringIO(results_csv(entry.comparison)))
    ]
    target = io.StringIO()
    names = dict.fromkeys([*(before[0] if before else ()), *(name for row in rows for name in row)])
    writer = csv.DictWriter(target, list(names), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return target.getvalue()
