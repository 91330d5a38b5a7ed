"""An event loop whose clock moves only when nothing is left to do: sleeping takes no time."""

from __future__ import annotations

import asyncio
import selectors

# Not 0, as the clock of a host is not: who mixes it up with the trial's time is found out.
START = 1000.0


class _NoWaiting(selectors.SelectSelector):
    """Where the loop would wait until a timer is due, its clock is put forward instead."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise RuntimeError("deadlock: everybody waits, and no timer is left")
            self.now += timeout
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """A deterministic loop for code that waits for timers and its own tasks, and nothing else."""

    def __init__(self) -> None:
        self._clock = _NoWaiting()
        super().__init__(self._clock)

    def time(self) -> float:
        """Seconds on the virtual clock."""
        return self._clock.now

    def stand_still(self, seconds: float) -> None:
        """Let time pass in which nobody gets to run, as in a process that is stopped."""
        self._clock.now += seconds
