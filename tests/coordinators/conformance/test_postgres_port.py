"""What every PostgresPort keeps to."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from harness.coordinators.errors import CoordinatorError, Indeterminate, Unavailable
from harness.coordinators.postgres.port import AdvisoryLock, Claim
from harness.runtimes.proxy import Direction

if TYPE_CHECKING:
    from harness.coordinators.postgres.port import PostgresPort
    from tests.coordinators.conformance.conftest import Bench, Opened

    PostgresBench = Bench[PostgresPort]


async def two(postgres: PostgresBench) -> tuple[Opened[PostgresPort], Opened[PostgresPort]]:
    return await postgres.open_port(), await postgres.open_port()


async def locked(worker: Opened[PostgresPort], name: str) -> AdvisoryLock:
    lock = await worker.port.try_advisory_lock(name)
    assert lock is not None
    return lock


async def claimed(worker: Opened[PostgresPort]) -> Claim:
    claim = await worker.port.claim()
    assert claim is not None
    return claim


async def test_a_lock_excludes_other_sessions(postgres: PostgresBench) -> None:
    a, b = await two(postgres)
    lock = await locked(a, "report")
    assert lock.name == "report"
    assert await b.port.try_advisory_lock("report") is None
    await locked(b, "billing")
    assert await a.port.advisory_unlock(lock)
    await locked(b, "report")


async def test_of_many_at_once_one_gets_the_lock(postgres: PostgresBench) -> None:
    workers = [await postgres.open_port() for _ in range(5)]
    locks = await asyncio.gather(*(w.port.try_advisory_lock("report") for w in workers))
    assert sum(lock is not None for lock in locks) == 1


async def test_all_locks_of_a_worker_are_of_one_session(postgres: PostgresBench) -> None:
    a, b = await two(postgres)
    locks = await asyncio.gather(*(locked(a, f"job-{number}") for number in range(5)))
    assert len({lock.session for lock in locks}) == 1
    assert (await locked(b, "other")).session != locks[0].session


async def test_a_lock_that_was_given_back_is_not_given_back_again(postgres: PostgresBench) -> None:
    a = await postgres.open_port()
    lock = await locked(a, "report")
    assert await a.port.advisory_unlock(lock)
    assert not await a.port.advisory_unlock(lock)


async def test_a_lock_ends_with_its_connection(postgres: PostgresBench) -> None:
    a, b = await two(postgres)
    await locked(a, "report")
    await a.close()
    await postgres.eventually(lambda: b.port.try_advisory_lock("report"))


async def test_a_lock_ends_when_its_session_is_terminated_and_its_holder_is_not_told(
    postgres: PostgresBench,
) -> None:
    a, b = await two(postgres)
    lock = await locked(a, "report")
    assert await postgres.forget(str(lock.session))
    assert not await postgres.forget(str(lock.session))
    await locked(b, "report")
    assert not await a.port.advisory_unlock(lock)
    assert a.calls.failed_ones == []


async def test_a_new_session_does_not_unlock_for_the_old_one(postgres: PostgresBench) -> None:
    a, b = await two(postgres)
    old = await locked(a, "report")
    await postgres.forget(str(old.session))
    new = await postgres.eventually(lambda: a.port.try_advisory_lock("report"))
    assert new.session != old.session
    assert not await a.port.advisory_unlock(old)
    assert await b.port.try_advisory_lock("report") is None
    assert await a.port.advisory_unlock(new)


async def test_a_lock_is_kept_while_its_link_is_stalled(postgres: PostgresBench) -> None:
    a, b = await two(postgres)
    await locked(a, "report")
    a.link.stall()
    await asyncio.sleep(2.0)
    assert await b.port.try_advisory_lock("report") is None


async def test_a_run_is_enqueued_once(postgres: PostgresBench) -> None:
    a, b = await two(postgres)
    assert await a.port.enqueue("report", 0.5)
    assert not await b.port.enqueue("report", 0.5)
    assert await b.port.enqueue("report", 1.0)
    assert await b.port.enqueue("billing", 0.5)


async def test_of_many_at_once_one_enqueues_the_run(postgres: PostgresBench) -> None:
    workers = [await postgres.open_port() for _ in range(5)]
    results = await asyncio.gather(*(worker.port.enqueue("report", 0.5) for worker in workers))
    assert sum(results) == 1


async def test_runs_are_claimed_oldest_first_and_by_one_worker_each(
    postgres: PostgresBench,
) -> None:
    a, b = await two(postgres)
    for due in (1.5, 0.1, 1.0):
        await a.port.enqueue("report", due)
    first, second, third = await claimed(a), await claimed(b), await claimed(a)
    assert [(c.job, c.due) for c in (first, second, third)] == [
        ("report", 0.1),
        ("report", 1.0),
        ("report", 1.5),
    ]
    assert len({claim.session for claim in (first, second, third)}) == 3
    assert await b.port.claim() is None


async def test_there_is_nothing_to_claim_in_an_empty_queue(postgres: PostgresBench) -> None:
    a = await postgres.open_port()
    assert await a.port.claim() is None
    assert a.calls.failed_ones == []


async def test_a_completed_run_is_done_for_good(postgres: PostgresBench) -> None:
    a, b = await two(postgres)
    await a.port.enqueue("report", 0.5)
    claim = await claimed(a)
    assert await a.port.complete(claim)
    assert await b.port.claim() is None
    assert not await b.port.enqueue("report", 0.5)
    assert not await a.port.complete(claim)


async def test_a_run_that_is_given_back_is_open_again(postgres: PostgresBench) -> None:
    a, b = await two(postgres)
    await a.port.enqueue("report", 0.5)
    await a.port.give_back(await claimed(a))
    again = await claimed(b)
    assert (again.job, again.due) == ("report", 0.5)


async def test_a_claim_whose_session_is_terminated_is_open_again_and_cannot_be_completed(
    postgres: PostgresBench,
) -> None:
    a, b = await two(postgres)
    await a.port.enqueue("report", 0.5)
    claim = await claimed(a)
    assert await postgres.forget(str(claim.session))
    again = await claimed(b)
    assert (again.job, again.due) == ("report", 0.5)
    assert not await a.port.complete(claim)
    assert await b.port.complete(again)


async def test_giving_back_what_has_ended_changes_nothing(postgres: PostgresBench) -> None:
    a, b = await two(postgres)
    await a.port.enqueue("report", 0.5)
    claim = await claimed(a)
    await postgres.forget(str(claim.session))
    again = await claimed(b)
    await a.port.give_back(claim)
    assert await a.port.claim() is None
    assert await b.port.complete(again)


async def test_a_claim_ends_with_its_connection(postgres: PostgresBench) -> None:
    a, b = await two(postgres)
    await a.port.enqueue("report", 0.5)
    await claimed(a)
    a.link.reset()
    again = await postgres.eventually(b.port.claim)
    assert (again.job, again.due) == ("report", 0.5)


async def test_a_completion_over_a_broken_connection_says_that_the_claim_is_gone(
    postgres: PostgresBench,
) -> None:
    a = await postgres.open_port()
    await a.port.enqueue("report", 0.5)
    claim = await claimed(a)
    a.link.reset()
    assert not await a.port.complete(claim)


async def test_claims_do_not_hinder_locks_or_each_other(postgres: PostgresBench) -> None:
    a = await postgres.open_port()
    for number in range(4):
        await a.port.enqueue("report", float(number))
    claims = await asyncio.gather(*(claimed(a) for _ in range(4)))
    await locked(a, "report")
    assert await asyncio.gather(*(a.port.complete(claim) for claim in claims)) == [True] * 4


async def test_a_connection_serves_one_claim_after_another(postgres: PostgresBench) -> None:
    a = await postgres.open_port()
    sessions = set()
    for number in range(4):
        await a.port.enqueue("report", float(number))
        claim = await claimed(a)
        sessions.add(claim.session)
        assert await a.port.complete(claim)
    assert len(sessions) == 1


async def test_each_operation_is_counted_once(postgres: PostgresBench) -> None:
    a = await postgres.open_port()
    assert not a.calls.asked
    await a.port.advisory_unlock(await locked(a, "report"))
    await a.port.enqueue("report", 0.5)
    await a.port.give_back(await claimed(a))
    await a.port.complete(await claimed(a))
    assert a.calls.asked == {
        "try_advisory_lock": 1,
        "advisory_unlock": 1,
        "enqueue": 1,
        "claim": 2,
        "give_back": 1,
        "complete": 1,
    }
    assert a.calls.failed_ones == []


async def test_operations_over_a_stalled_link_are_indeterminate_in_time(
    postgres: PostgresBench,
) -> None:
    a = await postgres.open_port()
    await a.port.enqueue("report", 0.5)
    await a.port.give_back(await claimed(a))
    a.link.stall()
    for operation in (a.port.claim, lambda: a.port.enqueue("report", 1.0)):
        async with postgres.in_time():
            with pytest.raises(Indeterminate):
                await operation()
    assert [operation for operation, _ in a.calls.failed_ones] == ["claim", "enqueue"]
    a.link.heal()
    await postgres.eventually(lambda: a.port.try_advisory_lock("report"))


async def test_operations_that_wait_for_a_stalled_one_end_in_time(postgres: PostgresBench) -> None:
    a = await postgres.open_port()
    a.link.stall()
    async with postgres.in_time():
        results = await asyncio.gather(
            *(a.port.enqueue("report", float(number)) for number in range(5)),
            return_exceptions=True,
        )
    assert all(isinstance(result, CoordinatorError) for result in results)


async def test_a_stalled_unlock_is_indeterminate_and_gives_the_session_up(
    postgres: PostgresBench,
) -> None:
    a, b = await two(postgres)
    lock = await locked(a, "report")
    a.link.stall()
    async with postgres.in_time():
        with pytest.raises(Indeterminate):
            await a.port.advisory_unlock(lock)
    assert not await a.port.advisory_unlock(lock)
    a.link.heal()
    await postgres.eventually(lambda: b.port.try_advisory_lock("report"))


async def test_a_stalled_completion_fails_in_time_and_gives_the_claim_up(
    postgres: PostgresBench,
) -> None:
    a, b = await two(postgres)
    await a.port.enqueue("report", 0.5)
    claim = await claimed(a)
    a.link.stall()
    async with postgres.in_time():
        with pytest.raises(CoordinatorError):
            await a.port.complete(claim)
    assert not await a.port.complete(claim)
    a.link.heal()
    again = await postgres.eventually(b.port.claim)
    assert (again.job, again.due) == ("report", 0.5)


async def test_an_operation_whose_answer_is_lost_was_done(postgres: PostgresBench) -> None:
    a, b = await two(postgres)
    a.link.stall(Direction.REPLIES)
    with pytest.raises(Indeterminate):
        await a.port.enqueue("report", 0.5)
    assert not await b.port.enqueue("report", 0.5)


async def test_a_connection_that_cannot_be_made_means_unavailable_and_not_done(
    postgres: PostgresBench,
) -> None:
    a, b = await two(postgres)
    a.link.refuse()
    a.link.reset()
    await asyncio.sleep(0.1)
    async with postgres.in_time():
        with pytest.raises(Unavailable):
            await a.port.enqueue("report", 0.5)
    assert await b.port.enqueue("report", 0.5)
    a.link.heal()
    await locked(a, "report")


async def test_a_cancelled_operation_leaves_the_port_usable(postgres: PostgresBench) -> None:
    a = await postgres.open_port()
    a.link.stall(Direction.REPLIES)
    async with asyncio.timeout(1.0):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await a.port.try_advisory_lock("report")
    a.link.heal()
    await postgres.eventually(lambda: a.port.try_advisory_lock("report"))


async def test_a_port_opens_in_time_or_is_unavailable(postgres: PostgresBench) -> None:
    link = await postgres.open_link()
    link.refuse()
    async with postgres.in_time():
        with pytest.raises(Unavailable):
            await postgres.open_port(link)
    link.heal()
    link.stall()
    async with postgres.in_time():
        with pytest.raises(Unavailable):
            await postgres.open_port(link)


async def test_a_port_closes_over_a_stalled_link(postgres: PostgresBench) -> None:
    a = await postgres.open_port()
    await a.port.enqueue("report", 0.5)
    await claimed(a)
    a.link.stall()
    waiting = asyncio.create_task(a.port.try_advisory_lock("report"))
    await asyncio.sleep(0.1)
    async with postgres.in_time():
        await a.close()
    with pytest.raises(CoordinatorError):
        await waiting
    with pytest.raises(Unavailable):
        await a.port.enqueue("report", 1.0)


async def test_a_session_must_unlock_as_often_as_it_locked(postgres: PostgresBench) -> None:
    a, b = await two(postgres)
    lock = await locked(a, "report")
    assert await locked(a, "report") == lock
    assert await a.port.advisory_unlock(lock)
    assert await b.port.try_advisory_lock("report") is None
    assert await a.port.advisory_unlock(lock)
    await locked(b, "report")
    assert not await a.port.advisory_unlock(lock)


async def test_what_a_session_never_locked_it_cannot_unlock(postgres: PostgresBench) -> None:
    a, b = await two(postgres)
    own = await locked(a, "report")
    others = await locked(b, "billing")
    assert not await a.port.advisory_unlock(AdvisoryLock("never", own.session))
    assert not await a.port.advisory_unlock(AdvisoryLock("billing", own.session))
    assert not await a.port.advisory_unlock(others)
    assert await a.port.try_advisory_lock("billing") is None
    assert await b.port.advisory_unlock(others)


async def test_a_lock_survives_many_attempts_of_others(postgres: PostgresBench) -> None:
    a, b = await two(postgres)
    lock = await locked(a, "report")
    attempts = (b.port.try_advisory_lock("report") for _ in range(20))
    assert await asyncio.gather(*attempts) == [None] * 20
    assert await a.port.advisory_unlock(lock)
    await locked(b, "report")


async def test_a_terminated_session_is_replaced_before_it_is_used(postgres: PostgresBench) -> None:
    a, b = await two(postgres)
    lock = await locked(a, "report")
    await postgres.forget(str(lock.session))
    await asyncio.sleep(0.1)
    assert await a.port.enqueue("report", 0.5)
    assert (await locked(a, "report")).session != lock.session
    assert await b.port.try_advisory_lock("report") is None
    assert a.calls.failed_ones == []


async def test_locks_outlive_the_end_of_a_claims_session(postgres: PostgresBench) -> None:
    a, b = await two(postgres)
    lock = await locked(a, "report")
    await a.port.enqueue("report", 0.5)
    claim = await claimed(a)
    assert claim.session != lock.session
    await postgres.forget(str(claim.session))
    assert await b.port.try_advisory_lock("report") is None
    assert await a.port.advisory_unlock(lock)


async def test_an_indeterminate_operation_costs_the_session_its_locks(
    postgres: PostgresBench,
) -> None:
    a, b = await two(postgres)
    lock = await locked(a, "report")
    a.link.stall()
    with pytest.raises(Indeterminate):
        await a.port.enqueue("report", 0.5)
    assert await b.port.try_advisory_lock("report") is None
    a.link.heal()
    await postgres.eventually(lambda: b.port.try_advisory_lock("report"))
    assert not await a.port.advisory_unlock(lock)


async def test_a_lock_that_a_session_took_after_its_client_gave_up_ends_with_it(
    postgres: PostgresBench,
) -> None:
    a, b = await two(postgres)
    a.link.stall(Direction.REPLIES)
    with pytest.raises(Indeterminate):
        await a.port.try_advisory_lock("report")
    a.link.heal()
    await postgres.eventually(lambda: b.port.try_advisory_lock("report"))


async def test_what_was_sent_before_its_client_gave_up_is_done_when_the_link_heals(
    postgres: PostgresBench,
) -> None:
    a, b = await two(postgres)
    a.link.stall()
    with pytest.raises(Indeterminate):
        await a.port.enqueue("report", 0.5)
    assert await b.port.claim() is None
    a.link.heal()
    ghost = await postgres.eventually(b.port.claim)
    assert (ghost.job, ghost.due) == ("report", 0.5)
    assert not await a.port.enqueue("report", 0.5)


async def test_operations_that_never_had_their_turn_were_not_done(postgres: PostgresBench) -> None:
    a, b = await two(postgres)
    a.link.stall()
    results = await asyncio.gather(
        *(a.port.enqueue("report", float(number)) for number in range(4)), return_exceptions=True
    )
    assert [type(result) for result in results] == [Indeterminate, *[Unavailable] * 3]
    a.link.heal()
    first = await postgres.eventually(b.port.claim)
    assert first.due == 0.0
    assert await b.port.claim() is None


async def test_a_claim_skips_what_is_locked_and_takes_the_next(postgres: PostgresBench) -> None:
    a, b = await two(postgres)
    for job, due in (("b", 1.0), ("c", 0.5), ("a", 1.0)):
        await a.port.enqueue(job, due)
    first, second = await claimed(a), await claimed(b)
    assert [(c.job, c.due) for c in (first, second)] == [("c", 0.5), ("a", 1.0)]
    await a.port.give_back(first)
    again, last = await claimed(b), await claimed(b)
    assert [(c.job, c.due) for c in (again, last)] == [("c", 0.5), ("b", 1.0)]


async def test_a_run_that_is_claimed_is_in_the_queue(postgres: PostgresBench) -> None:
    a, b = await two(postgres)
    await a.port.enqueue("report", 0.5)
    claim = await claimed(a)
    assert not await b.port.enqueue("report", 0.5)
    assert await a.port.complete(claim)


async def test_a_completion_that_did_not_get_to_its_commit_is_not_done(
    postgres: PostgresBench,
) -> None:
    a, b = await two(postgres)
    await a.port.enqueue("report", 0.5)
    claim = await claimed(a)
    a.link.stall(Direction.REPLIES)
    async with postgres.in_time():
        with pytest.raises(Unavailable):
            await a.port.complete(claim)
    a.link.heal()
    again = await postgres.eventually(b.port.claim)
    assert (again.job, again.due) == ("report", 0.5)
    assert [operation for operation, _ in a.calls.failed_ones] == ["complete"]


async def test_a_run_that_is_given_back_over_a_stalled_link_is_open_when_it_heals(
    postgres: PostgresBench,
) -> None:
    a, b = await two(postgres)
    await a.port.enqueue("report", 0.5)
    claim = await claimed(a)
    a.link.stall()
    async with postgres.in_time():
        with pytest.raises(Indeterminate):
            await a.port.give_back(claim)
    assert await b.port.claim() is None
    a.link.heal()
    again = await postgres.eventually(b.port.claim)
    assert (again.job, again.due) == ("report", 0.5)


async def test_a_claim_that_its_client_gave_up_is_open_again_for_others(
    postgres: PostgresBench,
) -> None:
    a, b = await two(postgres)
    await a.port.enqueue("report", 0.5)
    await a.port.give_back(await claimed(a))
    a.link.stall(Direction.REPLIES)
    with pytest.raises(Indeterminate):
        await a.port.claim()
    a.link.heal()
    again = await postgres.eventually(b.port.claim)
    assert (again.job, again.due) == ("report", 0.5)
    assert await b.port.complete(again)


async def test_a_cancelled_operation_costs_the_session_its_locks(postgres: PostgresBench) -> None:
    a, b = await two(postgres)
    lock = await locked(a, "report")
    a.link.stall(Direction.REPLIES)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await a.port.enqueue("report", 0.5)
    a.link.heal()
    await postgres.eventually(lambda: b.port.try_advisory_lock("report"))
    assert not await a.port.advisory_unlock(lock)
