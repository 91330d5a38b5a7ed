"""A service in memory for tests: workers, a sink, and everything that they say."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from harness.approaches.approach import Approach
from harness.history.event import Event
from harness.scenario.model import CircuitBreaker, Job, Retry
from harness.worker.clock import WorkerClock, since
from harness.worker.sink import Effect
from harness.worker.worker import CallCount, Instance, Worker

# Due at 1, 2, 3, …; a run takes 0.2 s.
JOB = Job("report", every=1.0, first=1.0, takes=0.2)


class MemorySink:
    """Takes every effect, unless told to refuse."""

    def __init__(self) -> None:
        self.effects: list[Effect] = []
        self.read_versions: list[int] = []
        self.refuse: str | None = None

    def version(self, job: str) -> int:
        return sum(effect.job == job for effect in self.effects)

    def apply(self, effect: Effect, read_version: int) -> str | None:
        self.read_versions.append(read_version)
        if self.refuse is None:
            self.effects.append(effect)
        return self.refuse


class Service:
    """Workers that hold the same jobs; to be made inside a running loop, where its time starts.

    `log` has one short text an event, and whatever else a test adds, in order.
    """

    def __init__(self, *jobs: Job, seed: int = 7) -> None:
        loop = asyncio.get_running_loop()
        self.now: Callable[[], float] = since(loop.time(), loop)
        self.jobs = jobs or (JOB,)
        self.seed = seed
        self.sink = MemorySink()
        self.events: list[Event] = []
        self.log: list[str] = []

    def record(self, event: Event) -> None:
        self.events.append(event)
        self.log.append(event.kind)

    def worker(
        self,
        port: Any = None,
        name: str = "worker-1",
        *,
        identity: str | None = None,
        offset: float = 0.0,
        misfire_grace: float = 1.0,
        max_instances: int = 1,
        retry: Retry | None = None,
        circuit_breaker: CircuitBreaker | None = None,
    ) -> Worker[Any]:
        clock = WorkerClock(self.now, offset)
        instance = Instance(
            name=name,
            identity=identity or name,
            seed=self.seed,
            jobs=self.jobs,
            misfire_grace=misfire_grace,
            max_instances=max_instances,
            retry=retry,
            circuit_breaker=circuit_breaker,
        )
        return Worker(instance, port, clock, self.sink, self, CallCount(name, clock, self))

    async def at(self, moment: float) -> None:
        """Wait for a moment of the trial's time."""
        await asyncio.sleep(moment - self.now())

    def seen(self, *kinds: str, worker: str | None = None) -> list[Event]:
        """The events of these kinds, in order; of one worker if given."""
        return [
            event for event in self.events if event.kind in kinds and worker in (None, event.worker)
        ]

    def runs(self, worker: str | None = None) -> list[tuple[str, float]]:
        """Job and due time of every run that started, in order."""
        started = self.seen("run.started", worker=worker)
        return [(event.job or "", event.due or 0.0) for event in started]

    def runs_by_due(self) -> Counter[float]:
        """How many runs each due time got."""
        return Counter(due for _, due in self.runs())

    def story(self, worker: str | None = None) -> list[str]:
        """What happened, in order."""
        return [event.kind for event in self.events if worker in (None, event.worker)]


async def live(
    service: Service,
    approach: Approach[Any],
    workers: Iterable[Worker[Any]],
    until: float,
) -> None:
    """Let the workers run by the approach, ask them to stop at `until`, and let them finish."""
    workers = list(workers)
    async with asyncio.TaskGroup() as tasks:
        for worker in workers:
            tasks.create_task(approach.run(worker))
        await service.at(until)
        for worker in workers:
            worker.stop()
