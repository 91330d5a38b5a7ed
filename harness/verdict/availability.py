"""Which workers are up, and which are able to start runs, at any moment."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass, field

from harness.history.event import Event
from harness.verdict.timeline import Timeline

# Held back together, to be let go together, is paused too.
_PAUSES = frozenset({"pause", "thundering-herd"})


@dataclass(slots=True)
class _State:
    dead: bool = False
    stopping: bool = False
    pauses: set[str] = field(default_factory=set)

    @property
    def up(self) -> bool:
        return not self.dead and not self.pauses

    @property
    def able(self) -> bool:
        return self.up and not self.stopping


@dataclass(slots=True)
class _Record:
    """A worker's changes: positions, times, and (up, able) from there on."""

    positions: list[int] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    states: list[tuple[bool, bool]] = field(default_factory=list)


class Availability:
    """The ups and downs of all workers. A worker of which nothing is known is up and able."""

    def __init__(self, timeline: Timeline) -> None:
        self._states: defaultdict[str, _State] = defaultdict(_State)
        self._records: defaultdict[str, _Record] = defaultdict(_Record)
        self._paused: dict[str, tuple[str, ...]] = {}
        # Other people's workers may only say that they started.
        says_ready = any(event.kind == "worker.ready" for event in timeline.events)
        self._back = "worker.ready" if says_ready else "worker.started"
        for position, event in enumerate(timeline.events):
            for worker in self._change(event):
                state = self._states[worker]
                record = self._records[worker]
                record.positions.append(position)
                record.times.append(event.at)
                record.states.append((state.up, state.able))

    def able(self, worker: str, position: int) -> bool:
        """Whether it is neither crashed, stopped nor paused at this position."""
        record = self._records.get(worker)
        index = bisect_right(record.positions, position) if record else 0
        return not record or not index or record.states[index - 1][1]

    def up_at(self, worker: str, at: float) -> bool:
        """Whether it is neither dead nor paused at this time; one that is draining is up."""
        record = self._records.get(worker)
        index = bisect_right(record.times, at) if record else 0
        return not record or not index or record.states[index - 1][0]

    def _change(self, event: Event) -> tuple[str, ...]:
        """Apply the event; names the workers that it concerns."""
        workers: tuple[str, ...] = () if event.worker is None else (event.worker,)
        if event.kind == self._back:
            for worker in workers:
                self._states[worker] = _State()
        elif event.kind == "worker.exited":
            self._each(workers, "dead")
        elif event.kind == "worker.stopping":
            self._each(workers, "stopping")
        elif event.kind == "fault.injected":
            workers = event.targets or ()
            self._inject(event, workers)
        elif event.kind == "fault.healed":
            workers = self._paused.pop(event.fault or "", ())
            for worker in workers:
                self._states[worker].pauses.discard(event.fault or "")
        else:
            workers = ()
        return workers

    def _inject(self, event: Event, workers: tuple[str, ...]) -> None:
        if event.type == "crash":
            self._each(workers, "dead")
        elif event.type == "stop":
            self._each(workers, "stopping")
        elif event.type in _PAUSES:
            self._paused[event.fault or ""] = workers
            for worker in workers:
                self._states[worker].pauses.add(event.fault or "")

    def _each(self, workers: tuple[str, ...], what: str) -> None:
        for worker in workers:
            setattr(self._states[worker], what, True)
