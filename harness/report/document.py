"""The results as data: the JSON document, and the same flattened for spreadsheets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from harness.report.model import Comparison
from harness.verdict.result import result_as_json

VERSION = 1


def results_json(comparison: Comparison) -> dict[str, Any]:
    """The document of results.json, version 1."""
    return {
        "version": VERSION,
        "scenario": comparison.scenario,
        "runtime": comparison.runtime,
        "seed": comparison.seed,
        "about": dict(comparison.about),
        "results": [result_as_json(result) for result in comparison.results],
    }


def results_csv(comparison: Comparison) -> str:
    """One row an approach; the keys of the JSON results, nested ones joined by a dot.

    An interval becomes two columns, `.low` and `.high`; a list is joined by semicolons.
    """
    head = {
        "scenario": comparison.scenario,
        "runtime": comparison.runtime,
        "seed": comparison.seed,
    }
    results = results_json(comparison)["results"]
    rows = [{**head, **_flat(result)} for result in results] or [{**head, "approach": None}]
    table = pd.DataFrame(
        rows[: len(results)], columns=list(dict.fromkeys(k for r in rows for k in r))
    )
    return table.convert_dtypes().to_csv(index=False, lineterminator="\n")


def _flat(row: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in row.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{before}{key}.")
        elif before == "intervals.":
            low, high = value or (None, None)
            flat |= {f"{before}{key}.low": low, f"{before}{key}.high": high}
        elif isinstance(value, list | tuple):
            flat[before + key] = "; ".join(map(str, value))
        else:
            flat[before + key] = value
    return flat
