"""The bench that a port is tested on: ports, each over a link of its own, and one coordinator.

A test asks for `redis`, `zookeeper` or `postgres` and gets a Bench, once a real one and once a
simulated one; it uses nothing else, and no clock but asyncio's, which is virtual in the second.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, Generic, Protocol, TypeVar

import pytest

from harness.coordinators.errors import CoordinatorError
from harness.coordinators.postgres import simulated as simulated_postgres
from harness.coordinators.postgres.alike import ALIKE as POSTGRES_ALIKE
from harness.coordinators.postgres.client import connect as connect_postgres
from harness.coordinators.postgres.port import PostgresPort
from harness.coordinators.redis import simulated as simulated_redis
from harness.coordinators.redis.alike import ALIKE as REDIS_ALIKE
from harness.coordinators.redis.client import connect as connect_redis
from harness.coordinators.redis.port import RedisPort
from harness.coordinators.server import Server
from harness.coordinators.timing import Timing, uniform_timing
from harness.coordinators.zookeeper import simulated as simulated_zookeeper
from harness.coordinators.zookeeper.alike import ALIKE as ZOOKEEPER_ALIKE
from harness.coordinators.zookeeper.client import connect as connect_zookeeper
from harness.coordinators.zookeeper.port import ZooKeeperPort
from harness.runtimes.proxy import Direction, Link
from harness.simulation import network
from harness.simulation.kernel import Kernel
from harness.simulation.loop import SimulatedLoop

P = TypeVar("P")
T = TypeVar("T")

NAMESPACES = (f"conformance_{number}" for number in itertools.count())

REAL = pytest.param("real", marks=pytest.mark.live)
KINDS = [REAL, "simulated"]


@dataclass
class Calls:
    """What a port reported."""

    asked: Counter[str] = field(default_factory=Counter)
    failed_ones: list[tuple[str, str]] = field(default_factory=list)

    def called(self, operation: str) -> None:
        self.asked[operation] += 1

    def failed(self, operation: str, error: str) -> None:
        self.failed_ones.append((operation, error))


class Way(Protocol):
    """A way to the coordinator that can be cut: what tests use of a proxy's Link."""

    def stall(self, direction: Direction = Direction.BOTH) -> int: ...

    def heal(self) -> None: ...

    def reset(self) -> int: ...

    def refuse(self) -> None: ...


@dataclass
class Opened(Generic[P]):
    """One worker's port, the link that it goes over, and what it reported."""

    port: P
    link: Way
    calls: Calls
    close: Callable[[], Awaitable[None]]


class Bench(ABC, Generic[P]):
    """One coordinator with a namespace of its own. `request_timeout` in seconds."""

    request_timeout = 1.0

    def __init__(self, options: dict[str, Any]) -> None:
        self.options = options
        self.links: list[Any] = []
        self.opened: list[Opened[P]] = []

    @abstractmethod
    async def set_up(self) -> None: ...

    @abstractmethod
    async def open_link(self) -> Any:
        """A way to the coordinator that is not used yet, and can be cut."""

    @abstractmethod
    async def connect(self, link: Any, calls: Calls, **options: Any) -> Any:
        """A client over this link."""

    @abstractmethod
    async def forget(self, handle: str) -> bool:
        """Take a key or a session away from whoever has it."""

    @abstractmethod
    async def crash(self) -> None:
        """Kill the coordinator, which must be the test's own."""

    @abstractmethod
    async def start(self, *, keep_data: bool) -> None:
        """Start it again, with its data or empty."""

    @abstractmethod
    async def stand_still(self) -> None:
        """Stop the coordinator in the middle of whatever it does."""

    @abstractmethod
    async def go_on(self) -> None:
        """Let it go on."""

    async def open_port(self, link: Any = None, **options: Any) -> Opened[P]:
        """A port as a worker gets it, over a link of its own; `options` are the client's own."""
        link = link or await self.open_link()
        calls = Calls()
        client = await self.connect(link, calls, **{**self.options, **options})
        opened: Opened[P] = Opened(client, link, calls, client.close)
        self.opened.append(opened)
        return opened

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
        for link in self.links:
            link.heal()
        for opened in self.opened:
            await opened.close()


