"""What a trial needs of its runtime: a cluster that can be set up, started, drained and closed."""

from __future__ import annotations

import asyncio
from typing import Protocol

from harness.faults.cluster import Cluster


class TrialError(Exception):
    """Something that makes a trial worthless, in one line."""


class TrialCluster(Cluster, Protocol):
    """A cluster from its first worker to its last."""

    @property
    def broken(self) -> asyncio.Future[None]:
        """Raises TrialError once something went wrong that no fault accounts for."""
        ...

    async def set_up(self) -> None:
        """Start all workers and wait until they are ready; raises TrialError or ServerError."""
        ...

    def begin(self) -> None:
        """Start the trial's time, for all workers at once."""
        ...

    async def drain(self, patience: float) -> None:
        """Ask all workers to finish and stop; end those that take longer than `patience`."""
        ...

    async def close(self) -> None:
        """End whatever is left, and remove what the trial made; harmless at any time."""
        ...
