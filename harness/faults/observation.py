"""Who runs what and holds what right now, as far as the events of the trial tell."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from harness.history.event import Event


@dataclass(frozen=True, slots=True)
class HeldLease:
    """A lease that was granted and is not known to have ended."""

    worker: str
    lease: str
    resource: str
    job: str | None
    due: float | None
    handle: str | None


@dataclass(frozen=True, slots=True)
class Sighting:
    """An event that was watched for, and who led and who held a lease right before or after it."""

    event: Event
    leaders: frozenset[str]
    holders: frozenset[str]

    @property
    def subjects(self) -> tuple[str, ...]:
        """Whom the event is about: its worker, or the targets of its fault."""
        if self.event.worker is not None:
            return (self.event.worker,)
        return self.event.targets or ()


Watcher = Callable[[Sighting], None]


class Observation:
    """The trial as seen so far. Fed with every event, in the order in which they are learnt."""

    def __init__(self) -> None:
        self._watchers: dict[str, list[Watcher]] = {}
        self._landings: list[asyncio.Future[None]] = []
        self._first: dict[str, float] = {}
        self._up: dict[str, bool] = {}
        self._runs: dict[str, str] = {}
        self._leases: dict[str, HeldLease] = {}
        self._waiting: list[asyncio.Future[None]] = []

    def up(self) -> list[str]:
        """The workers that are ready and have not exited."""
        return sorted(worker for worker, up in self._up.items() if up)

    def running(self) -> list[str]:
        """The workers that are in a run."""
        return sorted(set(self._runs.values()))

    def holders(self) -> list[str]:
        """The workers that hold a lease."""
        return sorted({lease.worker for lease in self._leases.values()})

    def leaders(self) -> list[str]:
        """The workers that hold a lease which covers all jobs."""
        return sorted({lease.worker for lease in self._leases.values() if lease.job is None})

    def leases(self, worker: str) -> list[HeldLease]:
        """The leases that a worker holds, in the order in which they were granted."""
        return [lease for lease in self._leases.values() if lease.worker == worker]

    def first_of(self, job: str) -> float | None:
        """When the first event of a job happened; None as long as there is none."""
        return self._first.get(job)

    def watch(self, kind: str, watcher: Watcher) -> None:
        """Call the watcher at every event of that kind, before `record` returns."""
        self._watchers.setdefault(kind, []).append(watcher)

    def unwatch(self, kind: str, watcher: Watcher) -> None:
        """Call it no more; harmless where it is not called anyway."""
        watchers = self._watchers.get(kind, [])
        if watcher in watchers:
            watchers.remove(watcher)

    def await_landing(self, landing: asyncio.Future[None]) -> None:
        """Something that the event at hand brought about is under way until the future is done."""
        self._landings.append(landing)

    @property
    def landings(self) -> frozenset[asyncio.Future[None]]:
        """All that events so far have brought about and that is under way."""
        return frozenset(landing for landing in self._landings if not landing.done())

    async def settled(self) -> None:
        """Wait until all is over that events so far have brought about and that is under way."""
        while pending := [landing for landing in self._landings if not landing.done()]:
            self._landings = pending
            await asyncio.wait(pending)
        self._landings = []

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until an event makes the condition true."""
        while not condition():
            waiter = asyncio.get_running_loop().create_future()
            self._waiting.append(waiter)
            await waiter

    def record(self, event: Event) -> None:
        """Take note of an event, and tell those who watch for its kind."""
        watchers = self._watchers.get(event.kind)
        if not watchers:
            self._note(event)
        else:
            leaders, holders = self.leaders(), self.holders()
            self._note(event)
            sighting = Sighting(
                event,
                frozenset([*leaders, *self.leaders()]),
                frozenset([*holders, *self.holders()]),
            )
            for watcher in tuple(watchers):
                watcher(sighting)
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            if not waiter.done():
                waiter.set_result(None)

    def _note(self, event: Event) -> None:
        if event.job is not None and event.job not in self._first:
            self._first[event.job] = event.at
        match event.kind:
            case "worker.ready":
                self._up[event.worker or ""] = True
            case "worker.exited":
                self._forget_worker(event.worker or "")
            case "run.started":
                self._runs[event.run or ""] = event.worker or ""
            case "run.finished" | "run.failed":
                self._runs.pop(event.run or "", None)
                self._end_lease_of(event)
            case "lease.granted":
                self._leases[event.lease or ""] = HeldLease(
                    worker=event.worker or "",
                    lease=event.lease or "",
                    resource=event.resource or "",
                    job=event.job,
                    due=event.due,
                    handle=event.extra.get("handle"),
                )
            case "lease.released" | "lease.lost":
                self._leases.pop(event.lease or "", None)

    def _end_lease_of(self, run: Event) -> None:
        """A lease of a single run is over with it, also one that is left to expire."""
        self._leases = {
            name: lease
            for name, lease in self._leases.items()
            if lease.due is None
            or (lease.worker, lease.job, lease.due) != (run.worker, run.job, run.due)
        }

    def _forget_worker(self, worker: str) -> None:
        self._up[worker] = False
        self._runs = {run: owner for run, owner in self._runs.items() if owner != worker}
        self._leases = {
            name: lease for name, lease in self._leases.items() if lease.worker != worker
        }
