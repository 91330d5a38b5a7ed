"""The loop that lock approaches share, on a lock that its owner alone releases."""

from __future__ import annotations

import asyncio

import pytest

from harness.approaches.redis_locks import RedisLock, RedisWatchdog
from harness.scenario.model import Job
from harness.worker.worker import Worker
from tests.approaches.fake_redis import FakeRedis, Store
from tests.approaches.link import Link, Trouble
from tests.service import JOB, Service, live

pytestmark = pytest.mark.virtual_time


async def test_losers_skip() -> None:
    service, store = Service(), Store()
    workers = [service.worker(FakeRedis(store), f"worker-{number}") for number in (1, 2, 3)]
    await live(service, RedisLock(), workers, until=1.9)
    assert service.runs() == [("report", 1.0)]
    assert len(service.seen("lease.requested")) == 3
    denied = service.seen("lease.denied")
    assert len(denied) == 2
    for event in denied:
        assert service.seen("run.started", worker=event.worker) == []


async def test_the_release_is_recorded_before_it_is_sent() -> None:
    service = Service()
    port = FakeRedis(Store(), Link(service.log.append))
    await live(service, RedisLock(), [service.worker(port)], until=1.9)
    assert service.log == [
        "lease.requested",
        "> set_if_absent",
        "lease.granted",
        "run.started",
        "effect.applied",
        "run.finished",
        "lease.released",
        "> delete_if_equal",
        "worker.stopping",
    ]


@pytest.mark.parametrize(
    ("key", "resource", "left"), [("job", "report", None), ("run", "report/1.000000", "worker-1/1")]
)
async def test_a_job_lock_frees_the_job_and_a_run_lock_is_left_to_expire(
    key: str, resource: str, left: str | None
) -> None:
    service, store = Service(), Store()
    approach = RedisLock(key=key)  # type: ignore[arg-type]
    await live(service, approach, [service.worker(FakeRedis(store))], until=1.9)
    assert service.seen("lease.granted")[0].resource == resource
    assert store.get(resource) == left
    assert len(service.seen("lease.released")) == (1 if key == "job" else 0)


@pytest.mark.parametrize(("key", "runs"), [("job", 2), ("run", 1)])
async def test_a_late_clock_runs_again_what_a_job_lock_has_freed(key: str, runs: int) -> None:
    service, store = Service(), Store()
    workers = [
        service.worker(FakeRedis(store)),
        # Late by more than the run takes: it finds the lock free.
        service.worker(FakeRedis(store), "worker-2", offset=-0.5),
    ]
    await live(service, RedisLock(key=key), workers, until=1.9)  # type: ignore[arg-type]
    assert service.runs_by_due() == {1.0: runs}


@pytest.mark.parametrize(("key", "together"), [("job", False), ("run", True)])
async def test_two_due_times_of_a_job_run_at_once_with_a_run_lock_only(
    key: str, together: bool
) -> None:
    service, store = Service(Job("report", every=1.0, first=1.0, takes=1.5)), Store()
    workers = [service.worker(FakeRedis(store), name) for name in ("worker-1", "worker-2")]
    await live(service, RedisLock(key=key, ttl=5.0), workers, until=2.9)  # type: ignore[arg-type]
    assert service.runs_by_due() == ({1.0: 1, 2.0: 1} if together else {1.0: 1})


async def test_a_request_that_was_not_done_is_a_denial() -> None:
    service = Service()
    port = FakeRedis(Store())
    port.link.next("set_if_absent", Trouble.UNAVAILABLE)
    await live(service, RedisLock(), [service.worker(port)], until=2.9)
    assert service.story()[:3] == ["lease.requested", "lease.denied", "lease.requested"]
    # There was nothing to undo; and the next due time is tried again.
    assert port.link.asked == ["set_if_absent", "set_if_absent", "delete_if_equal"]
    assert service.runs() == [("report", 2.0)]


@pytest.mark.parametrize("trouble", [Trouble.ANSWER_LOST, Trouble.REQUEST_LOST])
async def test_what_may_have_been_acquired_is_not_used_but_undone(trouble: Trouble) -> None:
    service, store = Service(), Store()
    port = FakeRedis(store)
    port.link.next("set_if_absent", trouble)
    await live(service, RedisLock(ttl=60.0), [service.worker(port)], until=1.9)
    assert service.story() == ["lease.requested", "lease.denied", "worker.stopping"]
    assert port.link.asked == ["set_if_absent", "delete_if_equal"]
    assert store.get("report") is None


async def test_where_undoing_fails_too_the_lock_runs_out() -> None:
    service, store = Service(), Store()
    port = FakeRedis(store)
    port.link.next("set_if_absent", Trouble.ANSWER_LOST)
    port.link.next("delete_if_equal", Trouble.REQUEST_LOST)
    await live(service, RedisLock(ttl=1.5), [service.worker(port)], until=3.9)
    assert service.runs() == [("report", 3.0)]


async def test_a_release_without_an_answer_does_no_harm() -> None:
    service, store = Service(), Store()
    port = FakeRedis(store)
    port.link.next("delete_if_equal", Trouble.REQUEST_LOST)
    await live(service, RedisLock(ttl=0.5), [service.worker(port)], until=2.9)
    assert service.runs() == [("report", 1.0), ("report", 2.0)]
    assert service.seen("lease.lost") == []


async def test_a_release_that_finds_somebody_elses_lock_says_lost() -> None:
    service, store = Service(), Store()
    worker = service.worker(FakeRedis(store))
    asyncio.get_running_loop().call_later(1.1, store.put, "report", "somebody else", 9.0)
    await live(service, RedisLock(), [worker], until=1.9)
    assert service.story()[-3:] == ["lease.released", "lease.lost", "worker.stopping"]
    assert store.get("report") == "somebody else"


async def test_asked_to_stop_it_finishes_its_run_and_gives_the_lock_up() -> None:
    service, store = Service(), Store()
    await live(service, RedisLock(), [service.worker(FakeRedis(store))], until=1.1)
    assert service.story()[-4:] == [
        "worker.stopping",
        "effect.applied",
        "run.finished",
        "lease.released",
    ]
    assert store.get("report") is None


class Watched(RedisWatchdog):
    """Notes what becomes of the task beside the run."""

    async def keep(self, worker: Worker[FakeRedis], lease: object) -> None:  # type: ignore[override]
        try:
            await asyncio.sleep(1000)
        finally:
            worker.port.link.asked.append("kept to the end")


async def test_what_goes_on_beside_a_run_ends_with_it_and_before_the_release() -> None:
    service = Service(JOB)
    port = FakeRedis(Store())
    await live(service, Watched(), [service.worker(port)], until=1.9)
    assert port.link.asked == ["set_if_absent", "kept to the end", "delete_if_equal"]
