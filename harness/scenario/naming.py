"""Where in a scenario a parameter's name points: `workers`, `redis-lock.ttl`, `pause.for`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, fields
from typing import Any

from harness.scenario.duration import format_duration, parse_duration
from harness.scenario.layouts import MADE_OF
from harness.scenario.model import Catalog, CircuitBreaker, Clocks, Retry, Scenario
from harness.scenario.problem import Problem, ScenarioError, Where
from harness.scenario.wording import hint, shown

# Settings of several values, each of which is varied by itself.
_GROUPS = {
    **{
        name: tuple(field.name for field in fields(kind))
        for name, kind in (
            ("clocks", Clocks),
            ("retry", Retry),
            ("circuit_breaker", CircuitBreaker),
        )
    },
    "coordinators": tuple(f"{name}.{part}" for name, parts in MADE_OF.items() for part in parts),
}
_APART = ("name", "description", "jobs", "faults", "approaches", "expect", *_GROUPS)
_SETTINGS = (
    *(field.name for field in fields(Scenario) if field.name not in _APART),
    *(f"{group}.{name}" for group, names in _GROUPS.items() for name in names),
)
_COPIES = "jobs"
_KINDS = {"approaches": "an approach", "faults": "a fault", "jobs": "a job"}

# A trial holds every job's every run in memory.
MOST_JOBS = 1000


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value goes: several places where a fault stands several times.

    `approach` is the one that it concerns, None where it concerns all. `copies` says that the value
    is how many jobs there are.
    """

    wheres: tuple[Where, ...] = ()
    approach: str | None = None
    copies: bool = False

    def write(self, data: Any, value: Any) -> None:
        """Put the value there."""
        for where in self.wheres:
            inside = data
            for step in where[:-1]:
                if isinstance(step, str) and not isinstance(inside.get(step), dict | list):
                    inside[step] = {}
                inside = inside[step]
            inside[where[-1]] = value


def place_of(name: str, data: Mapping[str, Any], catalog: Catalog) -> Place | str:
    """Where the parameter of this name goes in a scenario's data, or why there is no such place.

    In `data` every fault and approach is a mapping. What could be two things is told apart by the
    section in front: `faults.pause.for`, `jobs.pause.every`.
    """
    if name == _COPIES:
        return Place(copies=True)
    if name in _SETTINGS:
        return Place((tuple(name.split(".")),))
    section, owner, rest = None, *_split(name)
    if owner in _KINDS and len(rest) > 1:
        section, owner, rest = owner, rest[0], rest[1:]
    owners = _owners(owner, data)
    if section is not None:
        owners = {kind: wheres for kind, wheres in owners.items() if kind == section}
    if len(owners) > 1:
        kinds = " and ".join(_KINDS[kind] for kind in owners)
        ways = " or ".join(f"{kind}.{name}" for kind in owners)
        return f"'{owner}' is {kinds} here: give {ways}"
    if not owners or not rest:
        return _unknown(name, owner, owners, data, catalog)
    [(kind, wheres)] = owners.items()
    return Place(
        tuple((*where, *rest) for where in wheres), owner if kind == "approaches" else None
    )


def spread(jobs: Sequence[Mapping[str, Any]], count: Any, source: str) -> list[dict[str, Any]]:
    """So many copies of the first job, `job-1` and on, evenly spread over its period.

    Raises ScenarioError, of that source.
    """
    if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= MOST_JOBS:
        message = f"must be a whole number from 1 to {MOST_JOBS}, not {shown(count)}"
        raise ScenarioError([Problem(source, None, _COPIES, message)])
    original = jobs[0]
    try:
        every = parse_duration(original["every"])
        first = parse_duration(original["first"]) if "first" in original else every
    except ValueError:
        # What is wrong with it is said when it is read as a job.
        every = first = 0.0
    return [
        {
            **deepcopy(dict(original)),
            "name": f"job-{number + 1}",
            "first": format_duration(first + every * number / count)
            if number
            else original.get("first", original["every"]),
        }
        for number in range(count)
    ]


def _split(name: str) -> tuple[str, tuple[str, ...]]:
    owner, *rest = name.split(".")
    return owner, tuple(rest)


def _owners(owner: str, data: Mapping[str, Any]) -> dict[str, list[Where]]:
    """What is called that, by section, and where it stands."""
    found: dict[str, list[Where]] = {}
    for section in ("approaches", "faults"):
        for number, item in enumerate(data[section]):
            if owner in item:
                found.setdefault(section, []).append((section, number, owner))
    for number, job in enumerate(data["jobs"]):
        if job.get("name") == owner:
            found.setdefault("jobs", []).append(("jobs", number))
    return found


def _unknown(
    name: str,
    owner: str,
    owners: Mapping[str, Any],
    data: Mapping[str, Any],
    catalog: Catalog,
) -> str:
    if owners:
        return f"of '{owner}', say what: {owner}.NAME"
    if "." not in name or owner in _GROUPS:
        return f"no setting of a scenario; {hint(name, (*_SETTINGS, _COPIES))}"
    if owner in catalog.approaches:
        return f"the approach '{owner}' is not among those that run here"
    if owner in catalog.faults:
        return f"the scenario has no fault '{owner}'"
    known = {
        name for section in ("approaches", "faults") for item in data[section] for name in item
    }
    known |= {job["name"] for job in data["jobs"]} | {*_GROUPS}
    return f"nothing here is called '{owner}'; {hint(owner, known)}"
