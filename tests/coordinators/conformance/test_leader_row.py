"""What every PostgresPort's leader row keeps to."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from harness.coordinators.errors import Indeterminate
from harness.coordinators.postgres.leader_row.port import HANDLE
from harness.runtimes.proxy import Direction

if TYPE_CHECKING:
    from harness.coordinators.postgres.leader_row.port import LeaderRow
    from harness.coordinators.postgres.port import PostgresPort
    from tests.coordinators.conformance.conftest import Bench

    PostgresBench = Bench[PostgresPort]

LONG = 60.0
SHORT = 0.4


async def two(postgres: PostgresBench) -> tuple[LeaderRow, LeaderRow]:
    a, b = await postgres.open_port(), await postgres.open_port()
    return a.port.leader_row, b.port.leader_row


async def test_one_has_the_seat_and_the_others_do_not(postgres: PostgresBench) -> None:
    a, b = await two(postgres)
    assert await a.elect("a", LONG) == 1
    assert await b.elect("b", LONG) is None


async def test_of_many_at_once_one_is_elected(postgres: PostgresBench) -> None:
    ports = [await postgres.open_port() for _ in range(5)]
    epochs = await asyncio.gather(
        *(each.port.leader_row.elect(f"worker-{n}", LONG) for n, each in enumerate(ports))
    )
    assert sorted(epochs, key=str) == [1, None, None, None, None]


async def test_who_is_elected_again_keeps_its_epoch(postgres: PostgresBench) -> None:
    a, b = await two(postgres)
    await a.elect("a", SHORT)
    assert await a.elect("a", LONG) == 1
    await asyncio.sleep(2 * SHORT)
    assert await b.elect("b", LONG) is None


async def test_a_seat_that_was_not_renewed_is_the_next_ones_with_a_higher_epoch(
    postgres: PostgresBench,
) -> None:
    a, b = await two(postgres)
    await a.elect("a", SHORT)
    assert await postgres.eventually(lambda: b.elect("b", LONG)) == 2
    assert not await a.renew("a", 1, LONG)
    assert await a.elect("a", LONG) is None


async def test_renewing_keeps_the_seat(postgres: PostgresBench) -> None:
    a, b = await two(postgres)
    await a.elect("a", SHORT)
    assert await a.renew("a", 1, LONG)
    await asyncio.sleep(2 * SHORT)
    assert await b.elect("b", LONG) is None


async def test_a_seat_that_ran_out_can_be_renewed_while_nobody_took_it(
    postgres: PostgresBench,
) -> None:
    a, b = await two(postgres)
    await a.elect("a", SHORT)
    await asyncio.sleep(2 * SHORT)
    assert await a.renew("a", 1, LONG)
    assert await b.elect("b", LONG) is None


async def test_an_earlier_term_is_not_renewed_by_a_later_one_of_the_same_holder(
    postgres: PostgresBench,
) -> None:
    a, b = await two(postgres)
    await a.elect("a", LONG)
    await a.resign("a")
    await b.elect("b", LONG)
    await b.resign("b")
    assert await a.elect("a", LONG) == 3
    assert not await a.renew("a", 1, LONG)
    assert await a.renew("a", 3, LONG)


async def test_a_seat_that_was_given_up_is_free_at_once(postgres: PostgresBench) -> None:
    a, b = await two(postgres)
    await a.elect("a", LONG)
    await b.resign("b")
    assert await b.elect("b", LONG) is None
    await a.resign("a")
    assert await b.elect("b", LONG) == 2


async def test_a_seat_that_was_taken_away_is_free_and_its_holder_learns_it_when_it_asks(
    postgres: PostgresBench,
) -> None:
    a, b = await two(postgres)
    assert not await postgres.forget(HANDLE)
    await a.elect("a", LONG)
    assert await postgres.forget(HANDLE)
    assert not await postgres.forget(HANDLE)
    assert not await a.renew("a", 1, LONG)
    assert await b.elect("b", LONG) == 2


async def test_a_seat_that_ran_out_cannot_be_taken_away(postgres: PostgresBench) -> None:
    a, _ = await two(postgres)
    await a.elect("a", SHORT)
    await asyncio.sleep(2 * SHORT)
    assert not await postgres.forget(HANDLE)


async def test_an_election_without_an_answer_may_have_been_won(postgres: PostgresBench) -> None:
    opened, other = await postgres.open_port(), await postgres.open_port()
    opened.link.stall(Direction.REPLIES)
    with pytest.raises(Indeterminate):
        await opened.port.leader_row.elect("a", LONG)
    opened.link.heal()
    assert await other.port.leader_row.elect("b", LONG) is None
    assert await postgres.eventually(lambda: opened.port.leader_row.elect("a", LONG)) == 1


async def test_notes_are_for_all_to_read_and_only_move_on(postgres: PostgresBench) -> None:
    a, b = await two(postgres)
    assert await b.last_run("report") is None
    await a.note_run("report", 2.5)
    await b.note_run("report", 1.0)
    await b.note_run("billing", 1.0)
    assert await b.last_run("report") == 2.5
    assert await a.last_run("billing") == 1.0


async def test_each_operation_is_reported_once(postgres: PostgresBench) -> None:
    opened = await postgres.open_port()
    row = opened.port.leader_row
    await row.elect("a", LONG)
    await row.renew("a", 1, LONG)
    await row.note_run("report", 1.0)
    await row.last_run("report")
    await row.resign("a")
    names = ("elect", "renew", "note_run", "last_run", "resign")
    assert opened.calls.asked == {f"leader_row.{name}": 1 for name in names}
    assert opened.calls.failed_ones == []
