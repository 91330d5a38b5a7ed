"""One request of a client and its answer, or the end of its patience."""

from __future__ import annotations

from typing import Generic, TypeVar

from harness.simulation.loop import SimulatedLoop

T = TypeVar("T")


class Broken(Exception):
    """The connection ended before an answer came."""


class Expired(Exception):
    """No answer came in time."""


class Call(Generic[T]):
    """Waits for an answer, for at most `patience` seconds of its loop.

    As with asyncio's timeout: where the answer and the end of patience come in the same round, as
    after a pause, patience has ended.
    """

    __slots__ = ("_expired", "_future", "_guard")

    def __init__(self, loop: SimulatedLoop, patience: float) -> None:
        self._future = loop.create_future()
        self._expired = False
        self._guard = loop.guard(patience, self._expire)

    def answer(self, value: T) -> None:
        """The answer is there."""
        if not self._future.done():
            self._future.set_result(value)

    def fail(self, error: Exception) -> None:
        """There will be no answer, or an error is the answer."""
        if not self._future.done():
            self._future.set_exception(error)

    @property
    def over(self) -> bool:
        """Whether nobody waits for an answer any more."""
        return self._future.done()

    async def wait(self) -> T:
        """The answer; raises Expired, or what `fail` was told."""
        try:
            value: T = await self._future
        except Exception:
            if self._expired:
                raise Expired from None
            raise
        finally:
            self._guard.cancel()
        if self._expired:
            raise Expired
        return value

    def _expire(self) -> None:
        self._expired = True
        if not self._future.done():
            self._future.set_result(None)
