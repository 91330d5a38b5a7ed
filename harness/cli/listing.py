"""`harness list` and `validate`: what there is, and what a scenario would do."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Literal, get_args, get_origin, get_type_hints

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.approaches import APPROACHES
from harness.cli import completion
from harness.cli.app import CATALOG, SCENARIOS, app
from harness.cli.inputs import bad_input, scenario_path
from harness.comparison.request import misfit
from harness.faults import FAULTS
from harness.faults.plan import plan_faults
from harness.scenario.duration import format_duration
from harness.scenario.loading import load_scenario
from harness.scenario.model import Scenario
from harness.scenario.problem import ScenarioError
from harness.session import Exit


class Kind(StrEnum):
    """What can be listed."""

    SCENARIOS = "scenarios"
    APPROACHES = "approaches"
    FAULTS = "faults"


@app.command("list")
def list_(
    kind: Annotated[Kind | None, typer.Argument(help="What to list; all by default.")] = None,
) -> None:
    """List scenarios, approaches and faults, with their parameters."""
    console = Console()
    for one in [kind] if kind else list(Kind):
        table = Table(box=None, pad_edge=False, title=one.value, title_justify="left")
        rows = _scenario_rows() if one is Kind.SCENARIOS else _class_rows(one)
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))
        console.print(table)
        console.print()


def _scenario_rows() -> Iterator[tuple[str, str]]:
    for path in sorted(SCENARIOS.glob("*.yaml")):
        with bad_input():
            scenario = load_scenario(path, CATALOG)
        yield scenario.name, " ".join(scenario.description.split())


def _class_rows(kind: Kind) -> Iterator[tuple[str, str, str]]:
    classes = APPROACHES if kind is Kind.APPROACHES else FAULTS
    for name, cls in classes.items():
        summary = (cls.__doc__ or "").split("\n\n")[0]
        yield name, " ".join(summary.split()), _parameters(cls)


def _parameters(cls: type) -> str:
    shown = []
    kinds = get_type_hints(cls)
    for field in dataclasses.fields(cls):
        name = field.name.rstrip("_")
        default = field.default
        if get_origin(kinds[field.name]) is Literal:
            others = [value for value in get_args(kinds[field.name]) if value != default]
            shown.append(f"{name}: {' | '.join([str(default), *others])}")
        elif default is dataclasses.MISSING:
            shown.append(f"{name}: required")
        elif default is not None and "Seconds" in str(field.type):
            shown.append(f"{name}: {format_duration(default)}")
        elif default is not None:
            shown.append(f"{name}: {default}")
        else:
            shown.append(name)
    return ", ".join(shown)


@app.command()
def validate(
    scenario: Annotated[
        list[str],
        typer.Argument(
            help="Scenarios' files, or their names.", autocompletion=completion.scenarios
        ),
    ],
    seed: Annotated[int, typer.Option(help="The seed to draw the faults from.")] = 1,
) -> None:
    """Check scenarios, and say what running them would do."""
    problems: list[str] = []
    for name in scenario:
        try:
            _describe(load_scenario(scenario_path(name), CATALOG), seed)
        except ScenarioError as error:
            problems += [str(problem) for problem in error.problems]
    for line in problems:
        print(line, file=sys.stderr)
    raise typer.Exit(Exit.BAD_INPUT if problems else Exit.OK)


def _describe(scenario: Scenario, seed: int) -> None:
    faults = plan_faults(
        [(choice.type, choice.params) for choice in scenario.faults], seed, scenario.duration
    )
    jobs = ", ".join(f"{job.name} every {format_duration(job.every)}" for job in scenario.jobs)
    print(f"{scenario.name}: {scenario.workers} workers for {format_duration(scenario.duration)}")
    print(f"  jobs: {jobs}")
    for fault in faults:
        print(f"  at {fault.at:g} s: {fault.id}, target {fault.fault.target}")
    for choice in scenario.approaches:
        why = misfit(choice, scenario)
        print(f"  {choice.name}" + (f": skipped, {why}" if why else ""))
