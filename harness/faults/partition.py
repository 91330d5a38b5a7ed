"""Partition: a worker and its coordinator cannot reach each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any, ClassVar

from pydantic import Field
from pydantic.dataclasses import dataclass

from harness.faults.cluster import Cluster, Direction, Landed
from harness.faults.fault import STRICT, Fault, each
from harness.scenario.duration import Seconds


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Partition(Fault):
    """Cut workers off from their coordinator `for` a while: silence, and no connection closes.

    `direction` is `both` (the default), `requests` (the coordinator hears nothing) or `replies`
    (it does what it is asked, and nobody hears its answer).
    """

    needs_coordinator: ClassVar[bool] = True

    for_: Annotated[Seconds, Field(alias="for")]
    direction: Direction = "both"

    @property
    def lasts(self) -> float | None:
        """As long as given."""
        return self.for_

    @property
    def particulars(self) -> Mapping[str, Any]:
        """Which way it cuts."""
        return {"direction": self.direction}

    async def apply(self, cluster: Cluster, targets: Sequence[str]) -> Landed:
        """Cut their links."""
        return await each(partial(cluster.cut, direction=self.direction), targets)

    async def undo(self, cluster: Cluster, targets: Sequence[str]) -> Landed:
        """Heal their links."""
        return await each(cluster.heal, targets)
