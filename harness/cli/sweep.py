"""`harness sweep`: a scenario at every combination of some of its values."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from harness.cli import completion, inputs
from harness.cli.app import CATALOG, app
from harness.cli.inputs import bad_input, fail, report_directory, scenario_path
from harness.comparison.request import Histories, Request, Runtime
from harness.report.points import Sweep, SweptPoint, point_directories, write_sweep
from harness.runtimes.calibration import Calibration
from harness.runtimes.cluster import TrialError
from harness.runtimes.launcher import LauncherError
from harness.scenario.variation import Parameter, Point, vary
from harness.session import Exit, StopSignals, point_latest, run_session


@app.command()
def sweep(
    scenario: Annotated[
        str,
        typer.Argument(
            help="A scenario's file, or its name in scenarios/.",
            autocompletion=completion.scenarios,
        ),
    ],
    param: Annotated[
        list[str],
        typer.Option(
            help="What to vary, e.g. workers=3,10,30, redis-lock.ttl=1s,2s, pause.for=1s,4s or "
            "jobs=1,10; may be given several times."
        ),
    ],
    approach: Annotated[
        list[str] | None,
        typer.Option(
            help="Only this approach; may be given several times.",
            autocompletion=completion.approaches,
        ),
    ] = None,
    runtime: Annotated[
        Runtime, typer.Option(help="Where trials happen; sim takes a fraction of the time.")
    ] = Runtime.PROCESS,
    repeat: Annotated[int, typer.Option(min=1, help="Trials of each approach and point.")] = 1,
    seed: Annotated[int, typer.Option(help="What all chance is drawn from.")] = 1,
    calibration: Annotated[
        Path | None, typer.Option(help="What a simulation imitates; by default a usual machine.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Where the report goes; default reports/<scenario>-sweep-<time>."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print results.json to stdout.")] = False,
) -> None:
    """Run a scenario at every combination of values, and draw what depends on them."""
    progress = Console(stderr=True)
    with bad_input():
        parameters, points = vary(scenario_path(scenario), CATALOG, param, approach)
        if calibration is not None and runtime is not Runtime.SIM:
            fail(f"--calibration is for --runtime {Runtime.SIM} alone", Exit.BAD_INPUT)
        imitated = inputs.calibration(calibration)
    asked = _Asked(scenario, parameters, points, runtime, seed, repeat, imitated, calibration)
    directory = report_directory(out, f"{asked.scenario}-sweep", asked.directories[0])
    with StopSignals(progress) as stop:
        try:
            done, code = _run_points(asked, directory, progress, stop)
            if done.points:
                _present(done, directory, progress, as_json)
                if out is None:
                    point_latest(directory)
        except OSError as error:
            fail(f"the report could not be written: {error}", Exit.ENVIRONMENT)
    raise typer.Exit(Exit.INTERRUPTED if stop.seen and code is not Exit.ENVIRONMENT else code)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What to run, and how; `given` is the scenario, and `source` the calibration, as named."""

    given: str
    parameters: tuple[Parameter, ...]
    points: tuple[Point, ...]
    runtime: Runtime
    seed: int
    repeat: int
    calibration: Calibration | None
    source: Path | None

    @property
    def scenario(self) -> str:
        return self.points[0].scenario.name

    @property
    def directories(self) -> list[str]:
        return point_directories([point.values for point in self.points])

    def request(self, point: Point, directory: Path) -> Request:
        """One point's."""
        simulated = self.runtime is Runtime.SIM
        return Request(
            scenario=point.scenario,
            runtime=self.runtime.value,
            seed=self.seed,
            repeat=self.repeat,
            directory=directory,
            histories=Histories.FAILING if simulated else Histories.ALL,
            calibration=self.calibration,
        )

    def command(self, point: Point) -> list[str]:
        """The command that runs this point alone; `run` where nothing that varies concerns it."""
        options = {
            "param": [f"{name}={value}" for name, value in point.values.items()],
            "approach": [choice.name for choice in point.scenario.approaches],
            "runtime": [self.runtime.value],
            "repeat": [str(self.repeat)],
            "seed": [str(self.seed)],
            "calibration": [] if self.source is None else [str(self.source)],
        }
        words = [w for name, given in options.items() for one in given for w in (f"--{name}", one)]
        return ["harness", "sweep" if point.values else "run", self.given, *words]

    @property
    def seconds(self) -> float:
        """About how long live trials take; what a simulation takes, nobody knows before."""
        total = 0.0
        for point in self.points:
            trials = len(point.scenario.approaches) * self.repeat
            at_once = self.request(point, Path()).side_by_side
            total += math.ceil(trials / at_once) * point.scenario.duration
        return total


def _run_points(
    asked: _Asked, directory: Path, progress: Console, stop: StopSignals
) -> tuple[Sweep, Exit]:
    """Run what was asked for, point by point; each has its report before the next begins."""
    points = [
        SweptPoint(point.values, name)
        for point, name in zip(asked.points, asked.directories, strict=True)
    ]
    progress.print(_announced(asked), highlight=False)
    done = Sweep(asked.scenario, asked.parameters, ())
    codes: list[Exit] = []
    for number, (point, swept) in enumerate(zip(asked.points, points, strict=True), 1):
        if stop.seen:
            break
        names = ", ".join(choice.name for choice in point.scenario.approaches)
        progress.print(
            Text(f"point {number} of {len(points)}: {swept.label} ({names})"), soft_wrap=True
        )
        try:
            request = asked.request(point, directory / swept.directory)
            code = _run_point(request, asked.command(point), progress, stop)
        except (LauncherError, TrialError) as error:
            progress.print(Text(str(error)), soft_wrap=True)
            return done, Exit.ENVIRONMENT
        codes.append(code)
        done = replace(done, points=(*done.points, swept))
        # Whatever happens from here on, this much can be looked at.
        write_sweep(done, directory)
    return done, _exit_code(codes)


def _run_point(
    request: Request, command: Sequence[str], progress: Console, stop: StopSignals
) -> Exit:
    (request.directory / "histories").mkdir(parents=True, exist_ok=True)
    session = run_session(request, progress, stop, command, os.environ)
    # The charts' libraries take a second to load: not before the first trials.
    from harness.report.writing import write_report

    write_report(session.comparison, request.directory)
    return session.code


def _exit_code(codes: list[Exit]) -> Exit:
    """Some point without what it needs, or without a valid trial, does not undo the others."""
    if codes and all(code is Exit.ENVIRONMENT for code in codes):
        return Exit.ENVIRONMENT
    return Exit.INCONCLUSIVE if Exit.INCONCLUSIVE in codes else Exit.OK


def _announced(asked: _Asked) -> str:
    trials = sum(len(point.scenario.approaches) for point in asked.points) * asked.repeat
    text = f"{len(asked.points)} points, {trials} trials"
    if asked.runtime is not Runtime.SIM:
        minutes = asked.seconds / 60
        text += f": about {asked.seconds:.0f} s" if minutes < 2 else f": about {minutes:.0f} min"
    return text


def _present(done: Sweep, directory: Path, progress: Console, as_json: bool) -> None:
    from harness.report.several import print_several, several_json
    from harness.report.sweep import entries_of, write_sweep_report

    progress.print("writing the report")
    entries = entries_of(done, directory)
    write_sweep_report(done, entries, directory)
    if as_json:
        print(json.dumps(several_json(entries), indent=2))
    table = progress if as_json else Console()
    print_several(entries, table)
    table.print(Text(f"report: {directory / 'index.html'}"), soft_wrap=True)
