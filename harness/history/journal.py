"""Writing a history: every event is on disk before anything judges it."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

from harness.history.event import Event
from harness.history.trial import TrialLine


class Recorder(Protocol):
    """Whatever takes events: a journal on disk, a list in a test."""

    def record(self, event: Event) -> None:
        """Take one event."""
        ...


def encode(row: dict[str, Any]) -> str:
    """One line of JSON, its newline included."""
    return json.dumps(row, separators=(",", ":"), ensure_ascii=False) + "\n"


class Journal:
    """A history file. One write a line, unbuffered: what was recorded survives our own SIGKILL."""

    def __init__(self, path: Path, trial: TrialLine) -> None:
        self.path = path
        self._file = path.open("xb", buffering=0)
        self._file.write(encode(trial.as_json()).encode())

    def record(self, event: Event) -> None:
        """Append one event. Raises OSError where it could not be written, or not as a whole."""
        line = encode(event.as_json()).encode()
        if self._file.write(line) != len(line):
            raise OSError(errno.ENOSPC, "no space left for a whole line")

    def close(self) -> None:
        """Close the file; closing twice is harmless."""
        self._file.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
