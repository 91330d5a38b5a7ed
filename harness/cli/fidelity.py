"""`harness fidelity`: how well the simulation agrees with the real thing."""

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
from harness.comparison.request import Request, Runtime
from harness.runtimes.cluster import TrialError
from harness.runtimes.launcher import LauncherError
from harness.session import Exit, StopSignals, run_fidelity


@app.command()
def fidelity(
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
    live: Annotated[int, typer.Option(min=3, help="Live trials of each approach.")] = 10,
    sim: Annotated[int, typer.Option(min=20, help="Simulated trials of each.")] = 200,
    seed: Annotated[int, typer.Option(help="What all chance is drawn from.")] = 1,
    calibration: Annotated[
        Path | None, typer.Option(help="What a simulation imitates; by default a usual machine.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Where the report goes; default reports/<scenario>-<time>.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print fidelity.json to stdout.")] = False,
) -> None:
    """Run a scenario live and in simulation, and say how well the two agree."""
    progress = Console(stderr=True)
    with bad_input():
        chosen = chosen_scenario(scenario, approach)
        imitated = inputs.calibration(calibration)
        directory = report_directory(out, f"{chosen.name}-fidelity", "live")
    request = Request(
        scenario=chosen,
        runtime=Runtime.PROCESS,
        seed=seed,
        repeat=live,
        directory=directory,
        calibration=imitated,
    )
    command = ["harness", *sys.argv[1:]]
    with StopSignals(progress) as stop:
        try:
            found, about, code = run_fidelity(request, sim, progress, stop, command, os.environ)
            from harness.report.fidelity import fidelity_json, print_fidelity, write_fidelity

            write_fidelity(found, directory, about)
        except (LauncherError, TrialError) as error:
            fail(str(error), Exit.ENVIRONMENT)
        except OSError as error:
            fail(f"the report could not be written: {error}", Exit.ENVIRONMENT)
    if as_json:
        print(json.dumps(fidelity_json(found, about), indent=2))
    table = progress if as_json else Console()
    print_fidelity(found, table)
    table.print(Text(f"report: {directory / 'fidelity.md'}"))
    raise typer.Exit(code)
