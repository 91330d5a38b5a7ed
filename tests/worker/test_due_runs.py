"""What is due on an instance's own clock, and what it lets pass."""

from __future__ import annotations

import asyncio
import time
from random import Random

import pytest

from harness.scenario.model import Job
from harness.worker.schedule import Due
from harness.worker.worker import Worker
from tests.service import JOB, Service

pytestmark = pytest.mark.virtual_time


async def collect(
    service: Service, worker: Worker[None], until: float, *, while_running: bool = False
) -> list[tuple[float, float]]:
    """When each due time was noticed, and the due time."""

    async def listen() -> list[tuple[float, float]]:
        due_runs = worker.due_runs(while_running=while_running)
        return [(round(service.now(), 6), due.at) async for due in due_runs]

    listening = asyncio.create_task(listen())
    await service.at(until)
    worker.stop()
    return await listening


async def test_due_runs_come_when_they_are_due() -> None:
    service = Service()
    worker = service.worker()
    assert await collect(service, worker, 3.5) == [(1.0, 1.0), (2.0, 2.0), (3.0, 3.0)]


async def test_each_instance_goes_by_its_own_clock() -> None:
    service = Service()
    ahead, behind = service.worker(offset=0.25), service.worker(offset=-0.25)
    noticed = await asyncio.gather(collect(service, ahead, 2.5), collect(service, behind, 2.5))
    assert list(noticed) == [[(0.75, 1.0), (1.75, 2.0)], [(1.25, 1.0), (2.25, 2.0)]]


async def test_any_offset_reaches_every_due_time() -> None:
    service = Service(Job("tick", every=0.5, first=0.5))
    random = Random(7)
    workers = [service.worker(offset=random.uniform(-0.05, 0.05)) for _ in range(20)]
    # A worker that never gets there spins, and lets nobody else run: a deadline in real time.
    deadline = time.monotonic() + 10

    def in_time() -> float:
        assert time.monotonic() < deadline, "stuck before a due time"
        return service.now()

    for worker in workers:
        worker.clock.now = in_time
    for noticed in await asyncio.gather(*(collect(service, w, 16.1) for w in workers)):
        assert [due for _, due in noticed] == [0.5 * count for count in range(1, 33)]


async def test_an_instance_started_again_leaves_out_what_was_due_before() -> None:
    service = Service()
    await service.at(1.5)
    again = service.worker(identity="worker-1.2")
    assert await collect(service, again, 3.5) == [(2.0, 2.0), (3.0, 3.0)]
    assert service.seen("run.dropped") == []


async def test_what_is_due_at_the_very_start_is_not_left_out() -> None:
    service = Service(Job("report", every=1.0, first=0.0))
    await service.at(0.01)
    worker = service.worker(offset=0.05)
    assert await collect(service, worker, 1.5) == [(0.01, 0.0), (0.95, 1.0)]


async def test_what_is_noticed_too_late_is_dropped_and_recorded() -> None:
    service = Service()
    worker = service.worker(misfire_grace=0.5)
    noticed = []

    async def listen() -> None:
        async for due in worker.due_runs():
            noticed.append(due.at)
            if due.at == 1.0:
                # As if paused: 2 and 3 are over the grace by then, 4 is not.
                await service.at(4.4)

    listening = asyncio.create_task(listen())
    await service.at(5.5)
    worker.stop()
    await listening
    assert noticed == [1.0, 4.0, 5.0]
    dropped = service.seen("run.dropped")
    assert [(event.job, event.due, event.reason) for event in dropped] == [
        ("report", 2.0, "misfire"),
        ("report", 3.0, "misfire"),
    ]


async def run_all(worker: Worker[None], *, while_running: bool = False) -> None:
    async with asyncio.TaskGroup() as runs:
        async for due in worker.due_runs(while_running=while_running):
            runs.create_task(worker.execute(due))


async def test_what_is_due_while_its_job_still_runs_is_dropped() -> None:
    service = Service(Job("report", every=1.0, first=1.0, takes=1.5), Job("billing", 1.0, 1.0))
    worker = service.worker()
    running = asyncio.create_task(run_all(worker))
    await service.at(3.5)
    worker.stop()
    await running
    assert [due for job, due in service.runs() if job == "report"] == [1.0, 3.0]
    assert [due for job, due in service.runs() if job == "billing"] == [1.0, 2.0, 3.0]
    dropped = service.seen("run.dropped")
    assert [(event.job, event.due, event.reason) for event in dropped] == [
        ("report", 2.0, "max_instances")
    ]


