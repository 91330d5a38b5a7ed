"""Runs that fail, and what a worker does about them."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.scenario.model import Job, Retry
from harness.worker.retrying import waits
from harness.worker.schedule import Due
from tests.service import JOB, Service

pytestmark = pytest.mark.virtual_time

DUE = Due("report", 1.0)
STEADY = Retry(attempts=4, backoff=0.1, factor=2.0, longest=0.3, jitter=0.0)


def test_waits_grow_up_to_the_longest() -> None:
    assert list(waits(STEADY, Random(7))) == [0.1, 0.2, 0.3]
    assert list(waits(Retry(attempts=1), Random(7))) == []
    # However many there are, no wait is too long for a number.
    assert list(waits(Retry(attempts=5000, jitter=0.0), Random(7)))[-1] == 10.0


@given(st.integers(), st.floats(0.0, 1.0))
def test_jitter_shortens_each_wait_by_up_to_its_share(seed: int, jitter: float) -> None:
    policy = Retry(attempts=4, backoff=0.1, factor=2.0, longest=0.3, jitter=jitter)
    found = list(waits(policy, Random(seed)))
    for one, most in zip(found, (0.1, 0.2, 0.3), strict=True):
        assert most * (1.0 - jitter) - 1e-12 <= one <= most
    assert found == list(waits(policy, Random(seed)))


async def test_a_failed_run_is_tried_again_after_longer_and_longer_waits() -> None:
    service = Service()
    worker = service.worker(retry=STEADY)
    worker.fail_runs("fault", 1.0, None)
    assert not await worker.execute(DUE)
    assert service.story() == ["run.started", "run.failed"] * 4
    assert {event.error for event in service.seen("run.failed")} == {"job failed"}
    started = service.seen("run.started")
    assert [event.run for event in started] == [f"worker-1/{count}" for count in range(1, 5)]
    # A run takes 0.2 s.
    gaps = [round(later.at - earlier.at, 6) for earlier, later in pairwise(started)]
    assert gaps == [0.3, 0.4, 0.5]
    assert service.sink.effects == []


async def test_without_a_policy_a_failed_run_is_the_only_one() -> None:
    service = Service()
    worker = service.worker()
    worker.fail_runs("fault", 1.0)
    assert not await worker.execute(DUE)
    assert service.story() == ["run.started", "run.failed"]


async def test_the_first_run_that_completes_is_the_last() -> None:
    service = Service()
    worker = service.worker(retry=STEADY)
    worker.fail_runs("fault", 1.0)
    asyncio.get_running_loop().call_later(0.4, worker.pass_runs, "fault")
    assert await worker.execute(DUE)
    assert service.story() == [
        "run.started",
        "run.failed",
        "run.started",
        "effect.applied",
        "run.finished",
    ]
    assert [effect.run for effect in service.sink.effects] == ["worker-1/2"]


async def test_which_attempts_fail_is_the_same_for_every_worker() -> None:
    stories = []
    for name in ("worker-1", "worker-2"):
        service = Service()
        worker = service.worker(name=name, retry=Retry(attempts=3, backoff=0.0))
        worker.fail_runs("fault", 0.5)
        for count in range(40):
            await worker.execute(Due("report", float(count)))
        stories.append([(event.kind, event.due) for event in service.events])
    assert stories[0] == stories[1]
    kinds = [kind for kind, _ in stories[0]]
    # Of all attempts, about half.
    assert 0.3 < kinds.count("run.failed") / kinds.count("run.started") < 0.7


async def test_only_the_named_job_fails() -> None:
    service = Service(JOB, Job("billing", every=1.0, first=1.0))
    worker = service.worker()
    worker.fail_runs("fault", 1.0, "billing")
    assert await worker.execute(DUE)
    assert not await worker.execute(Due("billing", 1.0))
    worker.pass_runs("fault")
    assert await worker.execute(Due("billing", 2.0))


async def test_a_run_fails_if_anybody_says_so_and_passes_once_nobody_does() -> None:
    service = Service(JOB, Job("billing", every=1.0, first=1.0))
    worker = service.worker()
    worker.fail_runs("all", 1.0)
    worker.fail_runs("one job", 1.0, "report")
    worker.fail_runs("some", 1e-9)
    worker.pass_runs("some")
    assert not await worker.execute(DUE)
    worker.pass_runs("all")
    assert not await worker.execute(DUE)
    assert await worker.execute(Due("billing", 1.0))
    worker.pass_runs("one job")
    assert await worker.execute(DUE)


async def test_of_two_shares_the_greater_one_fails() -> None:
    failed = []
    for shares in ([0.6], [0.3, 0.6]):
        service = Service()
        worker = service.worker()
        for share in shares:
            worker.fail_runs(f"{share:g} of them", share)
        for count in range(40):
            await worker.execute(Due("report", float(count)))
        failed.append([event.due for event in service.seen("run.failed")])
    assert failed[0] == failed[1]


async def test_waits_are_each_workers_own_and_the_same_again() -> None:
    async def starts(name: str) -> list[float]:
        service = Service()
        worker = service.worker(name=name, retry=Retry(attempts=4))
        worker.fail_runs("fault", 1.0)
        await worker.execute(DUE)
        return [event.at for event in service.seen("run.started")]

    first, again, other = [await starts(name) for name in ("worker-1", "worker-1", "worker-2")]
    assert first == pytest.approx(again)
    assert first[1:] != pytest.approx(other[1:])


async def test_a_lease_known_to_be_lost_ends_the_wait_and_the_trying() -> None:
    service = Service()
    worker = service.worker(retry=Retry(attempts=3, backoff=5.0, jitter=0.0))
    worker.fail_runs("fault", 1.0)
    lease = worker.lease("report", due=DUE)
    asyncio.get_running_loop().call_later(1.0, worker.lost, lease)
    assert not await worker.execute(DUE, lease)
    assert service.story() == ["run.started", "run.failed", "lease.lost"]
    assert service.now() == pytest.approx(1.0)


async def test_a_run_that_gave_up_its_lease_is_not_tried_again() -> None:
    service = Service()
    worker = service.worker(retry=STEADY)
    lease = worker.lease("report", due=DUE)
    asyncio.get_running_loop().call_later(0.1, worker.lost, lease)
    assert not await worker.execute(DUE, lease, "abort")
    assert [event.error for event in service.seen("run.failed")] == ["lease lost"]


async def test_an_instance_asked_to_stop_does_not_try_again() -> None:
    service = Service()
    worker = service.worker(retry=Retry(attempts=3, backoff=5.0))
    worker.fail_runs("fault", 1.0)
    asyncio.get_running_loop().call_later(1.0, worker.stop)
    assert not await worker.execute(DUE)
    assert service.story() == ["run.started", "run.failed", "worker.stopping"]
    assert service.now() == pytest.approx(1.0)


async def test_a_job_that_waits_for_its_next_attempt_is_in_progress() -> None:
    service = Service()
    worker = service.worker(retry=Retry(attempts=2, backoff=2.0, jitter=0.0))
    worker.fail_runs("fault", 1.0)
    running = asyncio.create_task(worker.execute(Due("report", 0.0)))
    asyncio.get_running_loop().call_later(3.5, worker.stop)
    assert [due.at async for due in worker.due_runs()] == [3.0]
    await running
    assert [(event.due, event.reason) for event in service.seen("run.dropped")] == [
        (1.0, "max_instances"),
        (2.0, "max_instances"),
    ]


async def test_a_wait_that_is_cancelled_leaves_nothing_in_progress() -> None:
    service = Service()
    worker = service.worker(retry=Retry(attempts=2, backoff=5.0))
    worker.fail_runs("fault", 1.0)
    running = asyncio.create_task(worker.execute(DUE))
    await service.at(1.0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert service.story() == ["run.started", "run.failed"]
    asyncio.get_running_loop().call_later(1.5, worker.stop)
    assert [due.at async for due in worker.due_runs()] == [1.0, 2.0]
