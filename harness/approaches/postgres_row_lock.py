"""A lock per run in Postgres: the job's row, locked by a transaction that stays open."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from harness.approaches.approach import Grant
from harness.approaches.lock_per_run import LockPerRun
from harness.coordinators.errors import CoordinatorError
from harness.coordinators.postgres.port import PostgresPort
from harness.coordinators.postgres.row_lock.port import RowLock
from harness.scenario.duration import PositiveSeconds
from harness.worker.schedule import Due
from harness.worker.worker import Lease, Worker


@dataclass(frozen=True, kw_only=True)
class PostgresRowLock(LockPerRun[PostgresPort]):
    """SELECT ... FOR UPDATE of the job's row; the transaction stays open during the run.

    Source: PostgreSQL documentation, "Explicit Locking". The lock lives as long as the connection,
    as an advisory lock does. With `wait: false` (the default) losers skip: NOWAIT. With
    `wait: true` they queue for up to `patience` (default 10s), and run when it is their turn: each
    due time once on every instance, one after the other. Not so with `recheck`: the run's due time
    is written to the row in its own transaction, and who gets the row runs only what is later than
    that. Then a run that failed or died is run again by who waits. `recheck` keeps an instance
    whose clock is late from running a due time again, too.
    """

    coordinator = "postgres"

    # A row for each run would keep a connection for each.
    key: Literal["job"] = "job"
    wait: bool = False
    patience: PositiveSeconds = 10.0
    recheck: bool = False

    async def acquire(self, worker: Worker[PostgresPort], lease: Lease) -> Grant | None:
        """Lock the row; look whether there is still something to do."""
        lock = await self._lock(worker, lease)
        if lock is None:
            return None
        if worker.stopping.is_set() or (self.recheck and _was_run(lease, lock)):
            await worker.port.row_locks.commit(lock)
            return None
        return Grant(handle=str(lock.session))

    async def hold(self, worker: Worker[PostgresPort], due: Due, lease: Lease) -> None:
        """Run the job, and note that it was run."""
        if await worker.execute(due, lease):
            with suppress(CoordinatorError):
                await worker.port.row_locks.note(_held(lease), due.at)

    async def release(self, worker: Worker[PostgresPort], lease: Lease) -> bool:
        """Commit."""
        return await worker.port.row_locks.commit(_held(lease))

    async def _lock(self, worker: Worker[PostgresPort], lease: Lease) -> RowLock | None:
        if not self.wait:
            return await worker.port.row_locks.lock(lease.resource)
        locking = asyncio.create_task(worker.port.row_locks.lock(lease.resource, self.patience))
        stopping = asyncio.create_task(worker.stopping.wait())
        try:
            await asyncio.wait({locking, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            # Asked to stop, we wait no longer; that closes the connection.
            locking.cancel()
            stopping.cancel()
            await asyncio.wait({locking, stopping})
        return None if locking.cancelled() else locking.result()


def _was_run(lease: Lease, lock: RowLock) -> bool:
    return lock.last_due is not None and lease.due is not None and lease.due <= lock.last_due


def _held(lease: Lease) -> RowLock:
    return RowLock(lease.resource, int(lease.handle or 0))
