"""What every RedisPort's stream of runs keeps to."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from harness.coordinators.errors import Indeterminate
from harness.coordinators.redis.streams.port import Message, handle_of
from harness.runtimes.proxy import Direction

if TYPE_CHECKING:
    from harness.coordinators.redis.port import RedisPort
    from tests.coordinators.conformance.conftest import Bench, Opened

    RedisBench = Bench[RedisPort]


async def two(redis: RedisBench) -> tuple[Opened[RedisPort], Opened[RedisPort]]:
    return await redis.open_port(), await redis.open_port()


async def delivered(worker: Opened[RedisPort], consumer: str) -> Message:
    message = await worker.port.streams.read(consumer)
    assert message is not None
    return message


async def test_a_run_is_added_once(redis: RedisBench) -> None:
    a, b = await two(redis)
    assert await a.port.streams.add("report", 0.5, 60.0)
    assert not await b.port.streams.add("report", 0.5, 60.0)
    assert await b.port.streams.add("report", 1.0, 60.0)
    assert await b.port.streams.add("billing", 0.5, 60.0)


async def test_of_many_at_once_one_adds_the_run(redis: RedisBench) -> None:
    workers = [await redis.open_port() for _ in range(5)]
    tries = [worker.port.streams.add("report", 0.5, 60.0) for worker in workers]
    assert sum(await asyncio.gather(*tries)) == 1


async def test_a_run_can_be_added_again_once_it_is_forgotten(redis: RedisBench) -> None:
    a = await redis.open_port()
    assert await a.port.streams.add("report", 0.5, 0.2)
    await redis.eventually(lambda: a.port.streams.add("report", 0.5, 60.0))


async def test_there_is_nothing_to_read_where_nothing_was_added(redis: RedisBench) -> None:
    a = await redis.open_port()
    nothing = Message("1-1", "report", 0.5)
    assert await a.port.streams.read("a") is None
    assert await a.port.streams.claim_idle("a", 0.1) is None
    assert not await a.port.streams.refresh("a", nothing)
    assert not await a.port.streams.acknowledge("a", nothing)
    assert a.calls.failed_ones == []


async def test_runs_are_read_in_the_order_of_their_adding_and_by_one_consumer_each(
    redis: RedisBench,
) -> None:
    a, b = await two(redis)
    for due in (1.5, 0.1 + 0.2, 1.0):
        await a.port.streams.add("report", due, 60.0)
    read = [await delivered(a, "a"), await delivered(b, "b"), await delivered(a, "a")]
    assert [(each.job, each.due) for each in read] == [
        ("report", 1.5),
        ("report", 0.1 + 0.2),
        ("report", 1.0),
    ]
    assert len({each.id for each in read}) == 3
    assert await b.port.streams.read("b") is None


async def test_of_many_at_once_each_reads_another_run(redis: RedisBench) -> None:
    workers = await two(redis)
    for number in range(10):
        await workers[0].port.streams.add("report", float(number), 60.0)
    tries = [worker.port.streams.read(f"{n}") for n, worker in enumerate(workers * 6)]
    read = [each.due for each in await asyncio.gather(*tries) if each is not None]
    assert sorted(read) == [float(number) for number in range(10)]


async def test_what_idled_is_claimed_and_not_before(redis: RedisBench) -> None:
    a, b = await two(redis)
    await a.port.streams.add("report", 0.5, 60.0)
    message = await delivered(a, "a")
    assert await b.port.streams.claim_idle("b", 60.0) is None
    assert await redis.eventually(lambda: b.port.streams.claim_idle("b", 0.3)) == message
    # Its idle time began again with the claim.
    assert await a.port.streams.claim_idle("a", 60.0) is None
    assert not await a.port.streams.refresh("a", message)
    assert await b.port.streams.refresh("b", message)


async def test_of_many_at_once_one_claims_what_idled(redis: RedisBench) -> None:
    workers = await two(redis)
    await workers[0].port.streams.add("report", 0.5, 60.0)
    await delivered(workers[0], "dead")
    await asyncio.sleep(0.4)
    tries = [worker.port.streams.claim_idle(f"{n}", 0.3) for n, worker in enumerate(workers * 5)]
    assert sum(claimed is not None for claimed in await asyncio.gather(*tries)) == 1


async def test_what_idled_is_found_behind_many_that_did_not(redis: RedisBench) -> None:
    a = await redis.open_port()
    for number in range(30):
        await a.port.streams.add("report", float(number), 60.0)
    read = [await delivered(a, "a") for _ in range(30)]
    await asyncio.sleep(0.5)
    for message in read[:-1]:
        assert await a.port.streams.refresh("a", message)
    assert await a.port.streams.claim_idle("b", 0.5) == read[-1]


async def test_a_message_that_is_refreshed_does_not_idle(redis: RedisBench) -> None:
    a, b = await two(redis)
    await a.port.streams.add("report", 0.5, 60.0)
    message = await delivered(a, "a")
    for _ in range(4):
        await asyncio.sleep(0.2)
        assert await a.port.streams.refresh("a", message)
        assert await b.port.streams.claim_idle("b", 0.5) is None


async def test_nobody_else_refreshes_it(redis: RedisBench) -> None:
    a, b = await two(redis)
    await a.port.streams.add("report", 0.5, 60.0)
    message = await delivered(a, "a")
    await asyncio.sleep(0.4)
    assert not await b.port.streams.refresh("b", message)
    assert await b.port.streams.claim_idle("b", 0.4) == message


async def test_what_is_acknowledged_is_done_for_good(redis: RedisBench) -> None:
    a, b = await two(redis)
    await a.port.streams.add("report", 0.5, 60.0)
    message = await delivered(a, "a")
    assert await a.port.streams.acknowledge("a", message)
    assert not await a.port.streams.acknowledge("a", message)
    assert not await a.port.streams.refresh("a", message)
    assert await b.port.streams.read("b") is None
    await asyncio.sleep(0.1)
    assert await b.port.streams.claim_idle("b", 0.001) is None
    assert not await b.port.streams.add("report", 0.5, 60.0)


async def test_who_acknowledges_what_another_claimed_ends_it_and_is_told(
    redis: RedisBench,
) -> None:
    a, b = await two(redis)
    await a.port.streams.add("report", 0.5, 60.0)
    message = await delivered(a, "a")
    await redis.eventually(lambda: b.port.streams.claim_idle("b", 0.1))
    assert not await a.port.streams.acknowledge("a", message)
    assert not await b.port.streams.acknowledge("b", message)
    assert not await b.port.streams.refresh("b", message)


async def test_a_message_can_be_taken_away_behind_its_consumers_back(redis: RedisBench) -> None:
    a, b = await two(redis)
    await a.port.streams.add("report", 0.5, 60.0)
    message = await delivered(a, "a")
    assert await redis.forget(handle_of(message))
    assert not await redis.forget(handle_of(message))
    assert not await a.port.streams.refresh("a", message)
    # At once, whatever the idle time that is asked for.
    assert await b.port.streams.claim_idle("b", 60.0) == message
    assert not await a.port.streams.acknowledge("a", message)
    assert not await redis.forget(handle_of(message))


async def test_what_is_not_pending_cannot_be_taken_away(redis: RedisBench) -> None:
    a = await redis.open_port()
    assert not await redis.forget(handle_of(Message("1-1", "report", 0.5)))
    await a.port.streams.add("report", 0.5, 60.0)
    assert not await redis.forget(handle_of(Message("1-1", "report", 0.5)))


async def test_an_adding_whose_answer_is_lost_was_done_once(redis: RedisBench) -> None:
    a, b = await two(redis)
    a.link.stall(Direction.REPLIES)
    with pytest.raises(Indeterminate):
        await a.port.streams.add("report", 0.5, 60.0)
    assert not await b.port.streams.add("report", 0.5, 60.0)
    await delivered(b, "b")
    assert await b.port.streams.read("b") is None


async def test_what_was_read_without_an_answer_idles_until_it_is_claimed(
    redis: RedisBench,
) -> None:
    a, b = await two(redis)
    await a.port.streams.add("report", 0.5, 60.0)
    a.link.stall(Direction.REPLIES)
    with pytest.raises(Indeterminate):
        await a.port.streams.read("a")
    assert await b.port.streams.read("b") is None
    claimed = await redis.eventually(lambda: b.port.streams.claim_idle("b", 0.2))
    assert claimed.due == 0.5


async def test_each_operation_is_counted_once(redis: RedisBench) -> None:
    a = await redis.open_port()
    await a.port.streams.add("report", 0.5, 60.0)
    message = await delivered(a, "a")
    await a.port.streams.claim_idle("a", 60.0)
    await a.port.streams.refresh("a", message)
    await a.port.streams.acknowledge("a", message)
    operations = ("add", "read", "claim_idle", "refresh", "acknowledge")
    assert a.calls.asked == {f"streams.{operation}": 1 for operation in operations}
    assert a.calls.failed_ones == []
