"""What a runtime needs to know to set up one trial."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.scenario.model import CircuitBreaker, Job, Layout, Retry
from harness.worker.sink import Policy


@dataclass(frozen=True, slots=True)
class System:
    """A coordinator and what it is made of: what two workers share if they are to agree."""

    name: str
    layout: Layout = field(default_factory=Layout)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """How a worker agrees with others: an algorithm, its parameters, the system that it needs."""

    approach: str
    parameters: Mapping[str, Any]
    system: System | None
    retry: Retry | None = None
    circuit_breaker: CircuitBreaker | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSpec:
    """The workers of a trial and what they are told. Times in seconds.

    `assignments` and `offsets` give each worker's approach and clock offset. At events of the kinds
    in `breakpoints` a worker stands still until those that wait for them have had their turn.
    """

    seed: int
    jobs: tuple[Job, ...]
    assignments: Mapping[str, Assignment]
    offsets: Mapping[str, float]
    misfire_grace: float
    max_instances: int
    request_timeout: float
    policy: Policy
    breakpoints: frozenset[str] = frozenset()

    @property
    def workers(self) -> tuple[str, ...]:
        """The names of all workers."""
        return tuple(self.assignments)

    @property
    def systems(self) -> tuple[System, ...]:
        """The coordinators that the workers need, in the order of workers."""
        needed = (one.system for one in self.assignments.values() if one.system is not None)
        return tuple(dict.fromkeys(needed))
