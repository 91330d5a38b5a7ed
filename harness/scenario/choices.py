"""The faults and approaches that a scenario picks from the catalog."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from harness.scenario.checker import Checker, Part
from harness.scenario.fitting import mix_misfit, name_misfits, never_happens, target_misfits
from harness.scenario.model import (
    ALL,
    SAME,
    SLUG,
    ApproachChoice,
    Catalog,
    CircuitBreaker,
    FaultChoice,
    Retry,
    Sink,
)
from harness.scenario.wording import hint, nearest, shown

ASIDE = ("approach", "sink", "retry", "circuit_breaker", "others")
"""What is said of an approach beside its own parameters."""


def faults_of(
    checker: Checker,
    catalog: Catalog,
    part: Part | None,
    workers: int | None,
    duration: float | None,
) -> tuple[FaultChoice, ...]:
    """The faults, without those that have a problem.

    `workers` and `duration` are None where they have one themselves.
    """
    if part is None:
        return ()
    faults = []
    for item in checker.items(part, "a list of faults, each such as `crash: {target: running}`"):
        single = checker.single(item, "a fault")
        if single is None:
            continue
        name, given = single
        kind = catalog.faults.get(name)
        if kind is None:
            checker.report(given.where, f"unknown fault '{name}'; {hint(name, catalog.faults)}")
            continue
        params = checker.value(kind, given)
        if params is None:
            continue
        faults.append(FaultChoice(name, params))
        for where, message in target_misfits(params, workers) if workers else ():
            checker.report((*given.where, *where), message)
        absent = None if duration is None else never_happens(params, duration)
        if absent is not None:
            checker.report(given.where, absent)
    return tuple(faults)


def check_names(checker: Checker, jobs: Collection[str], faults: Sequence[FaultChoice]) -> None:
    """Say which jobs and faults the faults name that there are not."""
    types = {fault.type for fault in faults}
    for number, fault in enumerate(faults):
        for where, message in name_misfits(fault.params, jobs, types):
            checker.report(("faults", number, fault.type, *where), message)


def approaches_of(
    checker: Checker, catalog: Catalog, part: Part | None, workers: int | None
) -> tuple[tuple[ApproachChoice, ...], set[str]]:
    """The approaches without those that have a problem, and the names of all.

    `workers` is None where it has a problem itself.
    """
    if part is None:
        every = tuple(default_choice(name, catalog) for name in catalog.approaches)
        return every, set(catalog.approaches)
    items = checker.items(part, "a list of approaches, each such as `redis-lock: {ttl: 2s}`")
    if part.data == []:
        checker.report(part.where, "must have at least one; left out, it means all there are")
    choices = []
    names: set[str] = set()
    for item in items:
        single = checker.single(item, "an approach")
        if single is None:
            continue
        name, given = single
        if name in names:
            checker.report(
                given.where,
                f"there is already an approach named '{name}'; another name can stand for it:"
                f" `{name}-2: {{approach: {name}}}`",
            )
            continue
        names.add(name)
        if name == ALL or not SLUG.fullmatch(name):
            checker.report(
                given.where,
                f"a name must be made of a-z, 0-9 and -, and not be '{ALL}', not '{name}'",
            )
            continue
        choice = _choice(checker, catalog, name, given)
        if choice is None:
            continue
        choices.append(choice)
        alone = None if workers is None else mix_misfit(choice, workers)
        if alone is not None:
            checker.report((*given.where, "others"), alone)
    # What is expected of a misspelt one under its right name is no second mistake.
    meant = {nearest(name, catalog.approaches) or name for name in names}
    return tuple(choices), names | meant


def default_choice(name: str, catalog: Catalog) -> ApproachChoice:
    """An approach of the catalog with its default parameters."""
    return ApproachChoice(name, name, catalog.approaches[name]())


def _choice(checker: Checker, catalog: Catalog, name: str, part: Part) -> ApproachChoice | None:
    if not isinstance(part.data, dict):
        checker.report(part.where, f"must be a mapping of parameters, not {shown(part.data)}")
        return None
    aside = {
        "sink": _aside(checker, part, "sink", Sink, None),
        "retry": _aside(checker, part, "retry", Retry | None, SAME),
        "circuit_breaker": _aside(checker, part, "circuit_breaker", CircuitBreaker | None, SAME),
        "others": _others(checker, catalog, part.at("others")) if "others" in part.data else None,
    }
    approach = _approach(checker, catalog, name, part)
    if approach is None:
        return None
    kind = catalog.approaches[approach]
    given = {key: value for key, value in part.data.items() if key not in ASIDE}
    params = checker.value(kind, Part(given, part.where), also=ASIDE)
    return None if params is None else ApproachChoice(name, approach, params, given, **aside)


def _aside(checker: Checker, part: Part, name: str, kind: Any, unsaid: Any) -> Any:
    """What is said beside the parameters; `unsaid` where it is not, None where it is wrong."""
    return checker.value(kind, part.at(name)) if name in part.data else unsaid


def _others(checker: Checker, catalog: Catalog, part: Part) -> ApproachChoice | None:
    """What the second half of the workers runs; None, and a problem, where it is no approach."""
    single = checker.single(part, "an approach")
    if single is None:
        return None
    name, given = single
    kind = catalog.approaches.get(name)
    if kind is None:
        known = hint(name, catalog.approaches)
        checker.report(given.where, f"unknown approach '{name}'; {known}")
        return None
    params = checker.value(kind, given)
    return None if params is None else ApproachChoice(name, name, params, given.data)


def _approach(checker: Checker, catalog: Catalog, name: str, part: Part) -> str | None:
    """Which approach of the catalog it is; None, and a problem, where it is none of them."""
    approach = part.data.get("approach", name)
    if isinstance(approach, str) and approach in catalog.approaches:
        return approach
    known = catalog.approaches
    if "approach" in part.data:
        where = (*part.where, "approach")
        checker.report(where, f"unknown approach {shown(approach)}; {hint(str(approach), known)}")
        return None
    misspelt = next((key for key in part.data if nearest(key, ["approach"])), None)
    if misspelt is not None:
        checker.report((*part.where, misspelt), "unknown key; did you mean 'approach'?")
    else:
        checker.report(part.where, f"unknown approach '{name}'; {hint(name, known)}")
    return None