class RealBench(Bench[P]):
    """A real server, its client, and proxies between them."""

    def __init__(self, server: Server, connect: Any, options: dict[str, Any]) -> None:
        super().__init__(options)
        self._server = server
        self._connect = connect
        self._namespace = next(NAMESPACES)

    async def set_up(self) -> None:
        await self._server.create_namespace(self._namespace)

    async def open_link(self) -> Link:
        (node,) = self._server.nodes
        link = Link(f"link-{len(self.links)}", (node.host, node.port))
        await link.open()
        self.links.append(link)
        return link

    async def connect(self, link: Link, calls: Calls, **options: Any) -> Any:
        url = self._server.url([link.address])
        return await self._connect(url, self._namespace, self.request_timeout, calls, **options)

    async def forget(self, handle: str) -> bool:
        return await self._server.forget(self._namespace, handle)

    async def crash(self) -> None:
        for node in self._server.nodes:
            await self._server.kill(node.name)

    async def start(self, *, keep_data: bool) -> None:
        for node in self._server.nodes:
            await self._server.restart(node.name, keep_data)

    async def stand_still(self) -> None:
        self._signal(signal.SIGSTOP)

    async def go_on(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        for node in self._server.nodes:
            for pid in self._server.processes(node.name):
                os.kill(pid, number)

    async def tear_down(self) -> None:
        await super().tear_down()
        for link in self.links:
            await link.close()
        await self._server.drop_namespace(self._namespace)


class SimulatedWay(network.Link):
    """A simulated link with the names of a proxy's."""

    def stall(self, direction: Direction = Direction.BOTH) -> int:
        self.cut(*([] if direction is Direction.BOTH else [network.Way(direction)]))
        return len(self.connections)


class SimulatedBench(Bench[P]):
    """A simulated server and its client, in the virtual time of the test's own loop."""

    def __init__(
        self,
        server: Callable[[Kernel, Timing], Any],
        connect: Any,
        operations: str,
        options: dict[str, Any],
        alike: Mapping[str, str],
    ) -> None:
        super().__init__(options)
        self._make_server = server
        self._connect = connect
        self._timing = uniform_timing(tuple(operations.split()), 0.002, 0.0005, alike=alike)

    async def set_up(self) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SimulatedLoop)
        self._kernel = loop.kernel
        self._server = self._make_server(self._kernel, self._timing)

    async def open_link(self) -> SimulatedWay:
        link = SimulatedWay(self._kernel, Random(len(self.links)))
        self.links.append(link)
        return link

    async def connect(self, link: SimulatedWay, calls: Calls, **options: Any) -> Any:
        random = Random(f"client/{len(self.opened)}")
        return await self._connect(
            self._server, link, random, self.request_timeout, calls, **options
        )

    async def forget(self, handle: str) -> bool:
        forgotten: bool = self._server.forget(handle)
        return forgotten

    async def crash(self) -> None:
        self._server.crash()

    async def start(self, *, keep_data: bool) -> None:
        self._server.restart(keep_data=keep_data)

    async def stand_still(self) -> None:
        self._server.pause()

    async def go_on(self) -> None:
        self._server.resume()


@pytest.fixture(params=KINDS)
def redis_bench(request: pytest.FixtureRequest) -> Bench[RedisPort]:
    if request.param == "simulated":
        operations = "set_if_absent delete delete_if_equal extend_if_equal get"
        return SimulatedBench(
            simulated_redis.SimulatedRedis, simulated_redis.connect, operations, {}, REDIS_ALIKE
        )
    return RealBench(request.getfixturevalue("redis_server"), connect_redis, {})


@pytest.fixture(params=KINDS)
def zookeeper_bench(request: pytest.FixtureRequest) -> Bench[ZooKeeperPort]:
    options = {"session_timeout": 1.5}
    if request.param == "simulated":
        operations = "create delete get set children watch"
        return SimulatedBench(
            simulated_zookeeper.SimulatedZooKeeper,
            simulated_zookeeper.connect,
            operations,
            options,
            ZOOKEEPER_ALIKE,
        )
    return RealBench(request.getfixturevalue("zookeeper_server"), connect_zookeeper, options)


@pytest.fixture(params=KINDS)
def postgres_bench(request: pytest.FixtureRequest) -> Bench[PostgresPort]:
    if request.param == "simulated":
        operations = "try_advisory_lock advisory_unlock enqueue claim complete give_back"
        return SimulatedBench(
            simulated_postgres.SimulatedPostgres,
            simulated_postgres.connect,
            operations,
            {},
            POSTGRES_ALIKE,
        )
    return RealBench(request.getfixturevalue("postgres_server"), connect_postgres, {})


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
