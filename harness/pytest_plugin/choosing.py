"""What a test gives as a scenario, read and checked."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

import harness
from harness.approaches import APPROACHES
from harness.comparison.misfit import misfit
from harness.faults import FAULTS
from harness.scenario.duration import parse_duration
from harness.scenario.loading import load_scenario, parse_scenario
from harness.scenario.model import Catalog, Scenario
from harness.scenario.overrides import with_overrides
from harness.scenario.problem import ScenarioError
from harness.scenario.wording import hint
from harness.verdict.measures import MEASURES

Given = str | Path | Mapping[str, Any]
"""A scenario's name, its file, or what the file would say."""

_CATALOG = Catalog(approaches=APPROACHES, faults=FAULTS, measures=MEASURES)
# Those of the harness, where it is used from its own tree.
_LIBRARY = Path(harness.__file__).parents[1] / "scenarios"


@dataclass(frozen=True, slots=True)
class Chosen:
    """A scenario to run; `written` is its text where a test gave a mapping, `path` else."""

    scenario: Scenario
    path: Path | None
    written: str | None


def choose(
    given: Given,
    scenarios: Path,
    test: str,
    approaches: Sequence[str] | None,
    workers: int | None,
    duration: str | None,
    runtime: str,
) -> Chosen:
    """The scenario with what the test changes in it.

    Raises UsageError with all that is wrong, a line each.
    """
    __tracebackhide__ = True
    try:
        chosen = _mapped(given, test) if isinstance(given, Mapping) else _found(given, scenarios)
        scenario = with_overrides(
            chosen.scenario,
            _CATALOG,
            workers=workers,
            duration=None if duration is None else _seconds(duration),
            approaches=approaches,
        )
    except ScenarioError as error:
        # The source of an override's problem is an option of the command.
        problems = [replace(one, source=one.source.removeprefix("--")) for one in error.problems]
        raise pytest.UsageError("\n".join(map(str, problems))) from None
    reasons = {one.name: misfit(one, scenario, runtime) for one in scenario.approaches}
    wrong = [f"{name}: {why}" for name, why in reasons.items() if why is not None]
    if wrong and (approaches or len(wrong) == len(reasons)):
        raise pytest.UsageError("\n".join(wrong))
    return replace(chosen, scenario=scenario)


def _found(given: str | Path, scenarios: Path) -> Chosen:
    __tracebackhide__ = True
    path = Path(given)
    if path.suffix or isinstance(given, Path) or len(path.parts) > 1:
        # From where pytest was started, as a shell has it; else from the project's own directory.
        beside = scenarios.parent / path
        path = path if path.exists() else beside if beside.exists() else path
    else:
        path = _named(str(given), scenarios)
    return Chosen(load_scenario(path, _CATALOG), path, None)


def _named(name: str, scenarios: Path) -> Path:
    __tracebackhide__ = True
    known = {
        path.stem: path
        for directory in (_LIBRARY, scenarios)
        for path in sorted(directory.glob("*.yaml"))
    }
    if name not in known:
        raise pytest.UsageError(f"{name}: no such scenario in {scenarios}; {hint(name, known)}")
    return known[name]


def _mapped(given: Mapping[str, Any], test: str) -> Chosen:
    __tracebackhide__ = True
    named = {"name": slug(test), **given}
    try:
        text = yaml.safe_dump(named, sort_keys=False)
    except yaml.YAMLError as error:
        raise pytest.UsageError(f"the scenario cannot be written as YAML: {error}") from None
    try:
        return Chosen(parse_scenario(text, _CATALOG, "the scenario"), None, text)
    except ScenarioError as error:
        # Nobody sees this text: its lines would say nothing.
        raise ScenarioError([replace(one, line=None) for one in error.problems]) from None


def _seconds(duration: str) -> float:
    __tracebackhide__ = True
    try:
        return parse_duration(duration)
    except ValueError as error:
        raise pytest.UsageError(f"duration: {error}") from None


def slug(text: str) -> str:
    """A text as the name of a file or a scenario: a-z, 0-9 and -."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:80] or "test"
