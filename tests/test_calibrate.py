"""Measuring a machine: everything that a port can be asked, and what is missing is said."""

from __future__ import annotations

import platform

import pytest

from harness.calibrate import Extent, calibrate, describe_host
from harness.coordinators.found import Found
from harness.runtimes.calibration import OPERATIONS, default_calibration
from harness.runtimes.cluster import TrialError
from harness.runtimes.crowd import measuring_processes
from harness.runtimes.launcher import Launcher
from harness.runtimes.measuring import CONNECT, GROUPS, Task
from tests.conftest import Need

SHORT = Extent(processes=2, rounds=4, tick=0.005, seconds=0.1, clients=2, restarts=3)


@pytest.mark.parametrize("coordinator", OPERATIONS)
def test_every_operation_of_a_port_is_measured(coordinator: str) -> None:
    measured = [each for _, names in GROUPS[coordinator].values() for each in names]
    assert sorted([*measured, "connect"]) == sorted(OPERATIONS[coordinator])
    assert coordinator in CONNECT


def test_a_host_is_described_without_its_name() -> None:
    host = describe_host()
    assert set(host) == {"cores", "processor", "kernel", "python", "clients"}
    assert all(host.values())
    assert platform.node() not in host.values()


@pytest.mark.live
async def test_what_is_there_is_measured_and_the_rest_keeps_its_default(
    coordinators: dict[str, Found], need: Need
) -> None:
    need("redis")
    missing = Found("zookeeper", remedy="apt-get install it")
    said: list[str] = []
    with Launcher() as launcher:
        found = [coordinators["redis"], missing]
        calibration = await calibrate(launcher, found, said.append, SHORT)

    redis = calibration.coordinators["redis"]
    assert set(redis.round_trips) == set(OPERATIONS["redis"])
    for operation, trip in redis.round_trips.items():
        assert 0.00002 < trip.quantiles[0] < 1.0
        assert 0 < redis.service[operation] <= trip.quantiles[1]
    assert 0.0005 < calibration.start_up.quantiles[0] < 5.0
    assert calibration.overshoot.quantiles[-1] > 0
    assert calibration.versions["redis"].startswith(("Redis ", "Valkey "))

    default = default_calibration()
    assert calibration.coordinators["zookeeper"] == default.coordinators["zookeeper"]
    assert [note.partition(" ")[0] for note in calibration.notes] == ["zookeeper", "postgres"]
    assert any("to get it: apt-get install it" in line for line in said)
    assert any(line.startswith("redis, one by one") for line in said)


@pytest.mark.live
@pytest.mark.parametrize("coordinator", ["zookeeper", "postgres"])
async def test_the_others_are_measured_too(
    coordinators: dict[str, Found], need: Need, coordinator: str
) -> None:
    need(coordinator)
    with Launcher() as launcher:
        calibration = await calibrate(launcher, [coordinators[coordinator]], lambda _: None, SHORT)
    timing = calibration.coordinators[coordinator]
    assert timing != default_calibration().coordinators[coordinator]
    assert set(timing.round_trips) == set(OPERATIONS[coordinator])


@pytest.mark.live
async def test_a_measuring_process_that_fails_is_quoted() -> None:
    nowhere = Task(
        coordinator="redis", url="redis://127.0.0.1:1/0", namespace="n", name="one", rounds=1
    )
    with Launcher() as launcher:
        async with measuring_processes(launcher, 1) as (process,):
            with pytest.raises(TrialError, match=r"a measuring process ended: .*Unavailable"):
                await process.do(nowhere)
