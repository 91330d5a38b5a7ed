"""What faults do to simulated workers: stops, clocks that are wrong, runs that fail."""

from __future__ import annotations

import asyncio

import pytest

from harness.faults.cluster import NotLanded, TargetGone
from harness.runtimes.simulated import SimulatedCluster
from harness.scenario.model import CircuitBreaker, Job, Retry
from tests.runtimes.simulated_trials import JOB, Events, assigned, at, begun, cluster_for

pytestmark = pytest.mark.simulated

SELDOM = Job("report", every=10.0, first=1.0, takes=0.5)


async def test_who_is_stopped_finishes_its_run_and_breaks_nothing() -> None:
    cluster, events = await begun("redis-lock")
    await at(cluster, 1.2)
    (victim,) = cluster.observation.running()
    landed = await cluster.stop(victim)
    assert landed.at == pytest.approx(1.2)
    assert cluster.now() == pytest.approx(1.5, abs=0.1)
    assert [event.code for event in events.of("worker.exited", victim)] == [0]
    assert len(events.of("run.finished", victim)) == 1
    assert events.of("lease.released", victim)
    assert not cluster.broken.done()
    # The other one runs what is due, and the first one again once it was started.
    await at(cluster, 2.9)
    assert {event.worker for event in events.after(1.9, "run.started")} == (
        {"worker-1", "worker-2"} - {victim}
    )
    await cluster.start(victim)
    assert victim in cluster.observation.up()
    await cluster.drain(5.0)
    await cluster.close()


async def test_who_is_stopped_cannot_be_stopped_again() -> None:
    cluster, _ = await begun("uncoordinated")
    await cluster.stop("worker-1")
    with pytest.raises(TargetGone):
        await cluster.stop("worker-1")
    await cluster.close()


async def test_who_stands_still_stops_when_it_goes_on() -> None:
    cluster, events = await begun("uncoordinated", job=SELDOM)
    await at(cluster, 1.2)
    await cluster.pause("worker-1")
    stopping = asyncio.ensure_future(cluster.stop("worker-1"))
    await at(cluster, 4.0)
    assert not stopping.done()
    await cluster.resume("worker-1")
    await stopping
    assert events.of("worker.exited", "worker-1")[0].at == pytest.approx(4.0, abs=0.1)
    await cluster.close()


async def test_who_does_not_stop_was_not_stopped() -> None:
    cluster, _ = await begun("uncoordinated")
    await cluster.pause("worker-1")
    with pytest.raises(NotLanded, match=r"worker-1 did not stop within 10.5 s"):
        await cluster.stop("worker-1")
    await cluster.close()


async def test_who_is_killed_on_its_way_out_did_not_stop() -> None:
    cluster, events = await begun("uncoordinated")
    await at(cluster, 1.2)
    stopping = asyncio.ensure_future(cluster.stop("worker-1"))
    await at(cluster, 1.3)
    await cluster.kill("worker-1")
    with pytest.raises(NotLanded, match="worker-1 did not stop in order"):
        await stopping
    assert not events.of("run.finished", "worker-1")
    assert not cluster.broken.done()
    await cluster.close()


async def starts(cluster: SimulatedCluster, events: Events, until: float) -> list[float]:
    since = cluster.now()
    await at(cluster, until)
    return [round(event.at, 1) for event in events.after(since, "run.started", "worker-1")]


async def test_a_clock_that_jumps_makes_runs_start_early_until_it_is_set_right() -> None:
    cluster, events = await begun("uncoordinated")
    await at(cluster, 0.2)
    landed = await cluster.skew("worker-1", "fault", jump=0.4, drift=0.0)
    (told,) = events.of("worker.told")
    assert (told.worker, told.at, told.extra) == ("worker-1", landed.at, {"what": "skew"})
    assert told.fault == "fault"
    # The timer that was set before is not moved; those that follow are.
    assert await starts(cluster, events, 2.8) == [1.0, 1.6, 2.6]
    await cluster.unskew("worker-1", "fault")
    assert events.of("worker.told")[-1].extra == {"what": "unskew"}
    assert await starts(cluster, events, 5.9) == [4.0, 5.0]
    assert [round(event.at, 1) for event in events.of("run.started", "worker-2")] == [1, 2, 3, 4, 5]
    await cluster.close()


