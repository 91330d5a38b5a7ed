"""What a scenario expects of the measurements."""

from __future__ import annotations

import math
from collections.abc import Collection

from harness.scenario.checker import Checker, Part
from harness.scenario.duration import parse_duration
from harness.scenario.model import ALL, Catalog, Expectation
from harness.scenario.wording import hint, shown


def expectations_of(
    checker: Checker, catalog: Catalog, part: Part | None, names: Collection[str]
) -> tuple[Expectation, ...]:
    """The expectations without those that have a problem; `names` are the approaches' names."""
    if part is None:
        return ()
    found = []
    allowed = (ALL, *names)
    for name, bounds in checker.mapping(part, "a mapping such as {all: {duplicate: 0}}").items():
        if name not in allowed:
            checker.report(bounds.where, f"no approach here has this name; {hint(name, allowed)}")
        for measure, bound in checker.mapping(
            bounds, "a mapping such as {duplicate: 0, failover_p95: 3s}"
        ).items():
            if measure not in catalog.measures:
                checker.report(bound.where, f"unknown measure; {hint(measure, catalog.measures)}")
                continue
            expectation = _expectation(checker, name, measure, bound)
            if expectation is not None:
                found.append(expectation)
    return tuple(found)


def _expectation(checker: Checker, approach: str, measure: str, part: Part) -> Expectation | None:
    if not isinstance(part.data, dict):
        maximum = _bound(checker, part)
        return None if maximum is None else Expectation(approach, measure, maximum=maximum)
    if not part.data:
        checker.report(part.where, "must have min, max or both")
        return None
    bounds = {
        key: _bound(checker, bound) for key, bound in checker.sections(part, ("min", "max")).items()
    }
    minimum, maximum = bounds.get("min"), bounds.get("max")
    if minimum is not None and maximum is not None and minimum > maximum:
        checker.report(part.where, "min must not be more than max")
        return None
    return Expectation(approach, measure, minimum, maximum)


def _bound(checker: Checker, part: Part) -> float | None:
    """A number, or a duration in seconds."""
    value = part.data
    if isinstance(value, str):
        try:
            return parse_duration(value)
        except ValueError:
            pass
    elif isinstance(value, int | float) and not isinstance(value, bool):
        if 0 <= value < math.inf:
            return float(value)
        checker.report(part.where, f"must be 0 or more, not {shown(value)}")
        return None
    checker.report(
        part.where,
        f"must be a number, a duration such as 3s, or {{min: 1}}, not {shown(value)}",
    )
    return None
