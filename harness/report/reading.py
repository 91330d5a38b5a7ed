"""Reading a report back: the comparison that a directory was written from."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from zlib import crc32

from harness.comparison.request import history_path
from harness.history.reading import HistoryError, read_history
from harness.report.configuration import from_json
from harness.report.document import VERSION
from harness.report.documents import ReportError, check, parse_json, read_json
from harness.report.model import Comparison
from harness.report.schema import results_schema
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
    and of the first failing ones: what timelines and stories are drawn from. Raises ReportError,
    also where the trials are not those that results.json is of.
    """
    document = _document(directory / RESULTS)
    tallies = _tallies(directory / TRIALS)
    try:
        results = tuple(_result(row, tallies) for row in document["results"])
        _refuse_others([one.approach for one in results if one.skipped is None], tallies)
    except ValueError as error:
        raise ReportError(f"{directory / TRIALS}: {error}") from None
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


def _document(path: Path) -> dict[str, Any]:
    document = read_json(path, "a report's directory is wanted, as `harness run` writes it")
    if isinstance(document, dict) and "comparisons" in document:
        raise ReportError(f"{path.parent} is of several runs: give the directories it is of")
    version = document.get("version") if isinstance(document, dict) else None
    if version != VERSION:
        raise ReportError(f"{path}: version {version} is not known here; this reads {VERSION}")
    try:
        check(document, _readable())
        _refuse_twice([row["approach"] for row in document["results"]])
    except ValueError as error:
        raise ReportError(f"{path}: not a report that can be read: {error}") from None
    return dict(document)


def _readable() -> dict[str, Any]:
    """What a report must look like to be read."""
    schema = results_schema()
    fields = schema["properties"]
    # A setting is compared as it is: it may say less of a job than ours do.
    for one in (fields, fields["setting"]["properties"]):
        del one["jobs"]["items"]["required"]
    return schema


def _tallies(path: Path) -> dict[str, list[Tally]]:
    found: dict[str, dict[int, Tally]] = {}
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                try:
                    approach, one = _trial(parse_json(line))
                except ValueError as error:
                    raise ReportError(f"{path}:{number}: not a trial: {error}") from None
                if found.setdefault(approach, {}).setdefault(one.seed, one) is not one:
                    raise ReportError(f"{path}:{number}: {approach} has seed {one.seed} before")
    except OSError as error:
        raise ReportError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ReportError(f"{path}: not UTF-8 text") from None
    return {approach: list(trials.values()) for approach, trials in found.items()}


def _trial(row: Any) -> tuple[str, Tally]:
    if not isinstance(row, dict) or not isinstance(row.get("approach"), str):
        raise ValueError("no 'approach' in it")
    return row["approach"], tally_from_json(row)


def _result(row: Mapping[str, Any], tallies: Mapping[str, Sequence[Tally]]) -> Result:
    """What the trials come to. Raises ValueError where results.json speaks of other ones."""
    name = row["approach"]
    if row["skipped"] is not None:
        return skipped(name, row["skipped"])
    result = summarize(name, tallies.get(name, ()))
    for field in ("trials", "invalid_trials", "checksum"):
        is_, was = getattr(result, field), row[field]
        if is_ != was:
            what = field.replace("_", " ")
            raise ValueError(f"{name}: {what} {is_}, but {was} in {RESULTS}: not all of its trials")
    return result


def _refuse_others(ran: Iterable[str], tallies: Iterable[str]) -> None:
    others = sorted(set(tallies).difference(ran))
    if others:
        raise ValueError(f"trials of {others[0]}, which did not run by {RESULTS}")


def _refuse_twice(approaches: Iterable[str]) -> None:
    twice = [name for name, count in Counter(approaches).items() if count > 1]
    if twice:
        raise ValueError(f"{twice[0]} stands twice in its results")


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
            try:
                if wanted and path.exists():
                    if one.checksum not in (None, crc32(path.read_bytes())):
                        raise ReportError(f"{path}: not the history that was judged")
                    verdicts.append(judge(read_history(path)))
            except HistoryError as error:
                raise ReportError(str(error)) from None
            except OSError as error:
                raise ReportError(f"{path}: {error.strerror}") from None
        found[approach] = tuple(verdicts)
    return found
