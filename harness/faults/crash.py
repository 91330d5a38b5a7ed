"""Crash: a worker dies at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pydantic.dataclasses import dataclass

from harness.faults.cluster import Cluster, Landed
from harness.faults.fault import STRICT, Fault, each
from harness.scenario.duration import Seconds


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Crash(Fault):
    """Kill workers without warning (SIGKILL); start them again `restart_after`, if given.

    The kernel closes their connections: what is bound to a connection is freed at once, what is
    bound to a time to live or a session is not.
    """

    undone_at_end: ClassVar[bool] = False

    restart_after: Seconds | None = None

    @property
    def lasts(self) -> float | None:
        """Until the restart."""
        return self.restart_after

    async def apply(self, cluster: Cluster, targets: Sequence[str], key: str) -> Landed:
        """Kill them."""
        return await each(cluster.kill, targets)

    async def undo(self, cluster: Cluster, targets: Sequence[str], key: str) -> Landed:
        """Start them again."""
        return await each(cluster.start, targets)
