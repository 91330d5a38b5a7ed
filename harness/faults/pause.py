"""Pause: a worker stands still, and does not know it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from harness.faults.cluster import Cluster, Landed
from harness.faults.fault import STRICT, Fault, each, each_that_is_left
from harness.scenario.duration import Seconds


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Pause(Fault):
    """Stop workers in the middle of what they do (SIGSTOP) `for` a while, then let them go on.

    What a long garbage collection, a page-in or a live migration does. Their connections stay
    open and their kernel goes on acknowledging.
    """

    for_: Annotated[Seconds, Field(alias="for")]

    @property
    def lasts(self) -> float | None:
        """As long as given."""
        return self.for_

    async def apply(self, cluster: Cluster, targets: Sequence[str], key: str) -> Landed:
        """Stop them."""
        return await each(cluster.pause, targets)

    async def undo(self, cluster: Cluster, targets: Sequence[str], key: str) -> Landed:
        """Continue them."""
        return await each_that_is_left(cluster.resume, targets)
