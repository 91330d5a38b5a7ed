"""What the coordinators of a scenario are made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from harness.scenario.checker import Checker, Part
from harness.scenario.model import MOST_NODES, Layout
from harness.scenario.wording import hint

MOST_REPLICAS = 3

MADE_OF: Mapping[str, tuple[str, ...]] = {
    "redis": ("replicas", "persistent"),
    "zookeeper": ("nodes",),
    "postgres": ("replicas",),
}
"""What of a layout a scenario may say of each coordinator."""

# What is said of everything else.
_KEEPS_DATA = "it always keeps its data"
_WHY_NOT = {
    ("redis", "nodes"): "an approach that needs independent servers says itself how many",
    ("zookeeper", "replicas"): "an ensemble has nodes, and no replicas",
    ("zookeeper", "persistent"): _KEEPS_DATA,
    ("postgres", "nodes"): "it has one primary and replicas",
    ("postgres", "persistent"): _KEEPS_DATA,
}


def coordinators_of(checker: Checker, part: Part | None) -> dict[str, Layout]:
    """The layouts by coordinator, without those that have a problem, or are one server anyway."""
    if part is None:
        return {}
    found = {}
    for name, given in checker.mapping(part, "a mapping such as {redis: {replicas: 1}}").items():
        if name not in MADE_OF:
            checker.report(given.where, f"unknown coordinator; {hint(name, MADE_OF)}")
            continue
        layout: Layout | None = checker.value(Layout, _possible(checker, name, given))
        if layout is None:
            continue
        if layout != Layout():
            found[name] = layout
        for key, message in _misfits(layout):
            checker.report((*given.where, key), message)
    return found


def _possible(checker: Checker, name: str, part: Part) -> Part:
    """What is said of it that can be; a problem for all else."""
    if not isinstance(part.data, dict):
        return part
    for key in part.data:
        if key not in MADE_OF[name]:
            why = _WHY_NOT.get((name, key))
            message = (
                f"unknown key; {hint(key, MADE_OF[name])}"
                if why is None
                else f"{name} cannot have this: {why}"
            )
            checker.report((*part.where, key), message)
    possible = {key: value for key, value in part.data.items() if key in MADE_OF[name]}
    return Part(possible, part.where)


def _misfits(layout: Layout) -> Iterator[tuple[str, str]]:
    if not 1 <= layout.nodes <= MOST_NODES:
        yield "nodes", f"must be 1 to {MOST_NODES}, not {layout.nodes}"
    elif layout.nodes % 2 == 0:
        fewer = layout.nodes - 1
        yield "nodes", f"must be odd: of {layout.nodes}, no more may fail than of {fewer}"
    if not 0 <= layout.replicas <= MOST_REPLICAS:
        yield "replicas", f"must be 0 to {MOST_REPLICAS}, not {layout.replicas}"
