"""Time as one worker sees it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class WorkerClock:
    """The trial's time, and this instance's own idea of it.

    `now` gives the trial's time in seconds since its start; `offset` is by how much the
    instance's own clock is ahead of it.
    """

    def __init__(self, now: Callable[[], float], offset: float = 0.0) -> None:
        self.now = now
        self.offset = offset

    def own(self) -> float:
        """What this instance's clock shows."""
        return self.now() + self.offset


def since(start: float, loop: asyncio.AbstractEventLoop) -> Callable[[], float]:
    """The seconds since `start` on the loop's clock; live, that is the host's monotonic clock."""
    return lambda: loop.time() - start
