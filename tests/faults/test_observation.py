"""Who runs what and holds what, told from the events."""

from __future__ import annotations

import asyncio

import pytest

from harness.faults.observation import HeldLease, Observation, Sighting
from harness.history.event import Event


def life(kind: str, worker: str) -> Event:
    return Event(at=0.0, kind=f"worker.{kind}", worker=worker)


def run(kind: str, worker: str, name: str = "1", due: float | None = None) -> Event:
    return Event(
        at=0.0,
        kind=f"run.{kind}",
        worker=worker,
        job="report",
        due=due,
        run=f"{worker}/{name}",
    )


def lease(
    kind: str,
    worker: str,
    name: str = "1",
    job: str | None = "report",
    due: float | None = None,
) -> Event:
    return Event(
        at=0.0,
        kind=f"lease.{kind}",
        worker=worker,
        lease=f"{worker}/{name}",
        resource=job or "leader",
        job=job,
        due=due,
        extra={"handle": "key"} if kind == "granted" else {},
    )


def seen(*events: Event) -> Observation:
    observation = Observation()
    for event in events:
        observation.record(event)
    return observation


def test_a_worker_is_up_from_ready_to_exit() -> None:
    observation = seen(life("started", "worker-1"))
    assert observation.up() == []
    observation.record(life("ready", "worker-1"))
    observation.record(life("ready", "worker-2"))
    assert observation.up() == ["worker-1", "worker-2"]
    observation.record(life("exited", "worker-1"))
    assert observation.up() == ["worker-2"]
    observation.record(life("ready", "worker-1"))
    assert observation.up() == ["worker-1", "worker-2"]


@pytest.mark.parametrize("end", ["finished", "failed"])
def test_a_worker_is_running_until_its_last_run_has_ended(end: str) -> None:
    observation = seen(run("started", "worker-1", "1"), run("started", "worker-1", "2"))
    assert observation.running() == ["worker-1"]
    observation.record(run(end, "worker-1", "1"))
    assert observation.running() == ["worker-1"]
    observation.record(run(end, "worker-1", "2"))
    assert observation.running() == []


@pytest.mark.parametrize("end", ["released", "lost"])
def test_a_worker_holds_a_lease_until_it_has_ended(end: str) -> None:
    observation = seen(lease("requested", "worker-1"), lease("denied", "worker-2"))
    assert observation.holders() == []
    observation.record(lease("granted", "worker-1"))
    assert observation.holders() == ["worker-1"]
    assert observation.leases("worker-1") == [
        HeldLease("worker-1", "worker-1/1", "report", "report", None, "key")
    ]
    assert observation.leases("worker-2") == []
    observation.record(lease(end, "worker-1"))
    assert observation.holders() == []
    assert observation.leases("worker-1") == []


@pytest.mark.parametrize("end", ["finished", "failed"])
def test_a_lease_of_a_single_run_ends_with_it_even_if_it_is_left_to_expire(end: str) -> None:
    observation = seen(
        lease("granted", "worker-1", "1", due=1.0),
        lease("granted", "worker-1", "2", due=2.0),
        lease("granted", "worker-1", "3"),
        lease("granted", "worker-2", "1", due=1.0),
        run(end, "worker-1", due=1.0),
    )
    assert [one.lease for one in observation.leases("worker-1")] == ["worker-1/2", "worker-1/3"]
    assert observation.holders() == ["worker-1", "worker-2"]


def test_a_leader_holds_a_lease_that_covers_all_jobs() -> None:
    observation = seen(lease("granted", "worker-1"), lease("granted", "worker-2", job=None))
    assert observation.holders() == ["worker-1", "worker-2"]
    assert observation.leaders() == ["worker-2"]


def test_leases_come_in_the_order_in_which_they_were_granted() -> None:
    observation = seen(*(lease("granted", "worker-1", name) for name in "312"))
    assert [one.lease[-1] for one in observation.leases("worker-1")] == ["3", "1", "2"]


def test_an_exit_ends_the_runs_and_leases_of_that_worker_alone() -> None:
    observation = seen(
        *(run("started", worker) for worker in ("worker-1", "worker-2")),
        *(lease("granted", worker) for worker in ("worker-1", "worker-2")),
        life("exited", "worker-1"),
    )
    assert observation.running() == ["worker-2"]
    assert observation.holders() == ["worker-2"]


