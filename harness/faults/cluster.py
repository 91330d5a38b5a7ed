"""What faults act on: the workers of a trial, their links, and the leases that they hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from harness.faults.observation import HeldLease, Observation
from harness.history.event import Event

Direction = Literal["both", "requests", "replies"]

SERVER_SIDE = "server-side"
"""The mechanism of what is done at the coordinator itself."""


class NotLanded(Exception):
    """A disturbance that was seen not to take effect, or not to end. One line says why."""


class TargetGone(NotLanded):
    """The target was there when it was chosen and gone when it should have been hit."""


@dataclass(frozen=True, slots=True)
class Landed:
    """A disturbance that was verified: since when it is in effect, and how it was made."""

    at: float
    mechanism: str


class Cluster(Protocol):
    """A trial's workers and network, whatever the runtime.

    Every operation returns once its effect was verified and raises NotLanded otherwise. They come
    in pairs: kill and start, pause and resume, cut and heal.
    """

    @property
    def workers(self) -> tuple[str, ...]:
        """The names of all workers."""
        ...

    @property
    def observation(self) -> Observation:
        """Who runs what and holds what, as far as the history tells by now."""
        ...

    def now(self) -> float:
        """Seconds since the trial's start."""
        ...

    def record(self, event: Event) -> None:
        """Write an event into the trial's history."""
        ...

    async def kill(self, worker: str) -> Landed:
        """End the worker at once, without any clean-up of its own."""
        ...

    async def start(self, worker: str) -> Landed:
        """Start a worker that is down, and wait until it is ready."""
        ...

    async def pause(self, worker: str) -> Landed:
        """Stop the worker in the middle of whatever it does; its connections stay open."""
        ...

    async def resume(self, worker: str) -> Landed:
        """Let a paused worker go on."""
        ...

    async def cut(self, worker: str, direction: Direction) -> Landed:
        """Let nothing pass between the worker and its coordinator, in that direction."""
        ...

    async def heal(self, worker: str) -> Landed:
        """Let everything pass again."""
        ...

    async def forget(self, lease: HeldLease) -> Landed:
        """Make the coordinator forget the lease, without telling its holder."""
        ...
