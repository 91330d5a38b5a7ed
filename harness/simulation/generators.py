"""Async generators under way: whose each is, so that its loop closes what a program abandons."""

from __future__ import annotations

from asyncio.events import _get_running_loop
from collections.abc import AsyncGenerator
from typing import Any
from weakref import ref

# Below this, the finished ones are not worth looking for.
FEW = 64


class Generators:
    """The hooks that asyncio's own loops install, here for all loops of a kernel at once.

    Switching hooks with every switch of loops would be felt at each callback.
    """

    __slots__ = ("_enough", "_known")

    def __init__(self) -> None:
        self._known: dict[int, tuple[ref[AsyncGenerator[Any, Any]], Any]] = {}
        self._enough = FEW

    def started(self, generator: AsyncGenerator[Any, Any]) -> None:
        """It is asked for its first item, by a task of the loop that runs."""
        if len(self._known) >= self._enough:
            self._known = {key: it for key, it in self._known.items() if it[0]() is not None}
            self._enough = max(FEW, 2 * len(self._known))
        self._known[id(generator)] = (ref(generator), _get_running_loop())

    def abandoned(self, generator: AsyncGenerator[Any, Any]) -> None:
        """Nobody refers to it any more, and it has not ended."""
        # By now weak references to it are dead, which is why it is looked up by its address.
        _, loop = self._known.pop(id(generator), (None, None))
        if loop is not None:
            loop.abandoned(generator)

    def taken_from(self, loop: object) -> list[AsyncGenerator[Any, Any]]:
        """Those of a loop, in the order of their start, and no longer known."""
        theirs = [(key, it[0]()) for key, it in self._known.items() if it[1] is loop]
        for key, _ in theirs:
            del self._known[key]
        return [generator for _, generator in theirs if generator is not None]
