"""Faults that hit workers: whom, when, and what they held or ran at that moment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import inf
from typing import Generic, Protocol, TypeVar

from harness.verdict.leases import Hold
from harness.verdict.runs import Execution
from harness.verdict.timeline import Timeline

_GONE = frozenset({"crash", "stop"})
_KINDS = _GONE | {"pause", "partition"}
# What befalls a coordinator, and with it every job.
_OUTAGES = frozenset(
    {"coordinator-restart", "coordinator-outage", "coordinator-pause", "coordinator-failover"}
)


@dataclass(frozen=True, slots=True)
class Hit:
    """One fault on one worker, at a position and a time; `healed` is infinite where it was not."""

    fault: str
    type: str
    victim: str
    position: int
    at: float
    healed: float

    @property
    def gone(self) -> bool:
        """Whether the victim itself cannot be what the service recovers by."""
        return self.type in _GONE


def hits_of(timeline: Timeline) -> list[Hit]:
    """All faults that hit a worker before the end, one for each target, in order.

    A crash or a stop is recorded once it is verified, and then the worker's exit or its goodbye may
    already stand in the history: that is the moment at which it struck.
    """
    healed = _healed(timeline)
    exits: dict[str, int] = {}
    goodbyes: dict[str, int] = {}
    found: list[Hit] = []
    for position, event in enumerate(timeline.events):
        worker = event.worker or ""
        if event.kind == "worker.exited":
            exits.setdefault(worker, position)
            goodbyes.setdefault(worker, position)
        elif event.kind == "worker.stopping":
            goodbyes.setdefault(worker, position)
        elif event.kind in ("worker.started", "worker.ready"):
            exits.pop(worker, None)
            goodbyes.pop(worker, None)
        elif event.kind == "fault.injected" and event.type in _KINDS:
            fault = event.fault or event.type
            struck = {"crash": exits, "stop": goodbyes}.get(event.type, {})
            for victim in dict.fromkeys(event.targets or ()):
                moment = struck.pop(victim, position)
                at = timeline.events[moment].at
                found.append(Hit(fault, event.type, victim, moment, at, healed.get(fault, inf)))
    return sorted((hit for hit in found if hit.at < timeline.end), key=lambda hit: hit.position)


def coordinator_hits(timeline: Timeline) -> list[Hit]:
    """All faults that kept a coordinator from answering, in order; their first node is the victim.

    Each is healed once a node answers again: after a restart when it has started, after a failover
    when another one leads, after an outage or a pause when that is undone. Whatever is out longer
    is so because of what the approach does about it.
    """
    healed = _healed(timeline)
    return [
        Hit(fault, event.type, event.targets[0], position, event.at, healed.get(fault, inf))
        for position, event in enumerate(timeline.events)
        if event.kind == "fault.injected" and event.type in _OUTAGES and event.targets
        if event.at < timeline.end and (fault := event.fault or event.type)
    ]


def _healed(timeline: Timeline) -> dict[str, float]:
    """When each fault was healed."""
    healed: dict[str, float] = {}
    for event in timeline.events:
        if event.kind == "fault.healed" and event.fault is not None:
            healed.setdefault(event.fault, event.at)
    return healed


@dataclass(frozen=True, slots=True)
class Burden:
    """What a worker was responsible for when it was hit, by start or grant."""

    runs: tuple[Execution, ...]
    holds: tuple[Hold, ...]


def burdens(
    hits: Sequence[Hit], executions: Iterable[Execution], holds: Iterable[Hold]
) -> Iterator[tuple[Hit, Burden]]:
    """What each victim was responsible for; all three in order of position."""
    runs = _Underway(executions)
    leases = _Underway(holds)
    for hit in hits:
        yield hit, Burden(tuple(runs.at(hit)), tuple(leases.at(hit)))


class _Tenure(Protocol):
    worker: str
    began: int
    over: int


_TenureT = TypeVar("_TenureT", bound=_Tenure)


class _Underway(Generic[_TenureT]):
    """What each worker has under way; asked in order of position."""

    def __init__(self, tenures: Iterable[_TenureT]) -> None:
        self._coming: defaultdict[str, list[_TenureT]] = defaultdict(list)
        self._active: defaultdict[str, list[_TenureT]] = defaultdict(list)
        for tenure in tenures:
            self._coming[tenure.worker].append(tenure)
        for waiting in self._coming.values():
            waiting.reverse()

    def at(self, hit: Hit) -> list[_TenureT]:
        waiting = self._coming[hit.victim]
        active = self._active[hit.victim]
        while waiting and waiting[-1].began < hit.position:
            active.append(waiting.pop())
        # What the victim's own exit ended at this very position was still under way.
        active[:] = [tenure for tenure in active if tenure.over >= hit.position]
        return list(active)
