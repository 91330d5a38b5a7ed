"""What was broken in a trial and when, as its history tells."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from harness.history.event import Event
from harness.history.reading import HistoryError, read_history
from harness.verdict.model import Verdict

# What a history holds most of, and tells nothing of faults.
_ASIDE = frozenset(
    "lease.requested lease.granted lease.denied lease.released lease.lost run.started run.finished "
    "run.failed run.dropped effect.applied effect.rejected coordinator.calls "
    "coordinator.error".split()
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """One fault of one trial. Times in seconds since the trial's start.

    `planned` is None where an event triggers it, `at` where it did not land, `healed` where nothing
    undid it. `error` says why it failed.
    """

    fault: str
    type: str
    planned: float | None = None
    at: float | None = None
    healed: float | None = None
    mechanism: str = ""
    targets: tuple[str, ...] = ()
    error: str | None = None

    @property
    def landed(self) -> bool:
        """Whether it was seen to take effect."""
        return self.at is not None


def broken_in(verdict: Verdict) -> tuple[Broken, ...]:
    """The faults of a trial: the planned ones in their order, then those that nobody planned.

    Without its history, or where it cannot be read any more, the faults that hit a worker in charge
    are known by their samples, and the others by the plan.
    """
    found = {
        one.fault: Broken(fault=one.fault, type=one.type, planned=one.at)
        for one in verdict.trial.faults
    }
    events = () if verdict.path is None else _fault_events(verdict.path)
    for event in events:
        name = event.fault or ""
        known = found.get(name) or Broken(fault=name, type=event.type or type_of(name))
        found[name] = _with(known, event)
    if not events:
        for sample in (*verdict.failover, *verdict.outage):
            known = found.get(sample.fault) or Broken(
                fault=sample.fault, type=type_of(sample.fault)
            )
            found[sample.fault] = replace(known, at=sample.at)
    return tuple(found.values())


def type_of(fault: str) -> str:
    """The type of a fault by its id, `crash#1`."""
    return fault.partition("#")[0]


def last_before(faults: Iterable[Broken], moment: float) -> Broken | None:
    """The fault that landed last before a moment."""
    landed = [one for one in faults if one.at is not None and one.at <= moment]
    return max(landed, key=lambda one: one.at or 0.0, default=None)


def _with(known: Broken, event: Event) -> Broken:
    if event.kind == "fault.healed":
        return replace(known, healed=event.at)
    if event.kind == "fault.failed":
        return replace(known, error=event.error or "not said why")
    return replace(
        known,
        at=event.at,
        mechanism=event.mechanism or "",
        targets=event.targets or (),
    )


# A page asks for the faults of a trial in several places; its history may be long.
@lru_cache(maxsize=512)
def _fault_events(path: Path) -> Sequence[Event]:
    kinds = ("fault.injected", "fault.healed", "fault.failed")
    try:
        events = read_history(path, without=_ASIDE).events
    except HistoryError:
        return ()
    return tuple(event for event in events if event.kind in kinds)
