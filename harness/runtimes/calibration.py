"""What was measured of a machine and its coordinators, for trials that are simulated."""

from __future__ import annotations

import inspect
import itertools
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from harness.coordinators.postgres import alike as postgres
from harness.coordinators.postgres.port import PostgresPort
from harness.coordinators.redis import alike as redis
from harness.coordinators.redis.port import RedisPort
from harness.coordinators.timing import Timing
from harness.coordinators.zookeeper import alike as zookeeper
from harness.coordinators.zookeeper.port import ZooKeeperPort
from harness.simulation.latency import Latency

VERSION = 1
"""Of the file's format."""

_DEFAULT = "calibration.json"
_DIGITS = 7  # of a second: a tenth of a microsecond


class CalibrationError(Exception):
    """A calibration that cannot be used. One line, naming the file and what is wrong."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """A machine's measured times, in seconds.

    `host` describes the machine, `versions` the servers. `start_up`: from the start of a worker
    process until it could connect to its coordinator, or is ready where it has none; its
    `connect` comes on top. `overshoot`: how late a timer fires in a worker process. `notes` are
    for readers: what was not measured, and where its figures are from.
    """

    host: Mapping[str, str]
    coordinators: Mapping[str, Timing]
    versions: Mapping[str, str]
    start_up: Latency
    overshoot: Latency
    notes: tuple[str, ...] = ()


def operations_of(port: type) -> tuple[str, ...]:
    """What can be asked through a port: its coroutines, in the order of their definition."""
    return tuple(name for name, each in vars(port).items() if inspect.iscoroutinefunction(each))


ALIKE: Mapping[str, Mapping[str, str]] = {
    "redis": redis.ALIKE,
    "zookeeper": zookeeper.ALIKE,
    "postgres": postgres.ALIKE,
}
"""Operations that are not measured, and of each system's the ones that they are like."""


def _measured(name: str, port: type) -> tuple[str, ...]:
    own = (each for each in operations_of(port) if each not in ALIKE[name])
    return (*own, "connect")


OPERATIONS: Mapping[str, tuple[str, ...]] = {
    "redis": _measured("redis", RedisPort),
    "zookeeper": _measured("zookeeper", ZooKeeperPort),
    "postgres": _measured("postgres", PostgresPort),
}
"""What a calibration holds for each coordinator."""


def default_calibration() -> Calibration:
    """The calibration that comes with the harness."""
    return _parsed(files(__package__).joinpath(_DEFAULT).read_text("utf-8"), _DEFAULT)


