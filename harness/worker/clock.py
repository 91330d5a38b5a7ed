"""Time as one worker sees it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class WorkerClock:
    """The trial's time, and this instance's own idea of it.

    `now` gives the trial's time in seconds since its start; `offset` is by how much the
    instance's own clock is meant to be ahead of it. Who waits does so by the trial's time, as
    timers go by a monotonic clock: one that was set before the own clock jumped is not moved by it.
    """

    def __init__(self, now: Callable[[], float], offset: float = 0.0) -> None:
        self.now = now
        self.offset = offset
        self._skewed_at = 0.0
        self._jumped = 0.0
        self._drift = 0.0

    def own(self) -> float:
        """What this instance's clock shows."""
        now = self.now()
        return now + self.offset + self._skew(now)

    def until(self, moment: float) -> float:
        """The seconds that will pass until this instance's clock shows `moment`, by its drift."""
        return (moment - self.own()) / (1.0 + self._drift)

    def skew(self, jump: float, drift: float) -> None:
        """Let the own clock be `jump` s further from now on, and gain `drift` s a second.

        Jumps add up; the drift is the last one given. Raises ValueError for a clock that would
        stand still or run backwards.
        """
        if drift <= -1.0:
            raise ValueError(f"a clock cannot lose {-drift:g} s a second and still go on")
        now = self.now()
        self._jumped = self._skew(now) + jump
        self._drift = drift
        self._skewed_at = now

    def unskew(self) -> None:
        """Set the own clock as it was meant to be."""
        self._jumped = self._drift = 0.0

    def _skew(self, now: float) -> float:
        return self._jumped + self._drift * (now - self._skewed_at)


def since(start: float, loop: asyncio.AbstractEventLoop) -> Callable[[], float]:
    """The seconds since `start` on the loop's clock; live, that is the host's monotonic clock."""
    return lambda: loop.time() - start
