"""What was broken in a trial and when, as its history tells: the one reader of faults."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from math import inf
from pathlib import Path

from harness.history.event import Event
from harness.history.reading import HistoryError, read_history
from harness.verdict.hits import hits_of
from harness.verdict.model import Verdict
from harness.verdict.timeline import Timeline, timeline_of

# What a history holds most of, and tells nothing of faults.
_ASIDE = frozenset(
    "lease.requested lease.granted lease.denied lease.released lease.lost run.started run.finished "
    "run.failed run.dropped effect.applied effect.rejected coordinator.calls "
    "coordinator.error".split()
)
_DIRECTIONS = ("both", "requests", "replies")


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """One fault of one trial. Times in seconds since the trial's start.

    `planned` is None where an event triggers it. `at` is when it struck, None where it did not
    land: a crash strikes before it is seen to have. `healed` is the first time that something undid
    it, None where nothing did. `direction` is a partition's; `error` says why it failed.
    """

    fault: str
    type: str
    planned: float | None = None
    at: float | None = None
    healed: float | None = None
    mechanism: str = ""
    targets: tuple[str, ...] = ()
    direction: str | None = None
    error: str | None = None

    @property
    def landed(self) -> bool:
        """Whether it was seen to take effect."""
        return self.at is not None


def faults_of(timeline: Timeline) -> tuple[Broken, ...]:
    """The faults that a history tells of, landed or failed, in order of their first event."""
    struck: dict[str, float] = {}
    for hit in hits_of(timeline):
        struck[hit.fault] = min(hit.at, struck.get(hit.fault, inf))
    found: dict[str, Broken] = {}
    for event in timeline.events:
        if event.kind in ("fault.injected", "fault.healed", "fault.failed"):
            name = event.fault or event.type or "fault"
            known = found.get(name) or Broken(fault=name, type=event.type or type_of(name))
            found[name] = _with(known, event, struck.get(name, event.at))
    return tuple(found.values())


def faults_in(path: Path | None) -> tuple[Broken, ...] | None:
    """The same of a file; None where there is no history to be read."""
    return None if path is None else _read(path)


def broken_in(verdict: Verdict) -> tuple[Broken, ...]:
    """The faults of a trial: the planned ones in their order, then those that nobody planned.

    Without its history, or where it cannot be read any more, the faults that hit a worker in charge
    are known by their samples, and the others by the plan.
    """
    plan = {
        one.fault: Broken(fault=one.fault, type=one.type, planned=one.at)
        for one in verdict.trial.faults
    }
    found = dict(plan)
    told = faults_in(verdict.path)
    for one in told or ():
        known = plan.get(one.fault)
        found[one.fault] = one if known is None else replace(one, planned=known.planned)
    if not told:
        for sample in (*verdict.failover, *verdict.outage):
            known = found.get(sample.fault) or Broken(
                fault=sample.fault, type=type_of(sample.fault)
            )
            found[sample.fault] = replace(known, at=sample.at)
    return tuple(found.values())


def type_of(fault: str) -> str:
    """The type of a fault by its id, `crash#1`."""
    return fault.partition("#")[0]


def _with(known: Broken, event: Event, struck: float) -> Broken:
    if event.kind == "fault.healed":
        return known if known.healed is not None else replace(known, healed=event.at)
    if event.kind == "fault.failed":
        return replace(known, error=event.error or "not said why")
    direction = event.extra.get("direction")
    return replace(
        known,
        at=struck if known.at is None else min(struck, known.at),
        mechanism=event.mechanism or "",
        targets=tuple(dict.fromkeys((*known.targets, *(event.targets or ())))),
        direction=direction if direction in _DIRECTIONS else None,
    )


# A page asks for the faults of a trial in several places; its history may be long.
@lru_cache(maxsize=512)
def _read(path: Path) -> tuple[Broken, ...] | None:
    try:
        return faults_of(timeline_of(read_history(path, without=_ASIDE)))
    except (HistoryError, OSError):
        return None
