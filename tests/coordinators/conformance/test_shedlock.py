"""What every PostgresPort's ShedLock table keeps to."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from harness.coordinators.errors import Indeterminate
from harness.coordinators.postgres.shedlock.port import handle
from harness.runtimes.proxy import Direction

if TYPE_CHECKING:
    from harness.coordinators.postgres.port import PostgresPort
    from harness.coordinators.postgres.shedlock.port import ShedLockTable
    from tests.coordinators.conformance.conftest import Bench

    PostgresBench = Bench[PostgresPort]

LONG = 60.0
SHORT = 1.0


async def two(postgres: PostgresBench) -> tuple[ShedLockTable, ShedLockTable]:
    a, b = await postgres.open_port(), await postgres.open_port()
    return a.port.shedlock, b.port.shedlock


async def test_by_an_instances_clock_a_lock_lasts_until_its_time_has_passed(
    postgres: PostgresBench,
) -> None:
    a, b = await two(postgres)
    assert await a.lock("report", "a", 10.0, now=100.0)
    assert not await b.lock("report", "b", 10.0, now=109.9)
    assert await b.lock("billing", "b", 10.0, now=100.0)
    assert await b.lock("report", "b", 10.0, now=110.0)


async def test_whoevers_clock_is_ahead_takes_the_lock_early(postgres: PostgresBench) -> None:
    a, b = await two(postgres)
    assert await a.lock("report", "a", 2.0, now=5.0)
    assert await b.lock("report", "b", 2.0, now=5.0 + 2.5)


async def test_by_the_databases_clock_too(postgres: PostgresBench) -> None:
    a, b = await two(postgres)
    assert await a.lock("report", "a", SHORT, now=None)
    assert not await b.lock("report", "b", LONG, now=None)
    await asyncio.sleep(1.2 * SHORT)
    assert await b.lock("report", "b", LONG, now=None)
    assert not await a.lock("report", "a", LONG, now=None)


async def test_of_many_at_once_one_gets_the_lock(postgres: PostgresBench) -> None:
    ports = [await postgres.open_port() for _ in range(5)]
    for now in (0.0, 100.0):
        locked = await asyncio.gather(
            *(
                each.port.shedlock.lock("report", f"worker-{n}", 10.0, now)
                for n, each in enumerate(ports)
            )
        )
        assert sum(locked) == 1


async def test_a_lock_that_was_given_back_is_free_at_once(postgres: PostgresBench) -> None:
    a, b = await two(postgres)
    await a.lock("report", "a", LONG, now=1.0)
    assert await a.unlock("report", "a", 0.0, now=1.5)
    assert await b.lock("report", "b", LONG, now=1.5)


async def test_it_lasts_at_least_as_long_as_was_asked_for(postgres: PostgresBench) -> None:
    a, b = await two(postgres)
    await a.lock("report", "a", LONG, now=1.0)
    assert await a.unlock("report", "a", 3.0, now=1.5)
    assert not await b.lock("report", "b", LONG, now=3.9)
    assert await b.lock("report", "b", LONG, now=4.0)


async def test_at_least_by_the_databases_clock_too(postgres: PostgresBench) -> None:
    a, b = await two(postgres)
    await a.lock("report", "a", LONG, now=None)
    assert await a.unlock("report", "a", SHORT, now=None)
    assert not await b.lock("report", "b", LONG, now=None)
    await asyncio.sleep(1.2 * SHORT)
    assert await b.lock("report", "b", LONG, now=None)


async def test_who_overstays_does_not_unlock_for_its_successor(postgres: PostgresBench) -> None:
    a, b = await two(postgres)
    await a.lock("report", "a", 1.0, now=0.0)
    await b.lock("report", "b", 1.0, now=2.0)
    assert not await a.unlock("report", "a", 0.0, now=2.1)
    assert not await a.lock("report", "a", 1.0, now=2.2)
    assert not await b.unlock("billing", "b", 0.0, now=2.3)


async def test_a_lock_that_was_taken_away_is_free_and_its_holder_learns_it_when_it_asks(
    postgres: PostgresBench,
) -> None:
    a, b = await two(postgres)
    assert not await postgres.forget(handle("report"))
    await a.lock("report", "a", LONG, now=1.0)
    assert await postgres.forget(handle("report"))
    assert not await postgres.forget(handle("report"))
    assert not await a.unlock("report", "a", 0.0, now=1.1)
    assert await b.lock("report", "b", LONG, now=1.2)


async def test_names_may_have_colons(postgres: PostgresBench) -> None:
    a, b = await two(postgres)
    await a.lock("report:1:2", "a", LONG, now=1.0)
    assert await postgres.forget(handle("report:1:2"))
    assert await b.lock("report:1:2", "b", LONG, now=1.0)


async def test_a_lock_that_was_given_back_cannot_be_taken_away(postgres: PostgresBench) -> None:
    a, _ = await two(postgres)
    await a.lock("report", "a", LONG, now=1.0)
    await a.unlock("report", "a", LONG, now=1.1)
    assert not await postgres.forget(handle("report"))


async def test_a_lock_without_an_answer_may_have_been_taken(postgres: PostgresBench) -> None:
    opened, other = await postgres.open_port(), await postgres.open_port()
    opened.link.stall(Direction.REPLIES)
    with pytest.raises(Indeterminate):
        await opened.port.shedlock.lock("report", "a", LONG, now=1.0)
    opened.link.heal()
    assert not await other.port.shedlock.lock("report", "b", LONG, now=1.0)


async def test_each_operation_is_reported_once(postgres: PostgresBench) -> None:
    opened = await postgres.open_port()
    await opened.port.shedlock.lock("report", "a", LONG, None)
    await opened.port.shedlock.unlock("report", "a", 0.0, None)
    assert opened.calls.asked == {"shedlock.lock": 1, "shedlock.unlock": 1}
    assert opened.calls.failed_ones == []
