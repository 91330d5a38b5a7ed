"""Leader: one long-lived lease; only its holder runs what is due."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal

from harness.approaches.approach import Approach, Grant
from harness.coordinators.errors import CoordinatorError
from harness.worker.schedule import Due, due_between
from harness.worker.worker import Lease, OnLost, PortT, Worker


@dataclass(eq=False)
class Term:
    """An instance's time in office: its lease while it leads, and what it has run."""

    lease: Lease | None = None
    ran: set[Due] = field(default_factory=set)


@dataclass(frozen=True, kw_only=True)
class Leader(Approach[PortT]):
    """The loop that leader approaches share.

    `catch_up` is what a new leader does about due times that nobody ran: `none`, run the `latest`
    of each job, or run `all` of them. `on_lost` is what a run does when leadership is lost.
    """

    catch_up: Literal["none", "latest", "all"] = "none"
    on_lost: OnLost = "finish"

    async def run(self, worker: Worker[PortT]) -> None:
        """Stand for election all along; while elected, run what is due."""
        term = Term()
        async with asyncio.TaskGroup() as tasks:
            async with asyncio.TaskGroup() as runs:
                campaign = tasks.create_task(self._campaign(worker, term, runs))
                async for due in worker.due_runs():
                    self._fire(worker, due, term, runs)
            campaign.cancel()
        if term.lease is not None:
            worker.released(term.lease)
        await self.resign(worker)

    @abstractmethod
    async def elect(self, worker: Worker[PortT]) -> Grant:
        """Wait to be elected, for as long as it takes."""

    @abstractmethod
    async def serve(self, worker: Worker[PortT], lease: Lease) -> None:
        """Hold on to leadership; return when it is over, or can no longer be known."""

    @abstractmethod
    async def resign(self, worker: Worker[PortT]) -> None:
        """Withdraw, elected or not."""

    @abstractmethod
    async def last_run(self, worker: Worker[PortT], job: str) -> float | None:
        """The due time that a leader noted last for the job."""

    @abstractmethod
    async def note_run(self, worker: Worker[PortT], due: Due) -> None:
        """Note for the leaders to come that this due time is being run."""

    async def _campaign(self, worker: Worker[PortT], term: Term, runs: asyncio.TaskGroup) -> None:
        while True:
            lease = worker.lease("leader")
            worker.requested(lease)
            grant = await self.elect(worker)
            worker.granted(lease, grant.handle, grant.fence)
            if self.catch_up == "none" or worker.stopping.is_set():
                term.lease = lease
            else:
                runs.create_task(self._catch_up(worker, term, lease, runs))
            await self.serve(worker, lease)
            term.lease = None
            worker.lost(lease)

    def _fire(self, worker: Worker[PortT], due: Due, term: Term, runs: asyncio.TaskGroup) -> None:
        """Run it if we lead, and only once: what is due just now may be in the gap too."""
        if term.lease is None or due in term.ran:
            return
        term.ran.add(due)
        runs.create_task(self._run(worker, due, term.lease))

    async def _run(self, worker: Worker[PortT], due: Due, lease: Lease) -> None:
        if self.catch_up != "none":
            with suppress(CoordinatorError):
                await self.note_run(worker, due)
        await worker.execute(due, lease, self.on_lost)

    async def _catch_up(
        self, worker: Worker[PortT], term: Term, lease: Lease, runs: asyncio.TaskGroup
    ) -> None:
        """Begin the term with the gap before it; our own marks would hide it if we ran before."""
        gap = await self._gap(worker, worker.clock.own())
        if lease.lost.is_set():
            return
        term.lease = lease
        for due in gap:
            if not worker.stopping.is_set():
                self._fire(worker, due, term, runs)

    async def _gap(self, worker: Worker[PortT], elected: float) -> list[Due]:
        """The due times since the last noted run of each job, as far as we are to catch up.

        Where none is known, those since the election.
        """
        marks = dict.fromkeys(worker.jobs, elected)
        for name in worker.jobs:
            with suppress(CoordinatorError):
                last = await self.last_run(worker, name)
                if last is not None:
                    marks[name] = last
        # Not before all marks are read: until then, whatever becomes due belongs to the gap.
        now = worker.clock.own()
        gap: list[Due] = []
        for job in worker.jobs.values():
            missing = due_between(job, marks[job.name], now)
            gap += missing if self.catch_up == "all" else missing[-1:]
        return gap
