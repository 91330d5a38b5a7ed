"""Enqueue and claim: at least once, whatever goes wrong on the way."""

from __future__ import annotations

import asyncio

import pytest

from harness.approaches.postgres_queue import PostgresQueue
from harness.scenario.model import Job, Retry
from tests.approaches.fake_postgres import Database, FakePostgres
from tests.approaches.link import Link, Trouble
from tests.service import Service, live

pytestmark = pytest.mark.virtual_time


async def test_what_every_instance_enqueues_is_run_once() -> None:
    service, database = Service(), Database()
    workers = [service.worker(FakePostgres(database), f"worker-{n}") for n in (1, 2, 3)]
    await live(service, PostgresQueue(), workers, until=3.5)
    assert service.runs_by_due() == {1.0: 1, 2.0: 1, 3.0: 1}
    assert database.done == [(1.0, "report"), (2.0, "report"), (3.0, "report")]
    assert database.open == []


async def test_a_claim_is_a_lease_of_its_own_given_up_before_it_is_completed() -> None:
    service = Service()
    port = FakePostgres(Database(), Link(service.log.append))
    await live(service, PostgresQueue(), [service.worker(port)], until=1.3)
    told = [line for line in service.log if line != "> claim"]
    assert told == [
        "> enqueue",
        "lease.granted",
        "run.started",
        "effect.applied",
        "run.finished",
        "lease.released",
        "> complete",
        "worker.stopping",
    ]
    granted = service.seen("lease.granted")[0]
    assert (granted.resource, granted.job, granted.due) == ("report/1.000000", "report", 1.0)
    assert granted.extra["handle"].isdigit()


async def test_each_worker_runs_one_claim_at_a_time() -> None:
    service, database = Service(Job("report", every=0.5, first=0.5, takes=1.2)), Database()
    workers = [service.worker(FakePostgres(database), f"worker-{n}") for n in (1, 2)]
    await live(service, PostgresQueue(), workers, until=2.1)
    for name in ("worker-1", "worker-2"):
        kinds = [event.kind for event in service.seen("run.started", "run.finished", worker=name)]
        assert kinds == ["run.started", "run.finished"] * (len(kinds) // 2)
    # A due time is not dropped for want of a free worker: it waits in the queue.
    assert service.seen("run.dropped") == []
    assert len(service.runs()) + len(database.open) == 4


@pytest.mark.parametrize(
    "troubles",
    [
        [Trouble.UNAVAILABLE, Trouble.UNAVAILABLE],
        [Trouble.REQUEST_LOST],
        [Trouble.ANSWER_LOST, Trouble.ANSWER_LOST],
    ],
)
async def test_enqueueing_is_repeated_until_it_is_known_to_be_done(
    troubles: list[Trouble],
) -> None:
    service, database = Service(), Database()
    port = FakePostgres(database)
    port.link.next("enqueue", *troubles)
    await live(service, PostgresQueue(), [service.worker(port)], until=1.9)
    assert service.runs_by_due() == {1.0: 1}
    assert port.link.asked.count("enqueue") == len(troubles) + 1


async def test_claiming_goes_on_after_an_error() -> None:
    service = Service()
    port = FakePostgres(Database())
    port.link.next("claim", Trouble.UNAVAILABLE, Trouble.REQUEST_LOST)
    await live(service, PostgresQueue(), [service.worker(port)], until=1.9)
    assert service.runs() == [("report", 1.0)]


async def test_what_somebody_else_enqueued_is_found_within_a_poll() -> None:
    service, database = Service(Job("report", every=50.0, first=50.0)), Database()
    asyncio.get_running_loop().call_later(1.0, database.enqueue, "report", 0.5)
    worker = service.worker(FakePostgres(database))
    await live(service, PostgresQueue(poll=0.3), [worker], until=2.0)
    assert 1.0 < service.seen("run.started")[0].at < 1.0 + 0.3 + 0.01


async def test_what_it_enqueued_itself_is_claimed_at_once() -> None:
    service = Service()
    worker = service.worker(FakePostgres(Database()))
    await live(service, PostgresQueue(poll=60.0), [worker], until=1.9)
    assert service.seen("run.started")[0].at == pytest.approx(1.0, abs=0.02)


async def test_the_claim_of_a_dead_worker_is_run_by_another() -> None:
    service, database = Service(), Database()
    dead = service.worker(FakePostgres(database), "worker-1")
    living = asyncio.create_task(PostgresQueue().run(dead))
    await service.at(1.1)
    living.cancel()
    await asyncio.wait({living})
    for claim in list(database.claimed):
        database.end_session(claim.session)
    other = service.worker(FakePostgres(database), "worker-2")
    await live(service, PostgresQueue(), [other], until=1.9)
    assert service.runs("worker-1") == service.runs("worker-2") == [("report", 1.0)]
    assert [effect.worker for effect in service.sink.effects] == ["worker-2"]


async def test_a_completion_that_finds_the_claim_gone_says_lost() -> None:
    service, database = Service(), Database()

    def break_connection() -> None:
        for claim in list(database.claimed):
            database.end_session(claim.session)

    asyncio.get_running_loop().call_later(1.1, break_connection)
    worker = service.worker(FakePostgres(database))
    await live(service, PostgresQueue(), [worker], until=1.9)
    # At least once: it ran to its end, and again.
    assert service.runs_by_due() == {1.0: 2}
    story = service.story()
    assert story[story.index("lease.released") + 1] == "lease.lost"
    assert database.done == [(1.0, "report")]


async def test_a_completion_without_an_answer_is_not_repeated() -> None:
    service, database = Service(), Database()
    port = FakePostgres(database)
    port.link.next("complete", Trouble.ANSWER_LOST)
    await live(service, PostgresQueue(), [service.worker(port)], until=2.9)
    assert service.runs_by_due() == {1.0: 1, 2.0: 1}
    assert service.seen("lease.lost") == []


async def test_asked_to_stop_it_completes_its_claim_and_takes_no_other() -> None:
    service, database = Service(), Database()
    database.enqueue("report", 0.1)
    database.enqueue("report", 0.2)
    worker = service.worker(FakePostgres(database))
    await live(service, PostgresQueue(), [worker], until=0.1)
    assert database.done == [(0.1, "report")]
    assert database.open == [(0.2, "report")]


@pytest.mark.parametrize(("retry", "runs"), [(None, 1), (Retry(attempts=3, backoff=0.1), 3)])
async def test_a_run_that_failed_after_its_retries_is_done(retry: Retry | None, runs: int) -> None:
    service, database = Service(), Database()
    worker = service.worker(FakePostgres(database), retry=retry)
    worker.fail_runs("failing-job#1", 1.0)
    await live(service, PostgresQueue(), [worker], until=1.9)
    assert service.runs_by_due() == {1.0: runs}
    assert database.done == [(1.0, "report")]


async def test_asked_to_stop_between_two_attempts_it_gives_its_claim_back() -> None:
    service, database = Service(), Database()
    port = FakePostgres(database)
    worker = service.worker(port, retry=Retry(attempts=3, backoff=5.0))
    worker.fail_runs("failing-job#1", 1.0)
    await live(service, PostgresQueue(), [worker], until=1.9)
    assert (database.done, database.open) == ([], [(1.0, "report")])
    assert database.claimed == {}
