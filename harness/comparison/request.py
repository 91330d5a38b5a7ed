"""What a comparison is asked for."""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from harness.runtimes.calibration import Calibration
from harness.scenario.model import Scenario

# So many worker processes a core do not disturb each other; `benchmarks/side_by_side.py` shows it.
WORKERS_PER_CORE = 20


class Runtime(StrEnum):
    """Where trials happen."""

    PROCESS = "process"
    SIM = "sim"


class Histories(StrEnum):
    """Which histories stay on disk.

    `failing`: of each approach those of its first trial, and of the first 20 that are not flawless.
    """

    FAILING = "failing"
    ALL = "all"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to run: every approach of the scenario `repeat` times, from `seed` on.

    `at_once` limits the trials side by side; by default as many as do not disturb each other.
    `calibration` is what a simulation imitates.
    """

    scenario: Scenario
    runtime: str
    seed: int
    repeat: int
    directory: Path
    at_once: int | None = None
    histories: Histories = Histories.ALL
    calibration: Calibration | None = None

    @property
    def side_by_side(self) -> int:
        """How many live trials run at once."""
        if self.at_once is not None:
            return self.at_once
        return max(1, WORKERS_PER_CORE * (os.cpu_count() or 1) // self.scenario.workers)

    def history(self, approach: str, number: int) -> Path:
        """Where the history of an approach's trial lies, if anywhere; numbers start at 1."""
        return history_path(self.directory, approach, self.seed + number - 1)


def history_path(directory: Path, approach: str, seed: int) -> Path:
    """Where a run that writes to `directory` puts the history of the approach's trial."""
    return directory / "histories" / f"{approach}-{seed}.jsonl"
