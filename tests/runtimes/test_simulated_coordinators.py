"""What faults do to the nodes of simulated coordinators, as the workers live through it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from harness.approaches import APPROACHES
from harness.faults.cluster import NotLanded, TargetGone
from harness.runtimes.simulated import SimulatedCluster
from harness.scenario.model import Job, Layout
from harness.simulation.kernel import Kernel
from harness.simulation.loop import SimulatedLoop
from tests.runtimes.simulated_trials import Events, assigned, at, begun, cluster_for

pytestmark = pytest.mark.simulated

PERSISTENT = Layout(persistent=True)
REPLICATED = Layout(replicas=2)
ENSEMBLE = Layout(nodes=3)

LONG = Job("report", every=20.0, first=1.0, takes=6.0)

SYSTEMS = [
    ("redis-lock", PERSISTENT),
    ("zookeeper-lock", Layout()),
    ("postgres-advisory-lock", Layout()),
    ("postgres-queue", Layout()),
]


def ran(events: Events, since: float = 0.0) -> list[float]:
    """The due times of what ran from start to end, in order."""
    started = {event.run for event in events.after(since, "run.started")}
    return sorted(event.due or 0.0 for event in events.of("run.finished") if event.run in started)


async def is_held(cluster: SimulatedCluster, events: Events) -> bool:
    """Whether the coordinator still knows of the first lease: else it cannot be taken away."""
    granted = events.of("lease.granted")[0]
    (lease,) = cluster.observation.leases(granted.worker or "")
    try:
        await cluster.forget(lease)
    except TargetGone:
        return False
    return True


@pytest.mark.parametrize(
    ("layout", "names"),
    [
        ({"redis-lock": Layout()}, ("redis-1",)),
        ({"redis-lock": ENSEMBLE}, ("redis-1", "redis-2", "redis-3")),
        ({"redis-lock": REPLICATED}, ("redis-1", "redis-2", "redis-3")),
        ({"zookeeper-lock": ENSEMBLE}, ("zookeeper-1", "zookeeper-2", "zookeeper-3")),
        ({"postgres-queue": Layout(replicas=1)}, ("postgres-1", "postgres-2")),
        (
            {"redis-lock": Layout(replicas=1), "zookeeper-lock": Layout()},
            ("redis-1", "redis-2", "zookeeper-1"),
        ),
        (
            {"redis-lock": Layout(), "redis-watchdog": ENSEMBLE},
            tuple(f"redis-{n}" for n in (1, 2, 3, 4)),
        ),
        ({"uncoordinated": Layout()}, ()),
    ],
)
async def test_nodes_have_names_and_one_of_each_coordinator_leads(
    layout: dict[str, Layout], names: tuple[str, ...]
) -> None:
    assignments = {
        f"worker-{number}": assigned(approach, {}, one)
        for number, (approach, one) in enumerate(layout.items(), 1)
    }
    cluster, _ = cluster_for(assignments)
    assert cluster.nodes == names
    leading = await cluster.leading_nodes()
    assert len(leading) == sum(one != "uncoordinated" for one in layout)
    assert set(leading) <= set(names)


@pytest.mark.parametrize(("approach", "layout"), SYSTEMS)
async def test_nobody_is_served_while_a_coordinator_is_down(approach: str, layout: Layout) -> None:
    cluster, events = await begun(approach, layout=layout)
    (node,) = cluster.nodes
    await at(cluster, 2.8)
    landed = await cluster.crash_node(node)
    assert (landed.at, landed.mechanism) == (cluster.now(), "simulated")
    assert await cluster.leading_nodes() == ()
    for operation in (cluster.crash_node, cluster.pause_node, cluster.resume_node):
        with pytest.raises(TargetGone, match=f"{node} is not running"):
            await operation(node)
    await at(cluster, 6.8)
    assert not events.after(2.8, "lease.granted")
    assert events.after(2.8, "coordinator.error")
    up = await cluster.start_node(node, keep_data=True)
    assert up.at == cluster.now() > 6.8
    assert await cluster.leading_nodes() == (node,)
    with pytest.raises(NotLanded, match=f"{node} is running"):
        await cluster.start_node(node, keep_data=True)
    await at(cluster, 12.8)
    assert set(ran(events, since=7.0)) >= {9.0, 10.0, 11.0, 12.0}
    await cluster.drain(5.0)
    await cluster.close()


@pytest.mark.parametrize("approach", ["redis-lock", "zookeeper-lock", "postgres-queue"])
async def test_who_starts_while_a_coordinator_is_down_waits_for_it(approach: str) -> None:
    cluster, events = await begun(approach, layout=PERSISTENT if "redis" in approach else Layout())
    (node,) = cluster.nodes
    await cluster.kill("worker-1")
    await cluster.crash_node(node)
    starting = asyncio.ensure_future(cluster.start("worker-1"))
    await at(cluster, 5.0)
    assert not starting.done()
    errors = events.of("coordinator.error", "worker-1")
    assert {event.operation for event in errors} == {"connect"}
    await cluster.start_node(node, keep_data=True)
    await starting
    await cluster.close()


@pytest.mark.parametrize(
    ("approach", "layout", "keep_data", "still_held"),
    [
        ("redis-lock", PERSISTENT, True, True),
        ("redis-lock", PERSISTENT, False, False),
        ("redis-lock", Layout(), False, False),
        ("zookeeper-lock", Layout(), True, True),
        ("zookeeper-lock", Layout(), False, False),
        # A lock of a session, which ends with the server, data or not.
        ("postgres-advisory-lock", Layout(), True, False),
        ("postgres-advisory-lock", Layout(), False, False),
    ],
)
async def test_what_a_restart_keeps_of_a_lease(
    approach: str, layout: Layout, keep_data: bool, still_held: bool
) -> None:
    cluster, events = await begun(approach, layout=layout, job=LONG)
    await at(cluster, 2.0)
    (node,) = cluster.nodes
    await cluster.crash_node(node)
    with pytest.raises(NotLanded, match="does not answer"):
        await is_held(cluster, events)
    await cluster.start_node(node, keep_data)
    if cluster.observation.holders():
        assert await is_held(cluster, events) is still_held
    else:
        # It was told before we could ask.
        assert not still_held
    await cluster.close()


NEEDY = [name for name, one in APPROACHES.items() if one.coordinator is not None]


@pytest.mark.parametrize(
    ("approach", "keep_data"),
    [
        (approach, keep_data)
        for approach in NEEDY
        for keep_data in (True, False)
        # Quartz' triggers are data: with them goes all that was ever to run. And an empty
        # ZooKeeper does not let its old clients in.
        if keep_data or not approach.startswith(("quartz", "zookeeper", "consistent"))
    ],
)
async def test_every_approach_goes_on_after_a_restart_of_its_coordinator(
    approach: str, keep_data: bool
) -> None:
    cluster, events = await begun(approach, layout=PERSISTENT)
    await at(cluster, 3.3)
    for node in cluster.nodes:
        await cluster.crash_node(node)
    await at(cluster, 4.3)
    await asyncio.gather(*(cluster.start_node(node, keep_data) for node in cluster.nodes))
    await at(cluster, 40.3)
    assert set(ran(events, since=20.0)) >= {35.0, 36.0, 37.0}
    await cluster.drain(10.0)
    await cluster.close()


# Nobody takes over from Redlock's servers, which know nothing of each other.
@pytest.mark.parametrize("approach", [name for name in NEEDY if name != "redlock"])
async def test_every_approach_goes_on_after_a_fail_over(approach: str) -> None:
    layout = ENSEMBLE if APPROACHES[approach].coordinator == "zookeeper" else REPLICATED
    cluster, events = await begun(approach, layout=layout)
    await at(cluster, 3.3)
    (leader,) = await cluster.leading_nodes()
    await cluster.fail_over(leader, 0.5)
    await at(cluster, 40.3)
    assert set(ran(events, since=20.0)) >= {35.0, 36.0, 37.0}
    await cluster.drain(10.0)
    await cluster.close()


async def test_a_redis_that_keeps_nothing_on_disk_comes_back_empty() -> None:
    cluster, _ = await begun("redis-lock")
    (server,) = cluster._coordinators.servers(cluster._spec.systems[0])
    server.set_if_absent("key", "value", 60_000)
    await cluster.crash_node("redis-1")
    await cluster.start_node("redis-1", keep_data=True)
    assert server.get("key") is None
    await cluster.close()


async def test_a_postgres_without_its_data_has_an_empty_queue() -> None:
    cluster, _ = await begun("postgres-queue")
    await at(cluster, 1.2)
    (server,) = cluster._coordinators.servers(cluster._spec.systems[0])
    assert server._runs
    await cluster.crash_node("postgres-1")
    await cluster.start_node("postgres-1", keep_data=False)
    assert not server._runs
    await cluster.close()


async def test_a_zookeeper_without_its_data_lets_nobody_in_who_has_seen_more() -> None:
    cluster, events = await begun("zookeeper-lock")
    await at(cluster, 3.3)
    await cluster.crash_node("zookeeper-1")
    await cluster.start_node("zookeeper-1", keep_data=False)
    await at(cluster, 9.3)
    assert not ran(events, since=3.8)
    await cluster.kill("worker-1")
    await cluster.start("worker-1")
    await at(cluster, 30.3)
    assert {event.worker for event in events.after(9.3, "run.finished")} == {"worker-1", "worker-2"}
    await cluster.close()


@pytest.mark.parametrize(("approach", "layout"), SYSTEMS)
async def test_a_coordinator_that_stands_still_answers_when_it_goes_on(
    approach: str, layout: Layout
) -> None:
    cluster, events = await begun(approach, layout=layout)
    (node,) = cluster.nodes
    await at(cluster, 2.8)
    await cluster.pause_node(node)
    assert await cluster.leading_nodes() == ()
    await at(cluster, 3.3)
    assert not events.after(2.8, "lease.granted")
    await cluster.resume_node(node)
    assert await cluster.leading_nodes() == (node,)
    await at(cluster, 6.8)
    assert set(ran(events, since=2.8)) >= {3.0, 4.0, 5.0, 6.0}
    await cluster.close()


FAIL_OVERS = [
    ("redis-lock", REPLICATED, 2.0),
    ("zookeeper-lock", ENSEMBLE, 0.5),
    ("postgres-queue", Layout(replicas=1), 0.15),
]


@pytest.mark.parametrize(("approach", "layout", "takes"), FAIL_OVERS)
async def test_in_a_fail_over_another_node_leads_after_a_while(
    approach: str, layout: Layout, takes: float
) -> None:
    cluster, events = await begun(approach, layout=layout)
    await at(cluster, 2.8)
    (first,) = await cluster.leading_nodes()
    landed = await cluster.fail_over(first, 0.0)
    assert landed.at == pytest.approx(2.8)
    assert cluster.now() == pytest.approx(2.8 + takes)
    (second,) = await cluster.leading_nodes()
    assert second != first
    assert not [event for event in events.after(2.8, "lease.granted") if event.at < 2.8 + takes]
    with pytest.raises(TargetGone, match=f"{first} does not lead any more"):
        await cluster.fail_over(first, 0.0)
    # The first one follows, and so can take over in its turn.
    await cluster.fail_over(second, 0.0)
    assert await cluster.leading_nodes() == (first,)
    resumed = cluster.now()
    await at(cluster, 12.8)
    assert set(ran(events, since=resumed)) >= {9.0, 10.0, 11.0, 12.0}
    await cluster.drain(5.0)
    await cluster.close()


@pytest.mark.parametrize(
    ("approach", "layout"), [(approach, layout) for approach, layout, _ in FAIL_OVERS]
)
async def test_a_crash_of_the_leader_is_seen_to_where_somebody_is_there_for_it(
    approach: str, layout: Layout
) -> None:
    cluster, _ = await begun(approach, layout=layout)
    (first,) = await cluster.leading_nodes()
    await at(cluster, 2.8)
    await cluster.crash_node(first)
    await at(cluster, 5.0)
    by_itself = "postgres" not in approach
    assert bool(await cluster.leading_nodes()) is by_itself
    await cluster.start_node(first, keep_data=True)
    (leader,) = await cluster.leading_nodes()
    assert (leader != first) is by_itself
    await cluster.close()


@pytest.mark.parametrize(("lag", "still_held"), [(0.0, True), (0.5, True), (1.5, False)])
async def test_a_fail_over_loses_a_lease_that_was_not_replicated_yet(
    lag: float, still_held: bool
) -> None:
    cluster, events = await begun("redis-lock", layout=REPLICATED, job=LONG, ttl=10.0)
    await at(cluster, 2.0 - lag)
    landed = await cluster.fail_over("redis-1", lag)
    assert landed.at == pytest.approx(2.0)
    assert await is_held(cluster, events) is still_held
    await cluster.close()


async def test_an_ensemble_loses_nothing_that_it_acknowledged() -> None:
    cluster, events = await begun("zookeeper-lock", layout=ENSEMBLE, job=LONG)
    await at(cluster, 2.0)
    landed = await cluster.fail_over("zookeeper-1", 1.5)
    # Hence there is nothing to wait for.
    assert landed.at == pytest.approx(2.0)
    await at(cluster, 4.0)
    assert await is_held(cluster, events)
    assert not events.of("lease.lost")
    await cluster.close()


async def test_a_fail_over_brings_back_runs_that_were_done() -> None:
    cluster, events = await begun("postgres-queue", layout=Layout(replicas=1))
    await at(cluster, 1.2)
    await cluster.fail_over("postgres-1", 1.0)
    await at(cluster, 4.9)
    # Claimed when replication stopped, and done since.
    assert ran(events).count(1.0) == 2
    assert not cluster.broken.done()
    await cluster.close()


@pytest.mark.parametrize(
    ("approach", "layout"),
    [("redis-lock", ENSEMBLE), ("zookeeper-lock", Layout()), ("postgres-queue", Layout())],
)
async def test_who_has_no_follower_has_nobody_to_take_over(approach: str, layout: Layout) -> None:
    cluster, _ = await begun(approach, layout=layout)
    node = cluster.nodes[0]
    with pytest.raises(NotLanded, match=f"{node} has nobody to take over from it"):
        await cluster.fail_over(node, 0.0)
    assert node in await cluster.leading_nodes()
    await cluster.close()


async def test_an_ensemble_outlives_a_follower_and_no_majority() -> None:
    cluster, events = await begun("zookeeper-lock", layout=ENSEMBLE)
    await at(cluster, 1.8)
    await cluster.crash_node("zookeeper-3")
    await at(cluster, 3.8)
    assert not events.of("coordinator.error")
    await cluster.crash_node("zookeeper-2")
    await at(cluster, 6.8)
    assert events.of("coordinator.error")
    assert not events.after(3.8, "lease.granted")
    await cluster.start_node("zookeeper-3", keep_data=True)
    await at(cluster, 12.8)
    assert set(ran(events, since=8.0)) >= {10.0, 11.0, 12.0}
    await cluster.close()


async def test_an_ensemble_replaces_a_leader_that_stands_still() -> None:
    cluster, events = await begun("zookeeper-lock", layout=ENSEMBLE)
    await at(cluster, 1.8)
    await cluster.pause_node("zookeeper-1")
    await at(cluster, 4.0)
    assert await cluster.leading_nodes() == ("zookeeper-2",)
    await cluster.resume_node("zookeeper-1")
    assert await cluster.leading_nodes() == ("zookeeper-2",)
    await at(cluster, 8.8)
    assert set(ran(events, since=4.0)) >= {6.0, 7.0, 8.0}
    await cluster.close()


async def test_servers_on_their_own_fail_on_their_own() -> None:
    cluster, events = await begun("redis-lock", layout=ENSEMBLE)
    await at(cluster, 1.8)
    await cluster.crash_node("redis-2")
    await at(cluster, 3.8)
    # This approach knows only the first one.
    assert not events.of("coordinator.error")
    await cluster.crash_node("redis-1")
    assert await cluster.leading_nodes() == ("redis-3",)
    await at(cluster, 5.8)
    assert events.of("coordinator.error")
    await cluster.close()


@pytest.mark.parametrize(
    ("jump", "still_held"), [(0.0, True), (7.0, True), (9.5, False), (-5.0, True)]
)
async def test_a_lease_expires_sooner_where_the_clock_of_redis_jumps(
    jump: float, still_held: bool
) -> None:
    cluster, events = await begun("redis-lock", job=LONG, ttl=10.0)
    await at(cluster, 2.0)
    landed = await cluster.shift_node_clock("redis-1", jump)
    assert landed.at == cluster.now()
    await at(cluster, 3.0)
    assert await is_held(cluster, events) is still_held
    await cluster.close()


@pytest.mark.parametrize(
    ("approach", "layout", "node", "why"),
    [
        ("zookeeper-lock", Layout(), "zookeeper-1", "nothing expires by a clock"),
        ("postgres-queue", Layout(), "postgres-1", "nothing expires by a clock"),
        ("redis-lock", REPLICATED, "redis-2", "redis-2 follows another"),
    ],
)
async def test_where_nothing_expires_no_clock_is_moved(
    approach: str, layout: Layout, node: str, why: str
) -> None:
    cluster, _ = await begun(approach, layout=layout)
    with pytest.raises(NotLanded, match=why):
        await cluster.shift_node_clock(node, 5.0)
    await cluster.close()


def test_what_is_done_twice_from_one_seed_is_the_same() -> None:
    async def history() -> list[Any]:
        cluster, events = await begun("redis-watchdog", workers=4, layout=REPLICATED)
        await cluster.slow("worker-2", 0.05, 0.05, "both")
        await at(cluster, 2.2)
        await cluster.fail_over("redis-1", 0.5)
        await cluster.lose("worker-3", 0.3, "both")
        await cluster.skew("worker-4", "fault", 0.3, 0.01)
        await at(cluster, 9.0)
        await cluster.drain(5.0)
        await cluster.close()
        return [event.as_json() for event in events.seen]

    first, again = (SimulatedLoop(Kernel()).run_until_complete(history()) for _ in range(2))
    assert len(first) > 100
    assert first == again
