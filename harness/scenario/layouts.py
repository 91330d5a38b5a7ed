"""What the coordinators of a scenario are made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from harness.scenario.checker import Checker, Part
from harness.scenario.model import Layout
from harness.scenario.wording import hint

MOST_NODES = 7
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
    """The layouts by coordinator, without those that have a problem."""
    if part is None:
        return {}
    found = {}
    for name, given in checker.mapping(part, "a mapping such as {redis: {replicas: 1}}").items():
        if name not in MADE_OF:
            checker.report(given.where, f"unknown coordinator; {hint(name, MADE_OF)}")
            continue
        layout: Layout | None = checker.value(Layout, given)
        if layout is None:
            continue
        found[name] = layout
        for key in given.data:
            if key not in MADE_OF[name]:
                why = _WHY_NOT[name, key]
                checker.report((*given.where, key), f"{name} cannot have this: {why}")
        for key, message in _misfits(layout):
            if key in MADE_OF[name]:
                checker.report((*given.where, key), message)
    return found


def _misfits(layout: Layout) -> Iterator[tuple[str, str]]:
    if not 1 <= layout.nodes <= MOST_NODES:
        yield "nodes", f"must be 1 to {MOST_NODES}, not {layout.nodes}"
    elif layout.nodes % 2 == 0:
        fewer = layout.nodes - 1
        yield "nodes", f"must be odd: of {layout.nodes}, no more may fail than of {fewer}"
    if not 0 <= layout.replicas <= MOST_REPLICAS:
        yield "replicas", f"must be 0 to {MOST_REPLICAS}, not {layout.replicas}"
