"""What every PostgresPort's row locks keep to."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from harness.coordinators.errors import Indeterminate
from harness.coordinators.postgres.row_lock.port import RowLock
from harness.runtimes.proxy import Direction

if TYPE_CHECKING:
    from harness.coordinators.postgres.port import PostgresPort
    from tests.coordinators.conformance.conftest import Bench, Opened

    PostgresBench = Bench[PostgresPort]
    Worker = Opened[PostgresPort]


async def workers(postgres: PostgresBench, count: int) -> list[Worker]:
    return [await postgres.open_port() for _ in range(count)]


async def locked(worker: Worker, name: str = "report") -> RowLock:
    lock = await worker.port.row_locks.lock(name)
    assert lock is not None
    return lock


class Queue:
    """Who got the row, in order."""

    def __init__(self) -> None:
        self.served: list[str] = []
        self._waiting: list[asyncio.Task[RowLock | None]] = []

    async def join(
        self, name: str, worker: Worker, patience: float = 5.0
    ) -> asyncio.Task[RowLock | None]:
        """Wait in line; back once it surely stands there."""

        async def wait() -> RowLock | None:
            lock = await worker.port.row_locks.lock("report", patience)
            if lock is not None:
                self.served.append(name)
            return lock

        task = asyncio.create_task(wait())
        self._waiting.append(task)
        await asyncio.sleep(0.2)
        return task

    async def next(self, place: int) -> RowLock:
        """What who joined as number `place` got."""
        lock = await self._waiting[place]
        assert lock is not None
        return lock


async def test_who_does_not_wait_is_told_at_once_that_the_row_is_taken(
    postgres: PostgresBench,
) -> None:
    a, b = await workers(postgres, 2)
    lock = await locked(a)
    assert (lock.name, lock.last_due) == ("report", None)
    assert await b.port.row_locks.lock("report") is None
    await locked(b, "billing")
    assert await a.port.row_locks.commit(lock)
    await locked(b)
    assert b.calls.failed_ones == []


async def test_a_worker_excludes_itself(postgres: PostgresBench) -> None:
    (a,) = await workers(postgres, 1)
    lock = await locked(a)
    assert await a.port.row_locks.lock("report") is None
    await a.port.row_locks.commit(lock)
    await locked(a)


async def test_of_many_at_once_one_gets_the_row(postgres: PostgresBench) -> None:
    crowd = await workers(postgres, 5)
    locks = await asyncio.gather(*(worker.port.row_locks.lock("report") for worker in crowd))
    assert sum(lock is not None for lock in locks) == 1


async def test_a_due_time_that_was_noted_is_read_once_it_is_committed(
    postgres: PostgresBench,
) -> None:
    a, b = await workers(postgres, 2)
    lock = await locked(a)
    assert await a.port.row_locks.note(lock, 7.5)
    assert await a.port.row_locks.commit(lock)
    assert (await locked(b)).last_due == 7.5


async def test_who_waited_reads_what_was_noted_meanwhile(postgres: PostgresBench) -> None:
    a, b = await workers(postgres, 2)
    queue = Queue()
    lock = await locked(a)
    await queue.join("b", b)
    await a.port.row_locks.note(lock, 3.0)
    await a.port.row_locks.commit(lock)
    assert (await queue.next(0)).last_due == 3.0


async def test_those_who_wait_are_served_as_they_came(postgres: PostgresBench) -> None:
    a, b, c, d = await workers(postgres, 4)
    queue = Queue()
    lock = await locked(a)
    for name, worker in zip("bcd", (b, c, d), strict=True):
        await queue.join(name, worker)
    assert queue.served == []
    await a.port.row_locks.commit(lock)
    for place, worker in enumerate((b, c, d)):
        await worker.port.row_locks.commit(await queue.next(place))
    assert queue.served == ["b", "c", "d"]


async def test_nobody_waits_for_longer_than_its_patience(postgres: PostgresBench) -> None:
    a, b, c = await workers(postgres, 3)
    queue = Queue()
    lock = await locked(a)
    impatient = await queue.join("b", b, patience=0.5)
    await queue.join("c", c)
    async with postgres.in_time():
        assert await impatient is None
    await a.port.row_locks.commit(lock)
    await queue.next(1)
    assert queue.served == ["c"]
    assert b.calls.failed_ones == []


async def test_patience_may_be_longer_than_a_request_may_take(postgres: PostgresBench) -> None:
    a, b = await workers(postgres, 2)
    queue = Queue()
    lock = await locked(a)
    await queue.join("b", b)
    await asyncio.sleep(postgres.request_timeout + 0.5)
    await a.port.row_locks.commit(lock)
    await queue.next(0)


async def test_a_row_is_the_next_ones_when_the_session_ends_and_nothing_was_noted(
    postgres: PostgresBench,
) -> None:
    a, b = await workers(postgres, 2)
    queue = Queue()
    lock = await locked(a)
    await a.port.row_locks.note(lock, 1.0)
    await queue.join("b", b)
    assert await postgres.forget(str(lock.session))
    assert (await queue.next(0)).last_due is None
    assert not await a.port.row_locks.note(lock, 1.0)
    assert not await a.port.row_locks.commit(lock)
    assert a.calls.failed_ones == []


async def test_a_row_is_the_next_ones_when_its_holder_closes_its_connections(
    postgres: PostgresBench,
) -> None:
    a, b = await workers(postgres, 2)
    queue = Queue()
    await locked(a)
    await queue.join("b", b)
    await a.close()
    await queue.next(0)


async def test_who_gives_up_waiting_is_passed_over(postgres: PostgresBench) -> None:
    a, b, c = await workers(postgres, 3)
    queue = Queue()
    lock = await locked(a)
    gone = await queue.join("b", b)
    await queue.join("c", c)
    gone.cancel()
    await asyncio.wait({gone})
    await a.port.row_locks.commit(lock)
    await queue.next(1)
    assert queue.served == ["c"]


async def test_who_is_terminated_while_it_waits_is_passed_over(postgres: PostgresBench) -> None:
    a, b, c = await workers(postgres, 3)
    queue = Queue()
    lock = await locked(a)
    # The connection that it will wait on, known by the lock that it had there before.
    earlier = await locked(b, "billing")
    await b.port.row_locks.commit(earlier)
    gone = await queue.join("b", b)
    await queue.join("c", c)
    assert await postgres.forget(str(earlier.session))
    with pytest.raises(Exception, match="terminating connection"):
        await gone
    await a.port.row_locks.commit(lock)
    await queue.next(1)
    assert queue.served == ["c"]


async def test_a_row_is_kept_while_its_holder_is_cut_off(postgres: PostgresBench) -> None:
    a, b = await workers(postgres, 2)
    lock = await locked(a)
    a.link.stall()
    await asyncio.sleep(2.0)
    assert await b.port.row_locks.lock("report") is None
    a.link.heal()
    assert await a.port.row_locks.commit(lock)


async def test_a_lock_without_an_answer_is_nobodys(postgres: PostgresBench) -> None:
    a, b = await workers(postgres, 2)
    await a.port.row_locks.commit(await locked(a, "billing"))
    a.link.stall(Direction.REPLIES)
    with pytest.raises(Indeterminate):
        await a.port.row_locks.lock("report")
    a.link.heal()
    await postgres.eventually(lambda: b.port.row_locks.lock("report"))


async def test_each_operation_is_reported_once(postgres: PostgresBench) -> None:
    (a,) = await workers(postgres, 1)
    lock = await locked(a)
    await a.port.row_locks.note(lock, 1.0)
    await a.port.row_locks.commit(lock)
    assert a.calls.asked == {"row_locks.lock": 1, "row_locks.note": 1, "row_locks.commit": 1}