async def test_a_clock_that_drifts_is_ever_further_off() -> None:
    cluster, events = await begun("uncoordinated", workers=1)
    await cluster.skew("worker-1", "fault", jump=0.0, drift=0.1)
    assert await starts(cluster, events, 4.6) == [0.9, 1.8, 2.7, 3.6, 4.5]
    await cluster.close()


async def test_a_clock_stays_wrong_when_its_worker_starts_again() -> None:
    cluster, events = await begun("uncoordinated", workers=1)
    await cluster.skew("worker-1", "clock-skew#1", jump=0.3, drift=0.0)
    await cluster.skew("worker-1", "clock-skew#2", jump=0.0, drift=0.1)
    await cluster.kill("worker-1")
    await cluster.start("worker-1")
    (ready,) = events.after(0.0, "worker.ready", "worker-1")
    told = events.of("worker.told")[2:]
    assert [(one.fault, one.at) for one in told] == [
        ("clock-skew#1", ready.at),
        ("clock-skew#2", ready.at),
    ]
    # It gains since it was skewed, not since it started: (1 - 0.3) / 1.1, and so on.
    assert await starts(cluster, events, 2.6) == [0.6, 1.5, 2.5]
    await cluster.stop("worker-1")
    # Undone while it is down, it is undone for its next start.
    await cluster.unskew("worker-1", "clock-skew#2")
    await cluster.start("worker-1")
    assert await starts(cluster, events, 4.9) == [3.7, 4.7]
    await cluster.close()


async def test_skews_add_up_and_each_is_undone_on_its_own() -> None:
    cluster, events = await begun("uncoordinated", workers=1)
    await at(cluster, 0.2)
    await cluster.skew("worker-1", "clock-skew#1", jump=0.5, drift=0.0)
    await cluster.skew("worker-1", "clock-skew#2", jump=0.2, drift=0.0)
    # What is due at 1.3 meets the run that the old timer started at 1.
    assert await starts(cluster, events, 2.4) == [1.0, 2.3]
    await cluster.unskew("worker-1", "clock-skew#2")
    assert await starts(cluster, events, 4.9) == [3.5, 4.5]
    await cluster.close()


async def test_skews_that_would_stop_a_clock_together_do_not_land() -> None:
    cluster, events = await begun("uncoordinated", workers=1)
    await cluster.skew("worker-1", "clock-skew#1", jump=0.0, drift=-0.5)
    with pytest.raises(NotLanded, match=r"worker-1 cannot lose 1\.1 s a second"):
        await cluster.skew("worker-1", "clock-skew#2", jump=0.0, drift=-0.6)
    assert await starts(cluster, events, 4.5) == [2.0, 4.0]
    await cluster.close()


async def test_runs_go_on_failing_when_their_worker_starts_again() -> None:
    cluster, events = await begun("uncoordinated", workers=1)
    await cluster.fail_runs("worker-1", "failing-job#1", 1.0, None)
    await cluster.stop("worker-1")
    # Also what is told to nobody is told to who starts.
    await cluster.fail_runs("worker-1", "failing-job#2", 1.0, "report")
    await cluster.start("worker-1")
    await at(cluster, 2.8)
    await cluster.pass_runs("worker-1", "failing-job#1")
    await at(cluster, 3.8)
    assert len(events.of("run.failed")) == 3
    await cluster.pass_runs("worker-1", "failing-job#2")
    await at(cluster, 4.8)
    assert len(events.of("run.failed")) == 3
    assert [event.due for event in events.of("run.finished")] == [4.0]
    await cluster.close()


async def test_runs_fail_until_they_are_let_be() -> None:
    cluster, events = await begun("uncoordinated")
    await cluster.fail_runs("worker-1", "fault", 1.0, None)
    await at(cluster, 2.8)
    failed = events.of("run.failed")
    assert [(event.worker, event.error) for event in failed] == [("worker-1", "job failed")] * 2
    assert not events.of("effect.applied", "worker-1")
    assert events.of("effect.applied", "worker-2")
    await cluster.pass_runs("worker-1", "fault")
    assert [event.extra["what"] for event in events.of("worker.told")] == ["fail", "pass"]
    await at(cluster, 4.8)
    assert len(events.of("run.failed")) == 2
    assert len(events.of("effect.applied", "worker-1")) == 2
    await cluster.close()


