"""What is particular to the real ZooKeeper client."""

import asyncio
import gc
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from kazoo.client import KazooClient

from harness.coordinators.errors import Indeterminate, Unavailable
from harness.coordinators.server import Server
from harness.coordinators.zookeeper.client import ZooKeeperClient, connect
from harness.coordinators.zookeeper.port import SessionState
from harness.runtimes.proxy import Direction, Link

pytestmark = pytest.mark.live

NAMESPACE = "zookeeper_client"

CREATES = ["/locks/of/a", "/locks", "/locks/of", "/locks/of/a"]
"""What it takes to create the first one, in order."""


class Silent:
    def called(self, operation: str) -> None: ...

    def failed(self, operation: str, error: str) -> None: ...


async def over_a_link(
    server: Server, session_timeout: float, namespace: str = "unused"
) -> tuple[ZooKeeperClient, Link]:
    (node,) = server.nodes
    link = Link("link", (node.host, node.port))
    await link.open()
    client = await connect(
        server.url([link.address]), namespace, 1.0, Silent(), session_timeout=session_timeout
    )
    return client, link


@pytest.fixture
async def connected(zookeeper_server: Server) -> AsyncIterator[tuple[ZooKeeperClient, Link]]:
    await zookeeper_server.create_namespace(NAMESPACE)
    client, link = await over_a_link(zookeeper_server, 20.0, NAMESPACE)
    yield client, link
    link.heal()
    await client.close()
    await link.close()
    await zookeeper_server.drop_namespace(NAMESPACE)


async def test_the_server_has_the_last_word_on_the_session_timeout(
    zookeeper_server: Server,
) -> None:
    for asked, granted in ((2.0, 2.0), (60.0, 20.0)):
        client, link = await over_a_link(zookeeper_server, asked)
        assert client.negotiated_timeout == pytest.approx(granted)
        await client.close()
        await link.close()


async def test_it_is_back_soon_after_a_long_cut(zookeeper_server: Server) -> None:
    client, link = await over_a_link(zookeeper_server, 20.0)
    states = client.states()
    link.refuse()
    link.reset()
    assert await anext(states) is SessionState.SUSPENDED
    await asyncio.sleep(3.0)
    link.heal()
    async with asyncio.timeout(1.0):
        assert await anext(states) is SessionState.CONNECTED
    await client.close()
    await link.close()


async def test_no_thread_is_left_after_a_close_over_a_stalled_link(
    zookeeper_server: Server,
) -> None:
    before = set(threading.enumerate())
    client, link = await over_a_link(zookeeper_server, 20.0)
    link.stall()
    await client.close()
    async with asyncio.timeout(5.0):
        while set(threading.enumerate()) - before:
            await asyncio.sleep(0.05)
    await link.close()


def sent_creations(monkeypatch: pytest.MonkeyPatch, at_each: Callable[[int], None]) -> list[str]:
    """The paths that kazoo is asked to create from now on; `at_each` gets their count."""
    sent: list[str] = []
    really_create = KazooClient.create_async

    def create(kazoo: KazooClient, path: str, *args: Any, **options: Any) -> Any:
        sent.append(path)
        at_each(len(sent))
        return really_create(kazoo, path, *args, **options)

    monkeypatch.setattr(KazooClient, "create_async", create)
    return sent


@pytest.mark.parametrize("unanswered", range(1, len(CREATES) + 1))
async def test_nothing_is_sent_after_a_create_has_ended(
    connected: tuple[ZooKeeperClient, Link], monkeypatch: pytest.MonkeyPatch, unanswered: int
) -> None:
    client, link = connected

    def stall(count: int) -> None:
        if count == unanswered:
            link.stall(Direction.REPLIES)

    sent = sent_creations(monkeypatch, stall)
    with pytest.raises(Indeterminate):
        await client.create(CREATES[0], ephemeral=True)
    link.heal()
    # The late answer comes before that to a new request; what it might set off, soon after.
    await client.get("/")
    await asyncio.sleep(0.3)
    assert sent == CREATES[:unanswered]
    there = {path for path in CREATES if await client.get(path) is not None}
    assert there == set(CREATES[1:unanswered])


async def test_all_requests_of_a_create_share_its_time(
    connected: tuple[ZooKeeperClient, Link], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, link = connected

    def delay(count: int) -> None:
        link.stall(Direction.REPLIES)
        asyncio.get_running_loop().call_later(0.4, link.heal)

    sent = sent_creations(monkeypatch, delay)
    with pytest.raises(Indeterminate):
        await client.create(CREATES[0], ephemeral=True)
    before = list(sent)
    assert len(before) < len(CREATES)
    await asyncio.sleep(0.5)
    assert sent == before
    assert await client.get(CREATES[0]) is None


async def test_nothing_can_be_created_where_the_namespace_is_gone(
    zookeeper_server: Server,
) -> None:
    client, link = await over_a_link(zookeeper_server, 20.0)
    with pytest.raises(Unavailable):
        await client.create(CREATES[0])
    await client.close()
    await link.close()


def queues() -> int:
    gc.collect()
    return sum(type(thing) is asyncio.Queue for thing in gc.get_objects())


async def test_states_that_nobody_reads_cost_nothing(
    connected: tuple[ZooKeeperClient, Link],
) -> None:
    client, _ = connected
    read = client.states()
    before = queues()
    for _ in range(100):
        client.states()
    assert queues() <= before
    await client.close()
    assert [state async for state in read] == [SessionState.LOST]
