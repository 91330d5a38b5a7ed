"""Leader election in ZooKeeper."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

from harness.approaches.approach import Grant
from harness.approaches.leader import Leader
from harness.coordinators.errors import CoordinatorError, Unavailable
from harness.coordinators.zookeeper.port import NodeExists, SessionState, ZooKeeperPort
from harness.scenario.duration import PositiveSeconds
from harness.worker.schedule import Due
from harness.worker.worker import Lease, Worker

_ELECTION = "/election"


@dataclass(frozen=True, kw_only=True)
class ZooKeeperLeader(Leader[ZooKeeperPort]):
    """The holder of the lowest ephemeral sequential node leads; each waits for the one before it.

    Source: ZooKeeper's recipe of leader election. When the leader dies, the next takes over once
    its session expired: `session_timeout` (default 2s) after its last heartbeat, to the server's
    tick. `on_suspended: step_down` (the default, as Curator's LeaderLatch) stops leading as soon
    as the connection is gone; `ignore` leads on until the server says that the session ended,
    which a leader that is cut off cannot hear, so that two lead at once.
    """

    coordinator = "zookeeper"
    fenced = True

    session_timeout: PositiveSeconds = 2.0
    on_suspended: Literal["step_down", "ignore"] = "step_down"

    async def elect(self, worker: Worker[ZooKeeperPort]) -> Grant:
        """Stand, and stand again after whatever went wrong."""
        while True:
            try:
                return await self._stand(worker)
            except CoordinatorError:
                # To the end, even when asked to stop: whoever runs us ends the campaign then.
                await asyncio.sleep(self.session_timeout / 20)

    async def _stand(self, worker: Worker[ZooKeeperPort]) -> Grant:
        while True:
            queue = await self._candidates(worker)
            own = next((name for name in queue if _is_ours(name, worker)), None)
            if own is None:
                # Found by its prefix next time, should the answer to this request be lost.
                path = f"{_ELECTION}/{worker.identity}-"
                await worker.port.create(path, ephemeral=True, sequential=True)
                continue
            if own == queue[0]:
                node = await worker.port.get(f"{_ELECTION}/{own}")
                if node is None:
                    continue
                return Grant(handle=worker.port.session, fence=node.czxid)
            predecessor = queue[queue.index(own) - 1]
            changed = await worker.port.watch(f"{_ELECTION}/{predecessor}")
            if changed is not None:
                await changed.wait()

    async def serve(self, worker: Worker[ZooKeeperPort], lease: Lease) -> None:
        """Lead while the session is known to live, or not known to have ended."""
        ends = {SessionState.LOST}
        if self.on_suspended == "step_down":
            ends.add(SessionState.SUSPENDED)
        states = worker.port.states()
        state = worker.port.state
        while state not in ends and worker.port.session == lease.handle:
            state = await anext(states)

    async def resign(self, worker: Worker[ZooKeeperPort]) -> None:
        """Delete our node; the end of the session does it otherwise."""
        with suppress(CoordinatorError):
            for name in await self._candidates(worker):
                if _is_ours(name, worker):
                    await worker.port.delete(f"{_ELECTION}/{name}")

    async def last_run(self, worker: Worker[ZooKeeperPort], job: str) -> float | None:
        """Read the job's mark."""
        node = await worker.port.get(_mark(job))
        return None if node is None else float(node.value)

    async def note_run(self, worker: Worker[ZooKeeperPort], due: Due) -> None:
        """Write the job's mark."""
        if not await worker.port.set(_mark(due.job), repr(due.at)):
            with suppress(NodeExists):
                await worker.port.create(_mark(due.job), repr(due.at))

    def connection(self) -> dict[str, float]:
        """The session's timeout is the client's to ask for."""
        return {"session_timeout": self.session_timeout}

    async def _candidates(self, worker: Worker[ZooKeeperPort]) -> list[str]:
        if worker.port.state is not SessionState.CONNECTED:
            raise Unavailable("no connection")
        return sorted(await worker.port.children(_ELECTION), key=lambda name: name[-10:])


def _is_ours(candidate: str, worker: Worker[ZooKeeperPort]) -> bool:
    return candidate[:-10] == f"{worker.identity}-"


def _mark(job: str) -> str:
    return f"/ran/{quote(job, safe='')}"
