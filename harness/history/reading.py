"""Reading a history, ours or anybody's."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.history.event import Event, event_from_json
from harness.history.trial import TrialLine, trial_from_json


class HistoryError(ValueError):
    """A history that cannot be read. The message names the file and the line."""


@dataclass(frozen=True, slots=True)
class History:
    """A trial and its events, in the order of the file.

    `torn` is true where the last line was cut off in the middle of a write and left out.
    """

    trial: TrialLine
    events: tuple[Event, ...]
    torn: bool = False
    path: Path | None = None


def read_history(path: Path, without: Collection[str] = ()) -> History:
    """Read a history file; events of the kinds in `without` are left out, which saves memory.

    A last line that is cut off is tolerated and reported in `torn`; any other malformed line
    raises HistoryError.
    """
    trial: TrialLine | None = None
    events: list[Event] = []
    torn = False
    for number, line in _lines(path):
        try:
            row = _object(line)
        except ValueError as error:
            if trial is not None and not line.endswith(b"\n"):
                torn = True
                break
            raise HistoryError(f"{path}:{number}: {error}") from None
        try:
            if trial is None:
                trial = trial_from_json(row)
            elif row.get("kind") not in without:
                events.append(event_from_json(row))
        except ValueError as error:
            raise HistoryError(f"{path}:{number}: {error}") from None
    if trial is None:
        raise HistoryError(f"{path}: empty; a history starts with a trial line")
    return History(trial, tuple(events), torn, path)


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Each line that is not blank, with its number and its newline, which the last may lack."""
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield number, line
    except OSError as error:
        raise HistoryError(f"{path}: {error.strerror or error}") from None


def _object(line: bytes) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except UnicodeDecodeError:
        raise ValueError("not UTF-8 text") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} at column {error.colno}") from None
    except RecursionError:
        raise ValueError("not JSON that can be read: nested too deeply") from None
    if not isinstance(row, dict):
        shown = line.rstrip()[:40].decode(errors="replace")
        raise ValueError(f"expected a JSON object, not {shown}")
    return row
