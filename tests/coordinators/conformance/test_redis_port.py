"""What every RedisPort keeps to."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from harness.coordinators.errors import Indeterminate, Unavailable
from harness.runtimes.proxy import Direction

if TYPE_CHECKING:
    from harness.coordinators.redis.port import RedisPort
    from tests.coordinators.conformance.conftest import Bench, Opened

    RedisBench = Bench[RedisPort]


async def two(redis: RedisBench) -> tuple[Opened[RedisPort], Opened[RedisPort]]:
    return await redis.open_port(), await redis.open_port()


async def test_a_key_is_set_only_where_there_is_none(redis: RedisBench) -> None:
    a, b = await two(redis)
    assert await a.port.set_if_absent("lock", "a", 60.0)
    assert not await a.port.set_if_absent("lock", "a", 60.0)
    assert not await b.port.set_if_absent("lock", "b", 60.0)
    assert await b.port.get("lock") == "a"


async def test_of_many_at_once_one_sets_the_key(redis: RedisBench) -> None:
    workers = await two(redis)
    tries = [
        worker.port.set_if_absent("lock", f"{number}", 60.0)
        for worker in workers
        for number in range(10)
    ]
    assert sum(await asyncio.gather(*tries)) == 1


async def test_keys_do_not_hinder_each_other(redis: RedisBench) -> None:
    a, b = await two(redis)
    assert await a.port.set_if_absent("one", "a", 60.0)
    assert await b.port.set_if_absent("other", "b", 60.0)


async def test_a_key_expires_after_its_time_to_live(redis: RedisBench) -> None:
    a, b = await two(redis)
    assert await a.port.set_if_absent("lock", "a", 0.3)
    assert not await b.port.set_if_absent("lock", "b", 60.0)
    await redis.eventually(lambda: b.port.set_if_absent("lock", "b", 60.0))
    assert await a.port.get("lock") == "b"


async def test_get_says_none_where_there_is_no_key(redis: RedisBench) -> None:
    a = await redis.open_port()
    assert await a.port.get("lock") is None


async def test_only_the_owner_deletes_what_it_compares(redis: RedisBench) -> None:
    a, b = await two(redis)
    await a.port.set_if_absent("lock", "a", 60.0)
    assert not await b.port.delete_if_equal("lock", "b")
    assert await b.port.get("lock") == "a"
    assert await a.port.delete_if_equal("lock", "a")
    assert not await a.port.delete_if_equal("lock", "a")
    assert await b.port.get("lock") is None


async def test_anybody_deletes_without_comparing(redis: RedisBench) -> None:
    a, b = await two(redis)
    await a.port.set_if_absent("lock", "a", 60.0)
    assert await b.port.delete("lock")
    assert not await b.port.delete("lock")


async def test_the_owner_extends_its_key(redis: RedisBench) -> None:
    a = await redis.open_port()
    await a.port.set_if_absent("lock", "a", 0.4)
    assert await a.port.extend_if_equal("lock", "a", 60.0)
    await asyncio.sleep(0.6)
    assert await a.port.get("lock") == "a"


async def test_an_extension_may_shorten_the_time_to_live(redis: RedisBench) -> None:
    a, b = await two(redis)
    await a.port.set_if_absent("lock", "a", 60.0)
    assert await a.port.extend_if_equal("lock", "a", 0.1)
    await redis.eventually(lambda: b.port.set_if_absent("lock", "b", 60.0))


async def test_nobody_else_extends_it(redis: RedisBench) -> None:
    a, b = await two(redis)
    await a.port.set_if_absent("lock", "a", 60.0)
    assert not await b.port.extend_if_equal("lock", "b", 60.0)


async def test_a_key_that_expired_is_not_extended(redis: RedisBench) -> None:
    a, b = await two(redis)
    await a.port.set_if_absent("lock", "a", 0.1)
    await redis.eventually(lambda: b.port.set_if_absent("lock", "b", 60.0))
    assert not await a.port.extend_if_equal("lock", "a", 60.0)


async def test_a_key_can_be_forgotten_behind_its_owners_back(redis: RedisBench) -> None:
    a, b = await two(redis)
    await a.port.set_if_absent("lock", "a", 60.0)
    assert await redis.forget("lock")
    assert not await redis.forget("lock")
    assert await b.port.set_if_absent("lock", "b", 60.0)


async def test_each_operation_is_counted_once(redis: RedisBench) -> None:
    a = await redis.open_port()
    assert not a.calls.asked
    await a.port.set_if_absent("lock", "a", 60.0)
    await a.port.get("lock")
    await a.port.extend_if_equal("lock", "a", 60.0)
    await a.port.delete_if_equal("lock", "a")
    await a.port.delete("lock")
    assert a.calls.asked == {
        "set_if_absent": 1,
        "get": 1,
        "extend_if_equal": 1,
        "delete_if_equal": 1,
        "delete": 1,
    }
    assert a.calls.failed_ones == []


async def test_an_operation_over_a_stalled_link_is_indeterminate_in_time(redis: RedisBench) -> None:
    a = await redis.open_port()
    await a.port.set_if_absent("lock", "a", 60.0)
    a.link.stall()
    async with redis.in_time():
        with pytest.raises(Indeterminate):
            await a.port.get("lock")
    assert [operation for operation, _ in a.calls.failed_ones] == ["get"]
    assert a.calls.asked["get"] == 1


async def test_after_the_stall_operations_work_and_late_answers_are_not_taken_for_theirs(
    redis: RedisBench,
) -> None:
    a = await redis.open_port()
    await a.port.set_if_absent("old", "a", 60.0)
    a.link.stall()
    with pytest.raises(Indeterminate):
        await a.port.get("old")
    a.link.heal()
    for _ in range(5):
        assert await a.port.get("new") is None


async def test_an_operation_whose_answer_is_lost_was_done(redis: RedisBench) -> None:
    a, b = await two(redis)
    a.link.stall(Direction.REPLIES)
    with pytest.raises(Indeterminate):
        await a.port.set_if_absent("lock", "a", 60.0)
    assert await b.port.get("lock") == "a"


async def test_a_connection_that_cannot_be_made_means_unavailable_and_not_done(
    redis: RedisBench,
) -> None:
    a, b = await two(redis)
    a.link.refuse()
    a.link.reset()
    await asyncio.sleep(0.1)
    async with redis.in_time():
        with pytest.raises(Unavailable):
            await a.port.set_if_absent("lock", "a", 60.0)
    assert await b.port.get("lock") is None
    a.link.heal()
    assert await a.port.set_if_absent("lock", "a", 60.0)


async def test_a_connection_that_broke_while_idle_is_replaced(redis: RedisBench) -> None:
    a = await redis.open_port()
    await a.port.get("lock")
    a.link.reset()
    await asyncio.sleep(0.1)
    assert await a.port.set_if_absent("lock", "a", 60.0)


async def test_a_connection_that_breaks_under_an_operation_makes_it_indeterminate(
    redis: RedisBench,
) -> None:
    a = await redis.open_port()
    a.link.stall(Direction.REPLIES)
    asking = asyncio.create_task(a.port.set_if_absent("lock", "a", 60.0))
    await asyncio.sleep(0.1)
    a.link.reset()
    with pytest.raises(Indeterminate):
        await asking


async def test_a_cancelled_operation_leaves_the_port_usable(redis: RedisBench) -> None:
    a = await redis.open_port()
    await a.port.set_if_absent("lock", "a", 60.0)
    a.link.stall(Direction.REPLIES)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await a.port.get("lock")
    a.link.heal()
    assert await a.port.get("other") is None


async def test_a_port_opens_in_time_or_is_unavailable(redis: RedisBench) -> None:
    link = await redis.open_link()
    link.refuse()
    with pytest.raises(Unavailable):
        await redis.open_port(link)
    link.heal()
    link.stall()
    async with redis.in_time():
        with pytest.raises(Unavailable):
            await redis.open_port(link)


async def test_a_port_closes_over_a_stalled_link(redis: RedisBench) -> None:
    a = await redis.open_port()
    await a.port.get("lock")
    a.link.stall()
    async with redis.in_time():
        await a.close()
    with pytest.raises(Unavailable):
        await a.port.get("lock")
