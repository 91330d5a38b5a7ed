"""A calibration is a file that people can read, and that says what is wrong with it."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.coordinators.postgres.port import PostgresPort
from harness.coordinators.redis.port import RedisPort
from harness.coordinators.timing import Timing
from harness.coordinators.zookeeper.port import ZooKeeperPort
from harness.runtimes.calibration import (
    OPERATIONS,
    Calibration,
    CalibrationError,
    as_text,
    default_calibration,
    operations_of,
    read_calibration,
    write_calibration,
)
from harness.simulation.latency import Latency, constant

PORTS: dict[str, type] = {
    "redis": RedisPort,
    "zookeeper": ZooKeeperPort,
    "postgres": PostgresPort,
}

Change = Callable[[Any], object]


def small_calibration() -> Calibration:
    def timing(name: str) -> Timing:
        trips = {each: Latency((0.001, 0.00123456, 0.5)) for each in OPERATIONS[name]}
        return Timing(trips, dict.fromkeys(trips, 0.0000125), 3)

    return Calibration(
        host={"cores": "2", "processor": "A “good” one"},
        coordinators={name: timing(name) for name in OPERATIONS},
        versions={"redis": "Redis 7.0.15"},
        start_up=constant(0.05),
        overshoot=Latency((0.0, 0.001)),
        notes=("measured twice",),
    )


@pytest.fixture
def changed(tmp_path: Path) -> Callable[[Change], str]:
    """What is said of a calibration's file after a change, without the file's name."""

    def change_and_read(change: Change) -> str:
        data = json.loads(as_text(small_calibration()))
        change(data)
        path = tmp_path / "mine.json"
        path.write_text(json.dumps(data))
        with pytest.raises(CalibrationError) as caught:
            read_calibration(path)
        text = str(caught.value)
        assert "\n" not in text
        assert text.startswith(f"{path}: ")
        return text.removeprefix(f"{path}: ")

    return change_and_read


def test_what_is_written_is_read_to_a_tenth_of_a_microsecond(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    write_calibration(small_calibration(), path)
    read = read_calibration(path)
    get = read.coordinators["redis"].round_trips["get"]
    assert get.quantiles == (0.001, 0.0012346, 0.5)
    assert read.coordinators["redis"].service["get"] == 0.0000125
    assert read.host == small_calibration().host
    assert (read.start_up, read.overshoot) == (constant(0.05), Latency((0.0, 0.001)))
    assert (read.notes, read.coordinators["postgres"].executors) == (("measured twice",), 3)
    assert as_text(read) == path.read_text()


def test_each_table_is_on_a_line_of_its_own() -> None:
    lines = as_text(small_calibration()).splitlines()
    assert '        "get": [0.001, 0.0012346, 0.5],' in lines
    assert '  "overshoot": [0, 0.001],' in lines


def without(*path: str) -> Change:
    def change(data: Any) -> None:
        for name in path[:-1]:
            data = data[name]
        del data[path[-1]]

    return change


def put(value: object, *path: str) -> Change:
    def change(data: Any) -> None:
        for name in path[:-1]:
            data = data[name]
        data[path[-1]] = value

    return change


REDIS = ("coordinators", "redis")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (put(2, "version"), "version 2 is not known; this harness reads 1"),
        (put(True, "version"), "version true is not known; this harness reads 1"),
        (without("version"), "version is missing"),
        (without("overshoot"), "overshoot is missing"),
        (without("coordinators", "zookeeper"), "coordinators: zookeeper is missing"),
        (
            put({}, "coordinators", "etcd"),
            "coordinators: etcd is not known; known are redis, zookeeper, postgres",
        ),
        (without(*REDIS, "round_trips", "get"), "redis.round_trips: get is missing"),
        (without(*REDIS, "service", "connect"), "redis.service: connect is missing"),
        (
            put([0.1], *REDIS, "round_trips", "incr"),
            "redis.round_trips: incr is not known; known are set_if_absent, delete,"
            " delete_if_equal, extend_if_equal, get, connect",
        ),
        (put([0.2, 0.1], "start_up"), "start_up: not in ascending order: 0.1 after 0.2"),
        (
            put([-0.1, 0.1], *REDIS, "round_trips", "get"),
            "redis.round_trips.get: -0.1 is negative",
        ),
        (put(-1, *REDIS, "service", "get"), "redis.service.get: -1 is negative"),
        (put([], "overshoot"), "overshoot: not a list of seconds"),
        (put(0.1, "overshoot"), "overshoot: not a list of seconds"),
        (put(["0.1"], "overshoot"), 'overshoot: "0.1" is not a number of seconds'),
        (put([float("nan")], "overshoot"), "overshoot: NaN is not a number of seconds"),
        (put(0, *REDIS, "executors"), "redis.executors: 0 is not a whole number above 0"),
        (put(1.5, *REDIS, "executors"), "redis.executors: 1.5 is not a whole number above 0"),
        (put([], *REDIS), "redis: not a JSON object"),
        (put({"cores": 2}, "host"), "host.cores: not a text"),
        (put("all well", "notes"), "notes: not a list of texts"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    changed: Callable[[Change], str], change: Change, said: str
) -> None:
    assert changed(change) == said


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"version": 1,}', "not JSON: "),
        (b"[1]", "the file: not a JSON object"),
        (b"\xff", "not a text in UTF-8"),
        (b"[" * 100_000, "not JSON: nested too deeply"),
    ],
)
def test_what_is_no_calibration_at_all_is_said_too(
    tmp_path: Path, content: bytes, said: str
) -> None:
    path = tmp_path / "mine.json"
    path.write_bytes(content)
    with pytest.raises(CalibrationError) as caught:
        read_calibration(path)
    assert str(caught.value).startswith(f"{path}: {said}")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match=r"mine\.json: No such file or directory"):
        read_calibration(tmp_path / "mine.json")


def test_operations_are_what_can_be_awaited_of_a_port() -> None:
    names = ("create", "delete", "get", "set", "children", "watch", "watch_children")
    assert operations_of(ZooKeeperPort) == names


def test_the_default_has_all_that_can_be_asked_of_every_coordinator() -> None:
    calibration = default_calibration()
    assert set(calibration.coordinators) == set(PORTS)
    for name, port in PORTS.items():
        timing = calibration.coordinators[name]
        measured = {*operations_of(port), "connect"} - set(timing.alike)
        assert set(timing.round_trips) == set(timing.service) == measured
        assert set(timing.alike.values()) <= measured


def test_the_default_was_measured_and_hangs_together() -> None:
    calibration = default_calibration()
    assert not calibration.notes
    assert set(calibration.versions) == set(PORTS)
    assert {"cores", "processor", "kernel", "python"} <= set(calibration.host)
    for timing in calibration.coordinators.values():
        for operation, trip in timing.round_trips.items():
            assert len(trip.quantiles) == 101
            assert 0 < trip.quantiles[0] < trip.quantiles[50] < trip.quantiles[-1] < 1
            assert 0 < timing.service[operation] <= trip.quantiles[1]


def test_the_default_is_small_and_does_not_say_whose_machine_it_was() -> None:
    calibration = default_calibration()
    assert len(as_text(calibration)) < 60_000
    said = [*calibration.host.values(), *calibration.versions.values()]
    assert platform.node() not in said
    assert not [text for text in said if "/" in text]
