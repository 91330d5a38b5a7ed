"""What is on its way in one direction of a connection."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable


class DelayLine:
    """Lets things happen in the order in which they were put in, each as late as it was told.

    Held, it lets nothing happen; released, what is due by then happens at once.
    """

    def __init__(self) -> None:
        self._waiting: deque[tuple[float, Callable[[], None]]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._held = False

    def put(self, arrive: Callable[[], None], delay: float) -> None:
        """Let it arrive in `delay` seconds, but not before what was put in before it."""
        if delay <= 0 and not self._waiting and not self._held:
            arrive()
            return
        at = asyncio.get_running_loop().time() + delay
        self._waiting.append((max(at, self._waiting[-1][0]) if self._waiting else at, arrive))
        self._wait()

    def hold(self, held: bool) -> None:
        """Hold everything back, or no more."""
        if held is not self._held:
            self._held = held
            self._let_arrive()

    def clear(self) -> None:
        """Lose what is on its way."""
        self._waiting.clear()
        self._let_arrive()

    def _let_arrive(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now = asyncio.get_running_loop().time()
        while self._waiting and not self._held and self._waiting[0][0] <= now:
            _, arrive = self._waiting.popleft()
            arrive()
        self._wait()

    def _wait(self) -> None:
        if self._timer is None and self._waiting and not self._held:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(self._waiting[0][0], self._let_arrive)
