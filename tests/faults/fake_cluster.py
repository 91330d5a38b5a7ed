"""A cluster in memory, on which a test can let a disturbance fail or take its time."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Mapping
from typing import Any

from harness.faults import FAULTS
from harness.faults.cluster import Direction, Landed
from harness.faults.fault import Fault
from harness.faults.observation import HeldLease, Observation
from harness.faults.plan import PlannedFault
from harness.history.event import Event


class FakeCluster:
    """Workers `worker-1` to `worker-N`, all up; to be made inside a running loop.

    `nodes` are the coordinator's; the first one leads. `done` has every operation that was asked
    for and whom it met, with the time; `asked` has what else was asked of it. `fails` plans an
    error for the next calls of an operation on a worker or node, None for none; `takes` is how
    long an operation takes.
    """

    def __init__(self, workers: int = 3, nodes: int = 3) -> None:
        self.workers = tuple(f"worker-{number}" for number in range(1, workers + 1))
        self.nodes = tuple(f"redis-{number}" for number in range(1, nodes + 1))
        self.observation = Observation()
        self.events: list[Event] = []
        self.done: list[tuple[float, str, str]] = []
        self.asked: list[Mapping[str, Any]] = []
        self.fails: defaultdict[tuple[str, str], deque[Exception | None]] = defaultdict(deque)
        self.takes: defaultdict[str, float] = defaultdict(float)
        self._start = asyncio.get_running_loop().time()
        for worker in self.workers:
            self.observation.record(Event(at=0.0, kind="worker.ready", worker=worker))

    def now(self) -> float:
        return asyncio.get_running_loop().time() - self._start

    def record(self, event: Event) -> None:
        self.events.append(event)
        self.observation.record(event)

    def see(
        self,
        kind: str,
        worker: str,
        job: str | None = "report",
        name: str = "1",
        operation: str | None = None,
    ) -> None:
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
                operation=operation,
                extra={"handle": f"handle of {mark}"} if kind == "lease.granted" else {},
            )
        )

    def operations(self) -> list[tuple[str, str]]:
        """Which operation met whom, in order."""
        return [(operation, whom) for _, operation, whom in self.done]

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

    async def stop(self, worker: str) -> Landed:
        landed = await self._do("stop", worker)
        self.see("worker.exited", worker)
        return landed

    async def pause(self, worker: str) -> Landed:
        return await self._do("pause", worker)

    async def resume(self, worker: str) -> Landed:
        return await self._do("resume", worker)

    async def cut(self, worker: str, direction: Direction) -> Landed:
        return await self._do("cut", worker, direction=direction)

    async def slow(self, worker: str, delay: float, jitter: float, direction: Direction) -> Landed:
        return await self._do("slow", worker, delay=delay, jitter=jitter, direction=direction)

    async def lose(self, worker: str, share: float, direction: Direction) -> Landed:
        return await self._do("lose", worker, share=share, direction=direction)

    async def reset(self, worker: str) -> Landed:
        return await self._do("reset", worker)

    async def refuse(self, worker: str) -> Landed:
        return await self._do("refuse", worker)

    async def heal(self, worker: str) -> Landed:
        return await self._do("heal", worker)

    async def skew(self, worker: str, key: str, jump: float, drift: float) -> Landed:
        return await self._do("skew", worker, key=key, jump=jump, drift=drift)

    async def unskew(self, worker: str, key: str) -> Landed:
        return await self._do("unskew", worker, key=key)

    async def fail_runs(self, worker: str, key: str, share: float, job: str | None) -> Landed:
        return await self._do("fail_runs", worker, key=key, share=share, job=job)

    async def pass_runs(self, worker: str, key: str) -> Landed:
        return await self._do("pass_runs", worker, key=key)

    async def forget(self, lease: HeldLease) -> Landed:
        landed = await self._do("forget", lease.worker)
        self.see("lease.lost", lease.worker, name=lease.lease.partition("/")[2])
        return landed

    async def leading_nodes(self) -> tuple[str, ...]:
        planned = self.fails["leading_nodes", ""]
        error = planned.popleft() if planned else None
        if error is not None:
            raise error
        return self.nodes[:1]

    async def crash_node(self, node: str) -> Landed:
        return await self._do("crash_node", node)

    async def start_node(self, node: str, keep_data: bool) -> Landed:
        return await self._do("start_node", node, keep_data=keep_data)

    async def pause_node(self, node: str) -> Landed:
        return await self._do("pause_node", node)

    async def resume_node(self, node: str) -> Landed:
        return await self._do("resume_node", node)

    async def fail_over(self, node: str, lag: float) -> Landed:
        return await self._do("fail_over", node, lag=lag)

    async def shift_node_clock(self, node: str, seconds: float) -> Landed:
        return await self._do("shift_node_clock", node, seconds=seconds)

    async def _do(self, operation: str, whom: str, **asked: Any) -> Landed:
        self.done.append((round(self.now(), 6), operation, whom))
        if asked:
            self.asked.append(asked)
        at = self.now()
        await asyncio.sleep(self.takes[operation])
        planned = self.fails[operation, whom]
        error = planned.popleft() if planned else None
        if error is not None:
            raise error
        return Landed(at, "simulated")


def planned(fault: Fault, at: float | None = 1.0, number: int = 1) -> PlannedFault:
    """That fault, planned for a moment, or for its event."""
    [name] = [name for name, kind in FAULTS.items() if kind is type(fault)]
    return PlannedFault(f"{name}#{number}", name, None if fault.when else at, fault)
