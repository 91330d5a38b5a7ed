"""Delay: everything between a worker and its coordinator takes longer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from pydantic.dataclasses import dataclass

from harness.faults.cluster import Cluster, Landed
from harness.faults.fault import STRICT, each
from harness.faults.link_fault import BadLink
from harness.scenario.duration import PositiveSeconds


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Delay(BadLink):
    """Let everything between workers and their coordinator take `delay` longer, each way.

    What a detour to another region, a full queue on the way or a busy proxy does. A request and
    its answer together take twice as much longer, unless `direction` says which of them does.
    """

    delay: PositiveSeconds

    @property
    def particulars(self) -> Mapping[str, Any]:
        """How much, and which way."""
        return {**super().particulars, "delay": self.delay}

    async def apply(self, cluster: Cluster, targets: Sequence[str], key: str) -> Landed:
        """Slow their links down."""
        slow = partial(cluster.slow, delay=self.delay, jitter=0.0, direction=self.direction)
        return await each(slow, targets)