def read_calibration(path: Path) -> Calibration:
    """Read a calibration from its file; raises CalibrationError."""
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise CalibrationError(f"{path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise CalibrationError(f"{path}: not a text in UTF-8") from error
    return _parsed(text, str(path))


def write_calibration(calibration: Calibration, path: Path) -> None:
    """Write a calibration to a file, each table on a line. Raises OSError."""
    path.write_text(as_text(calibration), "utf-8")


def as_text(calibration: Calibration) -> str:
    """A calibration as it is written: JSON, keys in the order of their meaning."""
    coordinators = {
        name: _timing_lines(calibration.coordinators[name], OPERATIONS[name]) for name in OPERATIONS
    }
    return _object(
        {
            "version": str(VERSION),
            "host": _strings(calibration.host),
            "versions": _strings(calibration.versions),
            "notes": _list([json.dumps(note) for note in calibration.notes]),
            "start_up": _table(calibration.start_up),
            "overshoot": _table(calibration.overshoot),
            "coordinators": _object(coordinators, 1),
        }
    ) + ("\n")


def _timing_lines(timing: Timing, operations: Sequence[str]) -> str:
    return _object(
        {
            "executors": str(timing.executors),
            "service": _object({name: _number(timing.service[name]) for name in operations}, 3),
            "round_trips": _object(
                {name: _table(timing.round_trips[name]) for name in operations}, 3
            ),
        },
        2,
    )


def _object(rows: Mapping[str, str], depth: int = 0) -> str:
    if not rows:
        return "{}"
    indent = "  " * depth
    lines = ",\n".join(f"{indent}  {json.dumps(name)}: {value}" for name, value in rows.items())
    return f"{{\n{lines}\n{indent}}}"


def _list(rows: Sequence[str]) -> str:
    return "[\n    " + ",\n    ".join(rows) + "\n  ]" if rows else "[]"


def _strings(rows: Mapping[str, str]) -> str:
    return _object({name: json.dumps(value) for name, value in rows.items()}, 1)


def _table(latency: Latency) -> str:
    return f"[{', '.join(_number(each) for each in latency.quantiles)}]"


def _number(seconds: float) -> str:
    return f"{seconds:.{_DIGITS}f}".rstrip("0").rstrip(".")


def _parsed(text: str, name: str) -> Calibration:
    try:
        return _calibration(json.loads(text))
    except json.JSONDecodeError as error:
        raise CalibrationError(
            f"{name}: not JSON: {error.msg} (line {error.lineno}, column {error.colno})"
        ) from error
    except RecursionError as error:
        raise CalibrationError(f"{name}: not JSON: nested too deeply") from error
    except _Wrong as error:
        raise CalibrationError(f"{name}: {error}") from error


class _Wrong(Exception):
    """What is wrong, without the name of the file."""


def _calibration(data: Any) -> Calibration:
    fields = _mapping(data, "the file")
    version = _of(fields, "version")
    if version != VERSION or isinstance(version, bool):
        raise _Wrong(f"version {json.dumps(version)} is not known; this harness reads {VERSION}")
    coordinators = _mapping(_of(fields, "coordinators"), "coordinators")
    _refuse_others(coordinators, OPERATIONS, "coordinators")
    return Calibration(
        host=_texts(_of(fields, "host"), "host"),
        coordinators={
            name: _timing(_of(coordinators, name, "coordinators"), name) for name in OPERATIONS
        },
        versions=_texts(_of(fields, "versions"), "versions"),
        start_up=_latency(_of(fields, "start_up"), "start_up"),
        overshoot=_latency(_of(fields, "overshoot"), "overshoot"),
        notes=_notes(fields.get("notes", [])),
    )


def _timing(data: Any, name: str) -> Timing:
    fields = _mapping(data, name)
    executors = _of(fields, "executors", name)
    if not isinstance(executors, int) or isinstance(executors, bool) or executors < 1:
        raise _Wrong(f"{name}.executors: {json.dumps(executors)} is not a whole number above 0")
    wanted = OPERATIONS[name]
    service = _mapping(_of(fields, "service", name), f"{name}.service")
    trips = _mapping(_of(fields, "round_trips", name), f"{name}.round_trips")
    _refuse_others(service, wanted, f"{name}.service")
    _refuse_others(trips, wanted, f"{name}.round_trips")
    return Timing(
        round_trips={
            each: _latency(_of(trips, each, f"{name}.round_trips"), f"{name}.round_trips.{each}")
            for each in wanted
        },
        service={
            each: _seconds(_of(service, each, f"{name}.service"), f"{name}.service.{each}")
            for each in wanted
        },
        executors=executors,
        alike=ALIKE[name],
    )


def _latency(data: Any, where: str) -> Latency:
    if not isinstance(data, list) or not data:
        raise _Wrong(f"{where}: not a list of seconds")
    quantiles = tuple(_seconds(each, where) for each in data)
    for low, high in itertools.pairwise(quantiles):
        if high < low:
            raise _Wrong(f"{where}: not in ascending order: {high:g} after {low:g}")
    return Latency(quantiles)


def _seconds(data: Any, where: str) -> float:
    if not isinstance(data, int | float) or isinstance(data, bool) or not math.isfinite(data):
        raise _Wrong(f"{where}: {json.dumps(data)} is not a number of seconds")
    if data < 0:
        raise _Wrong(f"{where}: {data:g} is negative")
    return float(data)


def _texts(data: Any, where: str) -> dict[str, str]:
    fields = _mapping(data, where)
    for name, value in fields.items():
        if not isinstance(value, str):
            raise _Wrong(f"{where}.{name}: not a text")
    return fields


def _notes(data: Any) -> tuple[str, ...]:
    if not isinstance(data, list) or not all(isinstance(each, str) for each in data):
        raise _Wrong("notes: not a list of texts")
    return tuple(data)


def _mapping(data: Any, where: str) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise _Wrong(f"{where}: not a JSON object")
    return data


def _of(fields: Mapping[str, Any], name: str, where: str = "") -> Any:
    if name not in fields:
        raise _Wrong(f"{where}: {name} is missing" if where else f"{name} is missing")
    return fields[name]


def _refuse_others(
    fields: Mapping[str, Any], known: Sequence[str] | Mapping[str, Any], where: str
) -> None:
    for name in fields:
        if name not in known:
            raise _Wrong(f"{where}: {name} is not known; known are {', '.join(known)}")
