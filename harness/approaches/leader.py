"""Leader: one long-lived lease; only its holder runs what is due."""

from __future__ import annotations

import asyncio
import math
from abc import abstractmethod
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal

from harness.approaches.approach import Approach, Grant
from harness.coordinators.errors import CoordinatorError
from harness.history.kinds import OF_LEASES
from harness.scenario.model import Job
from harness.worker.schedule import Due, due_between
from harness.worker.worker import Lease, OnLost, PortT, Worker


@dataclass(eq=False)
class Term:
    """An instance's time in office: its lease while it leads, what it has run, and noted last."""

    lease: Lease | None = None
    ran: set[Due] = field(default_factory=set)
    noted: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Leader(Approach[PortT]):
    """The loop that leader approaches share.

    `catch_up` is what a new leader does about due times that nobody ran: `none`, run the `latest`
    of each job, or run `all` of them. `on_lost` is what a run does when leadership is lost.
    """

    catch_up: Literal["none", "latest", "all"] = "none"
    on_lost: OnLost = "finish"

    @property
    def lease_events(self) -> frozenset[str]:
        """Nobody is denied leadership: it is waited for."""
        return OF_LEASES - {"lease.denied"}

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
            lease.until = grant.until
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
        if worker.clock.now() >= term.lease.until:
            # After a pause this may come before what ends the term.
            return
        term.ran.add(due)
        runs.create_task(self._run(worker, due, term, term.lease))

    async def _run(self, worker: Worker[PortT], due: Due, term: Term, lease: Lease) -> None:
        if lease.lost.is_set():
            # Since it became due: after a pause both come at once. The next gap may hold it.
            term.ran.discard(due)
            return
        # Marks only ever move on, though a gap is run while new due times are.
        if self.catch_up != "none" and due.at > term.noted.get(due.job, -math.inf):
            term.noted[due.job] = due.at
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
        for missing in filter(None, gap):
            runs.create_task(self._run_in_order(worker, missing, term, lease))

    async def _run_in_order(
        self, worker: Worker[PortT], missing: list[Due], term: Term, lease: Lease
    ) -> None:
        """Run a job's gap, one after the other; what becomes due meanwhile belongs to it."""
        job = worker.jobs[missing[0].job]
        while missing:
            for due in missing:
                if worker.stopping.is_set() or lease.lost.is_set():
                    return
                if due not in term.ran:
                    term.ran.add(due)
                    await self._run(worker, due, term, lease)
            missing = self._to_catch_up(job, missing[-1].at, worker.clock.own())

    def _to_catch_up(self, job: Job, after: float, until: float) -> list[Due]:
        missing = due_between(job, after, until)
        return missing if self.catch_up == "all" else missing[-1:]

    async def _gap(self, worker: Worker[PortT], elected: float) -> list[list[Due]]:
        """Each job's due times since its last noted run, as far as we are to catch up.

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
        return [self._to_catch_up(job, marks[job.name], now) for job in worker.jobs.values()]
