"""What a worker says of its leases, what it asks of its coordinator, and its random sources."""

from __future__ import annotations

import asyncio

import pytest

from harness.coordinators.calls import reported
from harness.coordinators.errors import Indeterminate, Unavailable
from harness.worker.clock import WorkerClock
from harness.worker.schedule import Due
from harness.worker.worker import CallCount, Instance, Worker
from tests.service import JOB, MemorySink, Service

pytestmark = pytest.mark.virtual_time

DUE = Due("report", 2.0)


async def test_every_lease_event_says_whose_and_what() -> None:
    service = Service()
    await service.at(2.0)
    worker = service.worker()
    lease = worker.lease("report@2", due=DUE)
    worker.requested(lease)
    worker.granted(lease, "the-key", fence=5)
    worker.released(lease)
    assert service.story() == ["lease.requested", "lease.granted", "lease.released"]
    for event in service.events:
        assert (event.worker, event.lease) == ("worker-1", "worker-1/1")
        assert (event.resource, event.job, event.due) == ("report@2", "report", 2.0)
    assert [event.fence for event in service.events] == [None, 5, 5]
    assert service.seen("lease.granted")[0].extra == {"handle": "the-key"}
    assert (lease.handle, lease.fence) == ("the-key", 5)


async def test_a_lease_on_everything_names_no_job() -> None:
    service = Service()
    worker = service.worker()
    worker.denied(worker.lease("leader"))
    denied = service.seen("lease.denied")[0]
    assert (denied.resource, denied.job, denied.due) == ("leader", None, None)


async def test_a_lease_on_a_job_names_no_due_time() -> None:
    worker = Service().worker()
    lease = worker.lease("report", job="report")
    assert (lease.job, lease.due) == ("report", None)


async def test_leases_have_names_of_their_own_and_know_when_they_were_asked_for() -> None:
    service = Service()
    worker, restarted = service.worker(), service.worker(identity="worker-1.2")
    first = worker.lease("report")
    await service.at(0.5)
    second = worker.lease("report")
    assert [first.id, second.id, restarted.lease("report").id] == [
        "worker-1/1",
        "worker-1/2",
        "worker-1.2/1",
    ]
    assert (first.asked, second.asked) == (0.0, 0.5)


async def test_what_is_lost_is_lost_once() -> None:
    service = Service()
    worker = service.worker()
    lease = worker.lease("report")
    assert not lease.lost.is_set()
    worker.lost(lease)
    worker.lost(lease)
    assert lease.lost.is_set()
    assert service.story() == ["lease.lost"]


async def test_calls_are_counted_from_one_report_to_the_next() -> None:
    service = Service()
    clock = WorkerClock(service.now)
    calls = CallCount("worker-1", clock, service)
    instance = Instance(
        name="worker-1",
        identity="worker-1",
        seed=7,
        jobs=(JOB,),
        misfire_grace=1.0,
        max_instances=1,
    )
    worker = Worker(instance, None, clock, MemorySink(), service, calls)
    reporting = asyncio.create_task(worker.report_calls(every=1.0))
    for operation in ("get", "get", "set"):
        calls.called(operation)
    await service.at(1.5)
    calls.called("get")
    # Where nothing was asked in between, there is nothing to say.
    await service.at(3.5)
    reporting.cancel()
    calls.called("delete")
    worker.flush_calls()
    worker.flush_calls()
    assert [(event.worker, event.calls) for event in service.seen("coordinator.calls")] == [
        ("worker-1", {"get": 2, "set": 1}),
        ("worker-1", {"get": 1}),
        ("worker-1", {"delete": 1}),
    ]


@pytest.mark.parametrize("error", [Unavailable("no way"), Indeterminate("no answer")])
async def test_a_call_that_went_wrong_is_counted_and_recorded(error: Exception) -> None:
    service = Service()
    calls = CallCount("worker-1", WorkerClock(service.now), service)
    await service.at(1.5)
    with pytest.raises(type(error)), reported(calls, "get"):
        raise error
    assert calls.take() == {"get": 1}
    recorded = service.seen("coordinator.error")[0]
    assert (recorded.at, recorded.worker, recorded.operation) == (1.5, "worker-1", "get")
    assert recorded.error == str(error)


async def test_random_sources_depend_on_seed_worker_and_purpose_alone() -> None:
    def draw(seed: int, identity: str, purpose: str) -> float:
        return Service(seed=seed).worker(identity=identity).random(purpose).random()

    assert draw(7, "worker-1", "backoff") == draw(7, "worker-1", "backoff")
    others = {
        draw(7, "worker-1", "backoff"),
        draw(8, "worker-1", "backoff"),
        draw(7, "worker-2", "backoff"),
        draw(7, "worker-1", "jitter"),
    }
    assert len(others) == 4
