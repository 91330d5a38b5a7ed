"""A Postgres of our own: one server, or a primary with standbys that the harness may promote."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

from harness.coordinators.members import Member, OwnNodes, together
from harness.coordinators.postgres import replication
from harness.coordinators.postgres.data import DataDirectory
from harness.coordinators.postgres.server import AnyPostgres
from harness.coordinators.server import Launcher, Node, ServerError
from harness.coordinators.starting import HOST
from harness.scenario.model import Layout

_POLL = 0.005
_PATIENCE = 30.0
_PROBE = 1.0


class PostgresServer(OwnNodes, AnyPostgres):
    """Clusters of our own in the launcher's directory, for anyone on the loopback address.

    `programs` is the folder of postgres and initdb. Started again after they ended, they come back
    at the same ports with the same data. Nobody takes over from a primary but by `fail_over`.
    """

    ending = signal.SIGQUIT

    def __init__(self, programs: Path, source: str, layout: Layout = Layout()) -> None:  # noqa: B008
        OwnNodes.__init__(self)
        AnyPostgres.__init__(self, source)
        self._programs = programs
        self._layout = layout
        self._leader = "postgres-1"
        self._data: dict[str, DataDirectory] = {}
        self._namespaces: dict[str, None] = {}
        # Standbys whose data are not those of a primary that they could follow.
        self._strayed: set[str] = set()

    async def start(self, launcher: Launcher) -> None:
        """Make the data where there are none yet, start all and wait until they can be used."""
        if self._layout.nodes > 1:
            raise ServerError("postgres: more servers are replicas, it has no other nodes")
        await self.stop()
        members = self._make_members(launcher, 1 + self._layout.replicas)
        self._data = {one.name: DataDirectory(one, self._programs) for one in members}
        try:
            await self._start_primary()
            standbys = [one for one in members if one.name != self._leader]
            await together(*(self._start_standby(one) for one in standbys))
        except BaseException:
            await self.stop()
            raise

    async def create_namespace(self, namespace: str) -> None:
        """Make the trial's schema with its tables."""
        await super().create_namespace(namespace)
        self._namespaces[namespace] = None

    async def drop_namespace(self, namespace: str) -> None:
        """Drop the trial's schema, and end the sessions that still use it."""
        await super().drop_namespace(namespace)
        self._namespaces.pop(namespace, None)

    async def leader(self) -> str:
        """The primary, if it answers."""
        node = self._primary()
        if not await self.answers(node.host, node.port, _PROBE):
            raise ServerError(f"{node.name}, which is the primary, does not answer")
        return node.name

    async def restart(self, node: str, keep_data: bool) -> None:
        """Start it again: it recovers from its log, or is new.

        A standby has what the primary has, as has a former primary after a failover.
        """
        member = self._down(node)
        if node != self._leader:
            if not keep_data:
                self._strayed.add(node)
            await self._start_standby(member)
        elif keep_data:
            await self._start_primary()
        else:
            await self._begin_anew()

    async def fail_over(self, lag: float, crashed: Callable[[], None]) -> str:
        """Kill the primary after `lag` s in which nothing got to its standbys; promote one.

        Where lag is 0 it has what was committed before the call.
        """
        old = self._member(self._leader)
        standbys = [one for one in self._running() if one is not old]
        if not old.is_running or not standbys:
            raise ServerError(f"{old.name} has no standby that could take over")
        async with self._connected(old.node) as primary:
            for one in standbys:
                await self._catch_up(one, await replication.written(primary))
            async with AsyncExitStack() as stack:
                if lag:
                    await stack.enter_async_context(replication.standing_still(primary))
                await asyncio.sleep(lag)
                crashed()
                await old.kill()
        new = await self._most_advanced(standbys)
        async with self._connected(new.node) as standby:
            await replication.promote(standby)
        self._leader = new.name
        self._strayed.add(old.name)
        for one in standbys:
            if one is not new:
                self._data[one.name].follow(new.node.port)
                async with self._connected(one.node) as other:
                    await other.execute("select pg_reload_conf()")
        return new.name

    async def shift_clock(self, node: str, seconds: float) -> None:
        """Refused: nothing in Postgres expires, and its clock is the machine's."""
        raise ServerError(f"{node}: Postgres has no clock of its own that could jump")

    def _primary(self) -> Node:
        member = self._member(self._leader)
        if not member.is_running:
            raise ServerError(f"{member.name}, which is the primary, is not running")
        return member.node

    async def _begin_anew(self) -> None:
        """A new cluster, which has the namespaces; running standbys copy it."""
        running = self._running()
        self._data[self._leader].wipe()
        self._strayed |= self._members.keys() - {self._leader}
        await self._start_primary()
        for namespace in self._namespaces:
            await super().create_namespace(namespace)
        for member in running:
            await member.kill()
            await self._start_standby(member)

    async def _start_primary(self) -> None:
        data = self._data[self._leader]
        if not data.path.exists():
            await data.make_new()
        await self._launch(data)

    async def _start_standby(self, member: Member) -> None:
        data, primary = self._data[member.name], self._member(self._leader)
        if member.name in self._strayed:
            data.wipe()
        if data.path.exists():
            data.follow(primary.node.port)
        else:
            # They may be started side by side.
            await _until(self._answering(primary), f"{primary.name} is not there to be copied")
            await data.copy(primary.node.port)
            self._strayed.discard(member.name)
        await self._launch(data)

    async def _launch(self, data: DataDirectory) -> None:
        await data.member.start(
            data.server, lambda port: self._is_up(port, data.path), user=data.user
        )

    async def _is_up(self, port: int, data: Path) -> bool:
        if not await self.answers(HOST, port, 0.5):
            return False
        try:
            async with self._connected(Node("", HOST, port)) as connection:
                row = await (await connection.execute("show data_directory")).fetchone()
                self._learn_version(connection)
        except ServerError:
            return False
        return row is not None and row[0] == str(data)

    def _answering(self, member: Member) -> Callable[[], Awaitable[bool]]:
        async def is_answering() -> bool:
            return member.is_running and await self._is_up(
                member.node.port, self._data[member.name].path
            )

        return is_answering

    async def _catch_up(self, standby: Member, position: str) -> None:
        async with self._connected(standby.node) as connection:
            caught_up = partial(replication.has_received, connection, position)
            await _until(caught_up, f"{standby.name} lags behind {self._leader}")

    async def _most_advanced(self, standbys: Sequence[Member]) -> Member:
        positions = []
        for one in standbys:
            async with self._connected(one.node) as connection:
                positions.append(await replication.received(connection))
        return standbys[positions.index(max(positions))]


async def _until(condition: Callable[[], Awaitable[bool]], trouble: str) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not await condition():
        if time.monotonic() > deadline:
            raise ServerError(f"postgres: {trouble} after {_PATIENCE:g} s")
        await asyncio.sleep(_POLL)
