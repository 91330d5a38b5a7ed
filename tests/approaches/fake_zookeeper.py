"""ZooKeeper in memory: nodes, sessions, watches."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import count

from harness.coordinators.zookeeper.port import Node, NodeExists, SessionState
from tests.approaches.link import Link, Trouble


@dataclass
class _Stored:
    node: Node
    owner: str | None


class Ensemble:
    """The server."""

    def __init__(self) -> None:
        self.nodes: dict[str, _Stored] = {}
        self.watches: defaultdict[str, list[asyncio.Event]] = defaultdict(list)
        self.child_watches: defaultdict[str, list[asyncio.Event]] = defaultdict(list)
        self._zxid = count(1)
        self._sequence = count()
        self._sessions = count(1)

    def open_session(self) -> str:
        return f"session-{next(self._sessions)}"

    def end_session(self, session: str) -> None:
        """Expire it, and its ephemeral nodes with it."""
        for path in [path for path, stored in self.nodes.items() if stored.owner == session]:
            self.delete(path)

    def create(self, path: str, value: str, owner: str | None, sequential: bool) -> Node:
        if sequential:
            path = f"{path}{next(self._sequence):010d}"
        if path in self.nodes:
            raise NodeExists(path)
        node = Node(path, value, 0, next(self._zxid))
        self.nodes[path] = _Stored(node, owner)
        self._children_changed(path)
        return node

    def delete(self, path: str) -> bool:
        if self.nodes.pop(path, None) is None:
            return False
        for watch in self.watches.pop(path, ()):
            watch.set()
        self._children_changed(path)
        return True

    def _children_changed(self, path: str) -> None:
        for watch in self.child_watches.pop(path.rpartition("/")[0], ()):
            watch.set()

    def set(self, path: str, value: str) -> bool:
        stored = self.nodes.get(path)
        if stored is None:
            return False
        node = stored.node
        stored.node = Node(path, value, node.version + 1, node.czxid)
        return True

    def get(self, path: str) -> Node | None:
        stored = self.nodes.get(path)
        return None if stored is None else stored.node

    def children(self, path: str) -> list[str]:
        return sorted(
            name.removeprefix(f"{path}/") for name in self.nodes if name.startswith(f"{path}/")
        )

    def watch(self, path: str) -> asyncio.Event | None:
        if path not in self.nodes:
            return None
        event = asyncio.Event()
        self.watches[path].append(event)
        return event

    def watch_children(self, path: str) -> tuple[list[str], asyncio.Event] | None:
        names = self.children(path)
        if not names:
            return None  # What is above a node goes with the last below it, other than there.
        event = asyncio.Event()
        self.child_watches[path].append(event)
        return names, event


class FakeZooKeeper:
    """One worker's client of it."""

    def __init__(self, ensemble: Ensemble, link: Link | None = None) -> None:
        self.link = link or Link()
        self.state = SessionState.CONNECTED
        self.session = ensemble.open_session()
        self._ensemble = ensemble
        self._listeners: list[asyncio.Queue[SessionState]] = []
        self._watches: list[asyncio.Event] = []

    def suspend(self) -> None:
        """The connection is gone: requests fail, watches go off."""
        self.link.trouble = Trouble.UNAVAILABLE
        for watch in self._watches:
            watch.set()
        self._become(SessionState.SUSPENDED)

    def reconnect(self) -> None:
        """The connection is back, in time for the session."""
        self.link.trouble = None
        self._become(SessionState.CONNECTED)

    def expire(self) -> None:
        """The server ends the session; the client learns it when it is connected."""
        self._ensemble.end_session(self.session)

    def lose(self) -> None:
        """The client, connected again, hears that its session ended, and opens another."""
        self.expire()
        self._become(SessionState.LOST)
        self.session = self._ensemble.open_session()
        self.reconnect()

    def states(self) -> AsyncIterator[SessionState]:
        changes: asyncio.Queue[SessionState] = asyncio.Queue()
        self._listeners.append(changes)
        return self._listen(changes)

    async def create(
        self, path: str, value: str = "", *, ephemeral: bool = False, sequential: bool = False
    ) -> Node:
        owner = self.session if ephemeral else None
        return await self.link.ask(
            "create", lambda: self._ensemble.create(path, value, owner, sequential)
        )

    async def delete(self, path: str) -> bool:
        return await self.link.ask("delete", lambda: self._ensemble.delete(path))

    async def get(self, path: str) -> Node | None:
        return await self.link.ask("get", lambda: self._ensemble.get(path))

    async def set(self, path: str, value: str) -> bool:
        return await self.link.ask("set", lambda: self._ensemble.set(path, value))

    async def children(self, path: str) -> list[str]:
        return await self.link.ask("children", lambda: self._ensemble.children(path))

    async def watch(self, path: str) -> asyncio.Event | None:
        event = await self.link.ask("watch", lambda: self._ensemble.watch(path))
        if event is not None:
            self._watches.append(event)
        return event

    async def watch_children(self, path: str) -> tuple[list[str], asyncio.Event] | None:
        seen = await self.link.ask("watch_children", lambda: self._ensemble.watch_children(path))
        if seen is not None:
            self._watches.append(seen[1])
        return seen

    def _become(self, state: SessionState) -> None:
        self.state = state
        for listener in self._listeners:
            listener.put_nowait(state)

    async def _listen(self, changes: asyncio.Queue[SessionState]) -> AsyncIterator[SessionState]:
        try:
            while True:
                yield await changes.get()
        finally:
            self._listeners.remove(changes)
