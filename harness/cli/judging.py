"""`harness check`: histories judged, whoever wrote them."""

from __future__ import annotations

import json
from itertools import chain
from pathlib import Path
from typing import Annotated, Any
from zlib import crc32

import typer
from rich.console import Console

from harness.cli.app import app
from harness.cli.inputs import fail
from harness.history.reading import History, HistoryError, read_history
from harness.report.model import Comparison
from harness.report.terminal import print_table
from harness.session import Exit
from harness.verdict.judge import judge
from harness.verdict.model import Verdict
from harness.verdict.result import result_as_json, summarize
from harness.verdict.tally import Tally, tally


@app.command()
def check(
    history: Annotated[list[Path], typer.Argument(help="Histories, or directories of them.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the results as JSON.")] = False,
) -> None:
    """Judge histories, whoever wrote them."""
    histories = _read(history)
    verdicts = [judge(one) for one in histories]
    if as_json:
        rows = [_checked(one, verdict) for one, verdict in zip(histories, verdicts, strict=True)]
        print(json.dumps({"version": 1, "histories": rows}, indent=2))
    else:
        _print_checked(histories, verdicts)
    raise typer.Exit(Exit.OK if all(one.valid for one in verdicts) else Exit.INCONCLUSIVE)


def _read(paths: list[Path]) -> list[History]:
    histories, problems = [], []
    for path in chain.from_iterable(map(_files, paths)):
        try:
            histories.append(read_history(path))
        except HistoryError as error:
            problems.append(str(error))
    if problems:
        fail(problems, Exit.BAD_INPUT)
    return histories


def _files(path: Path) -> list[Path]:
    """A history, or those that lie in a directory, or in a report's."""
    if not path.is_dir():
        return [path]
    inner = path / "histories"
    found = sorted((inner if inner.is_dir() else path).glob("*.jsonl"))
    return found or fail(f"{path}: no histories (*.jsonl) in it", Exit.BAD_INPUT)


def _checked(history: History, verdict: Verdict) -> dict[str, Any]:
    return {
        "history": str(history.path),
        "torn": history.torn,
        "partial": verdict.partial,
        **result_as_json(summarize(history.trial.approach, [_tallied(history, verdict)])),
    }


def _tallied(history: History, verdict: Verdict) -> Tally:
    assert history.path is not None
    return tally(verdict, crc32(history.path.read_bytes()))


def _print_checked(histories: list[History], verdicts: list[Verdict]) -> None:
    console = Console()
    for history, verdict in zip(histories, verdicts, strict=True):
        trial = history.trial
        notes = ["the last line is torn and was left out"] if history.torn else []
        comparison = Comparison(
            scenario=trial.scenario,
            description=str(history.path),
            runtime=trial.runtime,
            seed=trial.seed,
            results=(summarize(trial.approach, [tally(verdict)]),),
            tallies={trial.approach: [tally(verdict)]},
            verdicts={trial.approach: [verdict]},
            about={},
            notes=tuple(notes),
        )
        print_table(comparison, console)
