"""What faults do to the links of simulated workers, as the workers see it and nobody else does."""

from __future__ import annotations

from typing import Any

import pytest

from harness.faults.cluster import Landed, NotLanded, TargetGone
from harness.faults.reset import Reset
from harness.runtimes.simulated import SimulatedCluster
from harness.scenario.model import Layout
from harness.scenario.target import Form, Target
from tests.runtimes.simulated_trials import Events, at, begun

pytestmark = pytest.mark.simulated


def waited(events: Events, worker: str, since: float = 0.0) -> list[float]:
    """How long each request for a lease took."""
    asked = {event.lease: event.at for event in events.of("lease.requested", worker)}
    answers = [*events.of("lease.granted", worker), *events.of("lease.denied", worker)]
    return [
        event.at - asked[event.lease]
        for event in sorted(answers, key=lambda one: one.at)
        if asked[event.lease] > since
    ]


async def another_is_served(cluster: SimulatedCluster, events: Events) -> None:
    """The other worker gets its leases meanwhile, as fast as ever."""
    assert max(waited(events, "worker-2")) < 0.05
    assert not events.of("coordinator.error", "worker-2")


@pytest.mark.parametrize(
    ("direction", "longer"), [("requests", 0.2), ("replies", 0.2), ("both", 0.4)]
)
async def test_a_slow_link_takes_longer_until_it_is_healed(direction: Any, longer: float) -> None:
    cluster, events = await begun("redis-lock")
    landed = await cluster.slow("worker-1", 0.2, 0.0, direction)
    assert (landed.at, landed.mechanism) == (0.0, "simulated")
    await at(cluster, 3.8)
    slow = waited(events, "worker-1")
    assert slow
    assert min(slow) >= longer
    assert max(slow) < longer + 0.05
    await another_is_served(cluster, events)
    await cluster.heal("worker-1")
    await at(cluster, 8.0)
    after = waited(events, "worker-1", since=3.9)
    assert after
    assert max(after) < 0.05
    await cluster.close()


async def test_jitter_alone_makes_a_link_slow_now_and_then() -> None:
    cluster, events = await begun("redis-lock")
    await cluster.slow("worker-1", 0.0, 0.3, "both")
    await at(cluster, 20.0)
    slow = waited(events, "worker-1")
    assert min(slow) < 0.05 < 0.2 < max(slow) < 0.65
    await another_is_served(cluster, events)
    await cluster.close()


async def test_what_is_lost_is_sent_again_later_and_later() -> None:
    cluster, events = await begun("redis-lock")
    await cluster.lose("worker-1", 0.4, "both")
    await at(cluster, 30.0)
    lossy = waited(events, "worker-1")
    # RFC 6298: after 0.2 s, then after 0.4 s more.
    assert min(lossy) < 0.05
    assert any(0.2 <= seconds < 0.25 for seconds in lossy)
    assert max(lossy) >= 0.6
    await another_is_served(cluster, events)
    await cluster.heal("worker-1")
    await at(cluster, 36.0)
    assert max(waited(events, "worker-1", since=32.0)) < 0.05
    await cluster.close()


async def test_a_reset_ends_what_is_bound_to_a_connection() -> None:
    cluster, events = await begun("postgres-advisory-lock", workers=1)
    await at(cluster, 1.2)
    (lease,) = cluster.observation.leases("worker-1")
    await cluster.reset("worker-1")
    with pytest.raises(TargetGone):
        await cluster.forget(lease)
    with pytest.raises(TargetGone, match="worker-1 has no open connection"):
        await cluster.reset("worker-1")
    await at(cluster, 2.4)
    # New connections may be opened at once.
    assert [event.due for event in events.after(1.2, "lease.granted")] == [2.0]
    await cluster.close()


async def test_a_reset_of_several_leaves_out_who_has_no_connection() -> None:
    cluster, events = await begun("redis-lock")
    reset = Reset(target=Target(Form.ALL), at=1.0)
    await cluster.refuse("worker-1")
    await cluster.reset("worker-1")
    landed = await reset.apply(cluster, cluster.workers, "reset#1")
    assert landed == Landed(0.0, "simulated")
    # Both have none now.
    with pytest.raises(TargetGone, match="no open connection"):
        await reset.apply(cluster, cluster.workers, "reset#2")
    await at(cluster, 2.8)
    await another_is_served(cluster, events)
    await reset.apply(cluster, cluster.workers, "reset#3")
    await cluster.close()


async def test_who_is_refused_opens_no_connection_but_keeps_those_that_it_has() -> None:
    cluster, events = await begun("redis-lock")
    await cluster.refuse("worker-1")
    await at(cluster, 2.8)
    assert not events.of("coordinator.error")
    await cluster.reset("worker-1")
    await at(cluster, 5.8)
    errors = events.of("coordinator.error", "worker-1")
    assert {event.error for event in errors} == {"ConnectionError: Connection refused."}
    await another_is_served(cluster, events)
    before = len(errors)
    await cluster.heal("worker-1")
    await at(cluster, 9.8)
    assert len(events.of("coordinator.error", "worker-1")) == before
    assert waited(events, "worker-1", since=5.8)
    await cluster.close()


async def test_who_is_killed_while_it_is_refused_connects_once_it_may() -> None:
    cluster, events = await begun("redis-lock")
    await cluster.refuse("worker-1")
    await cluster.kill("worker-1")
    with pytest.raises(NotLanded, match="worker-1 was not ready 30 s after its restart"):
        await cluster.start("worker-1")
    assert {event.operation for event in events.of("coordinator.error")} == {"connect"}
    await cluster.heal("worker-1")
    await at(cluster, cluster.now() + 1.0)
    assert cluster.observation.up() == ["worker-1", "worker-2"]
    await cluster.close()


async def test_faults_act_on_all_links_of_a_worker() -> None:
    cluster, _ = await begun("redis-lock", layout=Layout(nodes=3))
    links = cluster._links.of("worker-1")
    assert len(links) == 3
    await cluster.cut("worker-1", "replies")
    await cluster.refuse("worker-1")
    assert [(link.open, link.refusing) for link in links] == [(False, True)] * 3
    await cluster.heal("worker-1")
    assert [(link.clear, link.refusing) for link in links] == [(True, False)] * 3
    await cluster.slow("worker-1", 0.1, 0.0, "both")
    assert [link.disturbed for link in links] == [True] * 3
    assert [link.disturbed for link in cluster._links.of("worker-2")] == [False] * 3
    await cluster.close()


async def test_who_has_no_coordinator_has_no_links() -> None:
    cluster, _ = await begun("uncoordinated")
    for disturbed in (
        cluster.slow("worker-1", 0.1, 0.0, "both"),
        cluster.lose("worker-1", 0.1, "both"),
        cluster.reset("worker-1"),
        cluster.refuse("worker-1"),
        cluster.heal("worker-1"),
    ):
        with pytest.raises(NotLanded, match="worker-1 has no coordinator to be cut off from"):
            await disturbed
    await cluster.close()
