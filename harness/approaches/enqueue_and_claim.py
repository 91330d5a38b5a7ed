"""Enqueue and claim: what is due becomes an entry, once; whoever claims it runs it."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

from harness.approaches.approach import Approach
from harness.coordinators.errors import CoordinatorError
from harness.history.kinds import OF_LEASES
from harness.scenario.duration import PositiveSeconds
from harness.worker.schedule import Due
from harness.worker.worker import PortT, Worker

EntryT = TypeVar("EntryT")


@dataclass(frozen=True, kw_only=True)
class EnqueueAndClaim(Approach[PortT], Generic[PortT, EntryT]):
    """The loop that queues share: every instance enqueues what is due, and claims one at a time.

    Who finds nothing to claim looks again after `poll`, or when it enqueued something itself.
    """

    poll: PositiveSeconds = 0.1

    @property
    def exclusive(self) -> bool:
        """Each due time is claimed by itself."""
        return False

    @property
    def lease_events(self) -> frozenset[str]:
        """A claim is not asked for by name."""
        return OF_LEASES - {"lease.requested", "lease.denied"}

    async def run(self, worker: Worker[PortT]) -> None:
        """Enqueue what is due, and work."""
        news = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._work(worker, news))
            async for due in worker.due_runs(while_running=True):
                tasks.create_task(self._enqueue(worker, due, news))
            news.set()

    @abstractmethod
    async def add(self, worker: Worker[PortT], due: Due) -> None:
        """Enqueue it; once by (job, due time), however often it is asked."""

    @abstractmethod
    async def claim(self, worker: Worker[PortT]) -> EntryT | None:
        """An entry that is now this worker's to run; None where there is none."""

    @abstractmethod
    async def run_claimed(self, worker: Worker[PortT], entry: EntryT, asked: float) -> None:
        """Run it and say that it is done. `asked` is when it was asked for, in the trial's time."""

    async def _enqueue(self, worker: Worker[PortT], due: Due, news: asyncio.Event) -> None:
        # Enqueueing again after an unknown outcome does no harm.
        while not worker.stopping.is_set():
            with suppress(CoordinatorError):
                await self.add(worker, due)
                news.set()
                return
            await worker.sleep(self.poll)

    async def _work(self, worker: Worker[PortT], news: asyncio.Event) -> None:
        while not worker.stopping.is_set():
            news.clear()
            asked = worker.clock.now()
            entry = None
            with suppress(CoordinatorError):
                entry = await self.claim(worker)
            if entry is not None:
                await self.run_claimed(worker, entry, asked)
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(self.poll):
                    await news.wait()
