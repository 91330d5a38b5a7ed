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


async def test_a_request_that_was_held_up_is_done_when_the_link_heals(redis: RedisBench) -> None:
    a, b = await two(redis)
    a.link.stall(Direction.REQUESTS)
    with pytest.raises(Indeterminate):
        await a.port.set_if_absent("lock", "a", 60.0)
    assert await b.port.get("lock") is None
    a.link.heal()
    assert await redis.eventually(lambda: b.port.get("lock")) == "a"


async def test_a_cancelled_request_that_was_held_up_is_done_when_the_link_heals(
    redis: RedisBench,
) -> None:
    a, b = await two(redis)
    a.link.stall(Direction.REQUESTS)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await a.port.set_if_absent("lock", "a", 60.0)
    a.link.heal()
    assert await redis.eventually(lambda: b.port.get("lock")) == "a"


async def test_a_request_whose_connection_was_never_made_is_not_done_later(
    redis: RedisBench,
) -> None:
    a, b = await two(redis)
    a.link.stall()
    with pytest.raises(Indeterminate):
        await a.port.set_if_absent("sent", "a", 60.0)
    with pytest.raises(Unavailable):
        await a.port.set_if_absent("not sent", "a", 60.0)
    assert [text for _, text in a.calls.failed_ones] == [
        "no answer within 1 s",
        "no connection within 1 s",
    ]
    a.link.heal()
    assert await redis.eventually(lambda: b.port.get("sent")) == "a"
    await asyncio.sleep(0.2)
    assert await b.port.get("not sent") is None


async def test_a_short_stall_only_takes_time(redis: RedisBench) -> None:
    a = await redis.open_port()
    a.link.stall()
    asking = asyncio.create_task(a.port.set_if_absent("lock", "a", 60.0))
    await asyncio.sleep(0.3)
    assert not asking.done()
    a.link.heal()
    assert await asking
    assert a.calls.failed_ones == []


async def test_a_time_to_live_runs_from_when_the_key_was_set_not_from_its_answer(
    redis: RedisBench,
) -> None:
    a, b = await two(redis)
    a.link.stall(Direction.REPLIES)
    with pytest.raises(Indeterminate):
        await a.port.set_if_absent("lock", "a", 0.6)
    assert await b.port.get("lock") is None


async def test_a_time_to_live_runs_from_when_the_key_was_set_not_from_its_request(
    redis: RedisBench,
) -> None:
    a, b = await two(redis)
    a.link.stall(Direction.REQUESTS)
    with pytest.raises(Indeterminate):
        await a.port.set_if_absent("lock", "a", 0.6)
    a.link.heal()
    assert await redis.eventually(lambda: b.port.get("lock")) == "a"
    await redis.eventually(lambda: b.port.set_if_absent("lock", "b", 60.0))


async def test_a_key_that_expired_is_absent_for_every_operation(redis: RedisBench) -> None:
    a = await redis.open_port()
    keys = ("get", "delete", "delete_if_equal", "extend_if_equal", "forget")
    for key in keys:
        assert await a.port.set_if_absent(key, "a", 0.1)
    await asyncio.sleep(0.3)
    assert await a.port.get("get") is None
    assert not await a.port.delete("delete")
    assert not await a.port.delete_if_equal("delete_if_equal", "a")
    assert not await a.port.extend_if_equal("extend_if_equal", "a", 60.0)
    assert not await redis.forget("forget")


async def test_a_time_to_live_of_less_than_a_millisecond_is_one(redis: RedisBench) -> None:
    a = await redis.open_port()
    for ttl in (0.0, 0.0001, -1.0):
        assert await a.port.set_if_absent("lock", "a", ttl)
        await asyncio.sleep(0.05)
    assert await a.port.get("lock") is None


async def test_a_refused_set_does_not_touch_the_time_to_live(redis: RedisBench) -> None:
    a, b = await two(redis)
    await a.port.set_if_absent("lock", "a", 0.3)
    assert not await a.port.set_if_absent("lock", "a", 60.0)
    assert not await b.port.extend_if_equal("lock", "b", 60.0)
    await asyncio.sleep(0.5)
    assert await b.port.get("lock") is None


@pytest.mark.parametrize("value", ["", " a\r\n b ", "zażółć 鎖 🔒", "0", "a" * 100_000])
async def test_keys_and_values_are_kept_exactly(redis: RedisBench, value: str) -> None:
    a = await redis.open_port()
    key = f"key {value}"
    assert await a.port.set_if_absent(key, value, 60.0)
    assert await a.port.get(key) == value
    assert not await a.port.delete_if_equal(key, f"{value}x")
    assert await a.port.extend_if_equal(key, value, 60.0)
    assert await a.port.delete_if_equal(key, value)


