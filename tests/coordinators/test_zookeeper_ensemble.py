"""A ZooKeeper that is broken: an ensemble without its leader, restarts with data and without."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from harness.coordinators.errors import CoordinatorError
from harness.coordinators.server import Server, ServerError
from harness.coordinators.zookeeper.client import ZooKeeperClient, connect
from harness.coordinators.zookeeper.port import SessionState
from harness.scenario.model import Layout
from tests.coordinators.own_servers import Moments, Silent, answering, node, running

pytestmark = [pytest.mark.live, pytest.mark.timeout(180)]

THREE = Layout(nodes=3)


@asynccontextmanager
async def session(
    server: Server, *names: str, timeout: float = 10.0
) -> AsyncIterator[ZooKeeperClient]:
    """A client of these nodes, or of all."""
    chosen = [one for one in server.nodes if not names or one.name in names]
    url = server.url([(one.host, one.port) for one in chosen])
    client = await connect(url, "mine", 5.0, Silent(), session_timeout=timeout)
    try:
        yield client
    finally:
        await client.close()


async def until_there(client: ZooKeeperClient, path: str) -> None:
    async with asyncio.timeout(20):
        while True:
            try:
                if await client.get(path) is not None:
                    return
            except CoordinatorError:
                pass
            await asyncio.sleep(0.02)


async def test_an_ephemeral_node_survives_the_crash_of_the_leader() -> None:
    async with running("zookeeper", THREE) as server:
        assert [one.name for one in server.nodes] == [f"zookeeper-{n}" for n in (1, 2, 3)]
        await server.create_namespace("mine")
        leader = await server.leader()
        # Connected to the very node that is going to die.
        async with session(server) as holder, session(server, leader) as direct:
            await holder.create("/election/leader", "worker-1", ephemeral=True)
            await direct.create("/election/next", "worker-2", ephemeral=True)
            before = holder.session
            told = Moments()
            elected = await server.fail_over(1.0, told)
            assert elected == await server.leader() != leader
            assert len(told.seen) == 1
            assert not await answering(server, leader)
            async with session(server, elected) as other:
                assert await other.children("/election") == ["leader", "next"]
            await until_there(holder, "/election/leader")
            assert holder.session == before
            assert holder.state is SessionState.CONNECTED
        await server.restart(leader, keep_data=True)
        async with session(server, leader) as back:
            assert "leader" not in await back.children("/election")
        assert await server.leader() == elected


async def test_a_minority_serves_nobody_until_it_is_a_majority_again() -> None:
    async with running("zookeeper", THREE) as server:
        await server.create_namespace("mine")
        async with session(server) as client:
            await client.create("/kept", "x")
        await server.kill("zookeeper-1")
        await server.kill("zookeeper-2")
        with pytest.raises(ServerError):
            await server.fail_over(0.0, Moments())
        with pytest.raises(CoordinatorError):
            await connect(
                server.url([(node(server, "zookeeper-3").host, node(server, "zookeeper-3").port)]),
                "mine",
                1.0,
                Silent(),
                session_timeout=2.0,
            )
        # Empty, it gets what the others have.
        await server.restart("zookeeper-1", keep_data=False)
        async with session(server, "zookeeper-1") as client:
            assert await client.get("/kept") is not None


async def test_all_of_an_ensemble_can_be_wiped_at_once() -> None:
    async with running("zookeeper", THREE) as server:
        await server.create_namespace("mine")
        async with session(server) as client:
            await client.create("/gone", "x")
        names = [one.name for one in server.nodes]
        for name in names:
            await server.kill(name)
        await asyncio.gather(*(server.restart(name, keep_data=False) for name in names))
        async with session(server) as client:
            assert await client.get("/gone") is None
            await client.create("/new", "x")


@pytest.mark.parametrize("keep", [True, False])
async def test_a_single_server_comes_back_with_its_sessions_or_empty(keep: bool) -> None:
    async with running("zookeeper", Layout()) as server:
        await server.create_namespace("mine")
        async with session(server) as holder:
            await holder.create("/lock", "worker-1", ephemeral=True)
            before = holder.session
            await server.kill("zookeeper-1")
            assert not await answering(server, "zookeeper-1")
            await server.restart("zookeeper-1", keep)
            async with session(server) as other:
                assert (await other.get("/lock") is not None) is keep
            if keep:
                await until_there(holder, "/lock")
                assert holder.session == before
        with pytest.raises(ServerError, match="majority"):
            await server.fail_over(0.0, Moments())
        with pytest.raises(ServerError, match="time of day"):
            await server.shift_clock("zookeeper-1", 1.0)
