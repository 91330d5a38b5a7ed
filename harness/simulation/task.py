"""Tasks that asyncio treats in the same order in every process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import Context
from typing import Any


class SimulatedTask(asyncio.Task[Any]):
    """A task that hashes to its number, and that a TaskGroup cancels in the order of creation.

    asyncio's TaskGroup, wait and all_tasks keep tasks in sets. By default a task hashes to its
    address, so that their order would differ from one process to the next. Still: as_completed
    starts bare coroutines in the order of their addresses; give it tasks.
    """

    def __init__(self, coro: Any, *, number: int, **options: Any) -> None:
        # Before anything looks at the hash, as the registry of all tasks does.
        self._number = number
        super().__init__(coro, **options)

    def __hash__(self) -> int:
        return self._number

    def add_done_callback(
        self, fn: Callable[[Any], object], /, *, context: Context | None = None
    ) -> None:
        """As asyncio's; a TaskGroup makes itself known by it."""
        group = getattr(fn, "__self__", None)
        if group.__class__ is asyncio.TaskGroup and group._tasks.__class__ is set:
            # Also a set of small numbers is ordered only until they outgrow its table.
            group._tasks = OrderedTasks.fromkeys(group._tasks)  # type: ignore[assignment]
        super().add_done_callback(fn, context=context)


class OrderedTasks(dict[SimulatedTask, None]):
    """As much of a set as TaskGroup uses, first in first out."""

    def add(self, task: SimulatedTask) -> None:
        """Add a task."""
        self[task] = None

    def discard(self, task: SimulatedTask) -> None:
        """Take a task out, if it is there."""
        self.pop(task, None)


class _Buried(BaseException):
    """What a dead task's coroutine ends with. GeneratorExit would not wait for a `finally`."""


# How often a coroutine is told to end: each `await` in a `finally` takes one more.
_TELLINGS = 100


def end_coroutine(task: asyncio.Task[Any]) -> None:
    """End what a task runs, whatever it does on its way out; the task itself never learns."""
    coroutine = task.get_coro()
    for _ in range(_TELLINGS):
        try:
            if coroutine is not None:
                # Comes back where it waits again, in a `finally`.
                coroutine.throw(_Buried())
        except BaseException:
            return
