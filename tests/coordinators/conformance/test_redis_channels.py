"""What every RedisPort's channels keep to."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from harness.coordinators.errors import Unavailable
from harness.runtimes.proxy import Direction

if TYPE_CHECKING:
    from harness.coordinators.redis.port import RedisPort
    from tests.coordinators.conformance.conftest import Bench, Opened

    RedisBench = Bench[RedisPort]

SOON = 5.0
"""Seconds within which a message comes that was sent; no test waits so long for none."""


async def two(redis: RedisBench) -> tuple[Opened[RedisPort], Opened[RedisPort]]:
    return await redis.open_port(), await redis.open_port()


async def nobody_listens(worker: Opened[RedisPort], channel: str) -> bool:
    return await worker.port.channels.publish(channel, "anybody?") == 0


async def test_a_subscriber_gets_what_is_published_from_then_on_in_order(
    redis: RedisBench,
) -> None:
    a, b = await two(redis)
    assert await b.port.channels.publish("news", "too early") == 0
    subscription = await a.port.channels.subscribe("news")
    for number in range(5):
        assert await b.port.channels.publish("news", f"{number}") == 1
    assert [await subscription.receive(SOON) for _ in range(5)] == ["0", "1", "2", "3", "4"]


async def test_every_subscriber_of_a_channel_gets_its_messages_and_no_others(
    redis: RedisBench,
) -> None:
    a, b = await two(redis)
    first = await a.port.channels.subscribe("news")
    second = await b.port.channels.subscribe("news")
    other = await b.port.channels.subscribe("weather")
    assert await a.port.channels.publish("news", "to all") == 2
    assert await a.port.channels.publish("weather", "to one") == 1
    assert await first.receive(SOON) == await second.receive(SOON) == "to all"
    assert await other.receive(SOON) == "to one"
    assert await first.receive(0.2) is None


async def test_none_comes_where_nothing_is_published(redis: RedisBench) -> None:
    a = await redis.open_port()
    subscription = await a.port.channels.subscribe("news")
    async with redis.in_time():
        assert await subscription.receive(0.2) is None
        assert await subscription.receive(0.0) is None


async def test_a_message_wakes_who_waits_for_it(redis: RedisBench) -> None:
    a, b = await two(redis)
    subscription = await a.port.channels.subscribe("news")
    waiting = asyncio.create_task(subscription.receive(60.0))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    await b.port.channels.publish("news", "now")
    async with asyncio.timeout(SOON):
        assert await waiting == "now"


async def test_who_stops_waiting_loses_no_message(redis: RedisBench) -> None:
    a, b = await two(redis)
    subscription = await a.port.channels.subscribe("news")
    for number in range(10):
        waiting = asyncio.create_task(subscription.receive(60.0))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait({waiting})
        await b.port.channels.publish("news", f"{number}")
        assert await subscription.receive(SOON) == f"{number}"


async def test_a_release_deletes_marks_and_tells_in_one_step(redis: RedisBench) -> None:
    a, b = await two(redis)
    subscription = await b.port.channels.subscribe("released")
    await a.port.set_if_absent("lock", "a", 60.0)
    assert await a.port.channels.release("lock", "a", "done", 60.0, "released")
    assert await subscription.receive(SOON) == "lock"
    assert await b.port.get("lock") is None
    assert await b.port.get("done") is not None


async def test_who_lost_the_lock_marks_but_neither_releases_nor_tells(redis: RedisBench) -> None:
    a, b = await two(redis)
    subscription = await b.port.channels.subscribe("released")
    await b.port.set_if_absent("lock", "b", 60.0)
    assert not await a.port.channels.release("lock", "a", "done", 60.0, "released")
    assert not await a.port.channels.release("nothing", "a", "done", 60.0, "released")
    assert await b.port.get("lock") == "b"
    assert await b.port.get("done") is not None
    assert await subscription.receive(0.2) is None


async def test_a_mark_expires(redis: RedisBench) -> None:
    a = await redis.open_port()
    await a.port.channels.release("lock", "a", "done", 0.3, "released")
    assert await a.port.get("done") is not None

    async def forgotten() -> bool:
        return await a.port.get("done") is None

    await redis.eventually(forgotten)


async def test_a_lost_connection_is_reported_and_what_was_published_meanwhile_is_lost(
    redis: RedisBench,
) -> None:
    a, b = await two(redis)
    subscription = await a.port.channels.subscribe("news")
    waiting = asyncio.create_task(subscription.receive(60.0))
    await asyncio.sleep(0.1)
    a.link.reset()
    async with asyncio.timeout(SOON):
        with pytest.raises(Unavailable):
            await waiting
    await redis.eventually(lambda: nobody_listens(b, "news"))
    with pytest.raises(Unavailable):
        await subscription.receive(60.0)
    await subscription.close()
    again = await a.port.channels.subscribe("news")
    assert await again.receive(0.2) is None
    assert await b.port.channels.publish("news", "after") == 1
    assert await again.receive(SOON) == "after"


async def test_what_came_before_the_connection_was_lost_is_still_there(redis: RedisBench) -> None:
    a, b = await two(redis)
    subscription = await a.port.channels.subscribe("news")
    await b.port.channels.publish("news", "last words")
    await asyncio.sleep(0.2)
    a.link.reset()
    await asyncio.sleep(0.2)
    assert await subscription.receive(SOON) == "last words"
    with pytest.raises(Unavailable):
        await subscription.receive(SOON)


async def test_on_a_cut_link_nothing_comes_and_nobody_hangs(redis: RedisBench) -> None:
    a, b = await two(redis)
    subscription = await a.port.channels.subscribe("news")
    a.link.stall()
    assert await b.port.channels.publish("news", "held up") == 1
    async with redis.in_time():
        assert await subscription.receive(0.3) is None
    a.link.heal()
    assert await subscription.receive(SOON) == "held up"


async def test_what_is_held_up_when_the_connection_breaks_is_lost(redis: RedisBench) -> None:
    a, b = await two(redis)
    subscription = await a.port.channels.subscribe("news")
    a.link.stall(Direction.REPLIES)
    assert await b.port.channels.publish("news", "held up") == 1
    await asyncio.sleep(0.2)
    a.link.reset()
    a.link.heal()
    with pytest.raises(Unavailable):
        await subscription.receive(SOON)


@pytest.mark.parametrize("trouble", ["stall", "refuse"])
async def test_who_cannot_subscribe_is_told_in_time(redis: RedisBench, trouble: str) -> None:
    a = await redis.open_port()
    getattr(a.link, trouble)()
    async with redis.in_time():
        with pytest.raises(Unavailable):
            await a.port.channels.subscribe("news")
    assert [operation for operation, _ in a.calls.failed_ones] == ["channels.subscribe"]
    a.link.heal()
    await redis.eventually(lambda: a.port.channels.subscribe("news"))


async def test_a_subscription_that_is_closed_gets_nothing_more(redis: RedisBench) -> None:
    a, b = await two(redis)
    subscription = await a.port.channels.subscribe("news")
    await subscription.close()
    await redis.eventually(lambda: nobody_listens(b, "news"))
    with pytest.raises(Unavailable):
        await subscription.receive(SOON)


async def test_subscriptions_end_with_their_port(redis: RedisBench) -> None:
    a, b = await two(redis)
    subscription = await a.port.channels.subscribe("news")
    await a.close()
    await redis.eventually(lambda: nobody_listens(b, "news"))
    with pytest.raises(Unavailable):
        await subscription.receive(SOON)
    with pytest.raises(Unavailable):
        await a.port.channels.subscribe("news")


async def test_a_subscription_is_in_nobodys_way(redis: RedisBench) -> None:
    a = await redis.open_port()
    subscription = await a.port.channels.subscribe("news")
    assert await a.port.set_if_absent("lock", "a", 60.0)
    assert await asyncio.gather(*(a.port.get("lock") for _ in range(5))) == ["a"] * 5
    assert await a.port.channels.publish("news", "own") == 1
    assert await subscription.receive(SOON) == "own"


async def test_each_operation_is_counted_once_and_no_message(redis: RedisBench) -> None:
    a = await redis.open_port()
    subscription = await a.port.channels.subscribe("news")
    await a.port.channels.publish("news", "own")
    await subscription.receive(SOON)
    await a.port.channels.release("lock", "a", "done", 60.0, "released")
    assert a.calls.asked == {
        "channels.subscribe": 1,
        "channels.publish": 1,
        "channels.release": 1,
    }
    assert a.calls.failed_ones == []


@pytest.mark.parametrize("turns", range(6))
async def test_a_cancelled_subscribing_leaves_nothing_behind(redis: RedisBench, turns: int) -> None:
    a, b = await two(redis)
    task = asyncio.create_task(a.port.channels.subscribe("news"))
    for _ in range(turns):
        await asyncio.sleep(0)
    if task.cancel():
        with pytest.raises(asyncio.CancelledError):
            await task
    await redis.eventually(lambda: nobody_listens(b, "news"))
