"""What a sweep was: sweep.json, which says what was varied and where each point's report lies."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.report.reading import ReportError
from harness.scenario.variation import Parameter

SWEEP = "sweep.json"
VERSION = 1

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
    try:
        document = json.loads(path.read_text("utf-8"))
        if document["version"] != VERSION:
            raise ReportError(f"{path}: version {document['version']} is not known here")
        return Sweep(
            str(document["scenario"]),
            tuple(Parameter(one["name"], tuple(one["values"])) for one in document["parameters"]),
            tuple(_point(one, directory) for one in document["points"]),
        )
    except OSError as error:
        raise ReportError(f"{path}: {error.strerror}") from None
    except (KeyError, TypeError, ValueError) as error:
        raise ReportError(f"{path}: not a sweep that can be read: {error}") from None


def _point(row: Mapping[str, Any], directory: Path) -> SweptPoint:
    name = row["directory"]
    # A name, not a way out of the directory.
    if not isinstance(name, str) or Path(name).name != name or name == "..":
        raise ValueError(f"{name!r} is no directory in {directory}")
    return SweptPoint({str(key): str(value) for key, value in row["values"].items()}, name)
