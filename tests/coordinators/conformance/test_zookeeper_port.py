"""What every ZooKeeperPort keeps to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from typing import TYPE_CHECKING

import pytest

from harness.coordinators.errors import CoordinatorError, Indeterminate, Unavailable
from harness.coordinators.zookeeper.port import NodeExists, SessionState
from harness.runtimes.proxy import Direction

if TYPE_CHECKING:
    from harness.coordinators.zookeeper.port import ZooKeeperPort
    from tests.coordinators.conformance.conftest import Bench, Opened

    ZooKeeperBench = Bench[ZooKeeperPort]


CONNECTED, SUSPENDED, LOST = SessionState.CONNECTED, SessionState.SUSPENDED, SessionState.LOST


async def two(zookeeper: ZooKeeperBench) -> tuple[Opened[ZooKeeperPort], Opened[ZooKeeperPort]]:
    return await zookeeper.open_port(), await zookeeper.open_port()


async def upcoming(states: AsyncIterator[SessionState], count: int) -> list[SessionState]:
    async with asyncio.timeout(15):
        return [await anext(states) for _ in range(count)]


async def gone(worker: Opened[ZooKeeperPort], path: str) -> bool:
    return await worker.port.get(path) is None


async def test_a_node_is_created_once(zookeeper: ZooKeeperBench) -> None:
    a, b = await two(zookeeper)
    node = await a.port.create("/lock", "a")
    assert (node.path, node.value, node.version) == ("/lock", "a", 0)
    with pytest.raises(NodeExists):
        await b.port.create("/lock", "b")
    assert await b.port.get("/lock") == node


async def test_that_a_node_exists_is_an_answer_and_no_failure(zookeeper: ZooKeeperBench) -> None:
    a = await zookeeper.open_port()
    await a.port.create("/lock")
    with pytest.raises(NodeExists):
        await a.port.create("/lock")
    assert a.calls.asked["create"] == 2
    assert a.calls.failed_ones == []


async def test_of_many_at_once_one_creates_the_node(zookeeper: ZooKeeperBench) -> None:
    workers = await two(zookeeper)
    tries = [worker.port.create("/lock", ephemeral=True) for worker in workers for _ in range(10)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(not isinstance(result, NodeExists) for result in results) == 1


async def test_what_is_missing_above_a_node_is_created(zookeeper: ZooKeeperBench) -> None:
    a = await zookeeper.open_port()
    assert (await a.port.create("/locks/of/a", "x", ephemeral=True)).path == "/locks/of/a"
    assert await a.port.children("/locks") == ["of"]


async def test_czxid_grows_with_every_creation(zookeeper: ZooKeeperBench) -> None:
    a, b = await two(zookeeper)
    first = await a.port.create("/lock")
    assert await a.port.set("/lock", "changed")
    assert await b.port.delete("/lock")
    second = await b.port.create("/lock")
    third = await a.port.create("/other")
    assert first.czxid < second.czxid < third.czxid
    read = await a.port.get("/lock")
    assert read is not None
    assert read.czxid == second.czxid


async def test_sequential_nodes_are_numbered_in_order(zookeeper: ZooKeeperBench) -> None:
    a, b = await two(zookeeper)
    paths = [
        (await worker.port.create("/queue/n-", ephemeral=True, sequential=True)).path
        for worker in (a, b, a)
    ]
    assert paths == sorted(paths)
    assert len(set(paths)) == 3
    assert [f"/queue/{name}" for name in await b.port.children("/queue")] == paths


async def test_reading_and_writing_what_is_not_there(zookeeper: ZooKeeperBench) -> None:
    a = await zookeeper.open_port()
    assert await a.port.get("/no") is None
    assert await a.port.children("/no") == []
    assert not await a.port.set("/no", "x")
    assert not await a.port.delete("/no")
    assert await a.port.watch("/no") is None
    assert a.calls.failed_ones == []


async def test_a_value_is_written_and_its_version_counted(zookeeper: ZooKeeperBench) -> None:
    a, b = await two(zookeeper)
    await a.port.create("/mark", "1")
    assert await b.port.set("/mark", "2")
    node = await a.port.get("/mark")
    assert node is not None
    assert (node.value, node.version) == ("2", 1)


async def test_closing_ends_the_session_and_its_ephemeral_nodes(zookeeper: ZooKeeperBench) -> None:
    a, b = await two(zookeeper)
    await a.port.create("/lock", ephemeral=True)
    await a.port.create("/kept")
    await a.close()
    assert await b.port.get("/lock") is None
    assert await b.port.get("/kept") is not None


async def test_ephemeral_nodes_outlive_a_short_cut(zookeeper: ZooKeeperBench) -> None:
    a, b = await two(zookeeper)
    states = a.port.states()
    await a.port.create("/lock", ephemeral=True)
    session = a.port.session
    a.link.reset()
    assert await upcoming(states, 2) == [SUSPENDED, CONNECTED]
    assert a.port.session == session
    assert await b.port.get("/lock") is not None


async def test_ephemeral_nodes_go_when_the_session_expires(zookeeper: ZooKeeperBench) -> None:
    a, b = await two(zookeeper)
    await a.port.create("/lock", ephemeral=True)
    a.link.stall()
    await zookeeper.eventually(lambda: gone(b, "/lock"))


async def test_a_client_that_is_cut_off_is_told_suspended_and_lost_only_after_the_heal(
    zookeeper: ZooKeeperBench,
) -> None:
    a, b = await two(zookeeper)
    states = a.port.states()
    session = a.port.session
    await a.port.create("/lock", ephemeral=True)
    a.link.stall()
    assert await upcoming(states, 1) == [SUSPENDED]
    await zookeeper.eventually(lambda: gone(b, "/lock"))
    assert a.port.state is SUSPENDED
    a.link.heal()
    assert await upcoming(states, 2) == [LOST, CONNECTED]
    assert a.port.state is CONNECTED
    assert a.port.session != session
    await a.port.create("/lock", ephemeral=True)


async def test_a_session_that_is_ended_from_outside_is_lost(zookeeper: ZooKeeperBench) -> None:
    a, b = await two(zookeeper)
    states, others = a.port.states(), b.port.states()
    await a.port.create("/lock", ephemeral=True)
    assert await zookeeper.forget(a.port.session)
    assert await b.port.get("/lock") is None
    assert await upcoming(states, 3) == [SUSPENDED, LOST, CONNECTED]
    assert b.port.state is CONNECTED
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await anext(others)


async def test_every_listener_is_told_every_change(zookeeper: ZooKeeperBench) -> None:
    a = await zookeeper.open_port()
    first = a.port.states()
    a.link.reset()
    assert await upcoming(a.port.states(), 2) == [SUSPENDED, CONNECTED]
    second = a.port.states()
    a.link.reset()
    assert await upcoming(second, 2) == [SUSPENDED, CONNECTED]
    assert await upcoming(first, 4) == [SUSPENDED, CONNECTED, SUSPENDED, CONNECTED]


async def test_states_end_with_the_port(zookeeper: ZooKeeperBench) -> None:
    a = await zookeeper.open_port()
    states = a.port.states()
    await a.close()
    assert [state async for state in states] == [LOST]
    assert a.port.state is LOST


async def test_a_watch_fires_once_when_the_node_is_deleted(zookeeper: ZooKeeperBench) -> None:
    a, b = await two(zookeeper)
    await a.port.create("/lock", ephemeral=True)
    deleted = await b.port.watch("/lock")
    assert deleted is not None
    assert not deleted.is_set()
    assert await a.port.delete("/lock")
    async with asyncio.timeout(5):
        await deleted.wait()
    deleted.clear()
    await a.port.create("/lock")
    await a.port.delete("/lock")
    await asyncio.sleep(0.3)
    assert not deleted.is_set()


async def test_a_watch_fires_when_the_node_is_written(zookeeper: ZooKeeperBench) -> None:
    a, b = await two(zookeeper)
    await a.port.create("/mark")
    written = await b.port.watch("/mark")
    assert written is not None
    await a.port.set("/mark", "x")
    async with asyncio.timeout(5):
        await written.wait()


async def test_a_watch_does_not_fire_for_another_node(zookeeper: ZooKeeperBench) -> None:
    a, b = await two(zookeeper)
    await a.port.create("/one")
    await a.port.create("/other")
    changed = await b.port.watch("/one")
    assert changed is not None
    await a.port.delete("/other")
    await asyncio.sleep(0.3)
    assert not changed.is_set()


async def test_a_watch_fires_when_its_holders_session_expires(zookeeper: ZooKeeperBench) -> None:
    a, b = await two(zookeeper)
    await a.port.create("/lock", ephemeral=True)
    deleted = await b.port.watch("/lock")
    assert deleted is not None
    a.link.stall()
    async with asyncio.timeout(15):
        await deleted.wait()
    assert await b.port.get("/lock") is None


async def test_a_watch_fires_when_its_own_connection_is_lost(zookeeper: ZooKeeperBench) -> None:
    a = await zookeeper.open_port()
    await a.port.create("/mark")
    changed = await a.port.watch("/mark")
    assert changed is not None
    a.link.stall()
    async with asyncio.timeout(15):
        await changed.wait()
    assert a.port.state is SUSPENDED


async def test_a_request_while_suspended_is_refused_and_never_done(
    zookeeper: ZooKeeperBench,
) -> None:
    a, b = await two(zookeeper)
    states = a.port.states()
    a.link.refuse()
    a.link.reset()
    assert await upcoming(states, 1) == [SUSPENDED]
    with pytest.raises(Unavailable):
        await a.port.create("/late")
    assert [operation for operation, _ in a.calls.failed_ones] == ["create"]
    a.link.heal()
    await upcoming(states, 1)
    await zookeeper.eventually(lambda: a.port.create("/after"))
    assert await b.port.get("/late") is None


async def test_an_operation_over_a_stalled_link_is_indeterminate_in_time(
    zookeeper: ZooKeeperBench,
) -> None:
    a = await zookeeper.open_port()
    a.link.stall()
    async with zookeeper.in_time():
        with pytest.raises(Indeterminate):
            await a.port.create("/lock")
    assert [operation for operation, _ in a.calls.failed_ones] == ["create"]
    a.link.heal()
    await zookeeper.eventually(lambda: a.port.create("/after"))


async def test_an_operation_whose_answer_is_lost_was_done(zookeeper: ZooKeeperBench) -> None:
    a, b = await two(zookeeper)
    a.link.stall(Direction.REPLIES)
    with pytest.raises(Indeterminate):
        await a.port.create("/lock")
    assert await b.port.get("/lock") is not None


async def test_a_connection_that_breaks_under_an_operation_makes_it_indeterminate(
    zookeeper: ZooKeeperBench,
) -> None:
    a = await zookeeper.open_port()
    a.link.stall(Direction.REPLIES)
    asking = asyncio.create_task(a.port.create("/lock"))
    await asyncio.sleep(0.1)
    a.link.reset()
    with pytest.raises(Indeterminate):
        await asking


async def test_a_cancelled_operation_leaves_the_port_usable(zookeeper: ZooKeeperBench) -> None:
    a = await zookeeper.open_port()
    a.link.stall(Direction.REPLIES)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await a.port.get("/lock")
    a.link.heal()
    assert await a.port.children("/nothing") == []


async def test_each_operation_is_counted_once(zookeeper: ZooKeeperBench) -> None:
    a = await zookeeper.open_port()
    assert not a.calls.asked
    await a.port.create("/deep/down/node")
    await a.port.get("/deep")
    await a.port.set("/deep", "x")
    await a.port.children("/deep")
    await a.port.watch("/deep/down/node")
    await a.port.delete("/deep/down/node")
    assert a.calls.asked == {
        "create": 1,
        "get": 1,
        "set": 1,
        "children": 1,
        "watch": 1,
        "delete": 1,
    }


async def test_a_port_opens_in_time_or_is_unavailable(zookeeper: ZooKeeperBench) -> None:
    link = await zookeeper.open_link()
    link.refuse()
    async with asyncio.timeout(2 * zookeeper.request_timeout + 1):
        with pytest.raises(Unavailable):
            await zookeeper.open_port(link)
    link.heal()
    link.stall()
    async with asyncio.timeout(2 * zookeeper.request_timeout + 1):
        with pytest.raises(Unavailable):
            await zookeeper.open_port(link)


@pytest.mark.parametrize("told", [False, True], ids=["before it is noticed", "when suspended"])
async def test_a_port_closes_over_a_stalled_link(zookeeper: ZooKeeperBench, told: bool) -> None:
    a = await zookeeper.open_port()
    states = a.port.states()
    a.link.stall()
    if told:
        assert await upcoming(states, 1) == [SUSPENDED]
    async with zookeeper.in_time():
        await a.close()
    with pytest.raises(CoordinatorError):
        await a.port.get("/lock")


@pytest.mark.parametrize(("asked", "granted"), [(0.3, 0.4), (1.5, 1.5), (60.0, 20.0)])
async def test_the_server_has_the_last_word_on_the_session_timeout(
    zookeeper: ZooKeeperBench, asked: float, granted: float
) -> None:
    a = await zookeeper.open_port(session_timeout=asked)
    assert a.port.negotiated_timeout == pytest.approx(granted)


async def test_each_of_several_watches_on_a_node_fires_once(zookeeper: ZooKeeperBench) -> None:
    a, b = await two(zookeeper)
    await a.port.create("/mark")
    events = [await worker.port.watch("/mark") for worker in (a, b, b)]
    await a.port.set("/mark", "1")
    async with asyncio.timeout(5):
        for event in events:
            assert event is not None
            await event.wait()
            event.clear()
    await a.port.set("/mark", "2")
    await asyncio.sleep(0.3)
    assert not any(event.is_set() for event in events if event is not None)


async def test_sequence_numbers_do_not_come_back_and_count_every_child(
    zookeeper: ZooKeeperBench,
) -> None:
    a = await zookeeper.open_port()
    first = (await a.port.create("/queue/n-", sequential=True)).path
    assert await a.port.delete(first)
    second = (await a.port.create("/queue/n-", sequential=True)).path
    await a.port.create("/queue/without a number")
    third = (await a.port.create("/queue/m-", sequential=True)).path
    numbers = [path[-10:] for path in (first, second, third)]
    assert numbers == ["0000000000", "0000000001", "0000000003"]


async def test_the_end_of_a_session_leaves_the_nodes_of_others(zookeeper: ZooKeeperBench) -> None:
    a, b = await two(zookeeper)
    await a.port.create("/locks/a", ephemeral=True)
    await b.port.create("/locks/b", ephemeral=True)
    await a.close()
    assert await b.port.children("/locks") == ["b"]


async def test_the_nodes_of_an_expired_session_go_at_once(zookeeper: ZooKeeperBench) -> None:
    a, b = await two(zookeeper)
    for name in "abc":
        await a.port.create(f"/locks/{name}", ephemeral=True)
    deleted = [await b.port.watch(f"/locks/{name}") for name in "abc"]
    a.link.stall()
    async with asyncio.timeout(15):
        await asyncio.wait(
            [asyncio.create_task(event.wait()) for event in deleted if event is not None],
            return_when=asyncio.FIRST_COMPLETED,
        )
    assert await b.port.children("/locks") == []


async def test_requests_under_way_at_the_same_time_are_done_in_order(
    zookeeper: ZooKeeperBench,
) -> None:
    a = await zookeeper.open_port()
    requests: list[Awaitable[object]] = [
        a.port.create("/mark", "0"),
        a.port.get("/mark"),
        a.port.set("/mark", "1"),
        a.port.get("/mark"),
        a.port.children("/"),
        a.port.delete("/mark"),
        a.port.get("/mark"),
    ]
    answers = await asyncio.gather(*requests)
    created, first, written, second, names, deleted, last = answers
    assert created == first
    assert getattr(second, "value", None) == "1"
    assert (written, names, deleted, last) == (True, ["mark"], True, None)


async def test_a_request_may_arrive_after_its_client_gave_up(zookeeper: ZooKeeperBench) -> None:
    a, b = await two(zookeeper)
    await a.port.create("/heard")
    a.link.stall(Direction.REQUESTS)
    with pytest.raises(Indeterminate):
        await a.port.create("/late")
    assert await b.port.get("/late") is None
    a.link.heal()
    await zookeeper.eventually(lambda: b.port.get("/late"))


async def test_a_session_expires_after_its_timeout_of_silence_and_not_before(
    zookeeper: ZooKeeperBench,
) -> None:
    a, b = await two(zookeeper)
    await b.port.children("/")
    await a.port.create("/lock", ephemeral=True)
    a.link.stall()
    loop = asyncio.get_running_loop()
    silent_since = loop.time()
    await zookeeper.eventually(lambda: gone(b, "/lock"))
    assert 1.4 < loop.time() - silent_since < 1.5 + 0.2 + 0.8


async def test_a_node_with_children_is_not_deleted(zookeeper: ZooKeeperBench) -> None:
    a = await zookeeper.open_port()
    await a.port.create("/locks/a")
    with pytest.raises(Unavailable):
        await a.port.delete("/locks")
    assert a.calls.failed_ones == [("delete", "NotEmptyError")]
    assert await a.port.delete("/locks/a")
    assert await a.port.delete("/locks")


async def test_there_is_nothing_below_an_ephemeral_node(zookeeper: ZooKeeperBench) -> None:
    a = await zookeeper.open_port()
    await a.port.create("/lock", ephemeral=True)
    with pytest.raises(Unavailable):
        await a.port.create("/lock/below")
    assert a.calls.failed_ones == [("create", "NoChildrenForEphemeralsError")]


async def test_a_session_is_ended_from_outside_only_once(zookeeper: ZooKeeperBench) -> None:
    a = await zookeeper.open_port()
    states = a.port.states()
    session = a.port.session
    assert await zookeeper.forget(session)
    assert not await zookeeper.forget(session)
    await upcoming(states, 3)
    assert not await zookeeper.forget(session)
    assert a.port.session != session
