"""A fault's life: apply, hold, undo, and whatever may go wrong on the way."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from harness.faults.cluster import NotLanded, TargetGone
from harness.faults.coordinator_failover import CoordinatorFailover
from harness.faults.coordinator_outage import CoordinatorOutage
from harness.faults.coordinator_restart import CoordinatorRestart
from harness.faults.crash import Crash
from harness.faults.delay import Delay
from harness.faults.expire import Expire
from harness.faults.failing_job import FailingJob
from harness.faults.fault import Fault
from harness.faults.injection import inject_all
from harness.faults.partition import Partition
from harness.faults.pause import Pause
from harness.faults.plan import PlannedFault
from harness.faults.reset import Reset
from harness.faults.thundering_herd import ThunderingHerd
from harness.history.event import Event
from harness.scenario.target import parse_target
from tests.faults.fake_cluster import FakeCluster, planned

pytestmark = pytest.mark.virtual_time


def pause(target: str | int = "worker-1", lasts: float = 2.0, **more: Any) -> Pause:
    return Pause(target=parse_target(target), at=1.0, **{"for": lasts, **more})


def partition(target: str | int = "worker-1", lasts: float = 2.0) -> Partition:
    return Partition(target=parse_target(target), at=1.0, **{"for": lasts})  # type: ignore[arg-type]


def crash(target: str | int = "worker-1", restart_after: float | None = None) -> Crash:
    return Crash(target=parse_target(target), at=1.0, restart_after=restart_after)


async def inject(cluster: FakeCluster, *plan: PlannedFault, until: float = 20.0) -> None:
    """Let the trial last until then."""
    injecting = asyncio.create_task(inject_all(plan, cluster, 7, patience=5.0))
    await asyncio.wait({injecting}, timeout=until - cluster.now())
    injecting.cancel()
    await asyncio.wait({injecting})
    if not injecting.cancelled():
        injecting.result()


async def test_a_fault_is_made_held_and_undone() -> None:
    cluster = FakeCluster()
    await inject(cluster, planned(pause()))
    assert cluster.done == [(1.0, "pause", "worker-1"), (3.0, "resume", "worker-1")]
    assert cluster.faults() == [
        ("fault.injected", "pause#1", 1.0),
        ("fault.healed", "pause#1", 3.0),
    ]
    for event in cluster.events:
        assert (event.type, event.mechanism, event.targets) == ("pause", "simulated", ("worker-1",))


async def test_it_is_recorded_once_it_was_verified_with_the_moment_of_its_effect() -> None:
    cluster = FakeCluster()
    cluster.takes["cut"] = 0.25
    mark = Event(at=1.2, kind="mark")
    asyncio.get_running_loop().call_later(1.2, cluster.record, mark)
    await inject(cluster, planned(partition()))
    assert [event.kind for event in cluster.events] == ["mark", "fault.injected", "fault.healed"]
    assert [event.at for event in cluster.events[1:]] == [pytest.approx(1.0), pytest.approx(3.0)]


async def test_a_crash_without_a_restart_is_for_ever() -> None:
    cluster = FakeCluster()
    await inject(cluster, planned(crash()))
    assert cluster.operations() == [("kill", "worker-1")]
    assert cluster.faults() == [("fault.injected", "crash#1", 1.0)]


async def test_a_crashed_worker_is_started_again() -> None:
    cluster = FakeCluster()
    await inject(cluster, planned(crash(restart_after=2.0)))
    assert cluster.done == [(1.0, "kill", "worker-1"), (3.0, "start", "worker-1")]
    assert cluster.observation.up() == ["worker-1", "worker-2", "worker-3"]


async def test_an_expiry_is_over_at_once() -> None:
    cluster = FakeCluster()
    cluster.see("lease.granted", "worker-2")
    await inject(cluster, planned(Expire(target=parse_target("holder"), at=1.0)))
    assert cluster.operations() == [("forget", "worker-2")]
    assert cluster.faults() == [
        ("fault.injected", "expire#1", 1.0),
        ("fault.healed", "expire#1", 1.0),
    ]


async def test_faults_go_on_side_by_side() -> None:
    cluster = FakeCluster()
    await inject(
        cluster,
        planned(pause("worker-1", lasts=5.0), at=1.0, number=1),
        planned(pause("worker-2", lasts=1.0), at=2.0, number=2),
    )
    assert cluster.faults() == [
        ("fault.injected", "pause#1", 1.0),
        ("fault.injected", "pause#2", 2.0),
        ("fault.healed", "pause#2", 3.0),
        ("fault.healed", "pause#1", 6.0),
    ]


async def test_a_victim_is_free_again_when_its_fault_is_undone() -> None:
    cluster = FakeCluster(workers=1)
    await inject(
        cluster,
        planned(pause("random", lasts=1.0), at=1.0, number=1),
        planned(pause("random", lasts=1.0), at=3.0, number=2),
    )
    assert [kind for kind, _, _ in cluster.faults()] == ["fault.injected", "fault.healed"] * 2


async def test_a_fault_that_does_not_land_has_failed() -> None:
    cluster = FakeCluster()
    cluster.fails["pause", "worker-1"].append(NotLanded("it would not stop"))
    await inject(cluster, planned(pause()))
    failed = cluster.events[0]
    assert (failed.kind, failed.fault, failed.type) == ("fault.failed", "pause#1", "pause")
    assert failed.error == "it would not stop"
    assert len(cluster.events) == 1


async def test_what_did_land_of_a_failed_fault_is_undone() -> None:
    cluster = FakeCluster()
    cluster.fails["pause", "worker-2"].append(NotLanded("it would not stop"))
    await inject(cluster, planned(pause("all")))
    resumed = [worker for operation, worker in cluster.operations() if operation == "resume"]
    assert resumed == ["worker-1", "worker-2", "worker-3"]
    assert [kind for kind, _, _ in cluster.faults()] == ["fault.failed"]


async def test_one_fault_that_failed_does_not_keep_others_from_happening() -> None:
    cluster = FakeCluster()
    cluster.fails["pause", "worker-1"].append(NotLanded("no"))
    await inject(
        cluster,
        planned(pause("worker-1"), at=1.0, number=1),
        planned(pause("worker-2"), at=2.0, number=2),
    )
    assert [kind for kind, _, _ in cluster.faults()] == [
        "fault.failed",
        "fault.injected",
        "fault.healed",
    ]


async def test_a_fault_that_does_not_end_has_failed() -> None:
    cluster = FakeCluster()
    cluster.fails["resume", "worker-1"].append(NotLanded("it would not go on"))
    await inject(cluster, planned(pause()))
    assert [kind for kind, _, _ in cluster.faults()] == ["fault.injected", "fault.failed"]
    assert cluster.events[-1].error == "it would not go on"


async def test_a_fault_that_finds_nobody_has_failed() -> None:
    cluster = FakeCluster()
    await inject(cluster, planned(pause("running")))
    assert cluster.faults() == [("fault.failed", "pause#1", 6.0)]
    assert cluster.events[0].error == "no target: running matched no worker for 5 s"


async def test_a_target_that_slipped_away_is_replaced() -> None:
    cluster = FakeCluster()
    cluster.see("run.started", "worker-1")

    def hand_over() -> None:
        cluster.see("run.finished", "worker-1")
        cluster.see("run.started", "worker-2")

    cluster.takes["pause"] = 0.1
    cluster.fails["pause", "worker-1"].append(TargetGone("worker-1 is gone"))
    asyncio.get_running_loop().call_later(1.05, hand_over)
    await inject(cluster, planned(pause("running")))
    assert cluster.operations()[:2] == [("pause", "worker-1"), ("pause", "worker-2")]
    assert cluster.events[0].targets == ("worker-2",)
    assert [kind for kind, _, _ in cluster.faults()] == ["fault.injected", "fault.healed"]


async def test_a_target_that_is_gone_again_and_again_ends_the_patience() -> None:
    cluster = FakeCluster()
    cluster.fails["pause", "worker-1"].extend(TargetGone("worker-1 is gone") for _ in range(9999))
    await inject(cluster, planned(pause()))
    failed = cluster.events[0]
    assert (failed.kind, failed.error) == ("fault.failed", "worker-1 is gone")
    assert 5.9 < failed.at < 6.1


async def test_a_target_that_holds_nothing_to_forget_ends_the_patience() -> None:
    cluster = FakeCluster()
    await inject(cluster, planned(Expire(target=parse_target("worker-1"), at=1.0)))
    failed = cluster.events[0]
    assert (failed.kind, failed.error) == (
        "fault.failed",
        "no target: worker-1 matched no worker that holds a lease for 5 s",
    )
    assert 5.9 < failed.at < 6.1


async def test_a_target_that_comes_to_hold_a_lease_is_hit_then() -> None:
    cluster = FakeCluster()
    asyncio.get_running_loop().call_later(3.0, cluster.see, "lease.granted", "worker-1")
    await inject(cluster, planned(Expire(target=parse_target("worker-1"), at=1.0)))
    assert cluster.operations() == [("forget", "worker-1")]
    assert 2.9 < cluster.events[0].at < 3.1


async def test_where_some_victims_were_hit_no_others_are_chosen() -> None:
    cluster = FakeCluster(workers=5)
    for worker in cluster.workers[1:]:
        cluster.fails["kill", worker].append(TargetGone(f"{worker} is gone"))
    await inject(cluster, planned(crash(5)))
    assert [kind for kind, _, _ in cluster.faults()] == ["fault.failed"]
    assert [operation for operation, _ in cluster.operations()] == ["kill"] * 5


@pytest.mark.parametrize(("fault", "undo"), [(pause(), "resume"), (partition(), "heal")])
async def test_the_end_of_the_trial_undoes_what_would_keep_workers_from_finishing(
    fault: Fault, undo: str
) -> None:
    cluster = FakeCluster()
    await inject(cluster, planned(fault), until=2.0)
    assert cluster.done[-1] == (2.0, undo, "worker-1")
    assert [kind for kind, _, _ in cluster.faults()] == ["fault.injected", "fault.healed"]


async def test_the_end_of_the_trial_starts_nobody_again() -> None:
    cluster = FakeCluster()
    await inject(cluster, planned(crash(restart_after=5.0)), until=2.0)
    assert cluster.operations() == [("kill", "worker-1")]


@pytest.mark.parametrize(("fault", "undo"), [(pause(), "resume"), (partition(), "heal")])
async def test_the_end_of_the_trial_undoes_what_is_just_being_made(fault: Fault, undo: str) -> None:
    cluster = FakeCluster()
    cluster.takes["pause"] = cluster.takes["cut"] = 1.0
    await inject(cluster, planned(fault), until=1.5)
    assert cluster.done[-1] == (1.5, undo, "worker-1")
    # It was never seen to take effect, so there is nothing to be recorded.
    assert cluster.events == []


async def test_the_end_of_the_trial_does_not_break_off_an_undoing() -> None:
    cluster = FakeCluster()
    cluster.takes["heal"] = 1.0
    await inject(cluster, planned(partition()), until=3.5)
    assert [kind for kind, _, _ in cluster.faults()] == ["fault.injected", "fault.healed"]


async def test_what_cannot_be_undone_at_the_end_is_recorded() -> None:
    cluster = FakeCluster()
    cluster.fails["resume", "worker-1"].append(NotLanded("it would not go on"))
    await inject(cluster, planned(pause()), until=2.0)
    assert [kind for kind, _, _ in cluster.faults()] == ["fault.injected", "fault.failed"]


async def test_a_fault_not_yet_due_leaves_no_trace() -> None:
    cluster = FakeCluster()
    await inject(cluster, planned(pause(), at=10.0), until=5.0)
    assert cluster.done == []
    assert cluster.events == []


async def test_any_other_error_ends_the_injection() -> None:
    cluster = FakeCluster()
    cluster.fails["pause", "worker-1"].append(OSError("no such thing"))
    with pytest.raises(ExceptionGroup):
        await inject(cluster, planned(pause()))


async def test_the_effect_holds_for_as_long_as_asked_from_its_moment_on() -> None:
    cluster = FakeCluster()
    cluster.takes["cut"] = 0.5
    await inject(cluster, planned(partition(lasts=2.0)))
    assert cluster.done == [(1.0, "cut", "worker-1"), (3.0, "heal", "worker-1")]


async def test_a_restart_of_a_coordinator_is_over_once_it_is_up_again() -> None:
    cluster = FakeCluster(nodes=2)
    cluster.takes["start_node"] = 0.5
    await inject(cluster, planned(CoordinatorRestart(at=1.0, keep_data=False)))
    assert cluster.done == [
        (1.0, "crash_node", "redis-1"),
        (1.0, "crash_node", "redis-2"),
        (1.0, "start_node", "redis-1"),
        (1.0, "start_node", "redis-2"),
    ]
    assert [event.kind for event in cluster.events] == ["fault.injected", "fault.healed"]
    for event in cluster.events:
        assert event.targets == ("redis-1", "redis-2")
        assert event.extra == {"keep_data": False}


async def test_a_failover_lasts_from_the_crash_until_another_node_leads() -> None:
    cluster = FakeCluster()
    cluster.takes["fail_over"] = 1.5
    await inject(cluster, planned(CoordinatorFailover(at=1.0, lag=0.2)))
    assert cluster.done == [(1.0, "fail_over", "redis-1")]
    assert cluster.faults() == [
        ("fault.injected", "coordinator-failover#1", 1.0),
        ("fault.healed", "coordinator-failover#1", 2.5),
    ]


async def test_a_failover_that_the_end_of_the_trial_cuts_off_has_failed() -> None:
    cluster = FakeCluster()
    cluster.takes["fail_over"] = 1.5
    await inject(cluster, planned(CoordinatorFailover(at=1.0)), until=2.0)
    assert cluster.operations() == [("fail_over", "redis-1")]
    assert cluster.faults() == [("fault.failed", "coordinator-failover#1", 2.0)]
    assert "cut off" in (cluster.events[0].error or "")


async def test_the_end_of_the_trial_brings_the_coordinator_back() -> None:
    cluster = FakeCluster()
    outage = CoordinatorOutage(at=1.0, nodes=1, **{"for": 60.0})  # type: ignore[arg-type]
    await inject(cluster, planned(outage), until=5.0)
    (_, crash_node, node), (end, start_node, same) = cluster.done
    assert (crash_node, start_node, end) == ("crash_node", "start_node", 5.0)
    assert node == same


async def test_what_has_no_end_stays_and_leaves_its_targets_to_others() -> None:
    cluster = FakeCluster()
    delay = Delay(target=parse_target("worker-1"), at=1.0, delay=0.1)
    await inject(cluster, planned(delay), planned(pause("worker-1"), at=2.0))
    assert cluster.operations() == [
        ("slow", "worker-1"),
        ("pause", "worker-1"),
        ("resume", "worker-1"),
    ]


async def test_a_herd_is_let_go_at_one_instant() -> None:
    cluster = FakeCluster()
    await inject(cluster, planned(ThunderingHerd(at=1.0)))
    assert cluster.done == [
        *((1.0, "pause", worker) for worker in cluster.workers),
        *((1.2, "resume", worker) for worker in cluster.workers),
    ]


async def test_a_herd_is_whoever_is_there_once_patience_ends() -> None:
    cluster = FakeCluster()
    cluster.see("worker.exited", "worker-2")
    await inject(cluster, planned(ThunderingHerd(at=1.0)))
    assert cluster.faults() == [
        ("fault.injected", "thundering-herd#1", 6.0),
        ("fault.healed", "thundering-herd#1", 6.2),
    ]
    assert cluster.events[0].targets == ("worker-1", "worker-3")


async def test_faults_of_one_kind_undo_each_their_own() -> None:
    cluster = FakeCluster(workers=1)
    failing = FailingJob(at=1.0, **{"for": 2.0})  # type: ignore[arg-type]
    await inject(cluster, planned(failing, 1.0, 1), planned(failing, 2.0, 2))
    assert cluster.operations() == [
        *[("fail_runs", "worker-1")] * 2,
        *[("pass_runs", "worker-1")] * 2,
    ]
    assert [asked["key"] for asked in cluster.asked] == ["failing-job#1", "failing-job#2"] * 2


async def test_what_is_momentary_and_fails_has_nothing_to_undo() -> None:
    cluster = FakeCluster()
    cluster.fails["reset", "worker-1"].append(NotLanded("it would not break"))
    await inject(cluster, planned(Reset(target=parse_target("worker-1"), at=1.0)))
    assert [kind for kind, _, _ in cluster.faults()] == ["fault.failed"]
    assert cluster.operations() == [("reset", "worker-1")]
