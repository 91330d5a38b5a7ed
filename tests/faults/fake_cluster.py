"""A cluster in memory, on which a test can let a disturbance fail or take its time."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque

from harness.faults.cluster import Direction, Landed
from harness.faults.fault import Fault
from harness.faults.observation import HeldLease, Observation
from harness.faults.plan import PlannedFault
from harness.history.event import Event


class FakeCluster:
    """Workers `worker-1` to `worker-N`, all up; to be made inside a running loop.

    `done` has every operation that was asked for and whom it met, with the time. `fails` plans an
    error for the next calls of an operation on a worker, None for none; `takes` is how long an
    operation takes.
    """

    def __init__(self, workers: int = 3) -> None:
        self.workers = tuple(f"worker-{number}" for number in range(1, workers + 1))
        self.observation = Observation()
        self.events: list[Event] = []
        self.done: list[tuple[float, str, str]] = []
        self.fails: defaultdict[tuple[str, str], deque[Exception | None]] = defaultdict(deque)
        self.takes: defaultdict[str, float] = defaultdict(float)
        self.directions: list[Direction] = []
        self._start = asyncio.get_running_loop().time()
        for worker in self.workers:
            self.observation.record(Event(at=0.0, kind="worker.ready", worker=worker))

    def now(self) -> float:
        return asyncio.get_running_loop().time() - self._start

    def record(self, event: Event) -> None:
        self.events.append(event)
        self.observation.record(event)

    def see(self, kind: str, worker: str, job: str | None = "report", name: str = "1") -> None:
        """Let something be seen of a worker: `run.started`, `lease.granted`, …"""
        mark = f"{worker}/{name}"
        self.observation.record(
            Event(
                at=self.now(),
                kind=kind,
                worker=worker,
                job=job,
                run=mark if kind.startswith("run") else None,
                lease=mark if kind.startswith("lease") else None,
                resource=job or "leader",
                extra={"handle": f"handle of {mark}"} if kind == "lease.granted" else {},
            )
        )

    def operations(self) -> list[tuple[str, str]]:
        """Which operation met whom, in order."""
        return [(operation, worker) for _, operation, worker in self.done]

    def faults(self) -> list[tuple[str, str | None, float]]:
        """Kind, fault and time of the events of faults, in order."""
        return [(event.kind, event.fault, round(event.at, 6)) for event in self.events]

    async def kill(self, worker: str) -> Landed:
        landed = await self._do("kill", worker)
        self.see("worker.exited", worker)
        return landed

    async def start(self, worker: str) -> Landed:
        landed = await self._do("start", worker)
        self.see("worker.ready", worker)
        return landed

    async def pause(self, worker: str) -> Landed:
        return await self._do("pause", worker)

    async def resume(self, worker: str) -> Landed:
        return await self._do("resume", worker)

    async def cut(self, worker: str, direction: Direction) -> Landed:
        self.directions.append(direction)
        return await self._do("cut", worker)

    async def heal(self, worker: str) -> Landed:
        return await self._do("heal", worker)

    async def forget(self, lease: HeldLease) -> Landed:
        landed = await self._do("forget", lease.worker)
        self.see("lease.lost", lease.worker, name=lease.lease.partition("/")[2])
        return landed

    async def _do(self, operation: str, worker: str) -> Landed:
        self.done.append((round(self.now(), 6), operation, worker))
        at = self.now()
        await asyncio.sleep(self.takes[operation])
        planned = self.fails[operation, worker]
        error = planned.popleft() if planned else None
        if error is not None:
            raise error
        return Landed(at, "simulated")


def planned(fault: Fault, at: float = 1.0, number: int = 1) -> PlannedFault:
    """That fault, planned for a moment."""
    name = type(fault).__name__.lower()
    return PlannedFault(f"{name}#{number}", name, at, fault)
