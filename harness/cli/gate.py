"""`harness gate` and `harness baseline`: reports judged, and what later ones are judged against."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from harness.cli.app import REPORTS, app
from harness.cli.inputs import fail
from harness.gate.model import Case, Status, worst
from harness.report.phrases import clean
from harness.scenario.wording import hint
from harness.session import Exit

if TYPE_CHECKING:
    from harness.gate.figures import Record, Report
    from harness.gate.identity import Across

_CODES = {
    Status.PASSED: Exit.OK,
    Status.FAILED: Exit.VIOLATION,
    Status.ERROR: Exit.INCONCLUSIVE,
    Status.SKIPPED: Exit.INCONCLUSIVE,
}

_Directories = Annotated[
    list[Path], typer.Argument(metavar="DIR", help="Reports, as `harness run` writes them.")
]


@app.command()
def gate(
    directory: _Directories,
    baseline: Annotated[
        Path | None, typer.Option(help="Also against this, written by `harness baseline`.")
    ] = None,
    junit: Annotated[Path | None, typer.Option(help="Write JUnit XML to this file.")] = None,
    across: Annotated[
        list[str] | None,
        typer.Option(
            help="Compare with the baseline though this differs: runtime, scenario, parameters, "
            "mechanism, machine, coordinator, calibration, trials (fewer than half); or missing. "
            "May be given several times."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the cases as JSON.")] = False,
) -> None:
    """Judge reports by what their scenarios expect, and against a baseline: pass or fail."""
    # numpy takes a while to load: no other command should wait for it.
    from harness.gate.judging import Refused, against, alone
    from harness.gate.terminal import print_cases, verdict

    allowed = _across(across or [])
    reports = _read(directory)
    cases = alone(reports)
    if baseline is not None:
        records = _baseline(baseline)
        _refuse_twice([one.record for one in reports])
        try:
            cases += against(reports, records, allowed)
        except Refused as refused:
            fail([str(one) for one in refused.differences], Exit.BAD_INPUT)
    if junit is not None:
        _write_junit(cases, junit)
    console = Console(stderr=as_json)
    if as_json:
        document = {"version": 1, "status": worst(cases), "verdict": verdict(cases)}
        print(json.dumps({**document, "cases": [asdict(case) for case in cases]}, indent=2))
    else:
        print_cases(cases, console)
    if os.environ.get("GITHUB_ACTIONS") == "true":
        from harness.gate.annotations import annotations

        for line in annotations(cases):
            typer.echo(line, err=as_json)
    raise typer.Exit(_CODES[worst(cases)])


@app.command(name="baseline")
def write_baseline(
    directory: _Directories,
    out: Annotated[
        Path | None,
        typer.Option(help="The file; default reports/baseline/<runtime>.json. Others stay in it."),
    ] = None,
    force: Annotated[
        bool, typer.Option(help="Even from reports with invalid trials, or cut short.")
    ] = False,
) -> None:
    """Write what later reports are judged against; scenarios that are in the file stay there."""
    from harness.gate.baseline import baseline_json, merged

    reports = _read(directory)
    records = [one.record for one in reports]
    _refuse_twice(records)
    if not force:
        _refuse_unfit(reports)
    path = out or _default_file(records)
    before = _baseline(path) if path.exists() else ()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(baseline_json(merged(before, records)), "utf-8")
    except OSError as error:
        fail(f"{path}: {error.strerror}", Exit.BAD_INPUT)
    for one in records:
        trials = (f"{each.approach} ({len(each.seeds)})" for each in one.approaches)
        print(clean(f"{one.title}, trials: {', '.join(trials)}"))
    print(f"baseline: {path}")


def _across(given: Sequence[str]) -> set[Across]:
    from harness.gate.identity import Across

    known = list(Across)
    for one in given:
        if one not in known:
            fail(f"--across {one}: {hint(one, known)}", Exit.BAD_INPUT)
    return {Across(one) for one in given}


def _read(directories: Sequence[Path]) -> list[Report]:
    from harness.gate.figures import read
    from harness.report.documents import ReportError

    found, problems = [], []
    for one in directories:
        try:
            found.append(read(one))
        except ReportError as error:
            problems.append(str(error))
    if problems:
        fail(problems, Exit.BAD_INPUT)
    return found


def _baseline(path: Path) -> tuple[Record, ...]:
    from harness.gate.baseline import BaselineError, read_baseline

    try:
        return read_baseline(path)
    except BaselineError as error:
        fail(str(error), Exit.BAD_INPUT)


def _refuse_twice(records: Sequence[Record]) -> None:
    twice = [name for name, count in Counter(one.title for one in records).items() if count > 1]
    if twice:
        fail(f"several reports of {', '.join(twice)}; give one of each", Exit.BAD_INPUT)


def _refuse_unfit(reports: Sequence[Report]) -> None:
    """What is broken itself is nothing to measure others by."""
    from harness.gate.trials import trial_cases

    unfit = [
        f"{report.directory}: {case.approach}: {case.text}; to use the rest: --force"
        for report in reports
        for case in trial_cases(report)
        if case.status is Status.ERROR
    ]
    if unfit:
        fail(unfit, Exit.BAD_INPUT)


def _default_file(records: Sequence[Record]) -> Path:
    runtimes = sorted({one.runtime for one in records})
    if len(runtimes) > 1:
        fail(f"reports of {' and '.join(runtimes)}; say where with --out", Exit.BAD_INPUT)
    return REPORTS / "baseline" / f"{runtimes[0]}.json"


def _write_junit(cases: Sequence[Case], path: Path) -> None:
    from harness.gate.junit import junit_xml

    try:
        path.write_text(junit_xml(cases), "utf-8")
    except OSError as error:
        fail(f"--junit {path}: {error.strerror}", Exit.BAD_INPUT)
