"""A run: started, its duration, its effect, finished; and what becomes of it otherwise."""

from __future__ import annotations

import asyncio

import pytest

from harness.worker.schedule import Due
from harness.worker.sink import Effect
from tests.service import Service

pytestmark = pytest.mark.virtual_time

DUE = Due("report", 1.0)


async def test_a_run_starts_takes_its_time_has_its_effect_and_finishes() -> None:
    service = Service()
    assert await service.worker().execute(DUE)
    assert [(event.kind, round(event.at, 6)) for event in service.events] == [
        ("run.started", 0.0),
        ("effect.applied", 0.2),
        ("run.finished", 0.2),
    ]
    for event in service.events:
        assert (event.worker, event.job, event.due) == ("worker-1", "report", 1.0)
        assert event.run == "worker-1/1"


async def test_the_effect_carries_the_token_of_the_lease() -> None:
    service = Service()
    worker = service.worker(name="worker-2")
    lease = worker.lease("report", due=DUE)
    worker.granted(lease, "key", fence=12)
    await worker.execute(DUE, lease)
    await worker.execute(DUE)
    assert service.sink.effects == [
        Effect("worker-2", "worker-2/1", "report", 1.0, 12),
        Effect("worker-2", "worker-2/2", "report", 1.0, None),
    ]


async def test_runs_of_a_restarted_worker_are_told_apart() -> None:
    service = Service()
    await service.worker(identity="worker-1.2").execute(DUE)
    assert {(event.worker, event.run) for event in service.events} == {("worker-1", "worker-1.2/1")}


async def test_the_version_is_read_when_the_run_starts() -> None:
    service = Service()
    first = asyncio.create_task(service.worker(name="worker-1").execute(DUE))
    await service.at(0.1)
    second = asyncio.create_task(service.worker(name="worker-2").execute(DUE))
    await asyncio.gather(first, second)
    assert service.sink.read_versions == [0, 0]


async def test_a_refused_effect_is_recorded_and_the_run_still_completes() -> None:
    service = Service()
    service.sink.refuse = "stale"
    assert await service.worker().execute(DUE)
    assert service.story() == ["run.started", "effect.rejected", "run.finished"]
    assert service.seen("effect.rejected")[0].reason == "stale"


async def test_a_lost_lease_ends_the_run_at_once_where_it_is_to_abort() -> None:
    service = Service()
    worker = service.worker()
    lease = worker.lease("report", due=DUE)
    asyncio.get_running_loop().call_later(0.1, worker.lost, lease)
    assert not await worker.execute(DUE, lease, "abort")
    assert service.story() == ["run.started", "lease.lost", "run.failed"]
    failed = service.seen("run.failed")[0]
    assert failed.error == "lease lost"
    assert failed.at == pytest.approx(0.1)
    assert service.sink.effects == []


async def test_a_lost_lease_does_not_disturb_a_run_that_is_to_finish() -> None:
    service = Service()
    worker = service.worker()
    lease = worker.lease("report", due=DUE)
    asyncio.get_running_loop().call_later(0.1, worker.lost, lease)
    assert await worker.execute(DUE, lease, "finish")
    assert service.story() == ["run.started", "lease.lost", "effect.applied", "run.finished"]


async def test_a_run_that_may_abort_has_its_effect_while_the_lease_holds() -> None:
    service = Service()
    worker = service.worker()
    assert await worker.execute(DUE, worker.lease("report", due=DUE), "abort")
    assert service.story() == ["run.started", "effect.applied", "run.finished"]
    assert service.now() == pytest.approx(0.2)


async def test_a_lease_lost_before_the_run_leaves_it_without_effect() -> None:
    service = Service()
    worker = service.worker()
    lease = worker.lease("report", due=DUE)
    worker.lost(lease)
    assert not await worker.execute(DUE, lease, "abort")
    assert service.sink.effects == []
    assert service.now() == 0.0


async def test_a_cancelled_run_has_failed() -> None:
    service = Service()
    run = asyncio.create_task(service.worker().execute(DUE))
    await service.at(0.1)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert service.story() == ["run.started", "run.failed"]
    assert service.seen("run.failed")[0].error == "cancelled"
    assert service.sink.effects == []


@pytest.mark.parametrize("ending", ["finished", "cancelled", "aborted"])
async def test_a_run_in_progress_counts_until_it_ended(ending: str) -> None:
    service = Service()
    worker = service.worker()
    lease = worker.lease("report", due=DUE)
    run = asyncio.create_task(worker.execute(DUE, lease, "abort"))
    await service.at(0.1)
    if ending == "cancelled":
        run.cancel()
    if ending == "aborted":
        worker.lost(lease)
    await asyncio.wait({run})
    # Nothing of the job is in progress any more: what is due next is not dropped.
    asyncio.get_running_loop().call_later(1.0, worker.stop)
    assert [due.at async for due in worker.due_runs()] == [1.0]
    assert service.seen("run.dropped") == []
