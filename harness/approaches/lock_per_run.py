"""Lock per run: every instance's timer fires, each tries the lock, losers skip."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from harness.approaches.approach import Approach, Grant
from harness.coordinators.errors import CoordinatorError, Indeterminate, Unavailable
from harness.history.kinds import OF_LEASES
from harness.worker.schedule import Due
from harness.worker.worker import Lease, OnLost, PortT, Worker


@dataclass(frozen=True, kw_only=True)
class LockPerRun(Approach[PortT]):
    """The loop that lock approaches share.

    `key: job` locks the job and releases at the end of the run: no two runs of a job at once, but
    an instance whose clock is late by more than the run's length finds the lock free and runs
    the due time again. `key: run` locks (job, due time) and leaves it locked, so that nobody runs
    that due time again; two due times of a job may then run at once.
    """

    key: Literal["job", "run"] = "job"

    @property
    def exclusive(self) -> bool:
        """Only where the lock is the job's."""
        return self.key == "job"

    @property
    def lease_events(self) -> frozenset[str]:
        """Of the lock of a run nothing more is heard once it is granted."""
        return OF_LEASES if self.key == "job" else OF_LEASES - {"lease.released", "lease.lost"}

    async def run(self, worker: Worker[PortT]) -> None:
        """Try the lock of all that is due."""
        async with asyncio.TaskGroup() as attempts:
            async for due in worker.due_runs():
                attempts.create_task(self._attempt(worker, due))

    @abstractmethod
    async def acquire(self, worker: Worker[PortT], lease: Lease) -> Grant | None:
        """Try once; None where somebody else holds it."""

    @abstractmethod
    async def release(self, worker: Worker[PortT], lease: Lease) -> bool:
        """Give it up. False where it turns out to have been lost before."""

    async def hold(self, worker: Worker[PortT], due: Due, lease: Lease) -> None:
        """Run the job under the lock."""
        await worker.execute(due, lease)

    async def undo(self, worker: Worker[PortT], lease: Lease) -> None:
        """Clean up after an attempt of which nobody knows whether it took the lock."""

    async def _attempt(self, worker: Worker[PortT], due: Due) -> None:
        lease = worker.lease(due.job if self.key == "job" else str(due), due=due)
        worker.requested(lease)
        try:
            grant = await self.acquire(worker, lease)
        except Unavailable:
            grant = None
        except Indeterminate:
            worker.denied(lease)
            await self.undo(worker, lease)
            return
        if grant is None:
            worker.denied(lease)
            return
        worker.granted(lease, grant.handle, grant.fence)
        await self.hold(worker, due, lease)
        if self.key == "job":
            await self._give_up(worker, lease)

    async def _give_up(self, worker: Worker[PortT], lease: Lease) -> None:
        worker.released(lease)
        with suppress(CoordinatorError):
            if not await self.release(worker, lease):
                worker.lost(lease)


@dataclass(frozen=True, kw_only=True)
class KeptLock(LockPerRun[PortT]):
    """A lock whose holder can learn in the middle of its run that it lost it.

    `on_lost` is what the run does then.
    """

    on_lost: OnLost = "finish"

    @property
    def lease_events(self) -> frozenset[str]:
        """It may be lost whatever it is for; that of a run is not released."""
        return OF_LEASES if self.key == "job" else OF_LEASES - {"lease.released"}

    @abstractmethod
    async def keep(self, worker: Worker[PortT], lease: Lease) -> None:
        """What goes on beside the run while the lock is held: renewing it, watching over it."""

    async def hold(self, worker: Worker[PortT], due: Due, lease: Lease) -> None:
        """Run the job under the lock, and keep the lock."""
        keeping = asyncio.create_task(self.keep(worker, lease))
        try:
            await worker.execute(due, lease, self.on_lost)
        finally:
            keeping.cancel()
            with suppress(asyncio.CancelledError):
                await keeping
