"""Stop: a worker is told to end, and does so in good order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pydantic.dataclasses import dataclass

from harness.faults.cluster import Cluster, Landed
from harness.faults.fault import STRICT, Fault, each
from harness.scenario.duration import Seconds


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Stop(Fault):
    """Ask workers to stop (SIGTERM); start them again `restart_after`, if given.

    What a deployment or a scale-down does. They finish their runs, give up their leases and close
    their connections, so nothing needs to expire.
    """

    undone_at_end: ClassVar[bool] = False
    lands_on_the_still: ClassVar[bool] = False

    restart_after: Seconds | None = None

    @property
    def lasts(self) -> float | None:
        """Until the restart."""
        return self.restart_after

    async def apply(self, cluster: Cluster, targets: Sequence[str], key: str) -> Landed:
        """Stop them."""
        return await each(cluster.stop, targets)

    async def undo(self, cluster: Cluster, targets: Sequence[str], key: str) -> Landed:
        """Start them again."""
        return await each(cluster.start, targets)
