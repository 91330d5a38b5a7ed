"""Whom a fault hits, at the moment at which it is to hit."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest

from harness.faults.cluster import NotLanded
from harness.faults.coordinator_failover import CoordinatorFailover
from harness.faults.coordinator_pause import CoordinatorPause
from harness.faults.crash import Crash
from harness.faults.delay import Delay
from harness.faults.expire import Expire
from harness.faults.failing_job import FailingJob
from harness.faults.load_spike import LoadSpike
from harness.faults.partition import Partition
from harness.faults.plan import PlannedFault
from harness.faults.targets import Targets
from harness.faults.trigger import Occasion
from harness.faults.when import When
from harness.scenario.target import parse_target
from tests.faults.fake_cluster import FakeCluster, planned

pytestmark = pytest.mark.virtual_time


def crash(target: str | int, number: int = 1, at: float = 0.0) -> PlannedFault:
    return planned(Crash(target=parse_target(target), at=at), at, number)


def due(one: PlannedFault, *subjects: str) -> Occasion:
    """Its moment has come; it may be about somebody."""
    return Occasion(one, one.at or 0.0, subjects)


async def chosen(
    cluster: FakeCluster, target: str | int, seed: int = 7, number: int = 1
) -> tuple[str, ...]:
    targets = Targets(cluster, seed, patience=1.0)
    async with targets.chosen(due(crash(target, number))) as victims:
        return victims


def busy_cluster() -> FakeCluster:
    """worker-1 runs, worker-2 holds a lease on a job, worker-3 leads; worker-4 does nothing."""
    cluster = FakeCluster(workers=4)
    cluster.see("run.started", "worker-1")
    cluster.see("lease.granted", "worker-2")
    cluster.see("lease.granted", "worker-3", job=None)
    return cluster


@pytest.mark.parametrize(
    ("target", "possible"),
    [
        ("worker-4", {("worker-4",)}),
        ("running", {("worker-1",)}),
        ("holder", {("worker-2",), ("worker-3",)}),
        ("leader", {("worker-3",)}),
        ("random", {(f"worker-{number}",) for number in (1, 2, 3, 4)}),
        ("all", {("worker-1", "worker-2", "worker-3", "worker-4")}),
    ],
)
async def test_each_target_means_whom_it_says(target: str, possible: set[tuple[str, ...]]) -> None:
    cluster = busy_cluster()
    assert {await chosen(cluster, target, seed) for seed in range(60)} == possible


@pytest.mark.parametrize(("target", "count"), [(1, 1), (3, 3), ("50%", 2), ("10%", 1), ("100%", 4)])
async def test_so_many_of_the_workers(target: str | int, count: int) -> None:
    cluster = busy_cluster()
    found = {await chosen(cluster, target, seed) for seed in range(60)}
    assert {len(set(victims)) for victims in found} == {count}
    # Any of them, by the seed.
    assert {worker for victims in found for worker in victims} == set(cluster.workers)


async def test_the_choice_is_that_of_the_seed_and_the_fault() -> None:
    cluster = FakeCluster(workers=10)
    assert await chosen(cluster, "random", 7) == await chosen(cluster, "random", 7)
    assert len({await chosen(cluster, "random", seed) for seed in range(20)}) > 1
    assert len({await chosen(cluster, "random", 7, number) for number in range(20)}) > 1


@pytest.mark.parametrize(
    ("target", "kind", "job"),
    [
        ("running", "run.started", "report"),
        ("holder", "lease.granted", "report"),
        ("leader", "lease.granted", None),
    ],
)
async def test_a_role_is_waited_for(target: str, kind: str, job: str | None) -> None:
    cluster = FakeCluster()
    asyncio.get_running_loop().call_later(0.5, cluster.see, kind, "worker-2", job)
    assert await chosen(cluster, target) == ("worker-2",)
    assert cluster.now() == pytest.approx(0.5)


@pytest.mark.parametrize("target", ["worker-2", "all", 3])
async def test_who_is_down_is_waited_for(target: str | int) -> None:
    cluster = FakeCluster()
    cluster.see("worker.exited", "worker-2")
    asyncio.get_running_loop().call_later(0.5, cluster.see, "worker.ready", "worker-2")
    assert "worker-2" in await chosen(cluster, target)
    assert cluster.now() == pytest.approx(0.5)


async def test_all_are_those_that_are_left_once_patience_ends() -> None:
    cluster = FakeCluster(workers=4)
    targets = Targets(cluster, 7, patience=1.0)
    cluster.see("worker.exited", "worker-2")
    async with targets.chosen(due(crash("worker-3"))):
        async with targets.chosen(due(crash("all", 2))) as victims:
            assert victims == ("worker-1", "worker-4")
        assert cluster.now() == pytest.approx(1.0)
    for worker in cluster.workers:
        cluster.see("worker.exited", worker)
    with pytest.raises(NotLanded, match="no target: all matched no worker for 1 s"):
        await chosen(cluster, "all")


async def test_all_of_a_fault_that_shares_them_are_also_those_that_come_back() -> None:
    cluster = FakeCluster()
    cluster.see("worker.exited", "worker-2")
    targets = Targets(cluster, 7, patience=1.0)
    async with (
        targets.chosen(due(crash("worker-3"))),
        targets.chosen(due(planned(FailingJob(at=1.0)))) as victims,
    ):
        assert victims == cluster.workers
    assert cluster.now() == 0.0
    for worker in cluster.workers:
        cluster.see("worker.exited", worker)
    with pytest.raises(NotLanded, match="all matched no worker for 1 s"):
        async with Targets(cluster, 7, patience=1.0).chosen(due(planned(FailingJob(at=0.0)))):
            pass


@pytest.mark.parametrize("target", ["running", "holder", "leader"])
async def test_patience_ends(target: str) -> None:
    cluster = FakeCluster()
    with pytest.raises(NotLanded, match=f"no target: {target} matched no worker for 1 s"):
        await chosen(cluster, target)
    assert cluster.now() == pytest.approx(1.0)


async def test_what_needs_a_lease_hits_only_who_holds_one() -> None:
    cluster = FakeCluster()
    expire = planned(Expire(target=parse_target("random"), at=0.0), at=0.0)
    cluster.see("lease.granted", "worker-2")
    for seed in range(20):
        async with Targets(cluster, seed, patience=1.0).chosen(due(expire)) as victims:
            assert victims == ("worker-2",)
    cluster.see("lease.released", "worker-2")
    with pytest.raises(NotLanded, match="random matched no worker that holds a lease for 1 s"):
        async with Targets(cluster, 7, patience=1.0).chosen(due(expire)):
            pass


async def test_patience_counts_from_the_planned_time() -> None:
    cluster = FakeCluster()
    await asyncio.sleep(5.0)
    with pytest.raises(NotLanded):
        async with Targets(cluster, 7, patience=2.0).chosen(due(crash("running", at=4.0))):
            pass
    assert cluster.now() == pytest.approx(6.0)


async def test_a_worker_in_the_hands_of_one_fault_is_not_hit_by_another() -> None:
    cluster = FakeCluster(workers=3)
    targets = Targets(cluster, 7, patience=1.0)
    async with AsyncExitStack() as faults:
        victims = [
            await faults.enter_async_context(targets.chosen(due(crash("random", number))))
            for number in (1, 2, 3)
        ]
        assert sorted(victims) == [("worker-1",), ("worker-2",), ("worker-3",)]
        with pytest.raises(NotLanded):
            await faults.enter_async_context(targets.chosen(due(crash("random", 4))))
    # And when they let go, all may be hit again.
    async with targets.chosen(due(crash("all", 5))) as everybody:
        assert everybody == cluster.workers


async def test_a_worker_is_let_go_after_an_error_too() -> None:
    cluster = FakeCluster(workers=1)
    targets = Targets(cluster, 7, patience=1.0)
    with pytest.raises(KeyError):
        async with targets.chosen(due(crash("random"))):
            raise KeyError
    async with targets.chosen(due(crash("random", 2))) as victims:
        assert victims == ("worker-1",)


def subjected(number: int = 1) -> PlannedFault:
    return planned(Crash(when=When(kind="run.started")), number=number)


async def test_a_subject_is_whom_the_event_is_about() -> None:
    cluster = FakeCluster()
    targets = Targets(cluster, 7, patience=1.0)
    async with targets.chosen(due(subjected(), "worker-2")) as victims:
        assert victims == ("worker-2",)
    async with targets.chosen(due(subjected(), "worker-3", "worker-1")) as victims:
        assert victims == ("worker-1", "worker-3")


async def test_a_subject_may_be_in_the_hands_of_another_fault() -> None:
    cluster = FakeCluster()
    targets = Targets(cluster, 7, patience=1.0)
    async with targets.chosen(due(crash("worker-2"))):
        async with targets.chosen(due(subjected(2), "worker-2")) as victims:
            assert victims == ("worker-2",)
        # The other one has it still.
        with pytest.raises(NotLanded):
            async with targets.chosen(due(crash("worker-2", 3))):
                pass


@pytest.mark.parametrize("subjects", [(), ("redis-1",)])
async def test_an_event_may_be_about_no_worker(subjects: tuple[str, ...]) -> None:
    with pytest.raises(NotLanded, match="the event that it follows is about no worker"):
        async with Targets(FakeCluster(), 7).chosen(due(subjected(), *subjects)):
            pass


async def test_others_may_hit_the_targets_of_a_fault_that_shares_them() -> None:
    cluster = FakeCluster()
    targets = Targets(cluster, 7, patience=1.0)
    failing = planned(FailingJob(at=1.0), number=1)
    spike = LoadSpike(at=1.0, jobs=1, every=1.0, **{"for": 1.0})  # type: ignore[arg-type]
    async with targets.chosen(due(failing)) as victims:
        assert victims == cluster.workers
        async with targets.chosen(due(planned(spike))) as everybody:
            assert everybody == cluster.workers
            async with targets.chosen(due(crash("all", 2))) as hit:
                assert hit == cluster.workers


async def test_a_link_that_is_bad_to_the_end_is_not_made_worse_and_healed() -> None:
    cluster = FakeCluster(workers=2)
    targets = Targets(cluster, 7, patience=1.0)
    slow = due(planned(Delay(target=parse_target("worker-1"), at=0.0, delay=0.1), 0.0))
    async with targets.chosen(slow) as victims:
        targets.keep(slow, victims)
    cut = Partition(target=parse_target("random"), at=0.0, **{"for": 1.0})  # type: ignore[arg-type]
    for number in range(10):
        async with targets.chosen(due(planned(cut, 0.0, number))) as victims:
            assert victims == ("worker-2",)
    # What does not touch the link may hit it.
    async with targets.chosen(due(crash("worker-1"))) as victims:
        assert victims == ("worker-1",)


def node_pause(nodes: Any, number: int = 1) -> PlannedFault:
    written: dict[str, Any] = {"at": 0.0, "nodes": nodes, "for": 1.0}
    return planned(CoordinatorPause(**written), 0.0, number)


@pytest.mark.parametrize(
    ("nodes", "possible"),
    [
        ("all", {("redis-1", "redis-2", "redis-3")}),
        ("leader", {("redis-1",)}),
        (1, {("redis-1",), ("redis-2",), ("redis-3",)}),
        (3, {("redis-1", "redis-2", "redis-3")}),
    ],
)
async def test_a_fault_of_a_coordinator_hits_nodes_and_no_worker(
    nodes: Any, possible: set[tuple[str, ...]]
) -> None:
    found = set()
    for seed in range(40):
        targets = Targets(FakeCluster(), seed, patience=1.0)
        async with (
            targets.chosen(due(node_pause(nodes))) as victims,
            targets.chosen(due(crash("all"))) as workers,
        ):
            found.add(victims)
            assert len(workers) == 3
    assert found == possible


async def test_two_faults_at_once_do_not_hit_the_same_node() -> None:
    targets = Targets(FakeCluster(), 7, patience=1.0)
    async with AsyncExitStack() as faults:
        victims = [
            await faults.enter_async_context(targets.chosen(due(node_pause(1, number))))
            for number in (1, 2, 3)
        ]
        assert sorted(victims) == [("redis-1",), ("redis-2",), ("redis-3",)]
        for nodes in ("all", "leader", 1):
            with pytest.raises(NotLanded, match="other faults have them in their hands"):
                await faults.enter_async_context(targets.chosen(due(node_pause(nodes, 4))))
    async with targets.chosen(due(node_pause("all", 5))) as everything:
        assert len(everything) == 3


async def test_a_leading_node_is_waited_for() -> None:
    cluster = FakeCluster()
    nobody = NotLanded("nobody leads")
    cluster.fails["leading_nodes", ""].extend([nobody] * 5)
    failover = planned(CoordinatorFailover(at=0.0), 0.0)
    async with Targets(cluster, 7, patience=1.0).chosen(due(failover)) as victims:
        assert victims == ("redis-1",)
    cluster.fails["leading_nodes", ""].extend([nobody] * 1000)
    with pytest.raises(NotLanded, match="no node to hit for 2 s: nobody leads"):
        async with Targets(cluster, 7, patience=2.0).chosen(due(failover)):
            pass


async def test_there_may_be_fewer_nodes_than_are_wanted() -> None:
    with pytest.raises(NotLanded, match="it wants 4 nodes, and there are 3"):
        async with Targets(FakeCluster(), 7).chosen(due(node_pause(4))):
            pass
