"""Finding whom a fault hits, at the moment at which it is to hit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

from harness.faults.cluster import Cluster, NotLanded
from harness.faults.plan import PlannedFault
from harness.scenario.target import Form, Target

# Seconds that a fault waits for somebody to be running, or to hold a lease, before it gives up.
PATIENCE = 10.0


class Targets:
    """Chooses targets by the trial's seed, never a worker that another fault has in its hands."""

    def __init__(self, cluster: Cluster, seed: int, patience: float = PATIENCE) -> None:
        self.patience = patience
        self._cluster = cluster
        self._seed = seed
        self._taken: set[str] = set()

    @asynccontextmanager
    async def chosen(self, planned: PlannedFault) -> AsyncIterator[tuple[str, ...]]:
        """The fault's targets, kept from other faults meanwhile.

        Waits for a target that is defined by what it does; raises NotLanded where none turns up.
        """
        target = planned.fault.target
        try:
            async with asyncio.timeout(planned.at + self.patience - self._cluster.now()):
                await self._cluster.observation.until(lambda: bool(self._candidates(planned)))
        except TimeoutError:
            who = "worker that holds a lease" if planned.fault.needs_lease else "worker"
            raise NotLanded(
                f"no target: {target} matched no {who} for {self.patience:g} s"
            ) from None
        victims = self._pick(planned)
        self._taken |= set(victims)
        try:
            yield victims
        finally:
            self._taken -= set(victims)

    def _candidates(self, planned: PlannedFault) -> list[str]:
        """The workers that the target may mean; empty where not yet enough of them are there."""
        target = planned.fault.target
        seen = self._cluster.observation
        free = [worker for worker in seen.up() if worker not in self._taken]
        if planned.fault.needs_lease:
            free = [worker for worker in free if worker in seen.holders()]
        match target.form:
            case Form.RUNNING:
                return [worker for worker in free if worker in seen.running()]
            case Form.HOLDER:
                return [worker for worker in free if worker in seen.holders()]
            case Form.LEADER:
                return [worker for worker in free if worker in seen.leaders()]
            case Form.WORKER:
                return [worker for worker in free if worker == target.worker]
            case Form.COORDINATOR:
                return []
            case Form.ALL:
                return free if len(free) == len(self._cluster.workers) else []
            case Form.COUNT | Form.SHARE:
                return free if len(free) >= self._wanted(target) else []
        return free

    def _pick(self, planned: PlannedFault) -> tuple[str, ...]:
        candidates = self._candidates(planned)
        random = Random(f"{self._seed}/targets/{planned.id}")
        return tuple(sorted(random.sample(candidates, self._wanted(planned.fault.target))))

    def _wanted(self, target: Target) -> int:
        match target.form:
            case Form.ALL:
                return len(self._cluster.workers)
            case Form.COUNT | Form.SHARE:
                return target.how_many(len(self._cluster.workers))
        return 1
