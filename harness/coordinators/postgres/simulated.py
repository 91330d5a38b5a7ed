"""A simulated Postgres behind the same port."""

from __future__ import annotations

from random import Random
from typing import Any

from harness.coordinators.calls import CallLog
from harness.coordinators.timing import Timing
from harness.simulation.kernel import Kernel
from harness.simulation.network import Link
from harness.simulation.server import SimulatedServer


class SimulatedPostgres(SimulatedServer):
    """To be written."""

    def __init__(self, kernel: Kernel, timing: Timing) -> None:
        super().__init__(kernel, timing.executors)
        self.timing = timing

    def forget(self, handle: str) -> bool:
        """Take a lease away behind its holder's back. False where it was gone already."""
        raise NotImplementedError


async def connect(
    server: SimulatedPostgres,
    link: Link,
    random: Random,
    request_timeout: float,
    calls: CallLog,
    **own: Any,
) -> Any:
    """To be written."""
    raise NotImplementedError
