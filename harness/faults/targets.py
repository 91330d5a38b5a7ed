"""Finding whom a fault hits, at the moment at which it is to hit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

from harness.faults.cluster import Cluster, NotLanded
from harness.faults.trigger import Occasion
from harness.scenario.target import Form, Target

# Seconds that a fault waits for somebody to be running, or to hold a lease, before it gives up.
PATIENCE = 10.0

# Seconds until a coordinator is asked again who leads it.
_AGAIN = 0.01


class Targets:
    """Chooses targets by the trial's seed, never one that another fault has in its hands."""

    def __init__(self, cluster: Cluster, seed: int, patience: float = PATIENCE) -> None:
        self.patience = patience
        self._cluster = cluster
        self._seed = seed
        self._hands: dict[str, tuple[str, ...]] = {}
        self._bad_links: set[str] = set()

    @asynccontextmanager
    async def chosen(self, occasion: Occasion) -> AsyncIterator[tuple[str, ...]]:
        """The fault's targets, kept from other faults meanwhile.

        Waits for a target that is defined by what it does; raises NotLanded where none turns up.
        """
        fault = occasion.planned.fault
        if fault.hits_nodes:
            victims = await self._nodes(occasion)
        elif fault.hits_workers:
            victims = await self._workers(occasion)
        else:
            victims = self._cluster.workers
        if fault.hits_workers or fault.hits_coordinator:
            self._hands[occasion.planned.id] = () if fault.shares else victims
        try:
            yield victims
        finally:
            self._hands.pop(occasion.planned.id, None)

    def keep(self, occasion: Occasion, victims: tuple[str, ...]) -> None:
        """Keep the targets of a fault without an end from those that it does not go with."""
        if occasion.planned.fault.changes_links:
            self._bad_links |= set(victims)

    def _taken(self) -> set[str]:
        return {name for victims in self._hands.values() for name in victims}

    async def _workers(self, occasion: Occasion) -> tuple[str, ...]:
        fault = occasion.planned.fault
        target = fault.target
        if target.form is Form.SUBJECT and not set(occasion.subjects) & set(self._cluster.workers):
            raise NotLanded("no target: the event that it follows is about no worker")
        if not self._candidates(occasion):
            occasion.release()
        try:
            async with asyncio.timeout(occasion.at + self.patience - self._cluster.now()):
                await self._cluster.observation.until(lambda: bool(self._candidates(occasion)))
        except TimeoutError:
            # Who is down for good is not waited for: all are then those that are left.
            left = self._free(occasion) if target.form is Form.ALL else []
            if left:
                return tuple(left)
            who = "worker that holds a lease" if fault.needs_lease else "worker"
            raise NotLanded(
                f"no target: {target} matched no {who} for {self.patience:g} s"
            ) from None
        if target.form is Form.ALL and fault.shares:
            return self._cluster.workers
        candidates = self._candidates(occasion)
        if target.form is Form.SUBJECT:
            return tuple(candidates)
        return self._sample(occasion, candidates, self._wanted(target))

    def _free(self, occasion: Occasion) -> list[str]:
        """The workers that are up and that the fault may hit, as far as others leave them to it."""
        fault = occasion.planned.fault
        seen = self._cluster.observation
        # Whom its event is about is hit whatever else befalls it: that may be the point.
        taken = set() if fault.target.form is Form.SUBJECT else self._taken()
        if fault.changes_links:
            taken |= self._bad_links
        free = [worker for worker in seen.up() if worker not in taken]
        if fault.needs_lease:
            free = [worker for worker in free if worker in seen.holders()]
        return free

    def _candidates(self, occasion: Occasion) -> list[str]:
        """The workers that the target may mean; empty where not yet enough of them are there.

        All of a fault that shares them need not be there: it hits also those that come later.
        """
        fault = occasion.planned.fault
        target = fault.target
        seen = self._cluster.observation
        free = self._free(occasion)
        match target.form:
            case Form.RUNNING:
                return [worker for worker in free if worker in seen.running()]
            case Form.HOLDER:
                return [worker for worker in free if worker in seen.holders()]
            case Form.LEADER:
                return [worker for worker in free if worker in seen.leaders()]
            case Form.WORKER:
                return [worker for worker in free if worker == target.worker]
            case Form.SUBJECT:
                return [worker for worker in free if worker in occasion.subjects]
            case Form.COORDINATOR:
                return []
            case Form.ALL:
                everybody = len(free) == len(self._cluster.workers)
                return free if everybody or fault.shares else []
            case Form.COUNT | Form.SHARE:
                return free if len(free) >= self._wanted(target) else []
        return free

    async def _nodes(self, occasion: Occasion) -> tuple[str, ...]:
        """The coordinator's nodes that are meant, once no other fault has them in its hands."""
        wanted = occasion.planned.fault.chosen_nodes
        while True:
            problem = "other faults have them in their hands"
            nodes = self._cluster.nodes
            if isinstance(wanted, int) and wanted > len(nodes):
                raise NotLanded(f"no target: it wants {wanted} nodes, and there are {len(nodes)}")
            try:
                if wanted == "leader":
                    nodes = await self._cluster.leading_nodes()
            except NotLanded as error:
                problem, nodes = str(error), ()
            free = [node for node in nodes if node not in self._taken()]
            count = wanted if isinstance(wanted, int) else len(nodes)
            if free and len(free) >= count:
                return self._sample(occasion, free, count)
            occasion.release()
            if self._cluster.now() >= occasion.at + self.patience:
                raise NotLanded(f"no target: no node to hit for {self.patience:g} s: {problem}")
            await asyncio.sleep(_AGAIN)

    def _sample(self, occasion: Occasion, candidates: list[str], count: int) -> tuple[str, ...]:
        random = Random(f"{self._seed}/targets/{occasion.planned.id}")
        return tuple(sorted(random.sample(candidates, count)))

    def _wanted(self, target: Target) -> int:
        match target.form:
            case Form.ALL:
                return len(self._cluster.workers)
            case Form.COUNT | Form.SHARE:
                return target.how_many(len(self._cluster.workers))
        return 1
