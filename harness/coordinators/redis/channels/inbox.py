"""Messages that came over a subscription and were not taken yet."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress

from harness.coordinators.errors import Unavailable


class Inbox:
    """Filled by whoever reads the connection, emptied by `receive`."""

    def __init__(self) -> None:
        self._messages: deque[str] = deque()
        self._news = asyncio.Event()
        self._end: str | None = None

    def put(self, message: str) -> None:
        """A message came."""
        self._messages.append(message)
        self._news.set()

    def end(self, why: str) -> None:
        """No more will come."""
        if self._end is None:
            self._end = why
            self._news.set()

    async def receive(self, within: float) -> str | None:
        """The next message, None after so many seconds; Unavailable behind the last one."""
        if not self._messages and self._end is None:
            self._news.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(within):
                    await self._news.wait()
        if self._messages:
            return self._messages.popleft()
        if self._end is not None:
            raise Unavailable(self._end)
        return None
