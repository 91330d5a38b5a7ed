"""A worker's way to a coordinator in memory, on which a test can let things go wrong."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable
from enum import Enum, auto
from typing import TypeVar

from harness.coordinators.errors import Indeterminate, Unavailable

T = TypeVar("T")

LATENCY = 0.001
REQUEST_TIMEOUT = 0.1


class Trouble(Enum):
    """What may become of a request. The last two look the same to who sent it."""

    UNAVAILABLE = auto()
    REQUEST_LOST = auto()
    ANSWER_LOST = auto()


class Link:
    """One worker's requests: `asked` has their operations, in order.

    `next` plans trouble for the requests of one operation, one after the other; `trouble` is that
    of all requests, for as long as it is set.
    """

    def __init__(self, log: Callable[[str], None] = lambda _: None) -> None:
        self.trouble: Trouble | None = None
        self.latency = LATENCY
        self.asked: list[str] = []
        self._log = log
        self._planned: defaultdict[str, deque[Trouble]] = defaultdict(deque)

    def next(self, operation: str, *troubles: Trouble) -> None:
        """Let the next requests of this operation go wrong."""
        self._planned[operation].extend(troubles)

    async def ask(self, operation: str, do: Callable[[], T]) -> T:
        """Carry one request there and its answer back."""
        self.asked.append(operation)
        self._log(f"> {operation}")
        planned = self._planned[operation]
        trouble = planned.popleft() if planned else self.trouble
        await asyncio.sleep(self.latency)
        if trouble is Trouble.UNAVAILABLE:
            raise Unavailable("no way")
        if trouble is Trouble.REQUEST_LOST:
            await asyncio.sleep(REQUEST_TIMEOUT)
            raise Indeterminate("no answer")
        result = do()
        if trouble is Trouble.ANSWER_LOST:
            await asyncio.sleep(REQUEST_TIMEOUT)
            raise Indeterminate("no answer")
        await asyncio.sleep(self.latency)
        return result
