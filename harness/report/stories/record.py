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
from harness.report.broken import Broken, faults_in, faults_of
from harness.report.tenure import lease_of
from harness.verdict.model import Held, Run, Verdict
from harness.verdict.timeline import timeline_of

# A history larger than this, in bytes, is read without the attempts that were denied: most of it.
_LARGE = 100_000_000
_UNSEEN = frozenset({"lease.requested", "coordinator.calls", "coordinator.error"})


@dataclass(frozen=True, slots=True)
class Blow:
    """A fault that took effect. `healed` is infinite where it was not before the trial's end."""

    fault: str
    type: str
    mechanism: str
    victims: tuple[str, ...]
    at: float
    healed: float
    direction: str | None = None

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
    blows: tuple[Blow, ...] = ()

    @property
    def holds(self) -> tuple[Held, ...]:
        """All leases that somebody had, by grant."""
        return self.verdict.holds if self.known else ()

    @cached_property
    def leased(self) -> bool:
        """Whether anybody ever asked for a lease."""
        return bool(self.holds) or any(event.kind.startswith("lease.") for event in self.events)

    @cached_property
    def _holds_of(self) -> dict[str, list[Held]]:
        found: defaultdict[str, list[Held]] = defaultdict(list)
        for hold in self.holds:
            found[hold.worker].append(hold)
        return found

    @cached_property
    def _times(self) -> list[float]:
        return [event.at for event in self.events]

    def tenure(self, run: Run) -> Held | None:
        """The lease under which it ran, as far as the history tells."""
        return lease_of(run, self._holds_of.get(run.worker, ()))

    def held(self, worker: str, at: float) -> list[Held]:
        """What a worker held at this moment, what ended just then included."""
        holds = self._holds_of.get(worker, ())
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
    blows = tuple(_blows(faults_of(timeline)))
    return Record(verdict, known=True, events=timeline.events, blows=blows)


def outline_of(verdict: Verdict) -> Record:
    """The same without its events: enough to find violations and their faults, and quickly read."""
    faults = faults_in(verdict.path)
    return Record(verdict, known=faults is not None, blows=tuple(_blows(faults or ())))


def _history(verdict: Verdict) -> History | None:
    if verdict.path is None:
        return None
    with suppress(HistoryError, OSError):
        large = verdict.path.stat().st_size > _LARGE
        return read_history(verdict.path, _UNSEEN | {"lease.denied"} if large else _UNSEEN)
    return None


def _blows(faults: Iterable[Broken]) -> Iterable[Blow]:
    """Every fault that landed, by the moment at which it struck."""
    found = [
        Blow(
            fault=one.fault,
            type=one.type,
            mechanism=one.mechanism,
            victims=one.targets,
            at=one.at,
            healed=inf if one.healed is None else one.healed,
            direction=one.direction,
        )
        for one in faults
        if one.at is not None
    ]
    return sorted(found, key=lambda blow: blow.at)
