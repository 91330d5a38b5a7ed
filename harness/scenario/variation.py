"""One scenario with some of its values varied: every combination that concerns an approach."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from harness.scenario.blame import Attempt, blamed
from harness.scenario.document import read_document
from harness.scenario.loading import load_scenario, parse_scenario
from harness.scenario.model import Catalog, Scenario
from harness.scenario.naming import Place, place_of, spread
from harness.scenario.overrides import with_overrides
from harness.scenario.problem import Problem, ScenarioError

MOST_POINTS = 1000

# Commas within braces, brackets or quotes belong to a value.
_VALUE = re.compile(r"""(?:\{[^{}]*\}|\[[^\[\]]*\]|"[^"]*"|'[^']*'|[^,])+""")


@dataclass(frozen=True, slots=True)
class Parameter:
    """What of a scenario is varied, such as `redis-lock.ttl`, and its values, all as written."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Point:
    """The scenario with one combination of values, for the approaches that all of them concern.

    `values` are by the parameter's name; empty where nothing that is varied concerns them.
    """

    values: Mapping[str, str]
    scenario: Scenario


def vary(
    path: Path, catalog: Catalog, options: Sequence[str], approaches: Sequence[str] | None = None
) -> tuple[tuple[Parameter, ...], tuple[Point, ...]]:
    """The parameters that options such as `redis-lock.ttl=1s,2s` name, and all their combinations.

    An approach is in the combinations of those parameters that concern it, and in no others: what
    is one approach's own does not multiply the others. `approaches` are the only ones, where given.
    What the scenario expects is left out: it was said of the values in its file. Raises
    ScenarioError with all problems, which name the option.
    """
    scenario = load_scenario(path, catalog)
    problems: list[Problem] = []
    try:
        scenario = with_overrides(scenario, catalog, approaches=approaches)
    except ScenarioError as error:
        problems += error.problems
    parameters = tuple(_parameters(options, problems))
    data = _plain(read_document(path.read_text(encoding="utf-8"), str(path)).data, scenario)
    places = _places(parameters, data, catalog, problems)
    groups = _groups(scenario, parameters, places)
    count = sum(math.prod(len(one.values) for one in group) for group in groups)
    if count > MOST_POINTS:
        problems.append(Problem("--param", None, "", _too_many(count)))
        raise ScenarioError(problems)
    variation = _Variation(data, places, catalog, str(path))
    points = [point for group, names in groups.items() for point in variation.points(group, names)]
    problems += blamed(variation.tried, variation.failed, places)
    if problems:
        raise ScenarioError(problems)
    return parameters, tuple(points)


def _too_many(count: int) -> str:
    return f"these are {count} combinations, and at most {MOST_POINTS} can be run"


def _parameters(options: Sequence[str], problems: list[Problem]) -> Iterator[Parameter]:
    for option in options:
        name, equals, text = option.partition("=")
        name = name.strip()
        values = tuple(value.strip() for value in _VALUE.findall(text))
        if not name or not equals or not values:
            wanted = "must be a name and its values, such as workers=3,10,30"
            problems.append(Problem(f"--param {option}", None, "", wanted))
            continue
        twice = [value for value in dict.fromkeys(values) if values.count(value) > 1]
        if twice:
            problems.append(Problem(f"--param {name}", None, "", f"{twice[0]} stands twice"))
        else:
            yield Parameter(name, values)


def _places(
    parameters: Sequence[Parameter],
    data: Mapping[str, Any],
    catalog: Catalog,
    problems: list[Problem],
) -> dict[str, Place]:
    """Where each parameter is to be written; without those that have a problem."""
    found: dict[str, Place] = {}
    for one in parameters:
        place = place_of(one.name, data, catalog)
        if isinstance(place, str):
            problems.append(Problem(f"--param {one.name}", None, "", place))
        elif place in found.values():
            problems.append(Problem(f"--param {one.name}", None, "", "is varied already"))
        else:
            found[one.name] = place
    return found


def _plain(data: Mapping[str, Any], scenario: Scenario) -> dict[str, Any]:
    """The file's data with nothing left to defaults that a parameter might want to be within."""
    written = {**data, "name": scenario.name}
    written.pop("expect", None)
    listed = dict(map(_single, data.get("approaches", ())))
    chosen = (choice.name for choice in scenario.approaches)
    return {
        **written,
        "faults": [{name: params} for name, params in map(_single, data.get("faults", ()))],
        "approaches": [{name: listed.get(name, {})} for name in chosen],
    }


def _single(item: Any) -> tuple[str, dict[str, Any]]:
    if isinstance(item, str):
        return item, {}
    [(name, params)] = item.items()
    return name, params or {}


def _groups(
    scenario: Scenario, parameters: Sequence[Parameter], places: Mapping[str, Place]
) -> dict[tuple[Parameter, ...], list[str]]:
    """The approaches by the parameters that concern them."""
    groups: dict[tuple[Parameter, ...], list[str]] = {}
    for choice in scenario.approaches:
        concerning = tuple(
            one
            for one in parameters
            if one.name in places and places[one.name].approach in (None, choice.name)
        )
        groups.setdefault(concerning, []).append(choice.name)
    return groups


class _Variation:
    """The file's data, written anew for each combination; what was tried, and what failed."""

    def __init__(
        self, data: Mapping[str, Any], places: Mapping[str, Place], catalog: Catalog, source: str
    ) -> None:
        self.tried: list[Mapping[str, str]] = []
        self.failed: list[Attempt] = []
        self._data = data
        self._places = places
        self._catalog = catalog
        self._source = source

    def points(self, parameters: Sequence[Parameter], approaches: list[str]) -> Iterator[Point]:
        """All combinations of the parameters, without those that make no scenario."""
        names = [one.name for one in parameters]
        for combination in itertools.product(*(one.values for one in parameters)):
            values = dict(zip(names, combination, strict=True))
            self.tried.append(values)
            try:
                yield Point(values, self._scenario(values, approaches))
            except ScenarioError as error:
                self.failed += [Attempt(values, problem) for problem in error.problems]

    def _scenario(self, values: Mapping[str, str], approaches: Sequence[str]) -> Scenario:
        data = deepcopy(dict(self._data))
        problems: list[Problem] = []
        # Copies of a job are made once the job is as it is to be.
        for name in sorted(values, key=lambda name: self._places[name].copies):
            try:
                self._write(data, name, values[name])
            except ScenarioError as error:
                # A value that cannot be written hides nothing that is wrong with the others.
                problems += error.problems
        text = yaml.safe_dump(data, sort_keys=False)
        try:
            # Read again from text, so that every value meets the same checks as one in a file.
            scenario = parse_scenario(text, self._catalog, self._source)
        except ScenarioError as error:
            raise ScenarioError([*problems, *error.problems]) from None
        if problems:
            raise ScenarioError(problems)
        return with_overrides(scenario, self._catalog, approaches=approaches)

    def _write(self, data: dict[str, Any], name: str, text: str) -> None:
        source = f"--param {name}={text}"
        value = read_document(text, source).data
        if self._places[name].copies:
            data["jobs"] = spread(data["jobs"], value, source)
        else:
            self._places[name].write(data, value)
