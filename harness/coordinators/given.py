"""A server that somebody else runs: it is used as it is, and never broken."""

from __future__ import annotations

from collections.abc import Callable

from harness.coordinators.server import Node, ServerError


class Given:
    """The part that all given servers have in common: what is not done to them."""

    ours = False
    source: str
    nodes: tuple[Node, ...] = ()

    async def stop(self) -> None:
        """Nothing: it is not ours."""

    def processes(self, node: str) -> list[int]:
        """Not known."""
        raise self._refusal()

    async def leader(self) -> str:
        """Not known."""
        raise self._refusal()

    async def kill(self, node: str) -> None:
        """Refused."""
        raise self._refusal()

    async def restart(self, node: str, keep_data: bool) -> None:
        """Refused."""
        raise self._refusal()

    async def fail_over(self, lag: float, crashed: Callable[[], None]) -> str:
        """Refused."""
        raise self._refusal()

    async def shift_clock(self, node: str, seconds: float) -> None:
        """Refused."""
        raise self._refusal()

    def _refusal(self) -> ServerError:
        return ServerError(f"{self.source}: not started by us, so not ours to break")
