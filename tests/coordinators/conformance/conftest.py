"""The bench that a port is tested on: ports, each over a link of its own, and one coordinator.

A test asks for `redis`, `zookeeper` or `postgres` and gets a Bench; it uses nothing else, and no
clock but asyncio's, so that another kind of Bench is one more parameter of `*_bench`.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import pytest

from harness.coordinators.errors import CoordinatorError
from harness.coordinators.postgres.client import connect as connect_postgres
from harness.coordinators.postgres.port import PostgresPort
from harness.coordinators.redis.client import connect as connect_redis
from harness.coordinators.redis.port import RedisPort
from harness.coordinators.server import Server
from harness.coordinators.zookeeper.client import connect as connect_zookeeper
from harness.coordinators.zookeeper.port import ZooKeeperPort
from harness.runtimes.proxy import Link

P = TypeVar("P")
T = TypeVar("T")

NAMESPACES = (f"conformance_{number}" for number in itertools.count())

REAL = pytest.param("real", marks=pytest.mark.live)


@dataclass
class Calls:
    """What a port reported."""

    asked: Counter[str] = field(default_factory=Counter)
    failed_ones: list[tuple[str, str]] = field(default_factory=list)

    def called(self, operation: str) -> None:
        self.asked[operation] += 1

    def failed(self, operation: str, error: str) -> None:
        self.failed_ones.append((operation, error))


@dataclass
class Opened(Generic[P]):
    """One worker's port, the link that it goes over, and what it reported."""

    port: P
    link: Link
    calls: Calls
    close: Callable[[], Awaitable[None]]


class Bench(Generic[P]):
    """One coordinator with a namespace of its own. `request_timeout` in seconds."""

    request_timeout = 1.0

    def __init__(self, server: Server, connect: Any, options: dict[str, Any]) -> None:
        self._server = server
        self._connect = connect
        self._options = options
        self._namespace = next(NAMESPACES)
        self._links: list[Link] = []
        self._opened: list[Opened[P]] = []

    async def set_up(self) -> None:
        await self._server.create_namespace(self._namespace)

    async def open_link(self) -> Link:
        """A way to the coordinator that is not used yet, and can be cut."""
        (node,) = self._server.nodes
        link = Link(f"link-{len(self._links)}", (node.host, node.port))
        await link.open()
        self._links.append(link)
        return link

    async def open_port(self, link: Link | None = None) -> Opened[P]:
        """A port as a worker gets it, over a link of its own."""
        link = link or await self.open_link()
        calls = Calls()
        client = await self._connect(
            self._server.url([link.address]),
            self._namespace,
            self.request_timeout,
            calls,
            **self._options,
        )
        opened: Opened[P] = Opened(client, link, calls, client.close)
        self._opened.append(opened)
        return opened

    async def forget(self, handle: str) -> bool:
        """Take a key or a session away from whoever has it."""
        return await self._server.forget(self._namespace, handle)

    def in_time(self) -> asyncio.Timeout:
        """An operation bounded by the request timeout ends well within this."""
        return asyncio.timeout(self.request_timeout + 1.0)

    async def eventually(self, check: Callable[[], Awaitable[T | None]], within: float = 10.0) -> T:
        """What `check` says once it says something true; trouble on the way is no matter."""
        async with asyncio.timeout(within):
            while True:
                try:
                    if result := await check():
                        return result
                except CoordinatorError:
                    pass
                await asyncio.sleep(0.05)

    async def tear_down(self) -> None:
        for link in self._links:
            link.heal()
        for opened in self._opened:
            await opened.close()
        for link in self._links:
            await link.close()
        await self._server.drop_namespace(self._namespace)


@pytest.fixture(params=[REAL])
def redis_bench(request: pytest.FixtureRequest) -> Bench[RedisPort]:
    return Bench(request.getfixturevalue("redis_server"), connect_redis, {})


@pytest.fixture(params=[REAL])
def zookeeper_bench(request: pytest.FixtureRequest) -> Bench[ZooKeeperPort]:
    options = {"session_timeout": 1.5}
    return Bench(request.getfixturevalue("zookeeper_server"), connect_zookeeper, options)


@pytest.fixture(params=[REAL])
def postgres_bench(request: pytest.FixtureRequest) -> Bench[PostgresPort]:
    return Bench(request.getfixturevalue("postgres_server"), connect_postgres, {})


# The fixtures above are no coroutines, because a server starts in an event loop of its own.


@pytest.fixture
async def redis(redis_bench: Bench[RedisPort]) -> AsyncIterator[Bench[RedisPort]]:
    async for bench in _set_up(redis_bench):
        yield bench


@pytest.fixture
async def zookeeper(
    zookeeper_bench: Bench[ZooKeeperPort],
) -> AsyncIterator[Bench[ZooKeeperPort]]:
    async for bench in _set_up(zookeeper_bench):
        yield bench


@pytest.fixture
async def postgres(postgres_bench: Bench[PostgresPort]) -> AsyncIterator[Bench[PostgresPort]]:
    async for bench in _set_up(postgres_bench):
        yield bench


async def _set_up(bench: Bench[P]) -> AsyncIterator[Bench[P]]:
    await bench.set_up()
    yield bench
    await bench.tear_down()
