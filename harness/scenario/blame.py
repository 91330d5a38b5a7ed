"""Which options are to blame for what is wrong with some combinations of values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.scenario.naming import Place
from harness.scenario.problem import Problem, path_of

Values = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Attempt:
    """A problem of one combination."""

    values: Values
    problem: Problem


def blamed(
    tried: Sequence[Values], failed: Sequence[Attempt], places: Mapping[str, Place]
) -> list[Problem]:
    """The problems of all combinations, each once, with the options that they come from as source.

    To blame are the fewest of a combination's values with which the problem is always there.
    """
    having: dict[tuple[str, str], list[Values]] = {}
    for attempt in failed:
        key = (attempt.problem.path, attempt.problem.message)
        having.setdefault(key, []).append(attempt.values)
    found: dict[tuple[str, str, str], dict[str, None]] = {}
    together: list[Problem] = []
    for (path, message), combinations in having.items():
        for culprits in _culprits(path, combinations, tried, places):
            if len(culprits) == 1:
                [(name, value)] = culprits.items()
                where = _within(path, places[name])
                found.setdefault((name, where, message), {})[value] = None
            else:
                options = " ".join(f"--param {name}={value}" for name, value in culprits.items())
                together.append(Problem(options, None, path, message))
    return [*_by_value(found, tried, places), *together]


def _culprits(
    path: str, having: Sequence[Values], tried: Sequence[Values], places: Mapping[str, Place]
) -> list[Values]:
    """The fewest values that explain the problem; several, where it comes about in several ways."""
    well = [values for values in tried if values not in having]
    found: list[Values] = []
    for combination in having:
        if any(one.items() <= combination.items() for one in found):
            continue
        culprits = dict(combination)
        # Last goes what stands right where the problem is.
        for name in sorted(combination, key=lambda name: _within(path, places[name]) != path):
            fewer = {one: value for one, value in culprits.items() if one != name}
            if fewer and not any(fewer.items() <= values.items() for values in well):
                culprits = fewer
        found.append(culprits)
    return found


def _within(path: str, place: Place) -> str:
    """The path as seen from the place; all of it where it lies elsewhere."""
    for start in map(path_of, (("jobs",),) if place.copies else place.wheres):
        if path == start:
            return ""
        if path.startswith((f"{start}.", f"{start}[")):
            return path.removeprefix(start).removeprefix(".")
    return path


def _by_value(
    found: Mapping[tuple[str, str, str], Mapping[str, None]],
    tried: Sequence[Values],
    places: Mapping[str, Place],
) -> list[Problem]:
    every = {name: {values[name] for values in tried if name in values} for name in places}
    problems: dict[tuple[str, str], list[Problem]] = {}
    for (name, path, message), values in found.items():
        # What is wrong with all values is wrong with the name.
        same = len(values) > 1 and values.keys() == every[name]
        for value in [None] if same else values:
            source = f"--param {name}" if value is None else f"--param {name}={value}"
            problems.setdefault((name, source), []).append(Problem(source, None, path, message))
    return [
        one
        for (name, _), several in problems.items()
        # Of so many copies, what is wrong with the first that does not fit is enough.
        for one in (several[:1] if places[name].copies else several)
    ]
