"""`harness list` and `validate`: what there is, and what a scenario would do."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.approaches import APPROACHES
from harness.cli import completion
from harness.cli.app import CATALOG, SCENARIOS, app
from harness.cli.inputs import bad_input, scenario_path
from harness.comparison.misfit import misfit
from harness.comparison.request import Runtime
from harness.faults import FAULTS
from harness.faults.fault import Fault
from harness.faults.plan import PlannedFault, plan_faults
from harness.faults.when import When
from harness.scenario.duration import format_duration
from harness.scenario.layouts import MADE_OF
from harness.scenario.loading import load_scenario
from harness.scenario.model import ApproachChoice, CircuitBreaker, Job, Retry, Scenario, Sink
from harness.scenario.problem import ScenarioError
from harness.scenario.target import Form, Target
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
        if one is not Kind.SCENARIOS:
            console.print(_shared(one))
            console.print()


def _scenario_rows() -> Iterator[tuple[str, str]]:
    for path in sorted(SCENARIOS.glob("*.yaml")):
        with bad_input():
            scenario = load_scenario(path, CATALOG)
        yield scenario.name, " ".join(scenario.description.split())


def _class_rows(kind: Kind) -> Iterator[tuple[str, str, str]]:
    classes = APPROACHES if kind is Kind.APPROACHES else FAULTS
    # What all faults have is said once.
    shared = dataclasses.fields(Fault) if kind is Kind.FAULTS else ()
    told = {field.name: field.default for field in shared}
    for name, cls in classes.items():
        own = [
            field
            for field in dataclasses.fields(cls)
            if field.name not in told or field.default != told[field.name]
        ]
        yield name, _summary(cls), _parameters(cls, own)


def _shared(kind: Kind) -> Table:
    """What may be said of every approach, or of every fault."""
    table = Table(box=None, pad_edge=False, title=f"all {kind.value}", title_justify="left")
    if kind is Kind.FAULTS:
        parts = [("time and target", Fault), ("when", When)]
    else:
        table.add_row("sink", "Instead of the scenario's.", " | ".join(get_args(Sink)))
        parts = [("retry", Retry), ("circuit_breaker", CircuitBreaker)]
    for name, cls in parts:
        table.add_row(name, Text(_summary(cls)), Text(_parameters(cls, dataclasses.fields(cls))))
    if kind is Kind.APPROACHES:
        table.add_row("others", "The approach that the second half of the workers runs.")
    return table


def _summary(cls: type) -> str:
    return " ".join((cls.__doc__ or "").split("\n\n")[0].split())


def _parameters(cls: type, fields: Iterable[dataclasses.Field[Any]]) -> str:
    kinds = get_type_hints(cls)
    return ", ".join(_parameter(field, kinds[field.name]) for field in fields)


def _parameter(field: dataclasses.Field[Any], kind: Any) -> str:
    name, default = field.name.rstrip("_"), field.default
    if get_origin(kind) is Literal:
        others = [value for value in get_args(kind) if value != default]
        return f"{name}: {' | '.join([str(default), *others])}"
    if default is dataclasses.MISSING:
        return f"{name}: required"
    if default is None or default == Target(Form.SUBJECT):
        return name
    return f"{name}: {_value(default, _is_duration(field))}"


def _is_duration(field: dataclasses.Field[Any]) -> bool:
    return any(name in str(field.type) for name in ("Seconds", "Takes"))


def _value(value: Any, is_duration: bool) -> str:
    """As a scenario would write it."""
    if isinstance(value, bool):
        return str(value).lower()
    return format_duration(value) if is_duration else str(value)


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
    print(f"{scenario.name}: {scenario.workers} workers for {format_duration(scenario.duration)}")
    print(f"  jobs: {', '.join(map(_job, scenario.jobs))}")
    for name in ("retry", "circuit_breaker"):
        if (policy := getattr(scenario, name)) is not None:
            print(f"  {name}: {_values(policy)}")
    for name, layout in scenario.coordinators.items():
        said = {key: getattr(layout, key) for key in MADE_OF[name]}
        print(f"  {name}: {', '.join(f'{key}: {_value(one, False)}' for key, one in said.items())}")
    choices = [(choice.type, choice.params) for choice in scenario.faults]
    for fault in plan_faults(choices, seed, scenario.duration):
        print(f"  {_time(fault)}: {fault.id}, {_aim(fault.fault)}")
    for choice in scenario.approaches:
        mixed = "" if choice.others is None else f", half of the workers {choice.others.approach}"
        print(f"  {choice.name}{mixed}{_skipped(choice, scenario)}")


def _skipped(choice: ApproachChoice, scenario: Scenario) -> str:
    """Where it is left out and why; nothing where it runs everywhere."""
    reasons = {runtime: misfit(choice, scenario, runtime) for runtime in Runtime}
    everywhere = set(reasons.values())
    if len(everywhere) == 1:
        why = everywhere.pop()
        return "" if why is None else f": skipped, {why}"
    return "".join(
        f": skipped with --runtime {runtime}, {why}"
        for runtime, why in reasons.items()
        if why is not None
    )


def _job(job: Job) -> str:
    until = "" if job.until is None else f" until {format_duration(job.until)}"
    return f"{job.name} every {format_duration(job.every)}{until}"


def _values(policy: Retry | CircuitBreaker) -> str:
    return ", ".join(
        f"{field.name}: {_value(getattr(policy, field.name), _is_duration(field))}"
        for field in dataclasses.fields(policy)
    )


def _time(planned: PlannedFault) -> str:
    if planned.at is not None:
        return f"at {planned.at:g} s"
    when = planned.fault.when
    assert when is not None
    return f"{format_duration(when.after)} after {when}" if when.after else f"at {when}"


def _aim(fault: Fault) -> str:
    if fault.brings:
        return f"{len(fault.brings)} jobs"
    return f"target {fault.target}"
