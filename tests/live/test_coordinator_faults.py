"""What faults do to coordinators, as the kernel and a client of one's own show it."""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psutil
import pytest
from redis.asyncio import Redis

from harness.coordinators.redis.server import GivenRedis
from harness.coordinators.server import Node, Server
from harness.faults.cluster import NotLanded, TargetGone
from harness.runtimes.coordinators import LiveCoordinators
from harness.runtimes.spec import System
from harness.scenario.model import Layout
from tests.coordinators.own_servers import running
from tests.live.processes import becomes_true, state_of

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]

SILENCE = 0.3  # s
SYSTEMS = [
    System("redis", Layout(persistent=True)),
    System("redis", Layout(replicas=1)),
    System("zookeeper"),
    System("postgres"),
    System("postgres", Layout(replicas=1)),
]
NAMES = ["redis", "redis with a replica", "zookeeper", "postgres", "postgres with a replica"]

# What each says to a stranger who asks.
HELLO = {"redis": b"PING\r\n", "zookeeper": b"ruok", "postgres": b"\0\0\0\x08\x04\xd2\x16\x2f"}


@asynccontextmanager
async def live(system: System) -> AsyncIterator[tuple[LiveCoordinators, Server]]:
    """The one system of a trial, at times 1, 2, 3, …"""
    async with running(system.name, system.layout) as server:
        times = itertools.count(1)
        coordinators = LiveCoordinators({system: server}, lambda: float(next(times)))
        try:
            yield coordinators, server
        finally:
            await coordinators.close()


def replies(server: Server, node: Node, within: float) -> bool:
    """Whether the node says a word to a fresh connection; asked without the harness."""
    try:
        with socket.create_connection((node.host, node.port), timeout=within) as connection:
            connection.sendall(HELLO[server.name])
            return bool(connection.recv(1))
    except OSError:
        return False


def at(server: Server, name: str) -> Node:
    return next(node for node in server.nodes if node.name == name)


@pytest.mark.parametrize("system", SYSTEMS, ids=NAMES)
async def test_a_node_that_is_paused_stands_still_with_all_its_processes(system: System) -> None:
    async with live(system) as (coordinators, server):
        name = coordinators.nodes[0]
        node = at(server, name)
        landed = await coordinators.pause_node(name)
        assert (landed.at, landed.mechanism) == (1.0, "signal")
        assert [state_of(pid) for pid in server.processes(name)] == ["T"] * len(
            server.processes(name)
        )
        assert not await asyncio.to_thread(replies, server, node, SILENCE)
        with pytest.raises(NotLanded, match="is running"):
            await coordinators.start_node(name, keep_data=True)
        await coordinators.resume_node(name)
        assert "T" not in [state_of(pid) for pid in server.processes(name)]
        assert await asyncio.to_thread(replies, server, node, 5.0)
        assert await coordinators.silent_nodes() == ()


@pytest.mark.parametrize("system", SYSTEMS, ids=NAMES)
async def test_a_node_that_crashed_is_gone_until_it_is_started(system: System) -> None:
    async with live(system) as (coordinators, server):
        name = coordinators.nodes[-1]
        node, processes = at(server, name), server.processes(name)
        landed = await coordinators.crash_node(name)
        assert landed.mechanism == "signal"
        assert all(state_of(pid) in (None, "Z") for pid in processes)
        assert not await asyncio.to_thread(replies, server, node, SILENCE)
        assert await coordinators.silent_nodes() == (name,)
        for operation in (coordinators.crash_node, coordinators.pause_node):
            with pytest.raises(TargetGone, match="is not running"):
                await operation(name)
        await coordinators.start_node(name, keep_data=True)
        assert at(server, name).port == node.port
        assert await asyncio.to_thread(replies, server, node, 5.0)
        assert await coordinators.silent_nodes() == ()


@pytest.mark.parametrize("name", ["redis", "postgres"])
async def test_another_node_leads_and_the_old_one_comes_back_as_its_follower(name: str) -> None:
    async with live(System(name, Layout(replicas=1))) as (coordinators, _):
        (old,) = await coordinators.leading_nodes()
        (other,) = set(coordinators.nodes) - {old}
        with pytest.raises(TargetGone, match="does not lead"):
            await coordinators.fail_over(other, 0.0)
        landed = await coordinators.fail_over(old, 0.0)
        assert landed.mechanism == {"redis": "sentinel", "postgres": "pg-promote"}[name]
        assert await coordinators.leading_nodes() == (other,)
        assert await coordinators.silent_nodes() == ()
        assert await coordinators.leading_nodes() == (other,)


