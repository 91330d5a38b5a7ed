"""Writing a report: results.json, results.csv, summary.md, index.html."""

from __future__ import annotations

import json
from pathlib import Path

from harness.report.document import results_csv, results_json
from harness.report.markdown import summary
from harness.report.model import Comparison
from harness.report.page.rendering import page
from harness.report.reading import RESULTS, TRIALS, trials_jsonl


def write_report(comparison: Comparison, directory: Path) -> None:
    """Write the four files into a directory, which is made if need be; older ones are replaced.

    The same comparison gives the same bytes. Raises OSError where it cannot be written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    document = json.dumps(results_json(comparison), indent=2, allow_nan=False)
    # The data goes first: should a chart fail, the figures are there.
    _write(directory / RESULTS, document + "\n")
    _write(directory / TRIALS, trials_jsonl(comparison))
    _write(directory / "results.csv", results_csv(comparison))
    _write(directory / "summary.md", summary(comparison))
    _write(directory / "index.html", page(comparison, directory))


def _write(path: Path, text: str) -> None:
    path.write_bytes(text.encode("utf-8", "replace"))
