"""Faults that wait for an event."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from harness.faults.clock_skew import ClockSkew
from harness.faults.cluster import NotLanded, TargetGone
from harness.faults.coordinator_pause import CoordinatorPause
from harness.faults.crash import Crash
from harness.faults.fault import Fault
from harness.faults.injection import inject_all
from harness.faults.partition import Partition
from harness.faults.pause import Pause
from harness.faults.plan import PlannedFault
from harness.faults.when import AWAITABLE, When
from harness.history.event import Event
from harness.scenario.target import Form, Target, parse_target
from tests.faults.fake_cluster import FakeCluster, planned

virtual_time = pytest.mark.virtual_time


def read(**written: Any) -> When:
    """As a scenario writes it."""
    return TypeAdapter(When).validate_python(written)


def crash(target: str | None = None, number: int = 1, **when: Any) -> PlannedFault:
    aim = parse_target(target or "subject")
    return planned(Crash(when=read(**when), target=aim), number=number)


def cut(number: int = 1, **when: Any) -> PlannedFault:
    partition = Partition(when=read(**when), **{"for": 2.0})  # type: ignore[arg-type]
    return planned(partition, number=number)


class Injecting:
    """Faults on a cluster, from now on, with their events to be seen at given moments."""

    def __init__(self, cluster: FakeCluster, *plan: PlannedFault, duration: float = 20.0) -> None:
        self.cluster = cluster
        self._duration = duration
        self._task = asyncio.create_task(
            inject_all(plan, cluster, 7, patience=5.0, duration=duration)
        )

    def at(self, moment: float, kind: str, worker: str = "worker-1", **more: Any) -> Injecting:
        loop = asyncio.get_running_loop()
        loop.call_later(moment, lambda: self.cluster.see(kind, worker, **more))
        return self

    async def until(self, moment: float | None = None) -> list[tuple[str, str | None, float]]:
        """The events of faults, once the trial is over, or broken off."""
        end = self._duration if moment is None else moment
        await asyncio.wait({self._task}, timeout=end - self.cluster.now())
        self._task.cancel()
        await asyncio.wait({self._task})
        if not self._task.cancelled():
            self._task.result()
        return self.cluster.faults()


def test_it_is_read_as_a_scenario_writes_it() -> None:
    when = read(
        **{"kind": "run.started", "nth": 3, "after": "20ms", "from": "2s"},
        job="report",
        worker="leader",
    )
    assert (when.nth, when.after, when.from_, when.job) == (3, 0.02, 2.0, "report")
    assert when.worker == Target(Form.LEADER)
    assert str(when) == "run.started number 3 (job report, worker leader, from 2s)"
    assert str(read(kind="lease.lost")) == "lease.lost number 1"


@pytest.mark.parametrize("kind", sorted(AWAITABLE))
def test_every_kind_can_be_waited_for(kind: str) -> None:
    assert read(kind=kind).kind == kind


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({}, "kind"),
        (
            {"kind": "run.stated"},
            "unknown kind of event 'run.stated'; did you mean 'run.started'",
        ),
        ({"kind": "trial.ended"}, "cannot wait for trial.ended: nothing can follow it"),
        ({"kind": "coordinator.calls"}, "cannot wait for coordinator.calls: workers report"),
        ({"kind": "run.started", "operation": "get"}, "a run.started is about no operation"),
        ({"kind": "circuit.opened", "job": "report"}, "a circuit.opened is about no job"),
        ({"kind": "fault.failed", "worker": "worker-1"}, "a fault.failed is about no worker"),
        ({"kind": "run.started", "nth": 0}, "nth"),
        ({"kind": "run.started", "worker": "running"}, "a worker's name, leader or holder"),
        ({"kind": "run.started", "worker": "worker"}, "unknown target 'worker'"),
        ({"kind": "run.started", "fault": "crash#1"}, "a run.started is about no fault"),
        ({"kind": "run.started", "after": "-1s"}, "must not be negative"),
        ({"kind": "run.started", "befor": "1s"}, "befor"),
    ],
)
def test_what_makes_no_sense_is_refused(written: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        read(**written)
    assert message in str(caught.value)


@pytest.mark.parametrize("more", [{"jitter": 1.0}, {"at": 1.0}, {"every": 1.0}])
def test_there_is_one_way_to_tell_the_time(more: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match="'when'"):
        Crash(when=read(kind="run.started"), **more)  # type: ignore[arg-type]


def test_the_earliest_moment_is_the_one_that_is_planned() -> None:
    fault = Crash(when=read(**{"kind": "run.started", "from": "2s"}, after="1s"))
    assert fault.times(30.0) == [3.0]
    assert Crash(when=read(kind="run.started")).times(30.0) == [0.0]


@virtual_time
async def test_it_happens_at_its_event_to_whom_that_is_about() -> None:
    cluster = FakeCluster()
    injecting = Injecting(cluster, cut(kind="lease.requested"))
    injecting.at(1.5, "run.started").at(2.5, "lease.requested", "worker-2")
    injecting.at(2.6, "lease.requested", "worker-3").at(6.0, "lease.requested", "worker-1")
    assert await injecting.until() == [
        ("fault.injected", "partition#1", 2.5),
        ("fault.healed", "partition#1", 4.5),
    ]
    assert cluster.operations() == [("cut", "worker-2"), ("heal", "worker-2")]


@virtual_time
async def test_events_count_from_the_call_on() -> None:
    cluster = FakeCluster()
    cluster.see("run.started", "worker-1")
    injecting = Injecting(cluster, crash(kind="run.started"))
    # Before the injection had its first turn.
    cluster.see("run.started", "worker-2")
    await injecting.until()
    assert cluster.done == [(0.0, "kill", "worker-2")]


@virtual_time
@pytest.mark.parametrize(
    ("when", "at", "victim"),
    [
        ({"nth": 3}, 3.0, "worker-3"),
        ({"job": "billing"}, 2.0, "worker-2"),
        ({"worker": "worker-3"}, 3.0, "worker-3"),
        ({"from": 2.5}, 3.0, "worker-3"),
        ({"from": 2.5, "nth": 2}, 4.0, "worker-1"),
        ({"after": 0.25}, 1.25, "worker-1"),
        ({"nth": 2, "after": 5.0}, 7.0, "worker-2"),
        ({"job": "billing", "nth": 2}, 5.0, "worker-2"),
        ({"worker": "leader"}, 3.0, "worker-3"),
        ({"worker": "holder", "nth": 2}, 4.0, "worker-1"),
    ],
)
async def test_it_is_the_event_that_was_meant(when: dict[str, Any], at: float, victim: str) -> None:
    cluster = FakeCluster()
    injecting = Injecting(cluster, crash(kind="run.started", **when))
    injecting.at(0.5, "lease.granted", "worker-3", job=None)
    injecting.at(1.0, "run.started", "worker-1").at(2.0, "run.started", "worker-2", job="billing")
    injecting.at(3.0, "run.started", "worker-3").at(3.5, "lease.granted", "worker-1")
    injecting.at(4.0, "run.started", "worker-1").at(5.0, "run.started", "worker-2", job="billing")
    await injecting.until()
    assert cluster.done == [(at, "kill", victim)]


@virtual_time
async def test_an_operation_can_be_meant() -> None:
    cluster = FakeCluster()
    injecting = Injecting(cluster, crash(kind="coordinator.error", operation="set"))
    injecting.at(1.0, "coordinator.error", operation="get")
    injecting.at(2.0, "coordinator.error", "worker-2", operation="set")
    await injecting.until()
    assert cluster.done == [(2.0, "kill", "worker-2")]


@virtual_time
async def test_who_loses_the_lead_led() -> None:
    cluster = FakeCluster()
    injecting = Injecting(cluster, crash(kind="lease.lost", worker="leader"))
    injecting.at(1.0, "lease.granted", "worker-1").at(1.0, "lease.granted", "worker-2", job=None)
    injecting.at(2.0, "lease.lost", "worker-1").at(3.0, "lease.lost", "worker-2", job=None)
    await injecting.until()
    assert cluster.done == [(3.0, "kill", "worker-2")]


@virtual_time
async def test_it_counts_from_the_moment_of_the_event_itself() -> None:
    cluster = FakeCluster()
    injecting = Injecting(cluster, crash(kind="run.started", after=0.5))
    # Learnt of 0.2 s after it happened.
    late = Event(at=1.0, kind="run.started", worker="worker-1", job="report", run="1")
    asyncio.get_running_loop().call_later(1.2, cluster.observation.record, late)
    await injecting.until()
    assert cluster.done == [(1.5, "kill", "worker-1")]


@virtual_time
async def test_another_target_may_be_given() -> None:
    cluster = FakeCluster()
    pause = Pause(target=parse_target("leader"), when=read(kind="lease.lost"), **{"for": 1.0})
    of_nodes = CoordinatorPause(when=read(kind="lease.lost"), nodes="leader", **{"for": 1.0})  # type: ignore[arg-type]
    injecting = Injecting(cluster, planned(pause), planned(of_nodes))
    injecting.at(0.5, "lease.granted", "worker-3", job=None).at(1.0, "lease.lost", "worker-1")
    await injecting.until()
    assert cluster.operations()[:2] == [("pause", "worker-3"), ("pause_node", "redis-1")]


@virtual_time
async def test_a_fault_can_follow_another() -> None:
    cluster = FakeCluster()
    partition = Partition(target=parse_target("worker-2"), at=1.0, **{"for": 2.0})  # type: ignore[arg-type]
    injecting = Injecting(
        cluster,
        planned(partition, 1.0),
        crash(kind="fault.injected", fault="partition"),
        crash("worker-3", 2, kind="fault.healed", fault="partition#1", after=1.0),
        crash("worker-1", 3, kind="fault.injected", fault="crash", nth=2),
    )
    assert await injecting.until() == [
        ("fault.injected", "partition#1", 1.0),
        ("fault.injected", "crash#1", 1.0),
        ("fault.healed", "partition#1", 3.0),
        ("fault.injected", "crash#2", 4.0),
        ("fault.injected", "crash#3", 4.0),
    ]
    assert [one for one in cluster.operations() if one[0] == "kill"] == [
        ("kill", "worker-2"),
        ("kill", "worker-3"),
        ("kill", "worker-1"),
    ]


@virtual_time
async def test_a_fault_does_not_follow_itself() -> None:
    cluster = FakeCluster()
    injecting = Injecting(cluster, crash("random", kind="fault.injected"))
    assert await injecting.until() == [("fault.failed", "crash#1", 20.0)]


@virtual_time
async def test_what_was_hit_by_another_meanwhile_needs_no_undoing() -> None:
    cluster = FakeCluster()
    pause = Pause(target=parse_target("worker-2"), at=1.0, **{"for": 2.0})  # type: ignore[arg-type]
    cluster.fails["resume", "worker-2"].append(TargetGone("worker-2 is not running"))
    follows = crash(kind="fault.injected", fault="pause")
    assert await Injecting(cluster, planned(pause), follows).until() == [
        ("fault.injected", "pause#1", 1.0),
        ("fault.injected", "crash#1", 1.0),
        ("fault.healed", "pause#1", 3.0),
    ]


@virtual_time
async def test_an_event_that_never_comes_fails_the_fault_at_the_end() -> None:
    cluster = FakeCluster()
    injecting = Injecting(cluster, crash(kind="run.started", nth=3, job="report"))
    injecting.at(1.0, "run.started").at(2.0, "run.started")
    assert await injecting.until() == [("fault.failed", "crash#1", 20.0)]
    assert cluster.events[-1].error == (
        "its event never came: run.started number 3 (job report), 2 of 3 seen"
    )


@virtual_time
async def test_a_trial_that_is_broken_off_fails_no_fault() -> None:
    cluster = FakeCluster()
    assert await Injecting(cluster, crash(kind="run.started")).until(5.0) == []


@virtual_time
async def test_what_is_over_triggers_nothing_more() -> None:
    cluster = FakeCluster()
    injecting = Injecting(cluster, crash(kind="run.started"), duration=5.0)
    await injecting.until()
    cluster.see("run.started", "worker-1")
    await asyncio.sleep(1.0)
    assert cluster.done == []


@virtual_time
async def test_a_fault_that_finds_nobody_after_its_event_has_failed() -> None:
    cluster = FakeCluster()
    injecting = Injecting(cluster, crash("running", kind="lease.granted"))
    injecting.at(1.0, "lease.granted")
    assert await injecting.until() == [("fault.failed", "crash#1", 6.0)]
    assert cluster.events[0].error == "no target: running matched no worker for 5 s"


async def settles(cluster: FakeCluster) -> float:
    """When all that is under way has landed."""
    await cluster.observation.settled()
    return round(cluster.now(), 6)


@virtual_time
async def test_it_settles_once_the_fault_has_landed_and_is_recorded() -> None:
    cluster = FakeCluster()
    cluster.takes["cut"] = 0.3
    injecting = Injecting(cluster, cut(kind="lease.requested"))
    await asyncio.sleep(1.0)
    assert await settles(cluster) == 1.0
    cluster.see("lease.requested", "worker-1")
    assert await settles(cluster) == 1.3
    assert [event.kind for event in cluster.events] == ["fault.injected"]
    await injecting.until()


@virtual_time
async def test_it_settles_once_the_fault_has_failed() -> None:
    cluster = FakeCluster()
    cluster.takes["cut"] = 0.3
    cluster.fails["cut", "worker-1"].append(NotLanded("no"))
    injecting = Injecting(cluster, cut(kind="lease.requested"))
    await asyncio.sleep(1.0)
    cluster.see("lease.requested", "worker-1")
    assert await settles(cluster) == 1.3
    await injecting.until()


def awaiting(fault: str) -> Fault:
    """A fault at which nobody may stand still, or not for long."""
    when = read(kind="lease.requested", after="100ms" if fault == "later" else "0s")
    faults: dict[str, Fault] = {
        "later": Crash(when=when),
        "helped": ClockSkew(when=when, jump=1.0),
        "searching": Crash(when=when, target=parse_target("running")),
    }
    return faults[fault]


@virtual_time
@pytest.mark.parametrize("fault", ["later", "helped", "searching"])
async def test_nobody_stands_still_for_what_takes_its_time(fault: str) -> None:
    cluster = FakeCluster()
    cluster.takes["skew"] = 0.5
    injecting = Injecting(cluster, planned(awaiting(fault)))
    await asyncio.sleep(1.0)
    cluster.see("lease.requested", "worker-1")
    assert await settles(cluster) == 1.0
    await injecting.until()


@virtual_time
async def test_the_end_of_the_trial_lets_everybody_go() -> None:
    cluster = FakeCluster()
    cluster.takes["cut"] = 10.0
    injecting = Injecting(cluster, cut(kind="lease.requested"), duration=2.0)
    await asyncio.sleep(1.0)
    cluster.see("lease.requested", "worker-1")
    settled = asyncio.create_task(settles(cluster))
    await injecting.until()
    assert await settled == 2.0