async def test_only_runs_of_the_job_fail() -> None:
    cluster, events = await begun("uncoordinated")
    await cluster.fail_runs("worker-1", "fault", 1.0, "another")
    await at(cluster, 2.8)
    assert not events.of("run.failed")
    await cluster.close()


async def test_who_stands_still_is_told_when_it_goes_on_or_not_at_all() -> None:
    cluster, events = await begun("uncoordinated")
    await cluster.pause("worker-1")
    skewing = asyncio.ensure_future(cluster.skew("worker-1", "fault", 0.5, 0.0))
    await at(cluster, 2.2)
    await cluster.resume("worker-1")
    assert (await skewing).at == pytest.approx(2.2)
    await cluster.pause("worker-1")
    with pytest.raises(NotLanded, match="worker-1 did not hear of it within 5 s"):
        await cluster.unskew("worker-1", "fault")
    await cluster.resume("worker-1")
    await at(cluster, 8.0)
    assert [event.extra["what"] for event in events.of("worker.told")] == ["skew"]
    await cluster.close()


async def test_what_did_not_land_is_not_told_to_who_starts() -> None:
    cluster, events = await begun("uncoordinated")
    await cluster.pause("worker-1")
    with pytest.raises(NotLanded):
        await cluster.skew("worker-1", "clock-skew#1", 0.5, 0.0)
    skewing = asyncio.ensure_future(cluster.skew("worker-1", "clock-skew#2", 0.5, 0.0))
    await at(cluster, cluster.now() + 1.0)
    await cluster.kill("worker-1")
    await skewing
    await cluster.start("worker-1")
    assert [event.fault for event in events.of("worker.told")] == ["clock-skew#2"]
    await cluster.close()


async def test_each_worker_has_its_own_approach_and_system() -> None:
    cluster, _ = cluster_for(
        {
            "worker-1": assigned("redis-lock", {}),
            "worker-2": assigned("postgres-advisory-lock", {}),
            "worker-3": assigned("uncoordinated", {}),
        }
    )
    await cluster.set_up()
    cluster.begin()
    assert cluster.nodes == ("redis-1", "postgres-1")
    await at(cluster, 1.4)
    # Two systems exclude nobody.
    assert cluster.observation.running() == ["worker-1", "worker-2", "worker-3"]
    assert cluster.observation.holders() == ["worker-1", "worker-2"]
    await cluster.drain(5.0)
    await cluster.close()


async def test_a_worker_retries_as_it_was_told() -> None:
    retry = Retry(attempts=3, backoff=0.01, jitter=0.0)
    cluster, events = cluster_for(
        {
            "worker-1": assigned("uncoordinated", {}, retry=retry),
            "worker-2": assigned("uncoordinated", {}),
        },
        SELDOM,
    )
    await cluster.set_up()
    cluster.begin()
    for worker in cluster.workers:
        await cluster.fail_runs(worker, "fault", 1.0, None)
    await at(cluster, 3.0)
    failures = [len(events.of("run.failed", worker)) for worker in cluster.workers]
    assert failures == [3, 1]
    await cluster.close()


async def test_a_worker_has_the_circuit_breaker_that_it_was_given() -> None:
    breaker = CircuitBreaker(failures=2, open_for=1.0)
    cluster, events = cluster_for({"worker-1": assigned("redis-lock", {}, circuit_breaker=breaker)})
    await cluster.set_up()
    cluster.begin()
    await cluster.refuse("worker-1")
    await cluster.reset("worker-1")
    await at(cluster, JOB.every * 4.5)
    assert events.of("circuit.opened", "worker-1")
    await cluster.heal("worker-1")
    await at(cluster, JOB.every * 8.5)
    assert events.of("circuit.closed", "worker-1")
    await cluster.close()
