"""What every ZooKeeperPort keeps to when it watches who is below a node."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from harness.coordinators.errors import CoordinatorError
from harness.coordinators.zookeeper.port import SessionState

if TYPE_CHECKING:
    from harness.coordinators.zookeeper.port import ZooKeeperPort
    from tests.coordinators.conformance.conftest import Bench, Opened

    ZooKeeperBench = Bench[ZooKeeperPort]
    Worker = Opened[ZooKeeperPort]

A_WHILE = 5.0


async def two(zookeeper: ZooKeeperBench) -> tuple[Worker, Worker]:
    return await zookeeper.open_port(), await zookeeper.open_port()


async def seen(worker: Worker, path: str = "/members") -> tuple[list[str], asyncio.Event]:
    found = await worker.port.watch_children(path)
    assert found is not None
    return found


async def fires(event: asyncio.Event) -> None:
    async with asyncio.timeout(A_WHILE):
        await event.wait()


async def test_children_are_listed_as_ever(zookeeper: ZooKeeperBench) -> None:
    a, b = await two(zookeeper)
    await b.port.create("/members/second")
    await b.port.create("/members/first")
    names, changed = await seen(a)
    assert names == ["first", "second"]
    assert not changed.is_set()
    assert a.calls.asked == {"watch_children": 1}


async def test_where_there_is_no_such_node_there_is_nothing_to_watch(
    zookeeper: ZooKeeperBench,
) -> None:
    a, _ = await two(zookeeper)
    assert await a.port.watch_children("/members") is None
    assert a.calls.failed_ones == []


async def test_who_comes_and_who_goes_is_told_once(zookeeper: ZooKeeperBench) -> None:
    a, b = await two(zookeeper)
    await b.port.create("/members/first")
    _, came = await seen(a)
    await b.port.create("/members/second")
    await fires(came)
    names, went = await seen(a)
    assert names == ["first", "second"]
    await b.port.delete("/members/first")
    await fires(went)
    assert (await seen(a))[0] == ["second"]


async def test_everybody_who_watches_is_told(zookeeper: ZooKeeperBench) -> None:
    a, b = await two(zookeeper)
    await b.port.create("/members/first")
    events = [(await seen(worker))[1] for worker in (a, a, b)]
    await b.port.create("/members/second")
    for event in events:
        await fires(event)


async def test_what_is_written_to_them_or_is_further_below_is_no_matter(
    zookeeper: ZooKeeperBench,
) -> None:
    a, b = await two(zookeeper)
    await b.port.create("/members/first")
    _, changed = await seen(a)
    await b.port.set("/members/first", "new")
    await b.port.set("/members", "new")
    await b.port.create("/members/first/below")
    # Events come in order: what is seen of this one comes after any of the others.
    last = await a.port.watch("/members/first")
    await b.port.set("/members/first", "newer")
    assert last is not None
    await fires(last)
    assert not changed.is_set()


async def test_the_end_of_a_session_takes_its_members_along(zookeeper: ZooKeeperBench) -> None:
    a, b = await two(zookeeper)
    await b.port.create("/members/ephemeral", ephemeral=True)
    await b.port.create("/members/lasting")
    _, changed = await seen(a)
    assert await zookeeper.forget(b.port.session)
    await fires(changed)
    assert (await seen(a))[0] == ["lasting"]


async def test_the_end_of_the_node_itself_is_told(zookeeper: ZooKeeperBench) -> None:
    a, b = await two(zookeeper)
    await b.port.create("/members")
    _, changed = await seen(a)
    await b.port.delete("/members")
    await fires(changed)


async def test_losing_the_connection_is_told_and_what_came_meanwhile_is_seen_then(
    zookeeper: ZooKeeperBench,
) -> None:
    a, b = await two(zookeeper)
    await b.port.create("/members/first")
    _, changed = await seen(a)
    a.link.stall()
    await fires(changed)
    assert a.port.state is SessionState.SUSPENDED
    with pytest.raises(CoordinatorError):
        await a.port.watch_children("/members")
    await b.port.create("/members/second")
    a.link.heal()
    names, _ = await zookeeper.eventually(lambda: a.port.watch_children("/members"))
    assert names == ["first", "second"]
