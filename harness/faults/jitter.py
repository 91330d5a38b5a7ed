"""Jitter: everything between a worker and its coordinator takes longer, never by the same."""

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
class Jitter(BadLink):
    """Let everything between workers and their coordinator take up to `spread` longer, at random.

    What neighbours on a shared network or a busy hypervisor do. Half of `spread` on average, each
    way; nothing overtakes anything, as within a TCP connection.
    """

    spread: PositiveSeconds

    @property
    def particulars(self) -> Mapping[str, Any]:
        """How much, and which way."""
        return {**super().particulars, "spread": self.spread}

    async def apply(self, cluster: Cluster, targets: Sequence[str], key: str) -> Landed:
        """Slow their links down, by any amount from nothing to all of it."""
        half = self.spread / 2
        slow = partial(cluster.slow, delay=half, jitter=half, direction=self.direction)
        return await each(slow, targets)
