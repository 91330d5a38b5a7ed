"""A cluster in virtual time: what faults do to it, and what never comes of the dead."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from harness.approaches import APPROACHES
from harness.approaches.approach import Approach
from harness.approaches.uncoordinated import Uncoordinated
from harness.faults.cluster import NotLanded, TargetGone
from harness.faults.observation import HeldLease
from harness.runtimes.cluster import TrialError
from harness.runtimes.simulated import SimulatedCluster
from harness.worker.worker import Worker
from tests.runtimes.simulated_trials import at, begun

pytestmark = pytest.mark.simulated


async def test_the_trial_starts_when_all_workers_are_ready() -> None:
    cluster, events = await begun("redis-lock")
    ready = events.of("worker.ready")
    assert {event.worker for event in ready} == {"worker-1", "worker-2"}
    assert max(event.at for event in ready) == 0.0
    assert all(event.at < 0 for event in events.of("worker.started"))
    await cluster.close()


async def test_workers_that_are_asked_to_stop_finish_their_runs_first() -> None:
    cluster, events = await begun("uncoordinated")
    await at(cluster, 1.2)
    await cluster.drain(5.0)
    assert [event.code for event in events.of("worker.exited")] == [0, 0]
    assert len(events.of("run.finished")) == len(events.of("run.started")) == 2
    await cluster.close()


async def test_a_killed_worker_is_not_heard_of_again() -> None:
    cluster, events = await begun("redis-lock")
    await at(cluster, 1.2)
    (victim,) = cluster.observation.running()
    landed = await cluster.kill(victim)
    assert (landed.at, landed.mechanism) == (cluster.now(), "simulated")
    before = len(events.seen)
    await at(cluster, 8.0)
    await cluster.close()
    later = [event for event in events.seen[before:] if event.worker == victim]
    assert later == []
    assert [event.signal for event in events.of("worker.exited", victim)] == [9]
    assert not events.of("run.failed", victim)


async def test_a_killed_worker_cannot_be_hit_again_until_it_was_started() -> None:
    cluster, events = await begun("redis-lock")
    await cluster.kill("worker-1")
    for operation in (cluster.kill, cluster.pause, cluster.resume):
        with pytest.raises(TargetGone):
            await operation("worker-1")
    await cluster.start("worker-1")
    assert cluster.observation.up() == ["worker-1", "worker-2"]
    assert len(events.of("worker.ready", "worker-1")) == 2
    await at(cluster, 4.3)
    await cluster.drain(5.0)
    runs = {event.run for event in events.of("run.started") if event.worker == "worker-1"}
    assert all(run is not None and run.startswith("worker-1.2/") for run in runs)
    await cluster.close()


async def test_a_paused_worker_stands_still_and_then_goes_on() -> None:
    cluster, events = await begun("uncoordinated")
    await at(cluster, 1.2)
    await cluster.pause("worker-1")
    await at(cluster, 4.5)
    assert events.of("run.finished", "worker-1") == []
    assert events.of("run.finished", "worker-2")
    resumed = (await cluster.resume("worker-1")).at
    await at(cluster, 4.6)
    (finished,) = events.of("run.finished", "worker-1")
    assert finished.at == pytest.approx(resumed)
    # What was due meanwhile and is too late by now.
    assert [event.due for event in events.of("run.dropped", "worker-1")] == [2.0, 3.0]
    await cluster.close()


Cut = Callable[[SimulatedCluster], Awaitable[Any]]


@pytest.mark.parametrize("direction", ["both", "requests", "replies"])
async def test_who_is_cut_off_gets_no_lease_until_it_is_healed(direction: Any) -> None:
    cluster, events = await begun("redis-lock", workers=1)
    await cluster.cut("worker-1", direction)
    await at(cluster, 3.6)
    assert events.of("lease.granted") == []
    assert events.of("coordinator.error")
    await cluster.heal("worker-1")
    await at(cluster, 8.6)
    assert events.of("lease.granted")
    await cluster.close()


@pytest.mark.parametrize(
    "approach", [name for name, one in APPROACHES.items() if one.coordinator is not None]
)
async def test_a_forgotten_lease_is_gone_at_the_coordinator(approach: str) -> None:
    cluster, _ = await begun(approach)
    await at(cluster, 1.3)
    (holder,) = cluster.observation.holders()
    (lease, *_) = cluster.observation.leases(holder)
    await cluster.forget(lease)
    with pytest.raises(TargetGone):
        await cluster.forget(lease)
    await cluster.close()


async def test_what_no_coordinator_gave_cannot_be_forgotten_or_cut() -> None:
    cluster, _ = await begun("uncoordinated")
    lease = HeldLease("worker-1", "worker-1/1", "report", "report", None, None)
    with pytest.raises(NotLanded):
        await cluster.forget(lease)
    with pytest.raises(NotLanded):
        await cluster.cut("worker-1", "both")
    await cluster.close()


async def test_a_worker_that_fails_breaks_the_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run(self: Approach[Any], worker: Worker[Any]) -> None:
        await asyncio.sleep(2)
        raise LookupError("planted")

    monkeypatch.setattr(Uncoordinated, "run", run)
    cluster, events = await begun("uncoordinated", workers=1)
    await at(cluster, 2.5)
    assert [event.code for event in events.of("worker.exited")] == [1]
    with pytest.raises(TrialError, match="worker-1 ended by itself, with code 1: LookupError: pl"):
        cluster.broken.result()
    await cluster.close()


async def test_a_worker_that_does_not_stop_breaks_the_trial(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def run(self: Approach[Any], worker: Worker[Any]) -> None:
        await asyncio.sleep(1000)

    monkeypatch.setattr(Uncoordinated, "run", run)
    cluster, _ = await begun("uncoordinated", workers=1)
    await at(cluster, 1.0)
    with pytest.raises(TrialError, match="worker-1 did not stop within 5 s"):
        await cluster.drain(5.0)
    await cluster.close()


async def test_an_error_that_nobody_caught_breaks_the_trial(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def run(self: Approach[Any], worker: Worker[Any]) -> None:
        asyncio.get_running_loop().call_later(1.0, [].pop)
        await worker.sleep(5)

    monkeypatch.setattr(Uncoordinated, "run", run)
    cluster, _ = await begun("uncoordinated", workers=1)
    await at(cluster, 2.0)
    with pytest.raises(TrialError, match="in worker-1, nobody caught IndexError"):
        await cluster.drain(5.0)
    await cluster.close()
