"""What every fault is: whom it hits, when, and how it is made and undone."""

from __future__ import annotations

import asyncio
import math
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, model_validator
from pydantic.dataclasses import dataclass

from harness.faults.cluster import Cluster, Landed, NotLanded, TargetGone
from harness.faults.when import When
from harness.scenario.duration import PositiveSeconds, Seconds
from harness.scenario.model import Job
from harness.scenario.target import Form, Target

STRICT = ConfigDict(extra="forbid")


Nodes = Literal["all", "leader"] | int
"""Which nodes of a coordinator: every one, the one that takes writes, or so many by the seed."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Fault(ABC):
    """A disturbance: `at` a moment, or `every` so often, each time moved by up to `jitter`.

    Or `when` something happens; then `target` is by default the `subject`, whom that is about.
    """

    # Whether the trial's end must undo it, for its workers to be able to finish.
    undone_at_end: ClassVar[bool] = True
    # Whether it acts on what is between a worker and a coordinator.
    needs_coordinator: ClassVar[bool] = False
    # Whether it is over as soon as it happened, and nothing is to undo.
    momentary: ClassVar[bool] = False
    # Whether it can only hit a worker that holds a lease.
    needs_lease: ClassVar[bool] = False
    # Whether it may hit workers, and the coordinator; one that hits neither takes no target.
    hits_workers: ClassVar[bool] = True
    hits_coordinator: ClassVar[bool] = False
    # Whether its targets may be hit by others while it lasts.
    shares: ClassVar[bool] = False
    # Whether it changes a worker's links, which bear one such fault at a time.
    changes_links: ClassVar[bool] = False
    # Whether a worker can stand still until it has landed: not where the worker is to help.
    lands_on_the_still: ClassVar[bool] = True
    # Whether it makes a coordinator's clock jump, and whether it needs a node that takes over.
    shifts_clock: ClassVar[bool] = False
    needs_successor: ClassVar[bool] = False
    # The runtimes that cannot make it, and why.
    impossible: ClassVar[Mapping[str, str]] = {}

    target: Target = Target(Form.SUBJECT)
    at: Seconds | None = None
    every: PositiveSeconds | None = None
    jitter: Seconds = 0.0
    when: When | None = None

    @model_validator(mode="after")
    def _has_a_time(self) -> Fault:
        if self.when is None and self.at is None and self.every is None:
            raise ValueError("give a time: 'at', or 'every', or 'when'")
        if self.when is not None and not (self.at is None and self.every is None):
            raise ValueError("give either 'at' and 'every', or 'when'")
        if self.when is not None and self.jitter:
            raise ValueError("'jitter' moves 'at' and 'every'; a 'when' has 'after'")
        return self

    @model_validator(mode="after")
    def _has_a_target(self) -> Fault:
        form = self.target.form
        if form is Form.COORDINATOR and not self.hits_coordinator:
            raise ValueError("this fault hits workers, not the coordinator")
        if form is not Form.COORDINATOR and self.hits_coordinator and not self.hits_workers:
            raise ValueError("this fault hits the coordinator, no worker: leave out the target")
        if form is Form.SUBJECT and self.when is None:
            raise ValueError("give a target; 'subject' is one only where there is a 'when'")
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

    @property
    def hits_nodes(self) -> bool:
        """Whether it hits nodes of the coordinator."""
        return self.target.form is Form.COORDINATOR

    @property
    def breaks_coordinator(self) -> bool:
        """Whether it breaks a coordinator, which then must be the trial's own."""
        return self.hits_nodes

    @property
    def chosen_nodes(self) -> Nodes:
        """Which nodes it hits, where its target is the coordinator."""
        return "all"

    def misfits(self, duration: float) -> Iterator[tuple[str, str]]:
        """Which fields make no sense in a trial of so many seconds, and why; none by default."""
        return iter(())

    @abstractmethod
    async def apply(self, cluster: Cluster, targets: Sequence[str], key: str) -> Landed:
        """Make it, and see that it took effect; raises NotLanded.

        `key` tells it from all other faults of the trial, also those of its own line.
        """

    async def undo(self, cluster: Cluster, targets: Sequence[str], key: str) -> Landed:
        """End what was made under that key, and see that it ended; raises NotLanded."""
        raise NotImplementedError(f"{type(self).__name__} has no end")

    def end_of(self, landed: Landed, now: float) -> Landed:
        """The end of a momentary one that is over by `now`: by default where it began."""
        return landed

    def times(self, duration: float) -> list[float]:
        """When it is planned, jitter aside. A repeated fault has room to be recovered from.

        Of one that waits for an event, the earliest moment.
        """
        if self.when is not None:
            return [self.when.from_ + self.when.after]
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
    landed, failed = await _at_once(operation, targets)
    if landed and failed and isinstance(failed[0], TargetGone):
        raise NotLanded(f"{failed[0]}; others were hit")
    if failed:
        raise failed[0]
    return min(landed, key=lambda one: one.at)


async def each_that_is_left(
    operation: Callable[[str], Awaitable[Landed]], targets: Iterable[str]
) -> Landed:
    """Do it to all targets at once where who is gone by now needs nothing done: no undoing, say.

    Raises NotLanded where one of the others fails; TargetGone where there are none.
    """
    landed, failed = await _at_once(operation, targets)
    for error in failed:
        if not (landed and isinstance(error, TargetGone)):
            raise error
    return min(landed, key=lambda one: one.at)


async def _at_once(
    operation: Callable[[str], Awaitable[Landed]], targets: Iterable[str]
) -> tuple[list[Landed], list[BaseException]]:
    done = await asyncio.gather(*(operation(target) for target in targets), return_exceptions=True)
    return (
        [one for one in done if isinstance(one, Landed)],
        [one for one in done if isinstance(one, BaseException)],
    )
