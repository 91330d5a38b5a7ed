"""What a scenario writes of a fault, and the times that it means."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from harness.faults import FAULTS
from harness.faults.cluster import Landed, NotLanded, TargetGone
from harness.faults.crash import Crash
from harness.faults.expire import Expire
from harness.faults.fault import each, each_that_is_left
from harness.history.event import Event
from harness.scenario.model import Job
from harness.scenario.target import Form, Target
from tests.faults.fake_cluster import FakeCluster

WRITTEN: dict[str, dict[str, Any]] = {
    "crash": {"target": "running", "every": "5s", "restart_after": "2s"},
    "stop": {"target": "running", "at": "5s", "restart_after": "2s"},
    "pause": {"target": "leader", "at": "5s", "for": "2s"},
    "thundering-herd": {"at": "5s"},
    "partition": {"target": "50%", "at": "5s", "for": "2s", "direction": "requests"},
    "delay": {"target": "all", "at": "5s", "for": "2s", "delay": "50ms", "direction": "replies"},
    "jitter": {"target": "all", "at": "5s", "for": "2s", "spread": "80ms"},
    "loss": {"target": "random", "at": "5s", "for": "2s", "share": 0.2},
    "reset": {"target": "holder", "every": "5s"},
    "refuse": {"target": "worker-1", "at": "5s", "for": "2s"},
    "expire": {"target": "holder", "at": "5s"},
    "clock-skew": {"target": "worker-1", "at": "5s", "for": "2s", "jump": "-1s", "drift": 0.01},
    "failing-job": {"at": "5s", "for": "2s", "share": 0.3, "job": "report"},
    "load-spike": {"at": "5s", "for": "2s", "jobs": 2, "every": "500ms", "takes": "10ms"},
    "coordinator-restart": {"at": "5s", "keep_data": False},
    "coordinator-outage": {"at": "5s", "for": "2s"},
    "coordinator-pause": {"at": "5s", "for": "2s", "nodes": "leader"},
    "coordinator-failover": {"every": "5s", "lag": "100ms"},
}
OF_COORDINATORS = [name for name in FAULTS if name.startswith("coordinator-")]
AIMED = [name for name, written in WRITTEN.items() if "target" in written]


def read(name: str, /, **written: Any) -> Any:
    return TypeAdapter(FAULTS[name]).validate_python(written)


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_is_read_as_a_scenario_writes_it(name: str) -> None:
    fault = read(name, **WRITTEN[name])
    assert type(fault) is FAULTS[name]
    assert isinstance(fault.target, Target)


@pytest.mark.parametrize("name", sorted(FAULTS.keys() - {"load-spike"}))
def test_a_fault_needs_a_time(name: str) -> None:
    written = {key: value for key, value in WRITTEN[name].items() if key not in ("at", "every")}
    with pytest.raises(ValidationError, match="give a time: 'at', or 'every', or 'when'"):
        read(name, **written)
    assert read(name, **written, when={"kind": "run.started"}).at is None
    with pytest.raises(ValidationError, match="give either 'at' and 'every', or 'when'"):
        read(name, **WRITTEN[name], when={"kind": "run.started"})


@pytest.mark.parametrize("name", AIMED)
def test_a_fault_needs_a_target(name: str) -> None:
    written = {key: value for key, value in WRITTEN[name].items() if key != "target"}
    with pytest.raises(ValidationError, match="give a target"):
        read(name, **written)


@pytest.mark.parametrize("name", AIMED)
def test_what_waits_for_an_event_hits_whom_that_is_about(name: str) -> None:
    left_out = ("target", "at", "every")
    written = {key: value for key, value in WRITTEN[name].items() if key not in left_out}
    fault = read(name, **written, when={"kind": "run.started"})
    assert fault.target == Target(Form.SUBJECT)


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("thundering-herd", Form.ALL),
        ("failing-job", Form.ALL),
        *((name, Form.COORDINATOR) for name in OF_COORDINATORS),
    ],
)
def test_some_faults_have_a_target_of_their_own(name: str, target: Form) -> None:
    assert read(name, **WRITTEN[name]).target == Target(target)


@pytest.mark.parametrize("name", FAULTS)
def test_the_coordinator_is_hit_by_what_is_made_for_it(name: str) -> None:
    written = {**WRITTEN[name], "target": "coordinator"}
    if name == "clock-skew":
        written["drift"] = 0.0
    if name in OF_COORDINATORS or name == "clock-skew":
        fault = read(name, **written)
        assert fault.hits_nodes
        assert fault.breaks_coordinator
    else:
        with pytest.raises(ValidationError, match=r"target|hits workers, not the coordinator"):
            read(name, **written)
    if name in OF_COORDINATORS:
        with pytest.raises(ValidationError, match="hits the coordinator, no worker"):
            read(name, **{**written, "target": "random"})


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("crash", {"every": "0s"}),
        ("crash", {"jitter": "-1s"}),
        ("crash", {"for": "1s"}),
        ("pause", {"for": "for ever"}),
        ("pause", {"target": "subject"}),
        ("partition", {"direction": "sideways"}),
        ("expire", {"at": "5"}),
        ("delay", {"delay": "0s"}),
        ("loss", {"share": 0}),
        ("loss", {"share": 1}),
        ("failing-job", {"share": 1.5}),
        ("clock-skew", {"jump": "0s", "drift": 0}),
        ("clock-skew", {"drift": -1}),
        ("clock-skew", {"nodes": 1}),
        ("clock-skew", {"target": "coordinator"}),
        ("load-spike", {"target": "random"}),
        ("load-spike", {"jitter": "1s"}),
        ("load-spike", {"when": {"kind": "run.started"}}),
        ("load-spike", {"jobs": 0}),
        ("load-spike", {"name": "a b"}),
        ("coordinator-outage", {"nodes": 0}),
        ("coordinator-outage", {"nodes": "most"}),
        ("coordinator-failover", {"nodes": "all"}),
    ],
)
def test_what_makes_no_sense_is_refused(name: str, more: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        read(name, **{**WRITTEN[name], **more})


def test_faults_know_how_long_they_last() -> None:
    everybody = Target(Form.ALL)
    assert Crash(target=everybody, at=1.0).lasts is None
    assert Crash(target=everybody, at=1.0, restart_after=2.0).lasts == 2.0
    assert read("pause", **WRITTEN["pause"]).lasts == 2.0
    assert read("partition", **WRITTEN["partition"]).lasts == 2.0
    assert Expire(target=everybody, at=1.0).lasts == 0.0
    assert read("thundering-herd", at="1s").lasts == 0.2
    assert read("coordinator-restart", at="1s").lasts == 0.0
    for name in ("delay", "jitter", "loss", "clock-skew", "failing-job"):
        assert read(name, **WRITTEN[name]).lasts == 2.0
        without = {key: value for key, value in WRITTEN[name].items() if key != "for"}
        assert read(name, **without).lasts is None


@pytest.mark.parametrize(
    ("at", "every", "times"),
    [
        (5.0, None, [5.0]),
        (None, 5.0, [5.0, 10.0, 15.0, 20.0, 25.0]),
        (2.0, 5.0, [2.0, 7.0, 12.0, 17.0, 22.0]),
        (None, 7.0, [7.0, 14.0, 21.0]),
        (None, 0.1, [round(0.1 * count, 6) for count in range(1, 300)]),
        (None, 15.0, [15.0]),
        (None, 16.0, []),
        (28.0, 5.0, []),
    ],
)
def test_a_repeated_fault_leaves_room_to_recover(
    at: float | None, every: float | None, times: list[float]
) -> None:
    assert Crash(target=Target(Form.ALL), at=at, every=every).times(30.0) == times


# What a fault as above asks of the cluster, what of its undoing, and what it says of itself.
DOES: dict[str, tuple[str, Any, str | None, Any, dict[str, Any]]] = {
    "crash": ("kill", None, "start", None, {}),
    "stop": ("stop", None, "start", None, {}),
    "pause": ("pause", None, "resume", None, {}),
    "thundering-herd": ("pause", None, "resume", None, {}),
    "partition": ("cut", {"direction": "requests"}, "heal", None, {"direction": "requests"}),
    "delay": (
        "slow",
        {"delay": 0.05, "jitter": 0.0, "direction": "replies"},
        "heal",
        None,
        {"delay": 0.05, "direction": "replies"},
    ),
    "jitter": (
        "slow",
        {"delay": 0.04, "jitter": 0.04, "direction": "both"},
        "heal",
        None,
        {"spread": 0.08, "direction": "both"},
    ),
    "loss": (
        "lose",
        {"share": 0.2, "direction": "both"},
        "heal",
        None,
        {"share": 0.2, "direction": "both"},
    ),
    "reset": ("reset", None, None, None, {}),
    "refuse": ("refuse", None, "heal", None, {}),
    "clock-skew": (
        "skew",
        {"key": "it#1", "jump": -1.0, "drift": 0.01},
        "unskew",
        {"key": "it#1"},
        {"jump": -1.0, "drift": 0.01},
    ),
    "failing-job": (
        "fail_runs",
        {"key": "it#1", "share": 0.3, "job": "report"},
        "pass_runs",
        {"key": "it#1"},
        {"share": 0.3, "failing": "report"},
    ),
    "coordinator-restart": (
        "crash_node",
        None,
        "start_node",
        {"keep_data": False},
        {"keep_data": False},
    ),
    "coordinator-outage": (
        "crash_node",
        None,
        "start_node",
        {"keep_data": True},
        {},
    ),
    "coordinator-pause": ("pause_node", None, "resume_node", None, {}),
    "coordinator-failover": ("fail_over", {"lag": 0.1}, None, None, {"lag": 0.1}),
}


def test_every_fault_is_tested_for_what_it_does() -> None:
    # These two have tests of their own.
    assert DOES.keys() | {"expire", "load-spike"} == FAULTS.keys()


@pytest.mark.virtual_time
@pytest.mark.parametrize("name", DOES)
async def test_a_fault_does_its_work_to_all_its_targets_and_undoes_it(name: str) -> None:
    apply, asked, undo, undo_asked, particulars = DOES[name]
    cluster = FakeCluster()
    fault = read(name, **WRITTEN[name])
    first, _, third = cluster.nodes if fault.hits_nodes else cluster.workers
    assert await fault.apply(cluster, [first, third], "it#1") == Landed(0.0, "simulated")
    if undo is not None:
        await fault.undo(cluster, [first, third], "it#1")
    assert cluster.operations() == [
        (operation, whom) for operation in (apply, undo) if operation for whom in (first, third)
    ]
    assert cluster.asked == [one for one in (asked, undo_asked) if one for _ in range(2)]
    assert fault.particulars == particulars
    assert fault.momentary == (undo is None)


@pytest.mark.virtual_time
async def test_the_clock_of_a_coordinator_is_shifted_and_shifted_back() -> None:
    cluster = FakeCluster()
    skew = read("clock-skew", target="coordinator", at="1s", jump="2s", nodes=1)
    await skew.apply(cluster, ["redis-1"], "it#1")
    await skew.undo(cluster, ["redis-1"], "it#1")
    assert cluster.operations() == [("shift_node_clock", "redis-1")] * 2
    assert cluster.asked == [{"seconds": 2.0}, {"seconds": -2.0}]


def test_a_load_spike_brings_jobs() -> None:
    spike = read("load-spike", **WRITTEN["load-spike"])
    assert spike.brings == (
        Job("spike-1", 0.5, 5.0, 0.01, until=7.0),
        Job("spike-2", 0.5, 5.0, 0.01, until=7.0),
    )
    assert spike.times(30.0) == [5.0]
    named = read("load-spike", **WRITTEN["load-spike"], name="month-end")
    assert [job.name for job in named.brings] == ["month-end-1", "month-end-2"]
    assert read("crash", **WRITTEN["crash"]).brings == ()


@pytest.mark.virtual_time
async def test_a_load_spike_is_there_once_one_of_its_jobs_is_seen() -> None:
    cluster = FakeCluster()
    loop = asyncio.get_running_loop()
    loop.call_later(0.1, cluster.see, "run.started", "worker-1", "report")
    loop.call_later(0.3, cluster.see, "lease.requested", "worker-1", "spike-2")
    spike = read("load-spike", **WRITTEN["load-spike"])
    landed = await spike.apply(cluster, cluster.workers, "it#1")
    assert (landed.at, landed.mechanism) == (pytest.approx(0.3), "schedule")
    assert cluster.done == []


@pytest.mark.virtual_time
async def test_a_load_spike_that_nobody_sees_has_failed() -> None:
    cluster = FakeCluster()
    with pytest.raises(NotLanded, match=r"none of its jobs was seen for 5\.5 s"):
        await read("load-spike", **WRITTEN["load-spike"]).apply(cluster, cluster.workers, "it#1")


@pytest.mark.virtual_time
async def test_who_has_no_connection_needs_no_reset() -> None:
    cluster = FakeCluster()
    reset = read("reset", target="all", at="1s")
    cluster.fails["reset", "worker-2"].append(TargetGone("worker-2 has no open connection"))
    assert await reset.apply(cluster, cluster.workers, "it#1") == Landed(0.0, "simulated")
    for worker in cluster.workers:
        cluster.fails["reset", worker].append(TargetGone(f"{worker} has no open connection"))
    with pytest.raises(TargetGone):
        await reset.apply(cluster, cluster.workers, "it#1")
    cluster.fails["reset", "worker-2"].append(NotLanded("it would not break"))
    with pytest.raises(NotLanded, match="it would not break"):
        await reset.apply(cluster, cluster.workers, "it#1")


@pytest.mark.virtual_time
async def test_an_expiry_forgets_what_its_targets_hold_each_system_once() -> None:
    cluster = FakeCluster()
    for lease in ("1", "2"):
        cluster.see("lease.granted", "worker-1", name=lease)
        cluster.see("lease.granted", "worker-2", name=lease)
    # Two leases in one session: it ends once.
    held = cluster.observation.leases("worker-1")
    cluster.observation.record(
        Event(
            at=0.0,
            kind="lease.granted",
            worker="worker-1",
            lease="worker-1/3",
            extra={"handle": held[0].handle},
        )
    )
    await Expire(target=Target(Form.HOLDER), at=1.0).apply(cluster, ["worker-1"], "it#1")
    assert cluster.operations() == [("forget", "worker-1"), ("forget", "worker-1")]


@pytest.mark.virtual_time
async def test_an_expiry_is_content_with_what_is_still_held() -> None:
    cluster = FakeCluster()
    for worker in cluster.workers:
        cluster.see("lease.granted", worker)
    expire = Expire(target=Target(Form.ALL), at=1.0)
    cluster.fails["forget", "worker-1"].append(TargetGone("given up"))
    await expire.apply(cluster, ["worker-1", "worker-2"], "it#1")
    # But not where something could not be forgotten.
    cluster.see("lease.granted", "worker-2")
    cluster.fails["forget", "worker-1"].append(TargetGone("given up"))
    cluster.fails["forget", "worker-2"].append(NotLanded("it would not"))
    with pytest.raises(NotLanded, match="it would not"):
        await expire.apply(cluster, cluster.workers, "it#1")


@pytest.mark.virtual_time
async def test_an_expiry_needs_somebody_who_holds_something() -> None:
    cluster = FakeCluster()
    cluster.see("lease.granted", "worker-2")
    with pytest.raises(TargetGone, match="worker-1 held no lease any more"):
        await Expire(target=Target(Form.HOLDER), at=1.0).apply(cluster, ["worker-1"], "it#1")


async def land(target: str, at: float) -> Landed:
    return Landed(at, "simulated")


async def test_of_several_targets_the_first_moment_counts() -> None:
    moments = {"worker-1": 3.0, "worker-2": 1.0, "worker-3": 2.0}
    landed = await each(lambda target: land(target, moments[target]), moments)
    assert landed.at == 1.0


async def test_where_all_targets_are_gone_others_may_be_chosen() -> None:
    async def gone(target: str) -> Landed:
        raise TargetGone(f"{target} is gone")

    with pytest.raises(TargetGone, match="worker-1 is gone"):
        await each(gone, ["worker-1", "worker-2"])


async def test_where_some_were_hit_no_others_are_chosen() -> None:
    async def some(target: str) -> Landed:
        if target == "worker-1":
            raise TargetGone("worker-1 is gone")
        await asyncio.sleep(0)
        return Landed(1.0, "simulated")

    with pytest.raises(NotLanded, match="worker-1 is gone; others were hit") as caught:
        await each(some, ["worker-1", "worker-2"])
    assert not isinstance(caught.value, TargetGone)


async def test_all_targets_are_attempted_before_a_failure_is_reported() -> None:
    attempted = []

    async def fail_first(target: str) -> Landed:
        if target == "worker-1":
            raise NotLanded("no")
        await asyncio.sleep(0)
        attempted.append(target)
        return Landed(1.0, "simulated")

    with pytest.raises(NotLanded, match="no"):
        await each(fail_first, ["worker-1", "worker-2"])
    assert attempted == ["worker-2"]


async def test_who_is_gone_needs_no_undoing() -> None:
    async def some(target: str) -> Landed:
        if target == "worker-1":
            raise TargetGone("worker-1 is gone")
        return Landed(1.0, "simulated")

    assert await each_that_is_left(some, ["worker-1", "worker-2"]) == Landed(1.0, "simulated")
    with pytest.raises(TargetGone):
        await each_that_is_left(some, ["worker-1"])


async def test_who_is_left_must_be_undone() -> None:
    async def some(target: str) -> Landed:
        if target == "worker-1":
            raise TargetGone("worker-1 is gone")
        if target == "worker-2":
            raise NotLanded("worker-2 would not")
        return Landed(1.0, "simulated")

    with pytest.raises(NotLanded, match="worker-2 would not"):
        await each_that_is_left(some, ["worker-1", "worker-2", "worker-3"])
