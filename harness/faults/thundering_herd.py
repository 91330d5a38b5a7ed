"""Thundering herd: all workers do at one instant what they would have done one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from harness.faults.cluster import Cluster, Landed
from harness.faults.fault import STRICT, Fault, each, each_that_is_left
from harness.scenario.duration import PositiveSeconds
from harness.scenario.target import Form, Target


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ThunderingHerd(Fault):
    """Hold all workers `for` a moment and let them go at the same instant.

    What a shared host that stood still, or whatever all of them wait for, does: what became due
    meanwhile is due to all at once, and they ask the coordinator together.
    """

    target: Target = Target(Form.ALL)
    for_: Annotated[PositiveSeconds, Field(alias="for")] = 0.2

    @property
    def lasts(self) -> float | None:
        """As long as given."""
        return self.for_

    async def apply(self, cluster: Cluster, targets: Sequence[str], key: str) -> Landed:
        """Hold them."""
        return await each(cluster.pause, targets)

    async def undo(self, cluster: Cluster, targets: Sequence[str], key: str) -> Landed:
        """Let them go."""
        return await each_that_is_left(cluster.resume, targets)
