"""Trials inside the test's own process, and what can be seen of their workers from outside."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from harness.approaches import APPROACHES
from harness.coordinators.server import Server
from harness.faults.observation import HeldLease
from harness.history.event import Event
from harness.runtimes.ground import Ground
from harness.runtimes.process import ProcessCluster
from harness.runtimes.spec import Assignment, ClusterSpec, System
from harness.scenario.model import Job
from harness.worker.sink import Policy
from tests.live.processes import becomes_true, workers_in


@dataclass
class Events:
    """A recorder in memory."""

    seen: list[Event] = field(default_factory=list)

    def record(self, event: Event) -> None:
        """Keep it."""
        self.seen.append(event)


@dataclass
class Trial:
    """Workers that are up."""

    ground: Ground
    cluster: ProcessCluster
    namespace: str
    events: Events

    def pids(self) -> dict[str, int]:
        """The processes of the workers, by name."""
        found = workers_in(self.ground.launcher.directory)
        return {worker: pid for (trial, worker), pid in found.items() if trial == self.namespace}

    def written(self, worker: str) -> int:
        """How many events came from the worker."""
        return sum(event.worker == worker for event in self.events.seen)

    async def writes(self, worker: str) -> bool:
        """Whether the worker still has something to say."""
        before = self.written(worker)
        return await becomes_true(lambda: self.written(worker) > before)

    def of(self, kind: str, worker: str, since: int = 0) -> list[Event]:
        """The worker's events of that kind, from the place `since` in the history on."""
        return [
            event
            for event in self.events.seen[since:]
            if event.kind == kind and event.worker == worker
        ]

    async def next(self, kind: str, worker: str, count: int = 1) -> list[Event]:
        """So many events of that kind that the worker writes from now on."""
        since = len(self.events.seen)
        assert await becomes_true(lambda: len(self.of(kind, worker, since)) >= count)
        return self.of(kind, worker, since)[:count]

    async def held(self) -> HeldLease:
        """A lease that somebody holds."""
        seen = self.cluster.observation
        assert await becomes_true(seen.holders)
        return seen.leases(seen.holders()[0])[0]


class Trials:
    """Starts trials whose workers run a job every half second."""

    def __init__(self, ground: Ground, need: Callable[[str], None]) -> None:
        self._ground = ground
        self._need = need
        self._count = itertools.count(1)

    @asynccontextmanager
    async def open(
        self,
        approach: str,
        *,
        takes: float = 0.1,
        workers: int = 2,
        breakpoints: Collection[str] = (),
        server: Server | None = None,
    ) -> AsyncIterator[Trial]:
        """A trial from when all its workers are ready; `takes` is how long a run is, in seconds.

        `server` is its coordinator, by default the one that all tests share.
        """
        self._need(approach)
        names = [f"worker-{number}" for number in range(1, workers + 1)]
        system = APPROACHES[approach].coordinator
        assignment = Assignment(
            approach=approach, parameters={}, system=None if system is None else System(system)
        )
        spec = ClusterSpec(
            seed=1,
            jobs=(Job("report", 0.5, 0.5, takes),),
            assignments=dict.fromkeys(names, assignment),
            offsets=dict.fromkeys(names, 0.0),
            misfire_grace=1.0,
            max_instances=1,
            request_timeout=1.0,
            policy=Policy.NONE,
            breakpoints=frozenset(breakpoints),
        )
        namespace, events = f"live_{next(self._count)}", Events()
        cluster = ProcessCluster(
            self._ground,
            spec,
            namespace,
            events,
            {one: server or self._ground.servers[one.name] for one in spec.systems},
        )
        try:
            await cluster.set_up()
            cluster.begin()
            yield Trial(self._ground, cluster, namespace, events)
        finally:
            await cluster.close()
