"""Several Redis servers: independent ones, and a primary whose followers Sentinel promotes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Redis

from harness.coordinators.errors import CoordinatorError
from harness.coordinators.processes import freeze
from harness.coordinators.redis.client import RedisClient
from harness.coordinators.server import Node, ServerError
from harness.scenario.model import Layout
from tests.coordinators.own_servers import Moments, Silent, answering, leading, node, running

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]


@asynccontextmanager
async def speaking(to: Node) -> AsyncIterator[Redis]:
    async with Redis(host=to.host, port=to.port, decode_responses=True) as redis:
        yield redis


async def value(to: Node, key: str) -> str | None:
    async with speaking(to) as redis:
        held: str | None = await redis.get(key)
        return held


async def test_a_lock_that_was_written_during_the_lag_is_lost_and_an_older_one_is_kept() -> None:
    async with running("redis", Layout(replicas=1)) as server:
        old = await leading(server)
        async with speaking(old) as redis:
            await redis.set("mine:before", "worker-1", nx=True, px=60_000)
            told = Moments()
            failing_over = asyncio.create_task(server.fail_over(1.0, told))
            await until_nothing_is_copied(redis)
            assert await redis.set("mine:lock", "worker-1", nx=True, px=60_000)
            assert not told.seen
        name = await failing_over
        assert len(told.seen) == 1
        new = await leading(server)
        assert new.name == name != old.name
        assert not await answering(server, old.name)
        assert await value(new, "mine:before") == "worker-1"
        async with speaking(new) as redis:
            assert await redis.set("mine:lock", "worker-2", nx=True, px=60_000)


async def until_nothing_is_copied(primary: Redis) -> None:
    """Write until the follower does not confirm it any more."""
    async with asyncio.timeout(20):
        confirmed = 1
        while confirmed:
            await primary.set("mine:probe", "x")
            confirmed = await primary.wait(1, 200)


async def test_who_was_killed_comes_back_as_a_follower_and_may_lead_again() -> None:
    async with running("redis", Layout(replicas=2)) as server:
        first = await server.leader()
        second = await server.fail_over(0.0, Moments())
        await server.restart(first, keep_data=False)
        assert await server.leader() == second
        async with speaking(node(server, first)) as redis:
            assert (await redis.role())[0] == "slave"
        third = await server.fail_over(0.2, Moments())
        assert third != second
        assert await answering(server, third)


async def test_everything_goes_to_the_primary_wherever_it_is() -> None:
    async with running("redis", Layout(replicas=1)) as server:
        await server.fail_over(0.0, Moments())
        new = await leading(server)
        async with speaking(new) as redis:
            await redis.mset({"mine:lock": "a", "mine:other": "b", "yours:lock": "c"})
            assert await server.forget("mine", "lock")
            assert not await server.forget("mine", "lock")
            await server.drop_namespace("mine")
            assert await redis.keys() == ["yours:lock"]


async def test_a_client_follows_the_primary_and_never_hangs() -> None:
    async with running("redis", Layout(replicas=1)) as server:
        url = server.url([(one.host, one.port) for one in server.nodes])
        client = RedisClient(url, "mine", 0.5, Silent())
        assert await client.set_if_absent("lock", "worker-1", 60.0)
        await server.fail_over(0.0, Moments())
        async with asyncio.timeout(20):
            while True:
                try:
                    async with asyncio.timeout(1.5):
                        await client.set_if_absent("other", "worker-1", 60.0)
                        break
                except CoordinatorError:
                    await asyncio.sleep(0.01)
        assert await value(await leading(server), "mine:other") == "worker-1"
        await server.kill(await server.leader())
        with pytest.raises(CoordinatorError):
            async with asyncio.timeout(1.5):
                await client.get("other")
        await client.close()


async def test_a_client_gives_up_in_time_where_the_primary_stands_still() -> None:
    async with running("redis", Layout(replicas=1)) as server:
        leader = await server.leader()
        url = server.url([(one.host, one.port) for one in server.nodes])
        await freeze(server.processes(leader)[0])
        client = RedisClient(url, "mine", 0.3, Silent())
        with pytest.raises(CoordinatorError):
            async with asyncio.timeout(0.8):
                await client.get("lock")
        await client.close()


async def test_independent_servers_know_nothing_of_each_other() -> None:
    async with running("redis", Layout(nodes=3)) as server:
        assert [one.name for one in server.nodes] == ["redis-1", "redis-2", "redis-3"]
        for one in server.nodes:
            async with speaking(one) as redis:
                assert (await redis.role())[0] == "master"
                await redis.set("mine:lock", one.name)
        assert [await value(one, "mine:lock") for one in server.nodes] == [
            one.name for one in server.nodes
        ]
        await server.kill("redis-1")
        assert await server.leader() == "redis-2"
        assert await server.forget("mine", "lock")
        assert await value(node(server, "redis-3"), "mine:lock") is None
        await server.restart("redis-1", keep_data=False)
        assert await value(node(server, "redis-1"), "mine:lock") is None
        with pytest.raises(ServerError, match="no follower"):
            await server.fail_over(0.0, Moments())


@pytest.mark.parametrize("keep", [True, False])
async def test_what_was_answered_survives_a_kill_where_it_is_on_disk(keep: bool) -> None:
    async with running("redis", Layout(persistent=True)) as server:
        (first,) = server.nodes
        async with speaking(first) as redis:
            for number in range(100):
                await redis.set(f"mine:{number}", "x")
        await server.kill("redis-1")
        assert server.processes("redis-1") == []
        await server.restart("redis-1", keep)
        (again,) = server.nodes
        assert again.port == first.port
        assert again.pid != first.pid
        async with speaking(again) as redis:
            assert await redis.dbsize() == (100 if keep else 0)


async def test_what_is_not_on_disk_is_gone() -> None:
    async with running("redis", Layout()) as server:
        async with speaking(server.nodes[0]) as redis:
            await redis.set("key", "value")
        await server.kill("redis-1")
        await server.restart("redis-1", keep_data=True)
        async with speaking(server.nodes[0]) as redis:
            assert await redis.dbsize() == 0
        with pytest.raises(ServerError, match="is running"):
            await server.restart("redis-1", keep_data=False)
        with pytest.raises(ServerError, match="no node"):
            await server.kill("redis-2")


async def test_a_clock_that_jumps_expires_what_it_passes_and_nothing_else() -> None:
    async with running("redis", Layout()) as server:
        (only,) = server.nodes
        async with speaking(only) as redis:
            await redis.set("mine:short", "x", px=10_000)
            await redis.set("mine:long", "x", px=100_000)
            await redis.set("mine:ever", "x")
            await redis.xgroup_create("mine:queue", "group", mkstream=True)
            await redis.xadd("mine:queue", {"job": "report"})
            await redis.xreadgroup("group", "worker-1", {"mine:queue": ">"})
            await server.shift_clock("redis-1", 60.0)
            assert sorted(await redis.keys()) == ["mine:ever", "mine:long", "mine:queue"]
            assert 30_000 < await redis.pttl("mine:long") <= 40_000
            (pending,) = await redis.xpending_range("mine:queue", "group", "-", "+", 10)
            assert pending["time_since_delivered"] >= 60_000
            assert pending["times_delivered"] == 1
            await server.shift_clock("redis-1", -60.0)
            assert 90_000 < await redis.pttl("mine:long") <= 100_000


@pytest.mark.parametrize("keep", [True, False])
async def test_all_can_crash_at_once_and_come_back_with_their_data_or_without(keep: bool) -> None:
    async with running("redis", Layout(replicas=1, persistent=True)) as server:
        async with speaking(await leading(server)) as redis:
            await redis.set("mine:lock", "x")
            assert await redis.wait(1, 5000) == 1
        names = [one.name for one in server.nodes]
        for name in names:
            await server.kill(name)
        await asyncio.gather(*(server.restart(name, keep) for name in names))
        assert await value(await leading(server), "mine:lock") == ("x" if keep else None)


async def test_either_nodes_or_replicas() -> None:
    with pytest.raises(ServerError, match="not both"):
        async with running("redis", Layout(nodes=2, replicas=1)):
            pass
