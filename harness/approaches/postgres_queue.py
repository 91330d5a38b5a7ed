"""Enqueue and claim in Postgres."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from harness.approaches.approach import Approach
from harness.coordinators.errors import CoordinatorError
from harness.coordinators.postgres.port import Claim, PostgresPort
from harness.history.kinds import OF_LEASES
from harness.scenario.duration import PositiveSeconds
from harness.worker.schedule import Due
from harness.worker.worker import Worker


@dataclass(frozen=True, kw_only=True)
class PostgresQueue(Approach[PostgresPort]):
    """Every instance enqueues what is due, unique by (job, due time); each claims one at a time.

    Source: PostgreSQL documentation, "SELECT", SKIP LOCKED. The claim is a row lock in a
    transaction that stays open while the job runs, so that a claim dies with its worker and the
    run is retried by another within `poll` (default 100ms). At least once: a worker that lost its
    connection runs on while another retries. A run that failed, after the worker's own retries, is
    completed all the same, as a dead letter; whoever is asked to stop gives it back. Two due times
    of a job may run at once.
    """

    coordinator = "postgres"

    poll: PositiveSeconds = 0.1

    @property
    def exclusive(self) -> bool:
        """Each due time is claimed by itself."""
        return False

    @property
    def lease_events(self) -> frozenset[str]:
        """A claim is not asked for by name."""
        return OF_LEASES - {"lease.requested", "lease.denied"}

    async def run(self, worker: Worker[PostgresPort]) -> None:
        """Enqueue what is due, and work."""
        news = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._work(worker, news))
            async for due in worker.due_runs(while_running=True):
                tasks.create_task(self._enqueue(worker, due, news))
            news.set()

    async def _enqueue(self, worker: Worker[PostgresPort], due: Due, news: asyncio.Event) -> None:
        # Unique by (job, due time): enqueueing again after an unknown outcome does no harm.
        while not worker.stopping.is_set():
            with suppress(CoordinatorError):
                await worker.port.enqueue(due.job, due.at)
                news.set()
                return
            await worker.sleep(self.poll)

    async def _work(self, worker: Worker[PostgresPort], news: asyncio.Event) -> None:
        while not worker.stopping.is_set():
            news.clear()
            claim = None
            with suppress(CoordinatorError):
                claim = await worker.port.claim()
            if claim is not None:
                await self._run_claimed(worker, claim)
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(self.poll):
                    await news.wait()

    async def _run_claimed(self, worker: Worker[PostgresPort], claim: Claim) -> None:
        due = Due(claim.job, claim.due)
        lease = worker.lease(str(due), due=due)
        worker.granted(lease, handle=str(claim.session))
        completed = await worker.execute(due, lease)
        worker.released(lease)
        with suppress(CoordinatorError):
            if not completed and worker.stopping.is_set():
                # There may have been attempts left.
                await worker.port.give_back(claim)
            elif not await worker.port.complete(claim):
                worker.lost(lease)