async def test_who_was_replaced_after_expiry_can_do_nothing_to_the_new_owner(
    redis: RedisBench,
) -> None:
    a, b = await two(redis)
    await a.port.set_if_absent("lock", "a", 0.1)
    await asyncio.sleep(0.3)
    assert await b.port.set_if_absent("lock", "b", 60.0)
    assert not await a.port.extend_if_equal("lock", "a", 0.01)
    assert not await a.port.delete_if_equal("lock", "a")
    assert await a.port.get("lock") == "b"


async def test_of_extensions_and_deletions_at_once_one_deletion_wins(redis: RedisBench) -> None:
    a, b = await two(redis)
    await a.port.set_if_absent("lock", "x", 60.0)
    extending = [worker.port.extend_if_equal("lock", "x", 60.0) for worker in (a, b) * 5]
    deleting = [worker.port.delete_if_equal("lock", "x") for worker in (a, b) * 5]
    _, deleted = await asyncio.gather(asyncio.gather(*extending), asyncio.gather(*deleting))
    assert sum(deleted) == 1
    assert await a.port.get("lock") is None


async def test_a_held_up_extension_does_not_bring_a_key_back(redis: RedisBench) -> None:
    a, b = await two(redis)
    await a.port.set_if_absent("lock", "a", 0.3)
    a.link.stall(Direction.REQUESTS)
    with pytest.raises(Indeterminate):
        await a.port.extend_if_equal("lock", "a", 60.0)
    assert await b.port.set_if_absent("lock", "b", 60.0)
    a.link.heal()
    await asyncio.sleep(0.2)
    assert await b.port.get("lock") == "b"


async def test_requests_of_one_worker_do_not_wait_for_each_other(redis: RedisBench) -> None:
    a = await redis.open_port()
    await asyncio.gather(*(a.port.get("lock") for _ in range(5)))
    a.link.stall()
    async with redis.in_time():
        outcomes = await asyncio.gather(
            *(a.port.get("lock") for _ in range(5)), return_exceptions=True
        )
    # Each had a connection of its own, open since before the stall.
    assert [type(outcome) for outcome in outcomes] == [Indeterminate] * 5


async def test_more_requests_than_connections_cannot_be_sent_over_a_stalled_link(
    redis: RedisBench,
) -> None:
    a = await redis.open_port()
    a.link.stall()
    async with redis.in_time():
        outcomes = await asyncio.gather(
            *(a.port.get("lock") for _ in range(3)), return_exceptions=True
        )
    kinds = [type(outcome) for outcome in outcomes]
    assert kinds == [Indeterminate, Unavailable, Unavailable]


