"""Tasks that sets keep in the same order in every process."""

from __future__ import annotations

import asyncio
from typing import Any


class SimulatedTask(asyncio.Task[Any]):
    """A task that hashes to its number.

    asyncio's TaskGroup and wait keep tasks in sets. By default a task hashes to its address, so
    that the order in which they are cancelled would differ from one process to the next.
    """

    def __init__(self, coro: Any, *, number: int, **options: Any) -> None:
        # Before anything looks at the hash, as the registry of all tasks does.
        self._number = number
        super().__init__(coro, **options)

    def __hash__(self) -> int:
        return self._number
