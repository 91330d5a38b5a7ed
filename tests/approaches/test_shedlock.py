"""ShedLock's two times, and whose clock they are told by."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from harness.approaches.shedlock import ShedLock
from harness.coordinators.postgres.shedlock.port import handle
from harness.coordinators.postgres.simulated_server import FREE
from harness.scenario.model import Job
from tests.approaches.fake_postgres import Database, FakePostgres
from tests.approaches.link import Trouble
from tests.service import Service, live

pytestmark = pytest.mark.virtual_time


async def shed(
    approach: ShedLock, *offsets: float, until: float, every: float = 1.0, takes: float = 0.2
) -> Service:
    """An instance for each clock offset, all on one database; due at 1, then every so often."""
    service, database = Service(Job("report", every=every, first=1.0, takes=takes)), Database()
    workers = [
        service.worker(FakePostgres(database), f"worker-{number}", offset=offset)
        for number, offset in enumerate(offsets, 1)
    ]
    await live(service, approach, workers, until)
    return service


async def test_losers_skip() -> None:
    service = await shed(ShedLock(), 0.0, 0.0, 0.0, until=1.9)
    assert service.runs() == [("report", 1.0)]
    assert len(service.seen("lease.denied")) == 2
    assert service.seen("lease.granted")[0].extra == {"handle": "row:shedlock:report"}


@pytest.mark.parametrize(("at_least", "runs"), [(0.0, 2), (0.5, 1)])
async def test_by_the_databases_clock_who_is_late_repeats_a_short_run_unless_the_lock_outlasts_it(
    at_least: float, runs: int
) -> None:
    approach = ShedLock(lock_at_least_for=at_least, clock="database")
    service = await shed(approach, 0.0, -0.3, until=1.5, takes=0.1)
    assert service.runs_by_due()[1.0] == runs


async def test_by_its_own_clock_who_is_late_does_not_see_the_lock_end_before_it() -> None:
    service = await shed(ShedLock(), 0.0, -0.3, until=1.5, takes=0.1)
    assert service.runs_by_due()[1.0] == 1
    # Until its clock, too, shows what the others' showed when they unlocked.
    assert service.runs("worker-2") == []


@pytest.mark.parametrize(("clock", "overlap"), [("application", True), ("database", False)])
async def test_a_clock_that_is_ahead_ends_the_others_locks(clock: Any, overlap: bool) -> None:
    approach = ShedLock(lock_at_most_for=2.0, clock=clock)
    service, database = Service(Job("report", every=10.0, first=5.0, takes=1.0)), Database()
    ours, theirs = FakePostgres(database), FakePostgres(database)
    ahead = service.worker(theirs, "worker-2", offset=3.0)
    worker = service.worker(ours)
    lease = worker.lease("report")
    assert await approach.acquire(worker, lease)
    assert (await approach.acquire(ahead, ahead.lease("report")) is not None) is overlap


async def test_a_run_longer_than_the_lock_lets_the_next_one_in() -> None:
    approach = ShedLock(lock_at_most_for=0.9)
    service = await shed(approach, 0.0, 0.0, until=2.5, takes=1.5)
    started = service.seen("run.started")
    assert [event.due for event in started] == [1.0, 2.0]
    # Who overstayed is told by its own unlocking, and has not unlocked for the other.
    assert [event.at for event in service.seen("lease.lost")] == [pytest.approx(2.5, abs=0.02)]


async def test_a_lock_that_was_taken_away_is_known_to_be_lost_at_the_end() -> None:
    service, database = Service(), Database()
    port = FakePostgres(database)
    asyncio.get_running_loop().call_later(
        1.1, lambda: FREE["shedlock"](database.tables, "report", 0.0)
    )
    await live(service, ShedLock(), [service.worker(port)], until=1.9)
    assert service.story()[-3:] == ["lease.released", "lease.lost", "worker.stopping"]


async def test_a_lock_without_an_answer_blocks_the_job_until_it_runs_out() -> None:
    service, database = Service(), Database()
    port = FakePostgres(database)
    port.link.next("shedlock.lock", Trouble.ANSWER_LOST)
    await live(service, ShedLock(lock_at_most_for=1.5), [service.worker(port)], until=3.9)
    assert service.runs() == [("report", 3.0)]


async def test_locked_by_run_it_stays_locked() -> None:
    service = await shed(ShedLock(key="run"), 0.0, -0.5, until=1.9, takes=0.1)
    assert service.runs_by_due()[1.0] == 1
    assert service.seen("lease.released") == []
    assert handle("report@1") != handle("report")


def test_a_least_time_longer_than_the_most_is_refused() -> None:
    with pytest.raises(ValueError, match="at most lock_at_most_for, 2s, not 3s"):
        ShedLock(lock_at_least_for=3.0)
    ShedLock(lock_at_least_for=2.0, lock_at_most_for=2.0)
