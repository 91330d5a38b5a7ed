"""Partitioned jobs: each belongs to the member that a hash of its name gives it to."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal

from harness.approaches.approach import Approach
from harness.coordinators.errors import CoordinatorError, Unavailable
from harness.coordinators.zookeeper.port import NodeExists, SessionState, ZooKeeperPort
from harness.history.kinds import OF_LEASES
from harness.scenario.duration import PositiveSeconds
from harness.worker.schedule import Due
from harness.worker.worker import Lease, Worker

_MEMBERS = "/members"

Owned = dict[str, Lease]
"""The jobs that a member takes for its own, each with the lease that stands for it."""


@dataclass(frozen=True, kw_only=True)
class ConsistentHash(Approach[ZooKeeperPort]):
    """Each instance is an ephemeral node, and runs the jobs that rendezvous hashing gives it.

    Source: Thaler and Ravishankar, "A name-based mapping scheme for rendezvous", 1996: a job is
    the member's whose hash with it is highest, so that who comes or goes moves only its own jobs,
    one in so many as there are members. No job or run is ever asked for. When a member dies, its
    jobs stand still until its session expired: `session_timeout` (default 2s) after its last
    heartbeat, to the server's tick; what was due meanwhile is missed. While members come and go,
    what they see differs for a moment, and a run goes on when its job moves: two may run a job at
    once. `on_suspended: stop` (the default) gives all jobs up when the connection is gone;
    `ignore` keeps them until the server says that the session ended, while others run them too.
    """

    coordinator = "zookeeper"

    session_timeout: PositiveSeconds = 2.0
    on_suspended: Literal["stop", "ignore"] = "stop"

    @property
    def exclusive(self) -> bool:
        """Not while members come and go."""
        return False

    @property
    def lease_events(self) -> frozenset[str]:
        """A member takes its jobs, and nobody denies them."""
        return OF_LEASES - {"lease.denied"}

    async def run(self, worker: Worker[ZooKeeperPort]) -> None:
        """Run what is due of our jobs; be a member to the end."""
        owned: Owned = {}
        async with asyncio.TaskGroup() as tasks:
            following = tasks.create_task(self._follow_members(worker, owned))
            minding = tasks.create_task(self._mind_session(worker, owned))
            async with asyncio.TaskGroup() as runs:
                async for due in worker.due_runs():
                    if due.job in owned:
                        runs.create_task(_run(worker, due, owned[due.job]))
            following.cancel()
            minding.cancel()
        for lease in owned.values():
            worker.released(lease)
        with suppress(CoordinatorError):
            await worker.port.delete(_node(worker))

    async def _follow_members(self, worker: Worker[ZooKeeperPort], owned: Owned) -> None:
        """Join, and share the jobs anew whenever somebody comes or goes."""
        while True:
            try:
                members, changed = await self._look(worker)
            except CoordinatorError:
                await asyncio.sleep(self.session_timeout / 20)
                continue
            if not changed.is_set():
                _share(worker, owned, members)
            await changed.wait()

    async def _look(self, worker: Worker[ZooKeeperPort]) -> tuple[list[str], asyncio.Event]:
        """Who is there, with us among them, and what tells of a change."""
        while worker.port.state is SessionState.CONNECTED:
            seen = await worker.port.watch_children(_MEMBERS)
            if seen is not None and worker.identity in seen[0]:
                return seen
            with suppress(NodeExists):
                await worker.port.create(_node(worker), ephemeral=True)
        raise Unavailable("no connection")

    async def _mind_session(self, worker: Worker[ZooKeeperPort], owned: Owned) -> None:
        """Without a session we are no member; without a connection we do not know."""
        ends = {SessionState.LOST}
        if self.on_suspended == "stop":
            ends.add(SessionState.SUSPENDED)
        async for state in worker.port.states():
            if state in ends:
                for lease in owned.values():
                    worker.lost(lease)
                owned.clear()

    def connection(self) -> dict[str, float]:
        """The session's timeout is the client's to ask for."""
        return {"session_timeout": self.session_timeout}


def owner(job: str, members: Iterable[str]) -> str:
    """The member whose hash with the job is highest; the same for all who see the same members."""
    return max(members, key=lambda member: _weight(member, job))


async def _run(worker: Worker[ZooKeeperPort], due: Due, lease: Lease) -> None:
    """Run it, unless the job was lost since it became due: after a pause both come at once."""
    if not lease.lost.is_set():
        await worker.execute(due, lease)


def _share(worker: Worker[ZooKeeperPort], owned: Owned, members: Iterable[str]) -> None:
    """Take what is ours among these members, and give up what is not."""
    for job in worker.jobs:
        ours = owner(job, members) == worker.identity
        if ours and job not in owned:
            owned[job] = worker.lease(job, job=job)
            worker.requested(owned[job])
            worker.granted(owned[job], handle=worker.port.session)
        elif not ours and job in owned:
            worker.released(owned.pop(job))


def _weight(member: str, job: str) -> bytes:
    # Not hash(), which is another one in each process.
    return blake2b(f"{member}/{job}".encode(), digest_size=8).digest()


def _node(worker: Worker[ZooKeeperPort]) -> str:
    return f"{_MEMBERS}/{worker.identity}"
