"""Coordinator pause: what the workers agree through stands still."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from harness.faults.cluster import Cluster, Landed
from harness.faults.fault import STRICT, each
from harness.faults.nodes import NodesFault
from harness.scenario.duration import Seconds


@dataclass(frozen=True, kw_only=True, config=STRICT)
class CoordinatorPause(NodesFault):
    """Stop the coordinator's `nodes` in the middle of what they do (SIGSTOP) `for` a while.

    What a full disk, a fork for a snapshot or an overcommitted host does: connections stay open,
    and nobody answers. `nodes` is `all` (the default), `leader`, or how many.
    """

    for_: Annotated[Seconds, Field(alias="for")]

    @property
    def lasts(self) -> float | None:
        """As long as given."""
        return self.for_

    async def apply(self, cluster: Cluster, targets: Sequence[str], key: str) -> Landed:
        """Stop them."""
        return await each(cluster.pause_node, targets)

    async def undo(self, cluster: Cluster, targets: Sequence[str], key: str) -> Landed:
        """Continue them."""
        return await each(cluster.resume_node, targets)
