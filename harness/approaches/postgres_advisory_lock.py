"""A lock per run in Postgres: a session-level advisory lock."""

from __future__ import annotations

from dataclasses import dataclass

from harness.approaches.approach import Grant
from harness.approaches.lock_per_run import LockPerRun
from harness.coordinators.postgres.port import AdvisoryLock, PostgresPort
from harness.worker.worker import Lease, Worker


@dataclass(frozen=True, kw_only=True)
class PostgresAdvisoryLock(LockPerRun[PostgresPort]):
    """pg_try_advisory_lock before each run, pg_advisory_unlock after it.

    Source: PostgreSQL documentation, "Advisory Locks". The lock lives as long as the session and
    has no time to live: no pause and no long job breaks exclusion between workers; a crash frees
    it as soon as the server sees the connection close. A holder that vanishes without closing it
    blocks the job until TCP gives up. With `key: run` the lock stays until the session ends. A
    session may take its own lock again: with `max_instances` above 1, a worker does not exclude
    itself.
    """

    coordinator = "postgres"

    async def acquire(self, worker: Worker[PostgresPort], lease: Lease) -> Grant | None:
        """Try the lock on our session."""
        lock = await worker.port.try_advisory_lock(lease.resource)
        return None if lock is None else Grant(handle=str(lock.session))

    async def release(self, worker: Worker[PostgresPort], lease: Lease) -> bool:
        """Unlock, on the session that took it."""
        return await worker.port.advisory_unlock(
            AdvisoryLock(lease.resource, int(lease.handle or 0))
        )
