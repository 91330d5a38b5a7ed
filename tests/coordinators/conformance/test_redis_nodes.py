"""What the ports of independent Redis servers keep to, seen together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from harness.coordinators.errors import Indeterminate, Unavailable
from harness.coordinators.redis.alike import ALIKE
from harness.coordinators.redis.client import connect
from harness.coordinators.redis.nodes import RedisNodes
from harness.coordinators.redis.simulated import SimulatedRedis, connect_nodes
from harness.runtimes.proxy import Link
from tests.coordinators.conformance.conftest import (
    KINDS,
    Bench,
    Calls,
    Opened,
    RealBench,
    SimulatedBench,
)

NODE_TIMEOUT = 0.3
OPTIONS = {"node_timeout": NODE_TIMEOUT}


class RealNodes(RealBench[RedisNodes]):
    """Real servers; a port's link is one proxy for each."""

    async def open_link(self) -> Any:
        ways = []
        for node in self._server.nodes:
            link = Link(f"link-{len(self.links)}", (node.host, node.port))
            await link.open()
            self.links.append(link)
            ways.append(link)
        return ways

    async def connect(self, link: Any, calls: Calls, **options: Any) -> Any:
        url = self._server.url([way.address for way in link])
        return await connect(
            url, self._namespace, self.request_timeout, calls, independent=True, **options
        )


class SimulatedNodes(SimulatedBench[RedisNodes]):
    """Simulated servers; a port's link is one for each."""

    async def set_up(self) -> None:
        await super().set_up()
        first = self._server
        self._server = [first, *(SimulatedRedis(self._kernel, self._timing) for _ in range(2))]

    async def open_link(self) -> Any:
        return [await super(SimulatedNodes, self).open_link() for _ in self._server]

    async def forget(self, handle: str) -> bool:
        forgotten = [server.forget(handle) for server in self._server]
        return any(forgotten)


@pytest.fixture(params=KINDS)
def nodes_bench(request: pytest.FixtureRequest) -> Bench[RedisNodes]:
    if request.param == "simulated":
        operations = "set_if_absent delete delete_if_equal extend_if_equal get"
        return SimulatedNodes(SimulatedRedis, connect_nodes, operations, OPTIONS, ALIKE)
    return RealNodes(request.getfixturevalue("redis_nodes_server"), connect, OPTIONS)


@pytest.fixture
async def servers(nodes_bench: Bench[RedisNodes]) -> AsyncIterator[Bench[RedisNodes]]:
    await nodes_bench.set_up()
    yield nodes_bench
    await nodes_bench.tear_down()


async def set_everywhere(worker: Opened[RedisNodes], key: str, value: str) -> list[object]:
    tries = (node.set_if_absent(key, value, 60.0) for node in worker.port.nodes)
    return list(await asyncio.gather(*tries, return_exceptions=True))


async def read_everywhere(worker: Opened[RedisNodes], key: str) -> list[str | None]:
    return [await node.get(key) for node in worker.port.nodes]


async def test_each_server_has_keys_of_its_own_in_an_order_that_all_share(
    servers: Bench[RedisNodes],
) -> None:
    a, b = await servers.open_port(), await servers.open_port()
    for number, node in enumerate(a.port.nodes):
        assert await node.set_if_absent("lock", f"{number}", 60.0)
    assert await read_everywhere(b, "lock") == ["0", "1", "2"]
    assert await b.port.nodes[1].delete("lock")
    assert await read_everywhere(a, "lock") == ["0", None, "2"]


async def test_servers_that_cannot_be_reached_leave_the_others_usable(
    servers: Bench[RedisNodes],
) -> None:
    a = await servers.open_port()
    ways: Any = a.link
    ways[1].stall()
    async with servers.in_time():
        outcomes = await set_everywhere(a, "lock", "a")
    assert outcomes[0] is outcomes[2] is True
    assert isinstance(outcomes[1], Indeterminate)
    assert [operation for operation, _ in a.calls.failed_ones] == ["set_if_absent"]


async def test_a_server_has_the_node_timeout_to_answer_and_no_more(
    servers: Bench[RedisNodes],
) -> None:
    a = await servers.open_port()
    ways: Any = a.link
    ways[0].stall()
    loop = asyncio.get_running_loop()
    before = loop.time()
    with pytest.raises(Indeterminate):
        await a.port.nodes[0].get("lock")
    # Well below what a request to a single server has.
    assert NODE_TIMEOUT * 0.9 < loop.time() - before < servers.request_timeout * 0.9


async def test_a_worker_connects_once_most_servers_answer(servers: Bench[RedisNodes]) -> None:
    ways = await servers.open_link()
    ways[0].stall()
    ways[1].refuse()
    async with servers.in_time():
        with pytest.raises(Unavailable):
            await servers.open_port(ways)
    ways[0].heal()
    await asyncio.sleep(0.1)
    a = await servers.open_port(ways)
    outcomes = await set_everywhere(a, "lock", "a")
    assert outcomes[0] is outcomes[2] is True
    assert isinstance(outcomes[1], Unavailable)


async def test_a_lock_is_forgotten_wherever_it_is(servers: Bench[RedisNodes]) -> None:
    a = await servers.open_port()
    await set_everywhere(a, "lock", "a")
    assert await a.port.nodes[0].delete("lock")
    assert await servers.forget("lock")
    assert not await servers.forget("lock")
    assert await read_everywhere(a, "lock") == [None, None, None]


async def test_each_request_to_a_server_is_counted(servers: Bench[RedisNodes]) -> None:
    a = await servers.open_port()
    assert not a.calls.asked
    await set_everywhere(a, "lock", "a")
    assert a.calls.asked == {"set_if_absent": 3}


async def test_all_end_with_the_port(servers: Bench[RedisNodes]) -> None:
    a = await servers.open_port()
    await a.close()
    for node in a.port.nodes:
        with pytest.raises(Unavailable):
            await node.get("lock")