async def test_as_many_runs_of_a_job_as_are_allowed() -> None:
    service = Service(Job("report", every=1.0, first=1.0, takes=2.5))
    worker = service.worker(max_instances=2)
    running = asyncio.create_task(run_all(worker))
    await service.at(4.5)
    worker.stop()
    await running
    assert service.runs() == [("report", 1.0), ("report", 2.0), ("report", 4.0)]
    assert [event.due for event in service.seen("run.dropped")] == [3.0]


async def test_while_running_hears_of_everything() -> None:
    service = Service(Job("report", every=1.0, first=1.0, takes=1.5))
    worker = service.worker()
    running = asyncio.create_task(worker.execute(Due("report", 0.0)))
    noticed = await collect(service, worker, 2.5, while_running=True)
    await running
    assert [due for _, due in noticed] == [1.0, 2.0]
    assert service.seen("run.dropped") == []


async def test_asked_to_stop_it_ends_at_once_and_says_so_once() -> None:
    service = Service()
    worker = service.worker()
    assert await collect(service, worker, 1.25) == [(1.0, 1.0)]
    assert service.now() == pytest.approx(1.25)
    worker.stop()
    assert [event.at for event in service.seen("worker.stopping")] == [pytest.approx(1.25)]


async def test_asked_to_stop_before_it_began_it_finds_nothing_due() -> None:
    service = Service(JOB)
    worker = service.worker()
    worker.stop()
    assert [due async for due in worker.due_runs()] == []


async def test_sleeping_ends_with_the_stop() -> None:
    service = Service()
    worker = service.worker()
    asyncio.get_running_loop().call_later(2.0, worker.stop)
    await worker.sleep(1.0)
    assert service.now() == pytest.approx(1.0)
    await worker.sleep(100.0)
    assert service.now() == pytest.approx(2.0)


async def test_a_job_that_is_over_is_due_no_more_and_the_instance_stays() -> None:
    service = Service(Job("report", every=1.0, first=1.0, until=3.0))
    worker = service.worker()
    assert await collect(service, worker, 9.0) == [(1.0, 1.0), (2.0, 2.0)]
    assert service.now() == pytest.approx(9.0)


async def test_a_clock_that_drifts_reaches_due_times_in_its_own_time() -> None:
    service = Service()
    fast, slow = service.worker(name="worker-1"), service.worker(name="worker-2")
    fast.clock.skew("fault", 0.0, 0.25)
    slow.clock.skew("fault", 0.0, -0.5)
    noticed = await asyncio.gather(collect(service, fast, 4.5), collect(service, slow, 4.5))
    assert noticed[0] == [(0.8, 1.0), (1.6, 2.0), (2.4, 3.0), (3.2, 4.0), (4.0, 5.0)]
    assert noticed[1] == [(2.0, 1.0), (4.0, 2.0)]


async def jump(service: Service, worker: Worker[None], at: float, by: float) -> None:
    await service.at(at)
    worker.clock.skew("fault", by, 0.0)


async def test_a_timer_is_not_moved_by_a_jump_forward_and_what_was_jumped_over_comes_late() -> None:
    service = Service()
    worker = service.worker(misfire_grace=10.0)
    jumping = asyncio.create_task(jump(service, worker, 1.5, 2.0))
    # At 2 its clock shows 4: what was due at 2, 3 and 4 is noticed then.
    noticed = await collect(service, worker, 3.5)
    await jumping
    assert noticed == [(1.0, 1.0), (2.0, 2.0), (2.0, 3.0), (2.0, 4.0), (3.0, 5.0)]


async def test_a_jump_over_more_than_the_grace_is_a_misfire() -> None:
    service = Service()
    worker = service.worker(misfire_grace=0.5)
    jumping = asyncio.create_task(jump(service, worker, 1.5, 2.0))
    assert await collect(service, worker, 3.5) == [(1.0, 1.0), (2.0, 4.0), (3.0, 5.0)]
    await jumping
    assert [event.due for event in service.seen("run.dropped")] == [2.0, 3.0]


async def test_a_jump_backwards_lets_it_wait_longer_and_nothing_comes_twice() -> None:
    service = Service()
    worker = service.worker()
    jumping = asyncio.create_task(jump(service, worker, 2.5, -2.0))
    assert await collect(service, worker, 6.5) == [(1.0, 1.0), (2.0, 2.0), (5.0, 3.0), (6.0, 4.0)]
    await jumping


async def test_a_clock_set_right_again_goes_on_as_the_others() -> None:
    service = Service()
    worker = service.worker()
    worker.clock.skew("fault", -0.5, 0.0)
    asyncio.get_running_loop().call_later(1.75, worker.clock.unskew, "fault")
    assert await collect(service, worker, 3.5) == [(1.5, 1.0), (2.5, 2.0), (3.0, 3.0)]