async def test_after_a_reset_of_all_connections_in_use_operations_work(redis: RedisBench) -> None:
    a = await redis.open_port()
    await asyncio.gather(*(a.port.get("lock") for _ in range(3)))
    a.link.stall(Direction.REPLIES)
    asking = [asyncio.create_task(a.port.get("lock")) for _ in range(3)]
    await asyncio.sleep(0.1)
    a.link.reset()
    outcomes = await asyncio.gather(*asking, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [Indeterminate] * 3
    a.link.heal()
    assert await asyncio.gather(*(a.port.get("lock") for _ in range(3))) == [None] * 3


async def test_a_connection_reset_in_the_making_means_unavailable(redis: RedisBench) -> None:
    a = await redis.open_port()
    a.link.reset()
    a.link.stall()
    await asyncio.sleep(0.1)
    asking = asyncio.create_task(a.port.set_if_absent("lock", "a", 60.0))
    await asyncio.sleep(0.1)
    a.link.reset()
    with pytest.raises(Unavailable):
        await asking
    a.link.heal()
    await asyncio.sleep(0.1)
    assert await a.port.get("lock") is None


async def test_a_request_held_up_on_a_connection_that_is_reset_is_lost(redis: RedisBench) -> None:
    a, b = await two(redis)
    a.link.stall(Direction.REQUESTS)
    asking = asyncio.create_task(a.port.set_if_absent("lock", "a", 60.0))
    await asyncio.sleep(0.1)
    a.link.reset()
    with pytest.raises(Indeterminate):
        await asking
    a.link.heal()
    await asyncio.sleep(0.2)
    assert await b.port.get("lock") is None


async def test_a_link_that_refuses_lets_open_connections_be(redis: RedisBench) -> None:
    a = await redis.open_port()
    a.link.refuse()
    assert await a.port.set_if_absent("lock", "a", 60.0)
    outcomes = await asyncio.gather(a.port.get("lock"), a.port.get("lock"), return_exceptions=True)
    assert outcomes[0] == "a"
    assert isinstance(outcomes[1], Unavailable)


async def test_an_operation_under_way_outlives_the_closing_of_its_port(redis: RedisBench) -> None:
    a = await redis.open_port()
    a.link.stall(Direction.REPLIES)
    asking = asyncio.create_task(a.port.set_if_absent("lock", "a", 60.0))
    await asyncio.sleep(0.1)
    await a.close()
    a.link.heal()
    assert await asking
    with pytest.raises(Unavailable):
        await a.port.get("lock")
    assert a.calls.asked == {"set_if_absent": 1, "get": 1}
    assert a.calls.failed_ones == [("get", "the client is closed")]


async def test_a_request_given_up_before_a_reset_is_lost_with_its_connection(
    redis: RedisBench,
) -> None:
    a, b = await two(redis)
    a.link.stall(Direction.REQUESTS)
    with pytest.raises(Indeterminate):
        await a.port.set_if_absent("lock", "a", 60.0)
    await asyncio.sleep(0.1)
    a.link.reset()
    a.link.heal()
    await asyncio.sleep(0.2)
    assert await b.port.get("lock") is None


@pytest.mark.parametrize("turns", range(6))
async def test_a_cancellation_is_never_lost(redis: RedisBench, turns: int) -> None:
    a = await redis.open_port()
    for _ in range(20):
        task = asyncio.create_task(a.port.extend_if_equal("lock", "a", 60.0))
        for _ in range(turns):
            await asyncio.sleep(0)
        if task.cancel():
            with pytest.raises(asyncio.CancelledError):
                await task


async def test_a_key_that_is_set_holds_its_last_value_and_does_not_expire(
    redis: RedisBench,
) -> None:
    a, b = await two(redis)
    await a.port.set_if_absent("mark", "1", 0.2)
    await b.port.set("mark", "2")
    await a.port.set("other", "1.5")
    await asyncio.sleep(0.4)
    assert await a.port.get("mark") == "2"
    assert await b.port.get("other") == "1.5"


async def test_a_token_comes_with_each_lock_and_none_without(redis: RedisBench) -> None:
    a, b = await two(redis)
    assert await a.port.set_if_absent_fenced("lock", "a", 60.0, "count") == 1
    assert await b.port.set_if_absent_fenced("lock", "b", 60.0, "count") is None
    assert await b.port.get("lock") == "a"
    assert await a.port.delete_if_equal("lock", "a")
    assert await b.port.set_if_absent_fenced("lock", "b", 60.0, "count") == 2
    assert await a.port.set_if_absent_fenced("else", "a", 60.0, "another") == 1


async def test_tokens_outlive_the_locks_that_they_came_with(redis: RedisBench) -> None:
    a, b = await two(redis)
    assert await a.port.set_if_absent_fenced("lock", "a", 0.2, "count") == 1
    token = await redis.eventually(lambda: b.port.set_if_absent_fenced("lock", "b", 60.0, "count"))
    assert token == 2
    await redis.forget("lock")
    assert await a.port.set_if_absent_fenced("lock", "a", 60.0, "count") == 3


async def test_tokens_of_many_at_once_are_all_different(redis: RedisBench) -> None:
    workers = await two(redis)
    tries = [
        worker.port.set_if_absent_fenced(f"lock-{number}", "x", 60.0, "count")
        for number, worker in enumerate(workers * 5)
    ]
    assert sorted(token or 0 for token in await asyncio.gather(*tries)) == list(range(1, 11))


async def test_a_key_is_set_unless_it_or_the_other_is_there(redis: RedisBench) -> None:
    a, b = await two(redis)
    assert await a.port.set_unless("lock", "a", 60.0, "done") is None
    assert await b.port.set_unless("lock", "b", 60.0, "done") == "lock"
    await a.port.set("done", "1")
    assert await b.port.set_unless("lock", "b", 60.0, "done") == "done"
    await a.port.delete("lock")
    assert await b.port.set_unless("lock", "b", 60.0, "done") == "done"
    assert await b.port.get("lock") is None
    assert await b.port.set_unless("lock", "b", 0.2, "undone") is None
    await redis.eventually(lambda: gone(a, "lock"))


async def gone(worker: Opened[RedisPort], key: str) -> bool:
    return await worker.port.get(key) is None


async def test_the_operations_for_approaches_are_counted_too(redis: RedisBench) -> None:
    a = await redis.open_port()
    await a.port.set("mark", "1")
    await a.port.set_if_absent_fenced("lock", "a", 60.0, "count")
    await a.port.set_unless("lock", "a", 60.0, "mark")
    assert a.calls.asked == {"set": 1, "set_if_absent_fenced": 1, "set_unless": 1}
