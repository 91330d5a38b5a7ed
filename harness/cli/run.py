"""`harness run`: a scenario, from its file to its report."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from harness.cli import completion, inputs
from harness.cli.app import app
from harness.cli.inputs import bad_input, chosen_scenario, fail, report_directory
from harness.comparison.request import Histories, Request, Runtime
from harness.report.terminal import print_table
from harness.runtimes.calibration import Calibration
from harness.runtimes.cluster import TrialError
from harness.runtimes.launcher import LauncherError
from harness.scenario.wording import hint
from harness.session import Exit, Session, StopSignals, point_latest, run_session


@app.command()
def run(
    scenario: Annotated[
        str,
        typer.Argument(
            help="A scenario's file, or its name in scenarios/.",
            autocompletion=completion.scenarios,
        ),
    ],
    approach: Annotated[
        list[str] | None,
        typer.Option(
            help="Only this approach; may be given several times.",
            autocompletion=completion.approaches,
        ),
    ] = None,
    runtime: Annotated[Runtime, typer.Option(help="Where trials happen.")] = Runtime.PROCESS,
    repeat: Annotated[int, typer.Option(min=1, help="Trials of each approach.")] = 1,
    seed: Annotated[int, typer.Option(help="What all chance is drawn from.")] = 1,
    workers: Annotated[int | None, typer.Option(help="So many workers instead.")] = None,
    duration: Annotated[str | None, typer.Option(help="So long instead, e.g. 60s.")] = None,
    side_by_side: Annotated[
        int | None,
        typer.Option(min=1, help="Trials at once; by default as many as disturb nothing."),
    ] = None,
    histories: Annotated[
        str | None,
        typer.Option(
            help="Those to keep: all, failing (the first 20 an approach, and its first trial) or "
            "none. By default all live ones, and failing ones of a simulation.",
            autocompletion=completion.histories,
        ),
    ] = None,
    calibration: Annotated[
        Path | None, typer.Option(help="What a simulation imitates; by default a usual machine.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Where the report goes; default reports/<scenario>-<time>.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print results.json to stdout.")] = False,
) -> None:
    """Run a scenario, judge what happened, write the report."""
    progress = Console(stderr=True)
    with bad_input():
        chosen = chosen_scenario(scenario, approach, workers, duration)
        kept = _histories(histories, runtime)
        imitated = _calibration(calibration, runtime)
        directory = report_directory(out, chosen.name, "histories")
    request = Request(
        scenario=chosen,
        runtime=runtime.value,
        seed=seed,
        repeat=repeat,
        directory=directory,
        at_once=side_by_side,
        histories=kept,
        calibration=imitated,
    )
    command = ["harness", *sys.argv[1:]]
    with StopSignals(progress) as stop:
        try:
            session = run_session(request, progress, stop, command, os.environ)
        except (LauncherError, TrialError) as error:
            fail(str(error), Exit.ENVIRONMENT)
        try:
            _present(session, directory, progress, as_json)
            if out is None:
                point_latest(directory)
        except OSError as error:
            fail(f"the report could not be written: {error}", Exit.ENVIRONMENT)
    late = stop.seen and session.code is not Exit.ENVIRONMENT
    raise typer.Exit(Exit.INTERRUPTED if late else session.code)


def _histories(which: str | None, runtime: Runtime) -> Histories:
    if which is None:
        return Histories.FAILING if runtime is Runtime.SIM else Histories.ALL
    if which not in list(Histories):
        fail(f"--histories {which}: {hint(which, list(Histories))}", Exit.BAD_INPUT)
    return Histories(which)


def _calibration(path: Path | None, runtime: Runtime) -> Calibration | None:
    if path is not None and runtime is not Runtime.SIM:
        fail(f"--calibration is for --runtime {Runtime.SIM} alone", Exit.BAD_INPUT)
    return inputs.calibration(path)


def _present(session: Session, directory: Path, progress: Console, as_json: bool) -> None:
    # The charts' libraries take a second to load: not before the trials, which they would disturb.
    from harness.report.document import results_json
    from harness.report.writing import write_report

    if as_json:
        print(json.dumps(results_json(session.comparison), indent=2))
    table = progress if as_json else Console()
    table.print()
    print_table(session.comparison, table)
    progress.print("writing the report")
    write_report(session.comparison, directory)
    table.print(Text(f"report: {directory / 'index.html'}"))
