"""What the history of a trial shows of a violation's circumstances: leases, faults, events."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from math import inf

from harness.history.event import Event
from harness.history.reading import History, HistoryError, read_history
from harness.verdict.hits import hits_of
from harness.verdict.leases import Hold, gather_holds
from harness.verdict.model import Run, Verdict
from harness.verdict.runs import gather_runs
from harness.verdict.timeline import Timeline, timeline_of

# A history larger than this, in bytes, is read without the attempts that were denied: most of it.
_LARGE = 100_000_000
_UNSEEN = frozenset({"lease.requested", "coordinator.calls", "coordinator.error"})


@dataclass(frozen=True, slots=True)
class Blow:
    """A fault that took effect. `healed` is infinite where it was not before the trial's end."""

    fault: str
    type: str
    mechanism: str | None
    victims: tuple[str, ...]
    at: float
    healed: float

    @property
    def momentary(self) -> bool:
        """Whether it was over as soon as it happened, while its consequences were not."""
        return self.healed <= self.at


@dataclass(frozen=True)
class Record:
    """A trial and its circumstances. `known` is false where there is no history to be read."""

    verdict: Verdict
    known: bool
    events: tuple[Event, ...] = ()
    holds: tuple[Hold, ...] = ()
    blows: tuple[Blow, ...] = ()

    @cached_property
    def leased(self) -> bool:
        """Whether anybody ever asked for a lease."""
        return any(event.kind.startswith("lease.") for event in self.events)

    @cached_property
    def _holds_of(self) -> dict[str, tuple[list[float], list[Hold]]]:
        found: defaultdict[str, list[Hold]] = defaultdict(list)
        for hold in self.holds:
            found[hold.worker].append(hold)
        return {
            worker: ([hold.granted for hold in holds], holds) for worker, holds in found.items()
        }

    @cached_property
    def _times(self) -> list[float]:
        return [event.at for event in self.events]

    def tenure(self, run: Run) -> Hold | None:
        """The lease under which it ran, as far as the history tells."""
        times, holds = self._holds_of.get(run.worker, ([], []))
        # A worker holds few leases at a time; those of long ago are not this run's.
        last = bisect_right(times, run.started)
        for hold in reversed(holds[max(0, last - 50) : last]):
            covers = hold.job in (None, run.job) and hold.due in (None, run.due)
            if covers and hold.ended >= run.started:
                return hold
        return None

    def held(self, worker: str, at: float) -> list[Hold]:
        """What a worker held at this moment, what ended just then included."""
        _, holds = self._holds_of.get(worker, ([], []))
        return [hold for hold in holds if hold.granted < at <= hold.ended]

    def between(self, start: float, end: float) -> Iterator[Event]:
        """The events from `start` to `end`, both included."""
        first = bisect_right(self._times, start - 1e-9)
        yield from self.events[first : bisect_right(self._times, end + 1e-9)]

    def active(self, start: float, end: float) -> list[Blow]:
        """The faults that were in effect at some moment from `start` to `end`."""
        return [blow for blow in self.blows if blow.at <= end and blow.healed >= start]


def record_of(verdict: Verdict) -> Record:
    """Read the trial's history, where there is one."""
    history = _history(verdict)
    if history is None:
        return Record(verdict, known=False)
    timeline = timeline_of(history)
    jobs = {job.name: job for job in history.trial.jobs}
    runs = gather_runs(timeline, jobs).executions
    return Record(
        verdict,
        known=True,
        events=timeline.events,
        holds=tuple(gather_holds(timeline, jobs, runs).holds),
        blows=tuple(_blows(timeline)),
    )


def _history(verdict: Verdict) -> History | None:
    if verdict.path is None:
        return None
    with suppress(HistoryError, OSError):
        large = verdict.path.stat().st_size > _LARGE
        return read_history(verdict.path, _UNSEEN | {"lease.denied"} if large else _UNSEEN)
    return None


def _blows(timeline: Timeline) -> Iterable[Blow]:
    """Every fault; a crash at the moment at which it struck, not when it was verified."""
    struck: dict[str, float] = {}
    for hit in hits_of(timeline):
        struck[hit.fault] = min(hit.at, struck.get(hit.fault, inf))
    healed: dict[str, float] = {}
    for event in timeline.events:
        if event.kind == "fault.healed" and event.fault is not None:
            healed.setdefault(event.fault, event.at)
    found = []
    for event in timeline.events:
        if event.kind == "fault.injected":
            name = event.fault or event.type or "fault"
            found.append(
                Blow(
                    fault=name,
                    type=event.type or name,
                    mechanism=event.mechanism,
                    victims=tuple(dict.fromkeys(event.targets or ())),
                    at=struck.get(name, event.at),
                    healed=healed.get(name, inf),
                )
            )
    return sorted(found, key=lambda blow: blow.at)
