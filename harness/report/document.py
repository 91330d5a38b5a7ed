"""The results as data: the JSON document, and the same flattened for spreadsheets."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any

from harness.report.circumstances import trial_of
from harness.report.model import Comparison, unmeasured
from harness.scenario.model import Expectation
from harness.verdict.result import result_as_json

VERSION = 1

# The columns that say something about an approach without figures.
_NAMING = frozenset(
    "approach algorithm sink exclusive trials invalid_trials invalid skipped".split()
)
_PARAMETERS = "parameters"


def results_json(comparison: Comparison) -> dict[str, Any]:
    """The document of results.json, version 1.

    `setting` is the whole scenario; `workers` (how many), `duration`, `grace` and `jobs` are the
    same of it, or else of the first trial, null without one. Each result has the configuration of
    its approach. Times in seconds.
    """
    return {
        "version": VERSION,
        "scenario": comparison.scenario,
        "description": comparison.description,
        "runtime": comparison.runtime,
        "seed": comparison.seed,
        **_setting(comparison),
        "setting": dict(comparison.setting),
        "expect": [_expectation(one) for one in comparison.expect],
        "about": dict(comparison.about),
        "notes": list(comparison.notes),
        "repeat": comparison.repeat,
        "interrupted": comparison.interrupted,
        "results": [
            {
                "approach": result.approach,
                **_strict(comparison.configuration(result.approach).as_json()),
                **result_as_json(result),
            }
            for result in comparison.results
        ],
    }


def _expectation(one: Expectation) -> dict[str, Any]:
    return {
        "approach": one.approach,
        "measure": one.measure,
        "min": one.minimum,
        "max": one.maximum,
    }


def _setting(comparison: Comparison) -> dict[str, Any]:
    names = ("workers", "duration", "grace", "jobs")
    if comparison.setting:
        return {name: comparison.setting.get(name) for name in names}
    found = (trial_of(comparison, result.approach) for result in comparison.results)
    trial = next(filter(None, found), None)
    if trial is None:
        return dict.fromkeys(names)
    return {
        "workers": len(trial.workers),
        "duration": trial.duration,
        "grace": trial.grace,
        "jobs": [_strict(job.as_json()) for job in trial.jobs],
    }


def _strict(value: Any) -> Any:
    """The value as strict JSON can hold it: other people's histories may name infinity or NaN."""
    if isinstance(value, Mapping):
        return {name: _strict(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(inner) for inner in value]
    return None if isinstance(value, float) and not isfinite(value) else value


def results_csv(comparison: Comparison) -> str:
    """One row an approach; the keys of the JSON results, nested ones joined by a dot.

    An interval becomes two columns, `.low` and `.high`; a list is joined by semicolons. An approach
    that was not measured has empty cells for its figures.
    """
    # Imported late: it takes half a second to load, and commands that only read reports need none.
    import pandas as pd

    head = {
        "scenario": comparison.scenario,
        "runtime": comparison.runtime,
        "seed": comparison.seed,
    }
    results = results_json(comparison)["results"]
    rows = [
        {**head, **(_flat(row) if unmeasured(result) is None else _without_figures(_flat(row)))}
        for result, row in zip(comparison.results, results, strict=True)
    ] or [{**head, "approach": None}]
    table = pd.DataFrame(
        rows[: len(results)], columns=list(dict.fromkeys(k for r in rows for k in r))
    )
    return table.convert_dtypes().to_csv(index=False, lineterminator="\n")


def _without_figures(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value if name in _NAMING or name.startswith(f"{_PARAMETERS}.") else None
        for name, value in row.items()
    }


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
