"""A ZooKeeper of our own: one server, or an ensemble."""

from __future__ import annotations

import asyncio
import re
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil

from harness.coordinators.members import Member, OwnNodes, together
from harness.coordinators.processes import state
from harness.coordinators.server import Launcher, Node, ServerError
from harness.coordinators.starting import HOST, ask, free_ports
from harness.coordinators.zookeeper.configuration import JVM, MAIN, Peer, configure
from harness.coordinators.zookeeper.server import AnyZooKeeper
from harness.scenario.model import Layout

_POLL = 0.02
_PATIENCE = 30.0
_MODE = re.compile(rb"Mode: (\w+)")


class ZooKeeperServer(OwnNodes, AnyZooKeeper):
    """Servers of our own, their data in the launcher's directory.

    Started again after they ended, they come back at the same ports with the same data.
    """

    def __init__(
        self,
        java: Path,
        classpath: str,
        source: str,
        layout: Layout = Layout(),  # noqa: B008
    ) -> None:
        OwnNodes.__init__(self)
        AnyZooKeeper.__init__(self, source)
        self._java = java
        self._classpath = classpath
        self._layout = layout
        self._peers: dict[str, Peer] = {}
        self._namespaces: set[str] = set()

    async def start(self, launcher: Launcher) -> None:
        """Start all and wait until each serves requests."""
        if self._layout.replicas:
            raise ServerError("zookeeper: an ensemble is made of nodes, it has no replicas")
        await self.stop()
        members = self._make_members(launcher, self._layout.nodes)
        if not self._peers:
            self._give_ports(members)
        try:
            await together(*(self._launch(member) for member in members))
        except BaseException:
            await self.stop()
            raise
        await self._learn_version()

    async def create_namespace(self, namespace: str) -> None:
        """Make the trial's root node."""
        await super().create_namespace(namespace)
        self._namespaces.add(namespace)

    async def drop_namespace(self, namespace: str) -> None:
        """Delete the trial's root node and all below it."""
        await super().drop_namespace(namespace)
        self._namespaces.discard(namespace)

    async def leader(self) -> str:
        """The ensemble's leader, or the single server."""
        running = self._running()
        modes = await asyncio.gather(*(self._mode(member) for member in running))
        for member, mode in zip(running, modes, strict=True):
            if mode in ("leader", "standalone"):
                return member.name
        raise ServerError("no ZooKeeper server leads")

    async def restart(self, node: str, keep_data: bool) -> None:
        """Start it again; it serves as soon as most of the ensemble run."""
        member = self._down(node)
        if not keep_data:
            shutil.rmtree(member.directory / "data", ignore_errors=True)
        await self._launch(member)
        if not keep_data and await self._mode(member) is not None:
            # Where all are empty; of others it gets what they have.
            for namespace in self._namespaces:
                await self._ensure(self._root(namespace))

    async def fail_over(self, lag: float, crashed: Callable[[], None]) -> str:
        """Kill the leader; who leads then. Nothing is lost: most have what was acknowledged."""
        leader = await self.leader()
        others = len(self._running()) - 1
        if not self._is_quorum(others):
            raise ServerError(f"without {leader} there is no majority that could elect another")
        crashed()
        await self.kill(leader)
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                elected = await self.leader()
                await self._admin(_write)
                return elected
            except ServerError:
                if time.monotonic() > deadline:
                    raise
            await asyncio.sleep(_POLL)

    async def shift_clock(self, node: str, seconds: float) -> None:
        """Refused: sessions are counted by the JVM's monotonic clock, which does not jump."""
        raise ServerError(f"{node}: ZooKeeper's sessions do not depend on the time of day")

    def _reachable(self) -> Sequence[Node]:
        running = self._running()
        if not running:
            raise ServerError("no ZooKeeper server is running")
        moving = [one for one in running if state(one.pid or 0) != psutil.STATUS_STOPPED]
        return [one.node for one in moving or running]

    def _is_quorum(self, count: int) -> bool:
        return 2 * count > len(self._members)

    def _give_ports(self, members: Sequence[Member]) -> None:
        if len(members) == 1:
            self._peers[members[0].name] = Peer(1, 0, 0)
            return
        # All must be known before the first one starts.
        ports = iter(free_ports(3 * len(members)))
        for number, member in enumerate(members, start=1):
            member.port = next(ports)
            self._peers[member.name] = Peer(number, next(ports), next(ports))

    async def _launch(self, member: Member) -> None:
        data = member.directory / "data"
        configuration = member.directory / "zoo.cfg"
        own, peers = self._peers[member.name], list(self._peers.values())

        def command(port: int) -> Sequence[str]:
            configuration.write_text(configure(data, port, peers, own))
            return [str(self._java), *JVM, "-cp", self._classpath, MAIN, str(configuration)]

        async def is_up(port: int) -> bool:
            # A connection that is made between bind and accept is never answered: ask again soon.
            reply = await ask(HOST, port, b"conf", 0.1, whole=True)
            serves = f"dataDir={data}".encode() in reply
            return serves or (bool(reply) and not self._is_quorum(len(self._running())))

        await member.start(command, is_up)

    async def _mode(self, member: Member) -> str | None:
        """What it is in its ensemble; None where it serves nobody."""
        reply = await ask(HOST, member.node.port, b"srvr", 1.0, whole=True)
        mode = _MODE.search(reply)
        return mode[1].decode() if mode else None

    async def _ensure(self, path: str) -> None:
        await self._admin(lambda client: client.ensure_path(path))


def _write(client: Any) -> None:
    """A write that leaves nothing behind."""
    client.create("/failover-", ephemeral=True, sequence=True)
