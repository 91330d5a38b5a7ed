"""A lock per run in Postgres: ShedLock's table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.approaches.approach import Grant
from harness.approaches.lock_per_run import LockPerRun
from harness.coordinators.postgres.port import PostgresPort
from harness.coordinators.postgres.shedlock.port import handle
from harness.scenario.duration import PositiveSeconds, Seconds, format_duration
from harness.worker.worker import Lease, Worker


@dataclass(frozen=True, kw_only=True)
class ShedLock(LockPerRun[PostgresPort]):
    """Write lock_until to the job's row before each run, where the one that is there has passed.

    Source: ShedLock, JdbcTemplateLockProvider. Losers skip. The lock lasts `lock_at_most_for`
    (default 2s), whether or not the run does: a longer run, or a pause, and two run at once. It
    lasts `lock_at_least_for` (default 0s), even if the run is over: who notices a due time later
    than that, and later than the run takes, runs it again. `clock` says whose time is written and
    compared. The `database`'s is one for all, so that an instance whose clock is late by as much
    notices too late. With `application` (the default) it is each instance's own: a late one sees
    the lock end late, too, but one that is ahead by `lock_at_most_for` takes what is locked, and
    what it locks itself stays locked for the others for as long as it is ahead.
    """

    coordinator = "postgres"

    lock_at_most_for: PositiveSeconds = 2.0
    lock_at_least_for: Seconds = 0.0
    clock: Literal["application", "database"] = "application"

    def __post_init__(self) -> None:
        if self.lock_at_least_for > self.lock_at_most_for:
            least, most = map(format_duration, (self.lock_at_least_for, self.lock_at_most_for))
            raise ValueError(
                f"lock_at_least_for must be at most lock_at_most_for, {most}, not {least}"
            )

    async def acquire(self, worker: Worker[PostgresPort], lease: Lease) -> Grant | None:
        """Insert the row, or update the one whose lock_until has passed."""
        locked = await worker.port.shedlock.lock(
            lease.resource, worker.identity, self.lock_at_most_for, self._now(worker)
        )
        return Grant(handle=handle(lease.resource)) if locked else None

    async def release(self, worker: Worker[PostgresPort], lease: Lease) -> bool:
        """Set lock_until to now, or to lock_at_least_for after locked_at; if the lock is ours."""
        return await worker.port.shedlock.unlock(
            lease.resource, worker.identity, self.lock_at_least_for, self._now(worker)
        )

    def _now(self, worker: Worker[PostgresPort]) -> float | None:
        return worker.clock.own() if self.clock == "application" else None
