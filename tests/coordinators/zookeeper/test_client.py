"""What is particular to the real ZooKeeper client."""

import asyncio
import threading

import pytest

from harness.coordinators.server import Server
from harness.coordinators.zookeeper.client import ZooKeeperClient, connect
from harness.coordinators.zookeeper.port import SessionState
from harness.runtimes.proxy import Link

pytestmark = pytest.mark.live


class Silent:
    def called(self, operation: str) -> None: ...

    def failed(self, operation: str, error: str) -> None: ...


async def over_a_link(server: Server, session_timeout: float) -> tuple[ZooKeeperClient, Link]:
    (node,) = server.nodes
    link = Link("link", (node.host, node.port))
    await link.open()
    client = await connect(
        server.url([link.address]), "unused", 1.0, Silent(), session_timeout=session_timeout
    )
    return client, link


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
