"""Asking several servers at once, and taking the first that will do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")


async def first_of(
    attempts: Sequence[Coroutine[Any, Any, T]], discard: Callable[[T], Awaitable[object]]
) -> T:
    """What the first attempt returns that does not raise; the others are cancelled.

    Where all raise, so does this, with one of their errors. `discard` gets what came too late.
    """
    tasks = [asyncio.ensure_future(attempt) for attempt in attempts]
    taken: asyncio.Future[T] | None = None
    try:
        waiting = set(tasks)
        while waiting and taken is None:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            taken = next((one for one in done if one.exception() is None), None)
        return (taken or tasks[0]).result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        for task in tasks:
            if task is not taken and not task.cancelled():
                with suppress(Exception):
                    await discard(task.result())
