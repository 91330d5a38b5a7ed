"""The ways from simulated workers to their coordinators, and what faults do to them."""

from __future__ import annotations

from collections.abc import Callable

from harness.faults.cluster import Direction, Landed, NotLanded, TargetGone
from harness.simulation.kernel import Kernel
from harness.simulation.network import Link, Way
from harness.simulation.randomness import stream

MECHANISM = "simulated"


class SimulatedLinks:
    """Each worker's links: one to each server that clients tell apart.

    A fault acts on all links of a worker. `now` gives the trial's time.
    """

    def __init__(self, kernel: Kernel, seed: int, now: Callable[[], float]) -> None:
        self._kernel = kernel
        self._seed = seed
        self._now = now
        self._links: dict[str, tuple[Link, ...]] = {}

    def open(self, worker: str, count: int) -> None:
        """Make a worker's links, to so many servers."""
        self._links[worker] = tuple(
            # The first one's stream is the same however many there are.
            Link(self._kernel, stream(self._seed, worker, "link", *([number] if number else [])))
            for number in range(count)
        )

    def of(self, worker: str) -> tuple[Link, ...]:
        """A worker's links; empty where it has no coordinator."""
        return self._links.get(worker, ())

    async def cut(self, worker: str, direction: Direction) -> Landed:
        """Let nothing arrive."""
        for link in self._disturbed(worker):
            link.cut(*_ways(direction))
        return self._landed()

    async def slow(self, worker: str, delay: float, jitter: float, direction: Direction) -> Landed:
        """Let everything arrive later."""
        for link in self._disturbed(worker):
            link.slow(delay, *_ways(direction), jitter=jitter)
        return self._landed()

    async def lose(self, worker: str, share: float, direction: Direction) -> Landed:
        """Lose some of what is sent, which is then sent again."""
        for link in self._disturbed(worker):
            link.lose(share, *_ways(direction))
        return self._landed()

    async def reset(self, worker: str) -> Landed:
        """Break all open connections; raises TargetGone where there is none."""
        links = self._disturbed(worker)
        if not any(link.connections for link in links):
            raise TargetGone(f"{worker} has no open connection")
        for link in links:
            link.reset()
        return self._landed()

    async def refuse(self, worker: str) -> Landed:
        """Let no new connection be made."""
        for link in self._disturbed(worker):
            link.refuse()
        return self._landed()

    async def heal(self, worker: str) -> Landed:
        """Let everything arrive again, what was held back first."""
        for link in self._disturbed(worker):
            link.heal()
        return self._landed()

    def _disturbed(self, worker: str) -> tuple[Link, ...]:
        links = self.of(worker)
        if not links:
            raise NotLanded(f"{worker} has no coordinator to be cut off from")
        return links

    def _landed(self) -> Landed:
        return Landed(self._now(), MECHANISM)


def _ways(direction: Direction) -> tuple[Way, ...]:
    return () if direction == "both" else (Way(direction),)
