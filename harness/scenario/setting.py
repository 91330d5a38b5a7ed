"""A scenario as plain data: what must be the same for two results to be compared."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from harness.scenario.model import Scenario
from harness.scenario.target import Target

# What came later. Where it is not used it is left out, as in results that are older than it.
_LATER = frozenset({"retry", "circuit_breaker", "coordinators", "until", "when"})

# What says nothing of what happens to the service; parameters of approaches go with their results.
_ASIDE = frozenset({"name", "description", "approaches", "expect", "faults"})


def setting(scenario: Scenario) -> dict[str, Any]:
    """Everything that happens in a scenario, as JSON can hold it. Durations in seconds.

    Without its name and description, its approaches, and what it expects.
    """
    rows = {name: plain(value) for name, value in _fields(scenario) if name not in _ASIDE}
    faults = [{"type": one.type, **plain(one.params)} for one in scenario.faults]
    return {**rows, "faults": faults}


def plain(value: Any) -> Any:
    """Data as JSON can hold it; a field whose name is a keyword has it without its underscore."""
    if isinstance(value, Target):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {name: plain(inner) for name, inner in _fields(value)}
    if isinstance(value, Mapping):
        return {str(name): plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return value


def _fields(value: Any) -> Iterator[tuple[str, Any]]:
    for field in dataclasses.fields(value):
        inner = getattr(value, field.name)
        if field.name not in _LATER or (inner is not None and inner != {}):
            yield field.name.rstrip("_"), inner
