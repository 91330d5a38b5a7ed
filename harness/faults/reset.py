"""Reset: a worker's connections break."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pydantic.dataclasses import dataclass

from harness.faults.cluster import Cluster, Landed
from harness.faults.fault import STRICT, Fault, each_that_is_left


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Reset(Fault):
    """Reset the connections between workers and their coordinator, at both ends (RST).

    What a restarted load balancer or a firewall that forgot its connections does. New ones may be
    opened at once; what is bound to a connection is gone.
    """

    needs_coordinator: ClassVar[bool] = True
    momentary: ClassVar[bool] = True

    @property
    def lasts(self) -> float | None:
        """No time at all."""
        return 0.0

    async def apply(self, cluster: Cluster, targets: Sequence[str], key: str) -> Landed:
        """Reset their connections; who has none open needs no reset, as long as somebody has."""
        return await each_that_is_left(cluster.reset, targets)
