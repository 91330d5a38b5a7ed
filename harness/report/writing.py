"""Writing a report: the figures, the page, and the charts as files of their own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from harness.report.charts.all import charts
from harness.report.charts.chart import Chart
from harness.report.document import results_csv, results_json
from harness.report.markdown import summary
from harness.report.model import Comparison
from harness.report.openmetrics import openmetrics
from harness.report.page.rendering import page
from harness.report.reading import RESULTS, TRIALS, trials_jsonl

CHARTS = "charts"


def write_report(comparison: Comparison, directory: Path) -> None:
    """Write a report into a directory, which is made if need be; an older one is replaced.

    That is results.json, trials.jsonl, results.csv, metrics.txt, summary.md, index.html, and
    charts/NAME.svg and .png. The same comparison gives the same bytes. Raises OSError where it
    cannot be written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    document = json.dumps(results_json(comparison), indent=2, allow_nan=False)
    # The data goes first: should a chart fail, the figures are there.
    write_text(directory / RESULTS, document + "\n")
    write_text(directory / TRIALS, trials_jsonl(comparison))
    write_text(directory / "results.csv", results_csv(comparison))
    write_text(directory / "metrics.txt", openmetrics(comparison))
    write_text(directory / "summary.md", summary(comparison))
    drawn = charts(comparison)
    write_text(directory / "index.html", page(comparison, directory, drawn))
    write_charts(drawn, directory / CHARTS)


def write_charts(drawn: Sequence[Chart], directory: Path) -> None:
    """Write charts as NAME.svg and NAME.png; those of an older report go."""
    directory.mkdir(exist_ok=True)
    for old in (*directory.glob("*.svg"), *directory.glob("*.png")):
        old.unlink()
    for chart in drawn:
        write_text(directory / f"{chart.name}.svg", chart.standalone)
        (directory / f"{chart.name}.png").write_bytes(chart.png)


def write_text(path: Path, text: str) -> None:
    """Write a file, whatever is in the text."""
    path.write_bytes(text.encode("utf-8", "replace"))
