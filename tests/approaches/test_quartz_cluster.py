"""Quartz' cluster: one winner a trigger, and what becomes of the triggers of the dead."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from itertools import pairwise
from statistics import mean
from typing import Any

import pytest

from harness.approaches.quartz_cluster import QuartzCluster
from harness.coordinators.postgres.quartz.simulated import free
from harness.scenario.model import Job
from tests.approaches.fake_postgres import Database, FakePostgres
from tests.approaches.link import Link, Trouble
from tests.service import Service, live

pytestmark = pytest.mark.virtual_time

VARIANTS = [{}, {"acquire_within_lock": True}]


def fleet(service: Service, database: Database, count: int = 3, **more: Any) -> list[Any]:
    names = [f"worker-{number + 1}" for number in range(count)]
    return [service.worker(FakePostgres(database), name, **more) for name in names]


async def crash(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task})


async def crashing(
    service: Service,
    approach: QuartzCluster,
    *,
    at: float,
    until: float,
    joins: Iterable[float] = (0.0,),
) -> None:
    """worker-1 crashes at `at`; the others join at these moments and live on."""
    database = Database()
    victim = asyncio.create_task(approach.run(service.worker(FakePostgres(database), "worker-1")))
    survivors, tasks = [], []
    for number, joined in enumerate(joins, 2):
        await service.at(joined)
        survivors.append(service.worker(FakePostgres(database), f"worker-{number}"))
        tasks.append(asyncio.create_task(approach.run(survivors[-1])))
    await service.at(at)
    await crash(victim)
    await service.at(until)
    for survivor in survivors:
        survivor.stop()
    await asyncio.gather(*tasks)


@pytest.mark.parametrize("variant", VARIANTS)
async def test_each_due_time_of_many_jobs_is_run_once(variant: dict[str, Any]) -> None:
    jobs = [Job(f"job-{n}", every=1.0, first=1.0, takes=0.2) for n in range(6)]
    service, database = Service(*jobs), Database()
    await live(service, QuartzCluster(**variant), fleet(service, database), until=4.5)
    assert sorted(service.runs()) == [(job.name, float(due)) for job in jobs for due in range(1, 5)]
    assert len({event.worker for event in service.seen("run.started")}) > 1


async def test_a_trigger_is_acquired_ahead_and_fired_when_it_is_time() -> None:
    service = Service()
    port = FakePostgres(Database(), Link(service.log.append))
    await live(service, QuartzCluster(), [service.worker(port)], until=1.3)
    told = [line for line in service.log if "misfires" not in line and "check_in" not in line]
    assert told == [
        "> quartz.store_triggers",
        "> quartz.recover_instances",
        "> quartz.next_trigger",
        "lease.requested",
        "> quartz.acquire_trigger",
        "lease.granted",
        "> quartz.fire_trigger",
        # The next one at once, while this one runs.
        "> quartz.next_trigger",
        "run.started",
        "lease.requested",
        "> quartz.acquire_trigger",
        "lease.granted",
        "effect.applied",
        "run.finished",
        "lease.released",
        "> quartz.complete_trigger",
        # Not fired before it was asked to stop.
        "worker.stopping",
        "lease.released",
        "> quartz.release_trigger",
    ]
    granted = service.seen("lease.granted")[0]
    assert (granted.resource, granted.job, granted.due) == ("report/1.000000", "report", 1.0)
    assert granted.extra["handle"] == "row:quartz_fired_triggers:worker-1/1"


async def test_runs_of_a_job_meet_unless_that_is_disallowed() -> None:
    for disallow, meet in ((False, True), (True, False)):
        service, database = Service(Job("report", every=1.0, first=1.0, takes=1.4)), Database()
        approach = QuartzCluster(disallow_concurrent=disallow)
        assert approach.exclusive == disallow
        await live(service, approach, fleet(service, database), until=7.0)
        kinds = [event.kind for event in service.seen("run.started", "run.finished")]
        assert ("run.started", "run.started") in pairwise(kinds) or not meet
        if not meet:
            assert kinds == ["run.started", "run.finished"] * (len(kinds) // 2)
        # What could not fire in time fires late; nothing is dropped within the misfire threshold.
        assert service.runs()[:4] == [
            ("report", 1.0),
            ("report", 2.0),
            ("report", 3.0),
            ("report", 4.0),
        ]


async def test_no_more_runs_at_once_than_threads() -> None:
    jobs = [Job(f"job-{n}", every=9.0, first=1.0, takes=1.0) for n in range(5)]
    service = Service(*jobs)
    await live(service, QuartzCluster(threads=2), fleet(service, Database(), 1), until=5.0)
    starts = [round(event.at) for event in service.seen("run.started")]
    assert starts == [1, 1, 2, 2, 3]


@pytest.mark.parametrize("variant", VARIANTS)
async def test_what_the_dead_had_acquired_is_fired_once_it_is_missed(
    variant: dict[str, Any],
) -> None:
    service = Service(Job("report", every=5.0, first=5.0))
    await crashing(service, QuartzCluster(**variant, idle_wait=9.0), at=4.5, until=12.0)
    first = service.seen("run.started")[0]
    assert (first.worker, first.due) == ("worker-2", 5.0)
    assert 4.5 + 1.0 < first.at < 4.5 + 3.0 + 0.1
    assert service.runs_by_due() == {5.0: 1, 10.0: 1}


async def test_how_long_the_dead_are_not_missed_is_bounded_by_tolerance_and_interval() -> None:
    # Last check-in + interval + tolerance < now, looked for once an interval.
    delays = []
    for step in range(20):
        service = Service(Job("report", every=100.0, first=3.0, takes=30.0))
        approach = QuartzCluster(checkin=2.0, checkin_tolerance=3.0, requests_recovery=True)
        dies = 10.0 + step * 0.37
        await crashing(service, approach, at=dies, until=25.0, joins=[0.05 + step * 0.1])
        delays.append(service.seen("run.started", worker="worker-2")[-1].at - dies)
    assert all(3.0 < delay < 3.0 + 2 * 2.0 + 0.1 for delay in delays)
    assert mean(delays) == pytest.approx(3.0 + 2.0, abs=0.5)


@pytest.mark.parametrize("requests", [False, True])
async def test_a_run_cut_short_is_run_again_only_on_request(requests: bool) -> None:
    service = Service(Job("report", every=5.0, first=1.0, takes=0.6))
    await crashing(service, QuartzCluster(requests_recovery=requests), at=1.3, until=7.5)
    assert service.runs("worker-1") == [("report", 1.0)]
    again = [("report", 1.0)] if requests else []
    assert service.runs("worker-2") == [*again, ("report", 6.0)]


async def test_who_is_taken_for_dead_runs_on_beside_the_recovery() -> None:
    service, database = Service(Job("report", every=20.0, first=1.0, takes=6.0)), Database()
    approach = QuartzCluster(requests_recovery=True)
    first, second = fleet(service, database, 2)

    def stall() -> None:
        holder = next(event.worker for event in service.seen("run.started"))
        worker = first if holder == "worker-1" else second
        worker.port.link.trouble = Trouble.REQUEST_LOST

    asyncio.get_running_loop().call_later(2.0, stall)
    await live(service, approach, [first, second], until=9.0)
    assert service.runs() == [("report", 1.0), ("report", 1.0)]
    started, finished = service.seen("run.started"), service.seen("run.finished")
    assert started[1].at < finished[0].at


async def test_who_was_taken_for_dead_fires_what_it_had_acquired_and_all_that_followed() -> None:
    service, database = Service(), Database()
    slow, other = fleet(service, database, 2)
    running = asyncio.create_task(QuartzCluster().run(slow))
    await service.at(1.5)
    # Its next requests arrive when the trigger that it holds was freed and is another's.
    slow.port.link.latency = 4.3
    asyncio.get_running_loop().call_later(4.6, setattr, slow.port.link, "latency", 0.001)
    await live(service, QuartzCluster(), [other], until=8.5)
    slow.stop()
    await running
    runs = service.runs_by_due()
    assert service.runs("worker-1")[1] == ("report", 2.0)
    assert (runs[1.0], runs[2.0], runs[3.0], runs[4.0]) == (1, 2, 2, 2)


async def test_a_clock_that_is_ahead_fires_early_and_takes_the_living_for_dead() -> None:
    service, database = Service(Job("report", every=10.0, first=5.0, takes=4.0)), Database()
    right = service.worker(FakePostgres(database), "worker-1")
    ahead = service.worker(FakePostgres(database), "worker-2", offset=3.0)
    await live(service, QuartzCluster(requests_recovery=True), [right, ahead], until=9.0)
    assert service.seen("run.started")[0].at < 5.0
    # And who fires in time loses its run to the one that is ahead.
    service, database = Service(Job("report", every=10.0, first=1.0, takes=4.0)), Database()
    right = service.worker(FakePostgres(database), "worker-1")
    ahead = service.worker(FakePostgres(database), "worker-2", offset=3.0)
    running = asyncio.create_task(QuartzCluster(requests_recovery=True).run(right))
    await service.at(2.0)
    await live(service, QuartzCluster(requests_recovery=True), [ahead], until=6.5)
    right.stop()
    await running
    assert service.runs_by_due() == {1.0: 2}


@pytest.mark.parametrize(("misfire", "expected"), [("fire_once", [6.0, 7.0]), ("skip", [7.0])])
async def test_what_is_later_than_the_threshold_fires_once_or_not_at_all(
    misfire: Any, expected: list[float]
) -> None:
    service, database = Service(), Database()
    worker = service.worker(FakePostgres(database))
    approach = QuartzCluster(misfire=misfire, misfire_threshold=0.8, db_retry=0.1)
    worker.port.link.trouble = Trouble.UNAVAILABLE
    running = asyncio.create_task(approach.run(worker))
    await service.at(0.5)
    worker.port.link.trouble = None
    await service.at(0.95)
    worker.port.link.trouble = Trouble.UNAVAILABLE
    await service.at(6.5)
    worker.port.link.trouble = None
    await service.at(7.5)
    worker.stop()
    await running
    assert [due for _, due in service.runs()] == expected


@pytest.mark.parametrize("operation", ["acquire_trigger", "fire_trigger", "complete_trigger"])
@pytest.mark.parametrize("trouble", list(Trouble))
async def test_after_trouble_every_due_time_is_still_run_once(
    operation: str, trouble: Trouble
) -> None:
    service, database = Service(), Database()
    worker = service.worker(FakePostgres(database))
    worker.port.link.next(f"quartz.{operation}", trouble)
    await live(service, QuartzCluster(db_retry=0.2), [worker], until=4.5)
    assert service.runs_by_due() == {1.0: 1, 2.0: 1, 3.0: 1, 4.0: 1}
    assert service.seen("lease.lost") == []
    assert database.tables["quartz_fired_triggers"] == {}


@pytest.mark.parametrize("trouble", list(Trouble))
async def test_after_trouble_within_the_lock_too(trouble: Trouble) -> None:
    service, database = Service(), Database()
    worker = service.worker(FakePostgres(database))
    worker.port.link.next("quartz.acquire_next_trigger", trouble)
    approach = QuartzCluster(acquire_within_lock=True, db_retry=0.2)
    await live(service, approach, [worker], until=3.5)
    assert service.runs_by_due() == {1.0: 1, 2.0: 1, 3.0: 1}
    assert database.tables["quartz_fired_triggers"] == {}


async def test_nothing_kills_an_instance_whose_store_is_gone() -> None:
    service, database = Service(), Database()
    worker = service.worker(FakePostgres(database))
    running = asyncio.create_task(QuartzCluster(db_retry=0.2).run(worker))
    await service.at(1.5)
    worker.port.link.trouble = Trouble.REQUEST_LOST
    await service.at(3.5)
    worker.port.link.trouble = None
    await service.at(4.5)
    worker.stop()
    await running
    assert service.runs_by_due() == {1.0: 1, 2.0: 1, 3.0: 1, 4.0: 1}


async def test_a_stop_is_not_kept_waiting_by_a_store_that_is_gone() -> None:
    service, database = Service(Job("report", every=1.0, first=1.0, takes=0.5)), Database()
    worker = service.worker(FakePostgres(database))
    asyncio.get_running_loop().call_later(
        1.2, setattr, worker.port.link, "trouble", Trouble.REQUEST_LOST
    )
    await live(service, QuartzCluster(), [worker], until=1.3)
    assert service.story()[-2:] == ["run.finished", "lease.released"]
    assert service.now() < 2.5


async def test_a_stop_while_all_threads_are_busy_waits_for_them_alone() -> None:
    service = Service(Job("report", every=3.5, first=1.0, takes=1.0))
    worker = service.worker(FakePostgres(Database()))
    await live(service, QuartzCluster(threads=1), [worker], until=1.5)
    assert service.runs() == [("report", 1.0)]
    assert service.now() == pytest.approx(2.0, abs=0.1)


async def test_an_entry_that_is_taken_away_is_noticed_when_it_is_fired_or_completed() -> None:
    service, database = Service(), Database()
    worker = service.worker(FakePostgres(database))

    def take(entry: str) -> None:
        assert free(database.tables, entry, 0.0)

    loop = asyncio.get_running_loop()
    loop.call_later(0.5, take, "worker-1/1")
    await live(service, QuartzCluster(idle_wait=9.0), [worker], until=2.5)
    lost = service.seen("lease.lost")
    assert [event.due for event in lost] == [1.0]
    assert service.runs() == [("report", 1.0), ("report", 2.0)]


async def test_it_has_checked_in_until_its_last_run_is_over() -> None:
    service, database = Service(Job("report", every=9.0, first=1.0, takes=6.0)), Database()
    first, second = fleet(service, database, 2)
    approach = QuartzCluster(requests_recovery=True)
    tasks = [asyncio.create_task(approach.run(worker)) for worker in (first, second)]
    await service.at(1.5)
    holder = first if service.runs("worker-1") else second
    holder.stop()
    await service.at(8.0)
    assert service.runs() == [("report", 1.0)]
    first.stop()
    second.stop()
    await asyncio.gather(*tasks)


async def test_an_instance_started_again_goes_on_where_the_triggers_are() -> None:
    service, database = Service(), Database()
    await live(service, QuartzCluster(), [service.worker(FakePostgres(database))], until=2.5)
    again = service.worker(FakePostgres(database), identity="worker-1#2")
    await live(service, QuartzCluster(), [again], until=4.5)
    assert service.runs_by_due() == {1.0: 1, 2.0: 1, 3.0: 1, 4.0: 1}


def test_there_is_at_least_one_thread() -> None:
    with pytest.raises(ValueError, match="1 or more"):
        QuartzCluster(threads=0)
