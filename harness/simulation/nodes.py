"""Nodes that together are one server: which of them leads, and who leads after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.simulation.kernel import Happening
from harness.simulation.server import SimulatedServer


@dataclass(frozen=True, slots=True)
class Succession:
    """What happens where the leading node is gone. Times in seconds.

    Another one leads `takes` after its crash, and `unnoticed` later than that where it only stands
    still; without `by_itself`, only where somebody sees to it. With `majority`, the server works
    only while more than half of its nodes do.
    """

    takes: float
    unnoticed: float = 0.0
    by_itself: bool = True
    majority: bool = False


ALONE = Succession(0.0, by_itself=False)
"""Of a server that is one node: nobody can lead in its place."""


class Nodes:
    """The nodes of one server, of which clients see only whether it works and what it knows.

    The first one leads at the beginning. `durable` says whether a node still has its data when it
    is started again. What is simplified: a node that follows has no clients of its own, nobody
    notices its end, and whoever starts again has caught up at once.
    """

    def __init__(
        self,
        server: SimulatedServer,
        names: Sequence[str],
        succession: Succession = ALONE,
        *,
        durable: bool = True,
    ) -> None:
        self.server = server
        self.names = tuple(names)
        self.succession = succession
        self.durable = durable
        self._leader = self.names[0]
        self._down: set[str] = set()
        self._paused: set[str] = set()
        # Those that were started without data while nobody led whom they could have it from.
        self._empty: set[str] = set()
        self._election: Happening | None = None

    @property
    def leader(self) -> str | None:
        """The node that takes writes now, if any does."""
        return self._leader if self.server.up and not self.server.paused else None

    @property
    def heirs(self) -> list[str]:
        """Who could lead if the leader were gone now."""
        others = [name for name in self._working() if name != self._leader]
        return others if self._enough(others) else []

    def is_down(self, name: str) -> bool:
        """Whether the node has crashed and was not started since."""
        return name in self._down

    def crash(self, name: str) -> None:
        """A node dies."""
        self._down.add(name)
        self._paused.discard(name)
        if name == self._leader or not self._enough(self._working()):
            if self.server.up:
                self.server.crash()
            self._elect_in(self.succession.takes)

    def start(self, name: str, *, keep_data: bool) -> None:
        """A node comes back: it leads if it led before and nobody does now, else it follows."""
        self._down.discard(name)
        if not (keep_data and self.durable):
            self._empty.add(name)
        if self.server.up:
            self._empty.discard(name)
            self._go_on()
        elif name == self._leader and not self.succession.majority:
            self._lead(name)
        else:
            self._elect_in(self.succession.takes)

    def pause(self, name: str) -> None:
        """A node stands still."""
        self._paused.add(name)
        if self.server.up and (name == self._leader or not self._enough(self._working())):
            self.server.pause()
            self._miss()

    def resume(self, name: str) -> None:
        """A node goes on, as a follower where another one leads by now."""
        self._paused.discard(name)
        if self.server.up:
            self._go_on()
        else:
            self._elect_in(self.succession.takes)

    def fail_over(self, data: Any = None) -> None:
        """The leader dies, and the next one will have only this data; None for all of it."""
        self.crash(self._leader)
        self._plan(self.succession.takes, data)

    def _go_on(self) -> None:
        working = self._working()
        if self._leader in working and self._enough(working):
            self.server.resume()
        elif self._election is None:
            self._miss()

    def _miss(self) -> None:
        """Whoever is left gets no answer from the leader."""
        self._elect_in(self.succession.unnoticed + self.succession.takes)

    def _working(self) -> list[str]:
        return [one for one in self.names if one not in self._down and one not in self._paused]

    def _enough(self, working: Sequence[str]) -> bool:
        return not self.succession.majority or len(working) > len(self.names) / 2

    def _elect_in(self, seconds: float) -> None:
        if self.succession.by_itself:
            self._plan(seconds, None)

    def _plan(self, seconds: float, data: Any) -> None:
        if self._election is not None:
            self._election.cancel()
        self._election = self.server.kernel.plan(seconds, self._elect, data)

    def _elect(self, data: Any) -> None:
        """Let one lead that works, rather one that has data than one that has none."""
        self._election = None
        working = self._working()
        if self.leader is None and working and self._enough(working):
            self._lead(min(working, key=lambda name: name in self._empty), data)

    def _lead(self, name: str, data: Any = None) -> None:
        if self._election is not None:
            self._election.cancel()
            self._election = None
        if self.server.up:
            # Whom the last leader still has, as it stands still, will hear of the next one.
            self.server.crash()
        if data is not None:
            self.server.restore(data)
        self.server.restart(keep_data=name not in self._empty)
        self._leader = name
        self._empty.clear()
