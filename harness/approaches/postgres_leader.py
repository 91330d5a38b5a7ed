"""Leader election in Postgres: a row that says who leads, and until when."""

from __future__ import annotations

import asyncio
import math
from contextlib import suppress
from dataclasses import dataclass

from harness.approaches.approach import Grant
from harness.approaches.leader import Leader
from harness.approaches.renewal import renew_until_lost
from harness.coordinators.errors import CoordinatorError
from harness.coordinators.postgres.leader_row.port import HANDLE
from harness.coordinators.postgres.port import PostgresPort
from harness.scenario.duration import PositiveSeconds, Seconds, format_duration
from harness.worker.schedule import Due
from harness.worker.worker import Lease, Worker


@dataclass(frozen=True, kw_only=True)
class PostgresLeader(Leader[PostgresPort]):
    """Whoever takes the row leads for `ttl` by the database's clock, and renews it every ttl/3.

    Source: River's elector. Standbys ask every `poll` (default 500ms): when the leader dies, one
    of them follows within `ttl` (default 2s) and `poll`. The row's epoch grows with each leader
    and is the fencing token. With `self_fence` a leader starts nothing more once `ttl` less
    `margin` (default 200ms) have passed since it sent the last request that was answered (Gray and
    Cheriton, 1989), so that no two lead at once; what it runs by then may go on. Without, it leads
    on until it is told that it does not, which a leader that is cut off cannot hear.
    """

    coordinator = "postgres"
    fenced = True

    ttl: PositiveSeconds = 2.0
    poll: PositiveSeconds = 0.5
    self_fence: bool = True
    margin: Seconds = 0.2

    def __post_init__(self) -> None:
        if self.self_fence and self.ttl / 3 + self.margin >= self.ttl:
            ttl, margin = format_duration(self.ttl), format_duration(self.margin)
            raise ValueError(
                "ttl must be more than 1.5 times the margin, or a term ends before its first"
                f" renewal, not {ttl} with a margin of {margin}"
            )

    async def elect(self, worker: Worker[PostgresPort]) -> Grant:
        """Try to take the row, again and again."""
        while True:
            sent = worker.clock.now()
            with suppress(CoordinatorError):
                epoch = await worker.port.leader_row.elect(worker.identity, self.ttl)
                until = self._until(sent)
                # What was granted so long ago that it is over grants nothing.
                if epoch is not None and worker.clock.now() < until:
                    return Grant(handle=HANDLE, fence=epoch, until=until)
            # To the end, even when asked to stop: whoever runs us ends the campaign then.
            await asyncio.sleep(self.poll)

    async def serve(self, worker: Worker[PostgresPort], lease: Lease) -> None:
        """Renew; lead until somebody else is known to, or until we can no longer know."""
        epoch = lease.fence or 0
        margin = self.margin if self.self_fence else None

        async def renew() -> bool:
            return await worker.port.leader_row.renew(worker.identity, epoch, self.ttl)

        await renew_until_lost(worker, lease, self.ttl, renew, margin)

    async def resign(self, worker: Worker[PostgresPort]) -> None:
        """Free the row; it expires otherwise."""
        with suppress(CoordinatorError):
            await worker.port.leader_row.resign(worker.identity)

    async def last_run(self, worker: Worker[PostgresPort], job: str) -> float | None:
        """Read the job's mark."""
        return await worker.port.leader_row.last_run(job)

    async def note_run(self, worker: Worker[PostgresPort], due: Due) -> None:
        """Write the job's mark."""
        await worker.port.leader_row.note_run(due.job, due.at)

    def _until(self, sent: float) -> float:
        return sent + self.ttl - self.margin if self.self_fence else math.inf