async def test_waiting_ends_with_the_event_that_makes_it_true() -> None:
    observation = Observation()
    waiting = asyncio.create_task(observation.until(lambda: observation.running() != []))
    await asyncio.sleep(0)
    observation.record(life("ready", "worker-1"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not waiting.done()
    observation.record(run("started", "worker-1"))
    await asyncio.wait_for(waiting, 5)


async def test_what_is_true_already_is_not_waited_for() -> None:
    await asyncio.wait_for(Observation().until(lambda: True), 5)


async def test_all_who_wait_are_woken_but_who_gave_up() -> None:
    observation = Observation()
    waiting = [
        asyncio.create_task(observation.until(lambda: observation.up() != [])) for _ in range(3)
    ]
    await asyncio.sleep(0)
    waiting[1].cancel()
    observation.record(life("ready", "worker-1"))
    outcomes = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 5)
    assert [type(outcome) for outcome in outcomes] == [
        type(None),
        asyncio.CancelledError,
        type(None),
    ]


def watched(observation: Observation, kind: str) -> list[Sighting]:
    """What a watcher is told of events of that kind."""
    told: list[Sighting] = []
    observation.watch(kind, told.append)
    return told


def test_who_watches_is_told_before_the_record_is_over() -> None:
    observation = Observation()
    told = watched(observation, "run.started")
    also_told = watched(observation, "run.started")
    event = run("started", "worker-1")
    observation.record(event)
    assert [one.event for one in told] == [one.event for one in also_told] == [event]
    observation.record(run("finished", "worker-1"))
    assert len(told) == 1
    assert told[0].subjects == ("worker-1",)


def test_who_watches_no_more_is_told_no_more() -> None:
    observation = Observation()
    told: list[Sighting] = []

    def once(sighting: Sighting) -> None:
        told.append(sighting)
        observation.unwatch("run.started", once)

    observation.watch("run.started", once)
    later = watched(observation, "run.started")
    observation.record(run("started", "worker-1"))
    observation.record(run("started", "worker-1", "2"))
    assert (len(told), len(later)) == (1, 2)
    observation.unwatch("run.started", once)
    observation.unwatch("lease.lost", once)


def test_roles_are_those_right_before_and_right_after_the_event() -> None:
    observation = Observation()
    granted = watched(observation, "lease.granted")
    lost = watched(observation, "lease.lost")
    observation.record(lease("granted", "worker-1", job=None))
    observation.record(lease("granted", "worker-2"))
    observation.record(lease("lost", "worker-1"))
    assert [sorted(one.leaders) for one in granted] == [["worker-1"], ["worker-1"]]
    assert [sorted(one.holders) for one in granted] == [["worker-1"], ["worker-1", "worker-2"]]
    assert sorted(lost[0].leaders) == ["worker-1"]


def test_a_fault_is_about_its_targets() -> None:
    observation = Observation()
    told = watched(observation, "fault.injected")
    observation.record(Event(at=1.0, kind="fault.injected", targets=("worker-2", "worker-3")))
    observation.record(Event(at=1.0, kind="fault.injected"))
    assert [one.subjects for one in told] == [("worker-2", "worker-3"), ()]


def test_the_first_event_of_a_job_is_remembered() -> None:
    observation = Observation()
    assert observation.first_of("report") is None
    observation.record(Event(at=2.0, kind="lease.requested", worker="worker-1", job="report"))
    observation.record(Event(at=3.0, kind="run.started", worker="worker-1", job="report"))
    assert observation.first_of("report") == 2.0


async def test_it_settles_once_all_that_is_under_way_has_landed() -> None:
    observation = Observation()
    await asyncio.wait_for(observation.settled(), 5)
    loop = asyncio.get_running_loop()
    first, second = loop.create_future(), loop.create_future()
    observation.await_landing(first)
    settled = asyncio.create_task(observation.settled())
    await asyncio.sleep(0)
    # What a landing brings about in turn is waited for too.
    observation.await_landing(second)
    first.set_result(None)
    for _ in range(5):
        await asyncio.sleep(0)
    assert not settled.done()
    second.set_result(None)
    await asyncio.wait_for(settled, 5)
    await asyncio.wait_for(observation.settled(), 5)
