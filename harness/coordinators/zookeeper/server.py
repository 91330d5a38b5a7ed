"""What can be asked of any ZooKeeper, and an ensemble that we were given."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from kazoo.client import KazooClient
from kazoo.exceptions import KazooException, NoNodeError, NotEmptyError
from kazoo.handlers.threading import KazooTimeoutError
from kazoo.hosts import collect_hosts

from harness.coordinators.given import Given
from harness.coordinators.server import Launcher, Node, ServerError
from harness.coordinators.starting import ask, check_namespace

T = TypeVar("T")

_TIMEOUT = 10.0
_LOGGER = logging.getLogger(__name__)
_LOGGER.addHandler(logging.NullHandler())


class AnyZooKeeper(ABC):
    """What can be asked of a ZooKeeper, whoever started it."""

    name = "zookeeper"

    def __init__(self, source: str) -> None:
        self.source = source
        self._chroot = ""
        self.version = ""

    @property
    @abstractmethod
    def nodes(self) -> tuple[Node, ...]:
        """Its nodes; known once started."""

    def _reachable(self) -> Sequence[Node]:
        """The nodes to connect to."""
        return self.nodes

    def url(self, addresses: Sequence[tuple[str, int]]) -> str:
        """host:port,host:port, with the chroot where one was given."""
        return ",".join(f"{host}:{port}" for host, port in addresses) + self._chroot

    async def create_namespace(self, namespace: str) -> None:
        """Make the trial's root node."""
        root = self._root(namespace)
        await self._admin(lambda client: client.create(root, makepath=True))

    async def drop_namespace(self, namespace: str) -> None:
        """Delete the trial's root node and all below it."""
        root = self._root(namespace)
        await self._admin(lambda client: _delete(client, root))

    async def forget(self, namespace: str, handle: str) -> bool:
        """End the session "id:password" (hexadecimal), and with it its ephemeral nodes."""
        root = self._root(namespace)
        identity, _, password = handle.partition(":")
        session = int(identity, 16)
        if session >= 1 << 63:
            session -= 1 << 64  # On the wire it is signed.
        if not await self._admin(
            lambda client: client.client_id[0] == session,
            client_id=(session, bytes.fromhex(password)),
        ):
            return False
        left = await self._admin(lambda client: list(_owned_by_now(client, root, session)))
        if left:
            raise ServerError(f"session {identity} was ended, but left {', '.join(left)}")
        return True

    async def answers(self, host: str, port: int, timeout: float) -> bool:
        """Any reply to `srvr` counts, be it that it is not in the white list."""
        return bool(await ask(host, port, b"srvr", timeout))

    def _root(self, namespace: str) -> str:
        return f"{self._chroot}/{check_namespace(namespace)}"

    async def _learn_version(self) -> None:
        node = self.nodes[0]
        reply = await ask(node.host, node.port, b"srvr", _TIMEOUT, whole=True)
        release = re.search(rb"version: (\d+(\.\d+)*)", reply)
        self.version = f"ZooKeeper {release[1].decode()}" if release else "ZooKeeper"

    async def _admin(
        self, action: Callable[[Any], T], client_id: tuple[int, bytes] | None = None
    ) -> T:
        hosts = ",".join(f"{node.host}:{node.port}" for node in self._reachable())
        with _in_one_line(f"{self.source}: ZooKeeper at {hosts}"):
            return await asyncio.to_thread(_in_session, hosts, client_id, action)


class GivenZooKeeper(Given, AnyZooKeeper):
    """An ensemble that somebody else runs. It gets one node of our own, and nothing else."""

    def __init__(self, hosts: str, source: str) -> None:
        super().__init__(source)
        self._given = hosts

    async def start(self, launcher: Launcher) -> None:
        """Connect once, to see that it is there."""
        try:
            hosts, chroot = collect_hosts(self._given)
        except ValueError as error:
            raise ServerError(f"{self.source}: {error}") from error
        self._chroot = chroot or ""
        self.nodes = tuple(
            Node(f"zookeeper-{number}", host, port)
            for number, (host, port) in enumerate(hosts, start=1)
        )
        if not any([await self.answers(host, port, _TIMEOUT) for host, port in hosts]):
            raise ServerError(f"{self.source}: no ZooKeeper answers at {self.url(hosts)}")
        await self._admin(lambda client: client.connected)
        await self._learn_version()


def _in_session(hosts: str, client_id: tuple[int, bytes] | None, action: Callable[[Any], T]) -> T:
    """Do something in a session that is closed afterwards."""
    client = KazooClient(hosts=hosts, timeout=_TIMEOUT, client_id=client_id, logger=_LOGGER)
    try:
        client.start(timeout=_TIMEOUT)
        return action(client)
    finally:
        client.stop()
        client.close()


def _delete(client: Any, root: str) -> None:
    deadline = time.monotonic() + _TIMEOUT
    while True:
        try:
            client.delete(root, recursive=True)
            return
        except NotEmptyError:
            # A worker that is just ending may still have added a node.
            if time.monotonic() > deadline:
                raise


def _owned_by_now(client: Any, root: str, session: int) -> Iterator[str]:
    """The session's nodes, as the ensemble's leader has them now."""
    client.sync(root)
    yield from _owned(client, root, session)


def _owned(client: Any, path: str, session: int) -> Iterator[str]:
    """The ephemeral nodes of a session at or below a path."""
    try:
        status = client.exists(path)
        children = client.get_children(path)
    except NoNodeError:
        return
    if status is not None and status.ephemeralOwner == session:
        yield path
    for child in children:
        yield from _owned(client, f"{path}/{child}", session)


@contextmanager
def _in_one_line(where: str) -> Iterator[None]:
    try:
        yield
    except (KazooException, KazooTimeoutError, OSError) as error:
        raise ServerError(f"{where}: {error or type(error).__name__}") from error
