"""What a runtime needs to know to set up one trial."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.scenario.model import Job
from harness.worker.sink import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSpec:
    """The workers of a trial and what they are told. Times in seconds.

    `approach` is the algorithm's name, `coordinator` the system that it needs, if any. `offsets`
    gives each worker's clock offset.
    """

    seed: int
    jobs: tuple[Job, ...]
    approach: str
    parameters: Mapping[str, Any]
    coordinator: str | None
    offsets: Mapping[str, float]
    misfire_grace: float
    max_instances: int
    request_timeout: float
    policy: Policy

    @property
    def workers(self) -> tuple[str, ...]:
        """The names of all workers."""
        return tuple(self.offsets)
