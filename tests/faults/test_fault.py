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
from harness.faults.fault import each
from harness.faults.partition import Partition
from harness.faults.pause import Pause
from harness.history.event import Event
from harness.scenario.target import Form, Target
from tests.faults.fake_cluster import FakeCluster

WRITTEN: dict[str, dict[str, str]] = {
    "crash": {"target": "running", "every": "5s", "restart_after": "2s"},
    "pause": {"target": "leader", "at": "5s", "for": "2s"},
    "partition": {"target": "50%", "at": "5s", "for": "2s", "direction": "requests"},
    "expire": {"target": "holder", "at": "5s"},
}


def read(name: str, **written: str) -> Any:
    return TypeAdapter(FAULTS[name]).validate_python(written)


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_is_read_as_a_scenario_writes_it(name: str) -> None:
    fault = read(name, **WRITTEN[name])
    assert type(fault) is FAULTS[name]
    assert isinstance(fault.target, Target)


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_needs_a_time(name: str) -> None:
    written = {key: value for key, value in WRITTEN[name].items() if key not in ("at", "every")}
    with pytest.raises(ValidationError, match="give a time: 'at', or 'every'"):
        read(name, **written)


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_needs_a_target(name: str) -> None:
    written = {key: value for key, value in WRITTEN[name].items() if key != "target"}
    with pytest.raises(ValidationError, match="target"):
        read(name, **written)


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("crash", {"every": "0s"}),
        ("crash", {"jitter": "-1s"}),
        ("crash", {"for": "1s"}),
        ("pause", {"for": "for ever"}),
        ("partition", {"direction": "sideways"}),
        ("expire", {"at": "5"}),
        ("crash", {"target": "coordinator"}),
    ],
)
def test_what_makes_no_sense_is_refused(name: str, more: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        read(name, **{**WRITTEN[name], **more})


def test_faults_know_how_long_they_last() -> None:
    everybody = Target(Form.ALL)
    assert Crash(target=everybody, at=1.0).lasts is None
    assert Crash(target=everybody, at=1.0, restart_after=2.0).lasts == 2.0
    assert read("pause", **WRITTEN["pause"]).lasts == 2.0
    assert read("partition", **WRITTEN["partition"]).lasts == 2.0
    assert Expire(target=everybody, at=1.0).lasts == 0.0


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


OPERATIONS = [
    (Crash(target=Target(Form.ALL), at=1.0), "kill", "start"),
    (read("pause", **WRITTEN["pause"]), "pause", "resume"),
    (read("partition", **WRITTEN["partition"]), "cut", "heal"),
]


@pytest.mark.virtual_time
@pytest.mark.parametrize(("fault", "apply", "undo"), OPERATIONS)
async def test_a_fault_does_its_work_to_all_its_targets_and_undoes_it(
    fault: Crash | Pause | Partition, apply: str, undo: str
) -> None:
    cluster = FakeCluster()
    landed = await fault.apply(cluster, ["worker-1", "worker-3"])
    assert landed == Landed(0.0, "simulated")
    await fault.undo(cluster, ["worker-1", "worker-3"])
    assert cluster.operations() == [
        (apply, "worker-1"),
        (apply, "worker-3"),
        (undo, "worker-1"),
        (undo, "worker-3"),
    ]


@pytest.mark.virtual_time
async def test_a_partition_cuts_in_its_direction() -> None:
    cluster = FakeCluster()
    await read("partition", **WRITTEN["partition"]).apply(cluster, ["worker-1"])
    assert cluster.directions == ["requests"]


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
    await Expire(target=Target(Form.HOLDER), at=1.0).apply(cluster, ["worker-1"])
    assert cluster.operations() == [("forget", "worker-1"), ("forget", "worker-1")]


@pytest.mark.virtual_time
async def test_an_expiry_is_content_with_what_is_still_held() -> None:
    cluster = FakeCluster()
    for worker in cluster.workers:
        cluster.see("lease.granted", worker)
    expire = Expire(target=Target(Form.ALL), at=1.0)
    cluster.fails["forget", "worker-1"].append(TargetGone("given up"))
    await expire.apply(cluster, ["worker-1", "worker-2"])
    # But not where something could not be forgotten.
    cluster.see("lease.granted", "worker-2")
    cluster.fails["forget", "worker-1"].append(TargetGone("given up"))
    cluster.fails["forget", "worker-2"].append(NotLanded("it would not"))
    with pytest.raises(NotLanded, match="it would not"):
        await expire.apply(cluster, cluster.workers)


@pytest.mark.virtual_time
async def test_an_expiry_needs_somebody_who_holds_something() -> None:
    cluster = FakeCluster()
    cluster.see("lease.granted", "worker-2")
    with pytest.raises(TargetGone, match="worker-1 held no lease any more"):
        await Expire(target=Target(Form.HOLDER), at=1.0).apply(cluster, ["worker-1"])


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
