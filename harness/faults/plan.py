"""Drawing the faults of a trial before it starts, from the seed alone."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random

from harness.faults.fault import Fault
from harness.history.kinds import OF_WORKERS

# Chance moves no fault beyond this part of the trial, where it could not happen any more.
_LATEST = 0.95


@dataclass(frozen=True, slots=True)
class PlannedFault:
    """One fault of a trial: its id, when it is due, and what it is.

    `at` is None where it waits for an event.
    """

    id: str
    type: str
    at: float | None
    fault: Fault


def plan_faults(
    choices: Sequence[tuple[str, Fault]], seed: int, duration: float
) -> tuple[PlannedFault, ...]:
    """All faults of a trial: the same for every approach under the same seed.

    By time; those that wait for an event come last, in the order of the scenario.
    """
    drawn: list[tuple[float | None, str, Fault]] = []
    for index, (name, fault) in enumerate(choices):
        if fault.when is not None:
            drawn.append((None, name, fault))
            continue
        random = Random(f"{seed}/faults/{index}")
        for at in fault.times(duration):
            moved = at + random.uniform(-fault.jitter, fault.jitter)
            drawn.append((round(min(max(moved, 0.0), max(at, _LATEST * duration)), 6), name, fault))
    drawn.sort(key=lambda one: math.inf if one[0] is None else one[0])
    count: Counter[str] = Counter()
    planned = []
    for moment, name, fault in drawn:
        count[name] += 1
        planned.append(PlannedFault(f"{name}#{count[name]}", name, moment, fault))
    return tuple(planned)


def breakpoints_of(planned: Iterable[PlannedFault]) -> frozenset[str]:
    """The kinds of events at which a worker is to stand still until faults have landed.

    Those that some fault follows at once, where a worker says so itself, and can be hit standing.
    """
    return frozenset(
        when.kind
        for one in planned
        if (when := one.fault.when) is not None
        if when.after == 0 and when.kind in OF_WORKERS and one.fault.lands_on_the_still
    )
