"""Enqueue and claim in Postgres."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from harness.approaches.enqueue_and_claim import EnqueueAndClaim
from harness.coordinators.errors import CoordinatorError
from harness.coordinators.postgres.port import Claim, PostgresPort
from harness.worker.schedule import Due
from harness.worker.worker import Worker


@dataclass(frozen=True, kw_only=True)
class PostgresQueue(EnqueueAndClaim[PostgresPort, Claim]):
    """Every instance enqueues what is due, unique by (job, due time); each claims one at a time.

    Source: PostgreSQL documentation, "SELECT", SKIP LOCKED. The claim is a row lock in a
    transaction that stays open while the job runs, so that a claim dies with its worker and the
    run is retried by another within `poll` (default 100ms). At least once: a worker that lost its
    connection runs on while another retries. A run that failed, after the worker's own retries, is
    completed all the same, as a dead letter; whoever is asked to stop gives it back. Two due times
    of a job may run at once.
    """

    coordinator = "postgres"

    async def add(self, worker: Worker[PostgresPort], due: Due) -> None:
        """INSERT ... ON CONFLICT DO NOTHING."""
        await worker.port.enqueue(due.job, due.at)

    async def claim(self, worker: Worker[PostgresPort]) -> Claim | None:
        """SELECT ... FOR UPDATE SKIP LOCKED."""
        return await worker.port.claim()

    async def run_claimed(self, worker: Worker[PostgresPort], claim: Claim, _asked: float) -> None:
        """Run it, with its row locked."""
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
