"""Reading a report back: the comparison that a directory was written from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.comparison.request import history_path
from harness.history.reading import HistoryError, read_history
from harness.report.configuration import from_json
from harness.report.document import VERSION
from harness.report.model import Comparison
from harness.scenario.model import Expectation
from harness.verdict.judge import judge
from harness.verdict.model import Result, Verdict
from harness.verdict.result import skipped, summarize
from harness.verdict.tally import Tally
from harness.verdict.tally_json import tally_as_json, tally_from_json

RESULTS = "results.json"
TRIALS = "trials.jsonl"

# Of each approach, so many failing trials are looked at more closely, beside the first one.
_LOOKED_AT = 10


class ReportError(Exception):
    """A directory that holds no report, or one that cannot be read; says why in one line."""


def trials_jsonl(comparison: Comparison) -> str:
    """The text of trials.jsonl: one trial a line, from which all figures can be had again."""
    return "".join(
        json.dumps({"approach": approach, **tally_as_json(one)}, separators=(",", ":")) + "\n"
        for approach, tallies in comparison.tallies.items()
        for one in tallies
    )


def read_report(directory: Path, closely: bool = True) -> Comparison:
    """The comparison that `directory` was written from: the same figures, from its trials.

    `closely` judges the histories that lie there again, of each approach those of its first trial
    and of the first failing ones: what timelines and stories are drawn from. Raises ReportError.
    """
    document = _document(directory / RESULTS)
    try:
        tallies = _tallies(directory / TRIALS)
        results = tuple(_result(row, tallies) for row in document["results"])
        ran = {name: tuple(trials) for name, trials in tallies.items()}
        return Comparison(
            scenario=document["scenario"],
            description=document["description"],
            runtime=document["runtime"],
            seed=document["seed"],
            results=results,
            tallies=ran,
            verdicts=_verdicts(directory, ran) if closely else {},
            about=document["about"],
            notes=tuple(document["notes"]),
            expect=tuple(_expectation(row) for row in document["expect"]),
            setting=document["setting"],
            repeat=document["repeat"],
            interrupted=document["interrupted"],
            configurations={row["approach"]: from_json(row) for row in document["results"]},
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        reason = f"no '{error.args[0]}' in it" if isinstance(error, KeyError) else str(error)
        raise ReportError(f"{directory}: not a report that can be read: {reason}") from None


def _document(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ReportError(
            f"{path}: {error.strerror}; a report's directory is wanted, as `harness run` writes it"
        ) from None
    except ValueError as error:
        raise ReportError(f"{path}: not JSON: {error}") from None
    version = document.get("version") if isinstance(document, dict) else None
    if version != VERSION:
        raise ReportError(f"{path}: version {version} is not known here; this reads {VERSION}")
    return dict(document)


def _tallies(path: Path) -> dict[str, list[Tally]]:
    found: dict[str, list[Tally]] = {}
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                try:
                    row = json.loads(line)
                    found.setdefault(row["approach"], []).append(tally_from_json(row))
                except (KeyError, TypeError, ValueError) as error:
                    raise ReportError(f"{path}:{number}: not a trial: {error}") from None
    except OSError as error:
        raise ReportError(f"{path}: {error.strerror}") from None
    return found


def _result(row: Mapping[str, Any], tallies: Mapping[str, Sequence[Tally]]) -> Result:
    name = row["approach"]
    if row["skipped"] is not None:
        return skipped(name, row["skipped"])
    return summarize(name, tallies.get(name, ()))


def _expectation(row: Mapping[str, Any]) -> Expectation:
    return Expectation(row["approach"], row["measure"], row["min"], row["max"])


def _verdicts(
    directory: Path, tallies: Mapping[str, Iterable[Tally]]
) -> dict[str, tuple[Verdict, ...]]:
    found: dict[str, tuple[Verdict, ...]] = {}
    for approach, trials in tallies.items():
        failing = 0
        verdicts = []
        for place, one in enumerate(trials):
            failing += not one.flawless
            path = history_path(directory, approach, one.seed)
            wanted = place == 0 or (not one.flawless and failing <= _LOOKED_AT)
            if wanted and path.exists():
                try:
                    verdicts.append(judge(read_history(path)))
                except HistoryError as error:
                    raise ReportError(str(error)) from None
        found[approach] = tuple(verdicts)
    return found
