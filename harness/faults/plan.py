"""Drawing the faults of a trial before it starts, from the seed alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from harness.faults.fault import Fault

# Chance moves no fault beyond this part of the trial, where it could not happen any more.
_LATEST = 0.95


@dataclass(frozen=True, slots=True)
class PlannedFault:
    """One fault of a trial: its id, when it is due, and what it is."""

    id: str
    type: str
    at: float
    fault: Fault


def plan_faults(
    choices: Sequence[tuple[str, Fault]], seed: int, duration: float
) -> tuple[PlannedFault, ...]:
    """All faults of a trial by time: the same for every approach under the same seed."""
    drawn: list[tuple[float, str, Fault]] = []
    for index, (name, fault) in enumerate(choices):
        random = Random(f"{seed}/faults/{index}")
        for at in fault.times(duration):
            moved = at + random.uniform(-fault.jitter, fault.jitter)
            drawn.append((round(min(max(moved, 0.0), max(at, _LATEST * duration)), 6), name, fault))
    drawn.sort(key=lambda one: one[0])
    count: Counter[str] = Counter()
    planned = []
    for at, name, fault in drawn:
        count[name] += 1
        planned.append(PlannedFault(f"{name}#{count[name]}", name, at, fault))
    return tuple(planned)
