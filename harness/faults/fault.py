"""What every fault is: whom it hits, when, and how it is made and undone."""

from __future__ import annotations

import asyncio
import math
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar

from pydantic import ConfigDict, model_validator
from pydantic.dataclasses import dataclass

from harness.faults.cluster import Cluster, Landed, NotLanded, TargetGone
from harness.scenario.duration import PositiveSeconds, Seconds
from harness.scenario.model import Job
from harness.scenario.target import Form, Target

STRICT = ConfigDict(extra="forbid")


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Fault(ABC):
    """A disturbance: `at` a moment, or `every` so often, each time moved by up to `jitter`."""

    # Whether the trial's end must undo it, for its workers to be able to finish.
    undone_at_end: ClassVar[bool] = True
    # Whether it acts on what is between a worker and a coordinator.
    needs_coordinator: ClassVar[bool] = False
    # Whether it is over as soon as it happened, and nothing is to undo.
    momentary: ClassVar[bool] = False
    # Whether it can only hit a worker that holds a lease.
    needs_lease: ClassVar[bool] = False
    # Whether it breaks a coordinator, which then must be the trial's own.
    breaks_coordinator: ClassVar[bool] = False

    target: Target
    at: Seconds | None = None
    every: PositiveSeconds | None = None
    jitter: Seconds = 0.0

    @model_validator(mode="after")
    def _has_a_time(self) -> Fault:
        if self.at is None and self.every is None:
            raise ValueError("give a time: 'at', or 'every'")
        if self.target.form is Form.COORDINATOR:
            raise ValueError("this fault hits workers, not the coordinator")
        return self

    @property
    @abstractmethod
    def lasts(self) -> float | None:
        """How long until it is undone, in seconds; None for never."""

    @property
    def particulars(self) -> Mapping[str, Any]:
        """What the history is to say of it beyond its type; nothing by default."""
        return {}

    @property
    def brings(self) -> tuple[Job, ...]:
        """Jobs that exist because of it; none by default."""
        return ()

    @abstractmethod
    async def apply(self, cluster: Cluster, targets: Sequence[str]) -> Landed:
        """Make it, and see that it took effect; raises NotLanded."""

    async def undo(self, cluster: Cluster, targets: Sequence[str]) -> Landed:
        """End it, and see that it ended; raises NotLanded."""
        raise NotImplementedError(f"{type(self).__name__} has no end")

    def times(self, duration: float) -> list[float]:
        """When it is planned, jitter aside. A repeated fault has room to be recovered from."""
        if self.every is None:
            return [] if self.at is None else [self.at]
        first = self.every if self.at is None else self.at
        count = math.floor((duration - self.every - first) / self.every + 1e-9) + 1
        return [round(first + index * self.every, 6) for index in range(count)]


async def each(operation: Callable[[str], Awaitable[Landed]], targets: Iterable[str]) -> Landed:
    """Do it to all targets at once; the first moment counts.

    Raises NotLanded where one of them fails; TargetGone, after which another target may be chosen,
    only where none was hit.
    """
    done = await asyncio.gather(*(operation(target) for target in targets), return_exceptions=True)
    landed = [one for one in done if isinstance(one, Landed)]
    failed = [one for one in done if isinstance(one, BaseException)]
    if landed and failed and isinstance(failed[0], TargetGone):
        raise NotLanded(f"{failed[0]}; others were hit")
    if failed:
        raise failed[0]
    return min(landed, key=lambda one: one.at)
