"""What every job store keeps to."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from harness.coordinators.errors import Unavailable
from harness.coordinators.postgres.quartz.port import (
    Entry,
    EntryState,
    QuartzPort,
    SchedulerState,
    Trigger,
)
from harness.runtimes.proxy import Direction

if TYPE_CHECKING:
    from harness.coordinators.postgres.port import PostgresPort
    from tests.coordinators.conformance.conftest import Bench

    PostgresBench = Bench[PostgresPort]

REPORT = Trigger("report", "report", fires_at=1.0, due=1.0)
BILLING = Trigger("billing", "billing", fires_at=2.0, due=2.0)
A, B, C = (Entry(f"{name}/1", name) for name in "abc")


async def stores(postgres: PostgresBench, count: int = 2) -> list[QuartzPort]:
    """Stores of as many workers, with the two triggers in them."""
    opened = [(await postgres.open_port()).port.quartz for _ in range(count)]
    await opened[0].store_triggers([REPORT, BILLING])
    return opened


async def upcoming(
    store: QuartzPort, latest: float = 10.0, misfired: float = 0.0
) -> Trigger | None:
    return await store.next_trigger(latest, misfired)


async def fire(
    store: QuartzPort,
    trigger: Trigger,
    entry: Entry,
    following: float | None = None,
    *,
    disallow_concurrent: bool = False,
    requests_recovery: bool = False,
) -> bool:
    return await store.fire_trigger(
        trigger,
        entry,
        following,
        disallow_concurrent=disallow_concurrent,
        requests_recovery=requests_recovery,
    )


async def check_in(store: QuartzPort, *instances: str) -> None:
    for instance in instances:
        await store.check_in(SchedulerState(instance, 0.0, 1.0))


async def recover(store: QuartzPort, *dead: str, orphans: bool = False) -> int:
    return await store.recover_instances("b", lambda state: state.instance in dead, orphans=orphans)


async def test_a_trigger_is_stored_once(postgres: PostgresBench) -> None:
    a, b = await stores(postgres)
    await b.store_triggers([replace(REPORT, fires_at=0.5, due=0.5)])
    assert await upcoming(b) == REPORT
    assert await b.acquire_trigger(REPORT, B)
    await a.store_triggers([REPORT])
    assert await upcoming(a) == BILLING


async def test_the_next_is_the_one_that_fires_first_and_not_too_late(
    postgres: PostgresBench,
) -> None:
    (a,) = await stores(postgres, 1)
    assert await upcoming(a, latest=0.9) is None
    assert await upcoming(a, latest=1.0) == REPORT
    assert await upcoming(a, misfired=1.0) == REPORT
    assert await upcoming(a, misfired=1.1) == BILLING


async def test_of_many_at_once_one_acquires_it(postgres: PostgresBench) -> None:
    opened = await stores(postgres, 5)
    won = await asyncio.gather(
        *(store.acquire_trigger(REPORT, Entry(f"{n}/1", str(n))) for n, store in enumerate(opened))
    )
    assert sum(won) == 1
    assert await upcoming(opened[0]) == BILLING


async def test_within_the_lock_each_acquires_another(postgres: PostgresBench) -> None:
    opened = await stores(postgres, 3)
    acquired = await asyncio.gather(
        *(
            store.acquire_next_trigger(Entry(f"{n}/1", str(n)), 10.0, 0.0)
            for n, store in enumerate(opened)
        )
    )
    assert {trigger.name for trigger in acquired if trigger is not None} == {"report", "billing"}
    assert acquired.count(None) == 1


async def test_an_entry_says_what_became_of_a_trigger(postgres: PostgresBench) -> None:
    (a,) = await stores(postgres, 1)
    assert await a.find_fired(A) is None
    await a.acquire_trigger(REPORT, A)
    found = await a.find_fired(A)
    assert found is not None
    assert (found.trigger, found.state) == (REPORT, EntryState.ACQUIRED)
    assert await fire(a, REPORT, A, 2.5)
    found = await a.find_fired(A)
    assert found is not None
    assert found.state is EntryState.EXECUTING
    assert await a.complete_trigger(REPORT, A, disallow_concurrent=False)
    assert await a.find_fired(A) is None
    assert not await a.complete_trigger(REPORT, A, disallow_concurrent=False)


async def test_once_fired_it_waits_for_its_next_time(postgres: PostgresBench) -> None:
    a, b = await stores(postgres)
    await a.acquire_trigger(REPORT, A)
    await a.acquire_trigger(BILLING, Entry("a/2", "a"))
    assert await upcoming(b) is None
    assert await fire(a, REPORT, A, 5.0)
    assert await upcoming(b) == replace(REPORT, fires_at=5.0, due=5.0)


async def test_what_fires_no_more_is_complete(postgres: PostgresBench) -> None:
    (a,) = await stores(postgres, 1)
    await a.acquire_trigger(REPORT, A)
    await fire(a, REPORT, A, None, disallow_concurrent=True)
    await a.complete_trigger(REPORT, A, disallow_concurrent=True)
    await a.store_triggers([REPORT])
    assert await upcoming(a) == BILLING


async def test_a_released_trigger_is_there_for_all(postgres: PostgresBench) -> None:
    a, b = await stores(postgres)
    await a.acquire_trigger(REPORT, A)
    await a.release_trigger(REPORT, A)
    assert await a.find_fired(A) is None
    assert await b.acquire_trigger(REPORT, B)


async def test_only_what_is_acquired_fires(postgres: PostgresBench) -> None:
    (a,) = await stores(postgres, 1)
    assert not await fire(a, REPORT, A, 2.0)
    assert not await fire(a, Trigger("other", "other", 1.0, 1.0), A, 2.0)
    assert await upcoming(a) == REPORT


async def test_a_run_that_must_be_alone_blocks_the_job_until_it_completes(
    postgres: PostgresBench,
) -> None:
    a, b = await stores(postgres)
    await a.acquire_trigger(REPORT, A)
    await fire(a, REPORT, A, 3.0, disallow_concurrent=True)
    assert await upcoming(b) == BILLING
    assert not await b.acquire_trigger(REPORT, B)
    await a.complete_trigger(REPORT, A, disallow_concurrent=True)
    assert await b.acquire_trigger(replace(REPORT, fires_at=3.0, due=3.0), B)


async def test_a_slow_instance_acquires_what_was_fired_meanwhile(postgres: PostgresBench) -> None:
    # Issue 107: the state is WAITING again, and nobody compares the time.
    a, b = await stores(postgres)
    stale = await upcoming(b)
    assert stale == REPORT
    await a.acquire_trigger(REPORT, A)
    await fire(a, REPORT, A, 2.5)
    assert await b.acquire_trigger(stale, B)
    assert await fire(b, stale, B, 2.5)


async def test_what_misfired_is_rescheduled_or_complete(postgres: PostgresBench) -> None:
    a, b = await stores(postgres)
    seen = []

    def later(trigger: Trigger) -> Trigger | None:
        seen.append(trigger)
        return replace(trigger, fires_at=9.0, due=8.0) if trigger == REPORT else None

    assert await a.recover_misfires(1.0, later) == 0
    assert await a.recover_misfires(2.1, later) == 2
    assert seen == [REPORT, BILLING]
    assert await upcoming(b) == replace(REPORT, fires_at=9.0, due=8.0)
    await b.acquire_trigger(REPORT, B)
    assert await upcoming(b) is None
    assert await a.recover_misfires(99.0, later) == 0


async def test_an_instance_that_checks_in_sees_the_others(postgres: PostgresBench) -> None:
    a, b = await stores(postgres)
    assert list(await a.check_in(SchedulerState("a", 1.0, 7.5))) == []
    assert list(await b.check_in(SchedulerState("b", 2.0, 1.0))) == [SchedulerState("a", 1.0, 7.5)]
    assert list(await a.check_in(SchedulerState("a", 3.0, 7.5))) == [SchedulerState("b", 2.0, 1.0)]
    assert list(await b.check_in(SchedulerState("b", 4.0, 1.0))) == [SchedulerState("a", 3.0, 7.5)]


async def test_who_failed_is_recovered_once(postgres: PostgresBench) -> None:
    a, b = await stores(postgres)
    await check_in(b, "a", "b", "c")
    await a.acquire_trigger(REPORT, A)
    await a.acquire_trigger(BILLING, C)
    assert await recover(b) == 0
    assert await upcoming(b) is None
    assert await recover(b, "a", "b") == 1
    assert await upcoming(b) == REPORT
    assert await b.find_fired(A) is None
    assert await b.find_fired(C) is not None
    assert await recover(b, "a") == 0
    assert not await fire(a, REPORT, A, 2.0)


async def test_a_run_cut_short_is_fired_again_only_if_that_was_requested(
    postgres: PostgresBench,
) -> None:
    a, b = await stores(postgres)
    await check_in(b, "a")
    await a.acquire_trigger(REPORT, A)
    await a.acquire_trigger(BILLING, Entry("a/2", "a"))
    await fire(a, REPORT, A, 50.0, requests_recovery=True)
    await fire(a, BILLING, Entry("a/2", "a"), 50.0)
    assert await recover(b, "a") == 1
    # However late it is.
    again = await upcoming(b, misfired=9.0)
    assert again is not None
    assert again.recovers
    assert (again.job, again.fires_at, again.due) == ("report", 1.0, 1.0)
    await b.acquire_trigger(again, B)
    assert await fire(b, again, B, None)
    await b.complete_trigger(again, B, disallow_concurrent=False)
    assert await upcoming(b) is None
    # And what recovers does not misfire.
    assert await b.recover_misfires(49.0, lambda trigger: None) == 0


async def test_what_recovers_blocks_the_job_too(postgres: PostgresBench) -> None:
    a, b = await stores(postgres)
    await check_in(b, "a")
    await a.acquire_trigger(REPORT, A)
    await fire(a, REPORT, A, 5.0, disallow_concurrent=True, requests_recovery=True)
    await recover(b, "a")
    again = await upcoming(b)
    assert again is not None
    await b.acquire_trigger(again, B)
    # What others had acquired of the job meanwhile is blocked as well.
    following = replace(REPORT, fires_at=5.0, due=5.0)
    assert await a.acquire_trigger(following, C)
    assert await fire(b, again, B, None, disallow_concurrent=True)
    assert not await fire(a, following, C, 6.0, disallow_concurrent=True)


async def test_a_blocked_job_of_the_dead_is_unblocked(postgres: PostgresBench) -> None:
    a, b = await stores(postgres)
    await check_in(b, "a")
    await a.acquire_trigger(REPORT, A)
    await fire(a, REPORT, A, 5.0, disallow_concurrent=True)
    assert await recover(b, "a") == 1
    assert await b.acquire_trigger(replace(REPORT, fires_at=5.0, due=5.0), B)


async def test_who_never_checked_in_is_an_orphan(postgres: PostgresBench) -> None:
    a, b = await stores(postgres)
    await check_in(b, "b", "c")
    await a.acquire_trigger(REPORT, A)
    await a.acquire_trigger(BILLING, C)
    assert await recover(b) == 0
    assert await recover(b, orphans=True) == 1
    assert await upcoming(b) == REPORT
    assert await recover(b, orphans=True) == 0


async def test_an_acquired_trigger_can_be_taken_away(postgres: PostgresBench) -> None:
    a, b = await stores(postgres)
    await a.acquire_trigger(REPORT, A)
    assert await postgres.forget(A.handle)
    assert not await postgres.forget(A.handle)
    assert not await fire(a, REPORT, A, 2.0)
    assert await b.acquire_trigger(REPORT, B)


async def test_a_run_can_be_taken_away(postgres: PostgresBench) -> None:
    a, b = await stores(postgres)
    await a.acquire_trigger(REPORT, A)
    await fire(a, REPORT, A, 5.0, disallow_concurrent=True, requests_recovery=True)
    assert await postgres.forget(A.handle)
    again = await upcoming(b)
    assert again is not None
    assert again.recovers
    assert await b.acquire_trigger(replace(REPORT, fires_at=5.0, due=5.0), B)
    assert not await a.complete_trigger(REPORT, A, disallow_concurrent=True)


async def test_nothing_is_done_where_there_is_no_way(postgres: PostgresBench) -> None:
    opened = await postgres.open_port()
    opened.link.refuse()
    opened.link.reset()
    async with postgres.in_time():
        with pytest.raises(Unavailable):
            await opened.port.quartz.acquire_trigger(REPORT, A)
    assert opened.calls.asked["quartz.acquire_trigger"] == 1
    assert [operation for operation, _ in opened.calls.failed_ones] == ["quartz.acquire_trigger"]


async def test_a_transaction_whose_begin_gets_no_answer_does_nothing(
    postgres: PostgresBench,
) -> None:
    (b,) = await stores(postgres, 1)
    opened = await postgres.open_port()
    opened.link.stall(Direction.REPLIES)
    async with postgres.in_time():
        with pytest.raises(Unavailable):
            await opened.port.quartz.acquire_trigger(REPORT, A)
    assert await b.acquire_trigger(REPORT, B)
    opened.link.heal()
    assert await opened.port.quartz.find_fired(A) is None
