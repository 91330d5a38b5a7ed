"""A lock per run in ZooKeeper: an ephemeral node."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import quote

from harness.approaches.approach import Grant
from harness.approaches.lock_per_run import KeptLock
from harness.coordinators.errors import CoordinatorError
from harness.coordinators.zookeeper.port import NodeExists, SessionState, ZooKeeperPort
from harness.scenario.duration import PositiveSeconds
from harness.worker.worker import Lease, Worker


@dataclass(frozen=True, kw_only=True)
class ZooKeeperLock(KeptLock[ZooKeeperPort]):
    """Create the job's ephemeral node before each run, delete it after it.

    Source: ZooKeeper's recipe of a lock, without its queue, as losers skip. The lock lives as long
    as the session: for `session_timeout` (default 2s) after the server last heard from its holder.
    The node's czxid is its fencing token. A holder that is paused or cut off for longer learns of
    it only afterwards, and two run at once. With `key: run` the node stays until the session ends.
    """

    coordinator = "zookeeper"
    fenced = True

    session_timeout: PositiveSeconds = 2.0

    async def acquire(self, worker: Worker[ZooKeeperPort], lease: Lease) -> Grant | None:
        """Create the node; it being there means that somebody else holds the lock."""
        try:
            node = await worker.port.create(_path(lease), lease.id, ephemeral=True)
        except NodeExists:
            return None
        return Grant(handle=worker.port.session, fence=node.czxid)

    async def keep(self, worker: Worker[ZooKeeperPort], lease: Lease) -> None:
        """The end of the session is the end of the lock."""
        states = worker.port.states()
        state = worker.port.state
        while state is not SessionState.LOST:
            state = await anext(states)
        worker.lost(lease)

    async def release(self, worker: Worker[ZooKeeperPort], lease: Lease) -> bool:
        """Delete the node, if it is ours. Until it is known to be gone, our session keeps it."""
        deleted = False
        while True:
            try:
                node = await worker.port.get(_path(lease))
                if node is None or node.value != lease.id:
                    return deleted
                deleted = True
                return await worker.port.delete(node.path)
            except CoordinatorError:
                if worker.stopping.is_set():
                    raise
                await worker.sleep(self.session_timeout / 10)

    async def undo(self, worker: Worker[ZooKeeperPort], lease: Lease) -> None:
        """As release: a node that we may have created would block the job for our whole life."""
        with suppress(CoordinatorError):
            await self.release(worker, lease)

    def connection(self) -> dict[str, float]:
        """The session's timeout is the client's to ask for."""
        return {"session_timeout": self.session_timeout}


def _path(lease: Lease) -> str:
    return f"/locks/{quote(lease.resource, safe='')}"
