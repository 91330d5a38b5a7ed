"""A row that stays locked during the run: who skips, who waits, and what they find then."""

from __future__ import annotations

import asyncio

import pytest

from harness.approaches.postgres_row_lock import PostgresRowLock
from harness.scenario.model import Job
from tests.approaches.fake_postgres import Database, FakePostgres
from tests.approaches.link import Trouble
from tests.service import Service, live

pytestmark = pytest.mark.virtual_time

DUE = ("report", 1.0)


async def crowd(
    approach: PostgresRowLock, *offsets: float, until: float = 1.9, takes: float = 0.2
) -> tuple[Service, Database]:
    """An instance for each clock offset, all on one database."""
    service, database = Service(Job("report", every=1.0, first=1.0, takes=takes)), Database()
    workers = [
        service.worker(FakePostgres(database), f"worker-{number}", offset=offset)
        for number, offset in enumerate(offsets, 1)
    ]
    await live(service, approach, workers, until)
    return service, database


async def test_the_lock_is_an_open_transactions_and_known_by_its_session() -> None:
    service, database = Service(), Database()
    held: list[int] = []
    asyncio.get_running_loop().call_later(1.1, lambda: held.append(database.rows["report"].session))
    await live(service, PostgresRowLock(), [service.worker(FakePostgres(database))], until=1.9)
    assert service.seen("lease.granted")[0].extra == {"handle": str(held[0])}
    assert database.rows == {}
    assert database.last_dues == {"report": 1.0}


async def test_losers_skip() -> None:
    service, _ = await crowd(PostgresRowLock(), 0.0, 0.0, 0.0)
    assert service.runs() == [DUE]
    assert len(service.seen("lease.denied")) == 2


async def test_who_waits_runs_the_same_due_time_again_one_after_the_other() -> None:
    service, _ = await crowd(PostgresRowLock(wait=True), 0.0, 0.0, 0.0)
    assert service.runs() == [DUE] * 3
    told = [kind for kind in service.story() if kind in ("run.started", "run.finished")]
    assert told == ["run.started", "run.finished"] * 3


async def test_who_waits_and_looks_again_does_not() -> None:
    service, database = await crowd(PostgresRowLock(wait=True, recheck=True), 0.0, 0.0, 0.0)
    assert service.runs() == [DUE]
    assert len(service.seen("lease.denied")) == 2
    assert database.rows == {}


@pytest.mark.parametrize(("recheck", "runs"), [(False, 2), (True, 1)])
async def test_a_late_clock_finds_the_row_free_again(recheck: bool, runs: int) -> None:
    service, _ = await crowd(PostgresRowLock(recheck=recheck), 0.0, -0.4, until=1.8)
    assert service.runs() == [DUE] * runs


async def test_nobody_waits_for_longer_than_its_patience() -> None:
    approach = PostgresRowLock(wait=True, patience=0.3)
    service, _ = await crowd(approach, 0.0, 0.0, takes=0.5)
    assert service.runs() == [DUE]
    assert service.seen("lease.denied")[0].at == pytest.approx(1.3, abs=0.01)


@pytest.mark.parametrize("recheck", [False, True])
async def test_when_the_holder_dies_who_waits_runs_what_it_did_not_finish(recheck: bool) -> None:
    service, database = Service(Job("report", every=1.0, first=1.0, takes=0.5)), Database()
    workers = [service.worker(FakePostgres(database), name) for name in ("worker-1", "worker-2")]

    def die() -> None:
        database.end_session(database.rows["report"].session)

    asyncio.get_running_loop().call_later(1.2, die)
    await live(service, PostgresRowLock(wait=True, recheck=recheck), workers, until=1.9)
    assert service.runs() == [DUE] * 2
    second = service.seen("run.started")[1]
    assert second.at == pytest.approx(1.2, abs=0.01)
    # The first did not die in truth, and is told when it commits.
    assert [event.worker for event in service.seen("lease.lost")] == ["worker-1"]


async def test_a_run_that_failed_is_not_noted_and_so_run_by_who_waits() -> None:
    service, database = Service(), Database()
    first, second = (service.worker(FakePostgres(database), f"worker-{n}") for n in (1, 2))
    first.fail_runs("fault", 1.0)
    await live(service, PostgresRowLock(wait=True, recheck=True), [first, second], until=1.9)
    assert [event.worker for event in service.seen("run.failed")] == ["worker-1"]
    assert [event.worker for event in service.seen("run.finished")] == ["worker-2"]


async def test_asked_to_stop_who_waits_does_so_no_longer() -> None:
    service, database = Service(Job("report", every=1.0, first=1.0, takes=5.0)), Database()
    database.lock_row("report")
    worker = service.worker(FakePostgres(database))
    await live(service, PostgresRowLock(wait=True), [worker], until=1.5)
    assert service.now() == pytest.approx(1.5, abs=0.01)
    assert service.runs() == []
    assert len(service.seen("lease.denied")) == 1
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize("trouble", list(Trouble))
@pytest.mark.parametrize("wait", [False, True])
async def test_without_an_answer_it_skips(wait: bool, trouble: Trouble) -> None:
    service, database = Service(), Database()
    port = FakePostgres(database)
    port.link.next("row_locks.lock", trouble)
    await live(service, PostgresRowLock(wait=wait), [service.worker(port)], until=1.5)
    assert service.story()[:2] == ["lease.requested", "lease.denied"]


async def test_a_note_without_an_answer_does_not_keep_the_row() -> None:
    service, database = Service(), Database()
    port = FakePostgres(database)
    port.link.next("row_locks.note", Trouble.REQUEST_LOST)
    await live(service, PostgresRowLock(), [service.worker(port)], until=2.9)
    assert service.runs() == [("report", 1.0), ("report", 2.0)]


def test_its_lock_is_the_jobs() -> None:
    assert PostgresRowLock().exclusive
