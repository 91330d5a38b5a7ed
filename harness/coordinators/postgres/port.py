"""What approaches may ask of Postgres."""

from dataclasses import dataclass
from typing import Protocol

from harness.coordinators.giving_up import gives_up
from harness.coordinators.postgres.leader_row.port import LeaderRow
from harness.coordinators.postgres.quartz.port import QuartzPort
from harness.coordinators.postgres.row_lock.port import RowLocks
from harness.coordinators.postgres.shedlock.port import ShedLockTable


@dataclass(frozen=True, slots=True)
class AdvisoryLock:
    """A session-level advisory lock that this worker holds. `session` is the backend's pid."""

    name: str
    session: int


@dataclass(frozen=True, slots=True)
class Claim:
    """A queued run that this worker claimed: a row locked by an open transaction of `session`."""

    job: str
    due: float
    session: int


class PostgresPort(Protocol):
    """One worker's connections to Postgres, in the trial's own schema.

    Every operation raises Unavailable (not done) or Indeterminate (may have been done). A
    connection on which an operation became indeterminate is closed; what it held ends with it, as
    soon as the server notices.
    """

    @property
    def row_locks(self) -> RowLocks:
        """Rows that stay locked while a job runs."""
        ...

    @property
    def leader_row(self) -> LeaderRow:
        """A row that says who leads."""
        ...

    @property
    def shedlock(self) -> ShedLockTable:
        """ShedLock's table."""
        ...

    @property
    def quartz(self) -> QuartzPort:
        """Quartz' job store."""
        ...

    async def try_advisory_lock(self, name: str) -> AdvisoryLock | None:
        """pg_try_advisory_lock on the worker's session; None where another session holds it."""
        ...

    @gives_up
    async def advisory_unlock(self, lock: AdvisoryLock) -> bool:
        """pg_advisory_unlock. False where that session has ended, and the lock with it."""
        ...

    async def enqueue(self, job: str, due: float) -> bool:
        """Insert the run, unique by (job, due). False where it was there already."""
        ...

    async def claim(self) -> Claim | None:
        """Lock the oldest open run that nobody has locked (FOR UPDATE SKIP LOCKED).

        The transaction stays open, on a connection of its own, until `complete` or `give_back`.
        """
        ...

    @gives_up
    async def complete(self, claim: Claim) -> bool:
        """Mark the claimed run as done and commit. False where its session has ended before."""
        ...

    @gives_up
    async def give_back(self, claim: Claim) -> None:
        """Roll back: the run is open for others again."""
        ...