async def test_an_ensemble_elects() -> None:
    async with live(System("zookeeper", Layout(nodes=3))) as (coordinators, _):
        (old,) = await coordinators.leading_nodes()
        landed = await coordinators.fail_over(old, 0.0)
        assert landed.mechanism == "election"
        (new,) = await coordinators.leading_nodes()
        assert new != old
        assert await coordinators.silent_nodes() == ()


async def test_who_stands_still_too_long_leads_no_more() -> None:
    async with live(System("redis", Layout(replicas=1))) as (coordinators, server):
        (old,) = await coordinators.leading_nodes()
        (other,) = set(coordinators.nodes) - {old}
        await coordinators.pause_node(old)
        assert await until_leading(coordinators, other)
        await coordinators.resume_node(old)
        node = at(server, old)
        async with Redis(host=node.host, port=node.port) as redis, asyncio.timeout(20):
            while (await redis.role())[0] != b"slave":
                await asyncio.sleep(0.05)
        assert await coordinators.leading_nodes() == (other,)


async def until_leading(coordinators: LiveCoordinators, node: str) -> bool:
    async with asyncio.timeout(20):
        while True:
            try:
                if await coordinators.leading_nodes() == (node,):
                    return True
            except NotLanded:
                pass
            await asyncio.sleep(0.05)


async def test_a_clock_that_jumps_expires_a_lock() -> None:
    async with live(System("redis")) as (coordinators, server):
        (node,) = server.nodes
        async with Redis(host=node.host, port=node.port) as redis:
            await redis.set("mine:lock", "worker-1", px=30_000)
            landed = await coordinators.shift_node_clock("redis-1", 60.0)
            assert landed.mechanism == "server-side"
            assert await redis.exists("mine:lock") == 0
    async with live(System("zookeeper")) as (coordinators, _):
        with pytest.raises(NotLanded, match="do not depend"):
            await coordinators.shift_node_clock("zookeeper-1", 60.0)


async def test_nobody_stands_still_after_the_end() -> None:
    async with live(System("postgres")) as (coordinators, server):
        await coordinators.pause_node("postgres-1")
        processes = server.processes("postgres-1")
        assert len(processes) > 3
        await coordinators.close()
        assert await becomes_true(lambda: "T" not in [state_of(pid) for pid in processes])
        assert await coordinators.silent_nodes() == ()


async def test_the_nodes_of_two_systems_of_one_name_are_told_apart() -> None:
    alone, three = System("redis"), System("redis", Layout(nodes=3))
    async with running("redis", alone.layout) as first, running("redis", three.layout) as second:
        coordinators = LiveCoordinators({alone: first, three: second}, lambda: 0.0)
        assert coordinators.nodes == ("redis-1", "redis-2", "redis-3", "redis-4")
        await coordinators.crash_node("redis-3")
        assert [bool(second.processes(node.name)) for node in second.nodes] == [True, False, True]
        assert first.processes("redis-1")
        assert await coordinators.leading_nodes() == ("redis-1", "redis-2")


async def test_what_was_given_is_not_broken() -> None:
    async with running("redis", Layout()) as server:
        (node,) = server.nodes
        given = GivenRedis(server.url([(node.host, node.port)]), "HARNESS_REDIS_URL")
        await given.start(None)  # type: ignore[arg-type]
        coordinators = LiveCoordinators({System("redis"): given}, lambda: 0.0)
        for operation in (
            coordinators.crash_node("redis-1"),
            coordinators.pause_node("redis-1"),
            coordinators.start_node("redis-1", True),
            coordinators.fail_over("redis-1", 0.0),
            coordinators.shift_node_clock("redis-1", 1.0),
            coordinators.leading_nodes(),
        ):
            with pytest.raises(NotLanded, match="HARNESS_REDIS_URL: not started by us"):
                await operation
        assert await coordinators.silent_nodes() == ()
        await coordinators.close()
        assert psutil.pid_exists(node.pid or 0)
