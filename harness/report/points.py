"""What a sweep was: sweep.json, which says what was varied and where each point's report lies."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.report.documents import ReportError, check, read_json
from harness.scenario.variation import Parameter

SWEEP = "sweep.json"
VERSION = 1

_TEXT = {"type": "string"}
_PARAMETER = {
    "type": "object",
    "required": ["name", "values"],
    "properties": {"name": _TEXT, "values": {"type": "array", "items": _TEXT}},
}
_POINT = {
    "type": "object",
    "required": ["values", "directory"],
    "properties": {
        "values": {"type": "object", "additionalProperties": _TEXT},
        "directory": _TEXT,
    },
}
_SCHEMA = {
    "type": "object",
    "required": ["version", "scenario", "parameters", "points"],
    "properties": {
        "version": {"const": VERSION},
        "scenario": _TEXT,
        "parameters": {"type": "array", "items": _PARAMETER},
        "points": {"type": "array", "items": _POINT, "minItems": 1},
    },
}

_LONGEST = 100
# What a point is called that nothing varied concerns.
_AS_WRITTEN = "as-written"


@dataclass(frozen=True, slots=True)
class SweptPoint:
    """One combination of values, and the name of the directory of its report in the sweep's."""

    values: Mapping[str, str]
    directory: str

    @property
    def label(self) -> str:
        """What it is called on a page."""
        pairs = [f"{name}={value}" for name, value in self.values.items()]
        return ", ".join(pairs) or _AS_WRITTEN.replace("-", " ")


@dataclass(frozen=True, slots=True)
class Sweep:
    """A scenario's name, what was varied, and the points that were run."""

    scenario: str
    parameters: tuple[Parameter, ...]
    points: tuple[SweptPoint, ...]


def point_directories(points: Sequence[Mapping[str, str]]) -> list[str]:
    """A name for each point's directory, made of its values, fit for a file system and unique."""
    names: list[str] = []
    for values in points:
        pairs = "_".join(f"{name}={value}" for name, value in values.items()) or _AS_WRITTEN
        stem = re.sub(r"[^A-Za-z0-9.=_-]+", "-", pairs)[:_LONGEST].strip(".-") or "point"
        name, count = stem, 2
        while name.lower() in (one.lower() for one in names):
            name, count = f"{stem}-{count}", count + 1
        names.append(name)
    return names


def write_sweep(sweep: Sweep, directory: Path) -> None:
    """Write sweep.json, from which the page can be made. Raises OSError."""
    document = {
        "version": VERSION,
        "scenario": sweep.scenario,
        "parameters": [{"name": one.name, "values": one.values} for one in sweep.parameters],
        "points": [
            {"values": dict(one.values), "directory": one.directory} for one in sweep.points
        ],
    }
    (directory / SWEEP).write_text(json.dumps(document, indent=2) + "\n", "utf-8")


def is_sweep(directory: Path) -> bool:
    """Whether the directory is that of a sweep."""
    return (directory / SWEEP).exists()


def read_sweep(directory: Path) -> Sweep:
    """What sweep.json says. Raises ReportError."""
    path = directory / SWEEP
    document = read_json(path)
    try:
        check(document, _SCHEMA)
        return Sweep(
            document["scenario"],
            tuple(Parameter(one["name"], tuple(one["values"])) for one in document["parameters"]),
            tuple(_point(one, directory) for one in document["points"]),
        )
    except ValueError as error:
        raise ReportError(f"{path}: not a sweep that can be read: {error}") from None


def _point(row: Mapping[str, Any], directory: Path) -> SweptPoint:
    name = row["directory"]
    # A name, not a way out of the directory.
    if Path(name).name != name or name == "..":
        raise ValueError(f"{name!r} is no directory in {directory}")
    return SweptPoint(row["values"], name)
