"""Time as one worker sees it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class _Skew:
    """By how much a clock is wrong: by `jump` s since then, and by `drift` s a second more."""

    jump: float
    drift: float
    since: float


class WorkerClock:
    """The trial's time, and this instance's own idea of it.

    `now` gives the trial's time in seconds since its start; `offset` is by how much the
    instance's own clock is meant to be ahead of it. Who waits does so by the trial's time, as
    timers go by a monotonic clock: one that was set before the own clock jumped is not moved by it.
    """

    def __init__(self, now: Callable[[], float], offset: float = 0.0) -> None:
        self.now = now
        self.offset = offset
        self._skews: dict[str, _Skew] = {}

    def own(self) -> float:
        """What this instance's clock shows."""
        now = self.now()
        return now + self.offset + self._wrong(now)

    def until(self, moment: float) -> float:
        """The seconds that will pass until this instance's clock shows `moment`, by its drift."""
        return (moment - self.own()) / (1.0 + self._drift())

    def skew(self, key: str, jump: float, drift: float, since: float | None = None) -> None:
        """Let the own clock be `jump` s further, and gain `drift` s a second.

        `since` is the moment from which on it gains, in the trial's time; now by default. What is
        done under several keys adds up; under the same one, the last counts. Raises ValueError for
        a clock that would stand still or run backwards.
        """
        before = self._skews.get(key)
        total = self._drift() - (0.0 if before is None else before.drift) + drift
        if total <= -1.0:
            raise ValueError(f"a clock cannot lose {-total:g} s a second and still go on")
        self._skews[key] = _Skew(jump, drift, self.now() if since is None else since)

    def unskew(self, key: str) -> None:
        """Undo what was done under that key; harmless where nothing was."""
        self._skews.pop(key, None)

    def _wrong(self, now: float) -> float:
        return sum(one.jump + one.drift * (now - one.since) for one in self._skews.values())

    def _drift(self) -> float:
        return sum(one.drift for one in self._skews.values())


def since(start: float, loop: asyncio.AbstractEventLoop) -> Callable[[], float]:
    """The seconds since `start` on the loop's clock; live, that is the host's monotonic clock."""
    return lambda: loop.time() - start
