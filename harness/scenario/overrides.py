"""Changing a scenario from the command line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from harness.scenario.choices import default_choice
from harness.scenario.fitting import (
    mix_misfit,
    never_happens,
    plan_misfits,
    target_misfits,
    too_short,
    workers_misfit,
)
from harness.scenario.model import ALL, ApproachChoice, Catalog, Scenario
from harness.scenario.problem import Problem, ScenarioError, path_of
from harness.scenario.wording import hint


def with_overrides(
    scenario: Scenario,
    catalog: Catalog,
    *,
    workers: int | None = None,
    duration: float | None = None,
    approaches: Sequence[str] | None = None,
) -> Scenario:
    """The scenario with other workers, another duration in seconds, or only these approaches.

    An approach is one of the scenario's, or one of the catalog with its default parameters. What
    was expected of an approach that is left out goes with it. None changes nothing. Raises
    ScenarioError, whose problems name the option (`--workers`) as their source.
    """
    problems: list[Problem] = []
    if workers is not None:
        scenario = replace(scenario, workers=workers)
        problems += _workers_problems(scenario)
    if duration is not None:
        scenario = replace(scenario, duration=duration)
        found = too_short(scenario.jobs, scenario.duration, scenario.grace)
        problems += [
            Problem("--duration", None, path_of(where) if where != ("duration",) else "", message)
            for where, message in found.items()
        ]
        problems += [
            Problem("--duration", None, path_of(("faults", number, fault.type)), message)
            for number, fault in enumerate(scenario.faults)
            if not found and (message := never_happens(fault.params, duration)) is not None
        ]
        if not problems:
            problems += _plan_problems(scenario)
    if approaches:
        scenario = _with_approaches(scenario, catalog, approaches, problems)
    if problems:
        raise ScenarioError(problems)
    return scenario


def _workers_problems(scenario: Scenario) -> Iterator[Problem]:
    misfit = workers_misfit(scenario.workers)
    if misfit is not None:
        yield Problem("--workers", None, "", misfit)
        return
    for number, choice in enumerate(scenario.approaches):
        if (alone := mix_misfit(choice, scenario.workers)) is not None:
            path = path_of(("approaches", number, choice.name, "others"))
            yield Problem("--workers", None, path, alone)
    for number, fault in enumerate(scenario.faults):
        for where, message in target_misfits(fault.params, scenario.workers):
            path = path_of(("faults", number, fault.type, *where))
            yield Problem("--workers", None, path, message)


def _plan_problems(scenario: Scenario) -> Iterator[Problem]:
    for number, where, message in plan_misfits(scenario.faults, scenario.duration):
        path = path_of(("faults", number, scenario.faults[number].type, *where))
        yield Problem("--duration", None, path, message)


def _with_approaches(
    scenario: Scenario, catalog: Catalog, names: Sequence[str], problems: list[Problem]
) -> Scenario:
    listed = {choice.name: choice for choice in scenario.approaches}
    chosen: dict[str, ApproachChoice] = {}
    for name in names:
        if name in listed:
            chosen[name] = listed[name]
        elif name in catalog.approaches:
            chosen[name] = default_choice(name, catalog)
        else:
            known = {*listed, *catalog.approaches}
            message = f"unknown approach '{name}'; {hint(name, known)}"
            problems.append(Problem("--approach", None, "", message))
    expect = tuple(bound for bound in scenario.expect if bound.approach in (ALL, *chosen))
    return replace(scenario, approaches=tuple(chosen.values()), expect=expect)
