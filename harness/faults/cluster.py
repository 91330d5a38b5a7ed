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
    """A trial's workers, network and coordinators, whatever the runtime.

    Every operation returns once its effect was verified and raises NotLanded otherwise. They come
    in pairs: kill or stop and start, pause and resume, whatever is done to links and heal, skew and
    unskew, fail_runs and pass_runs; and for the nodes of coordinators crash_node and start_node,
    pause_node and resume_node. A `key` is that of the fault which asks.
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

    async def stop(self, worker: str) -> Landed:
        """Ask the worker to stop, and wait until it did: it finishes its runs, gives up leases."""
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

    async def slow(self, worker: str, delay: float, jitter: float, direction: Direction) -> Landed:
        """Let everything take `delay` seconds longer, each by up to `jitter` more or less."""
        ...

    async def lose(self, worker: str, share: float, direction: Direction) -> Landed:
        """Lose this share of what is sent, which TCP then sends again, later and later."""
        ...

    async def reset(self, worker: str) -> Landed:
        """Reset the worker's open connections, both sides; new ones may be opened at once."""
        ...

    async def refuse(self, worker: str) -> Landed:
        """Refuse new connections of the worker; open ones live on."""
        ...

    async def heal(self, worker: str) -> Landed:
        """Let everything pass again, as fast as ever: undo all that was done to its links."""
        ...

    async def skew(self, worker: str, key: str, jump: float, drift: float) -> Landed:
        """Let its own clock be `jump` s further from now on, and gain `drift` s a second.

        What was done under several keys adds up. It outlasts the process, as all that is done
        under a key: who is down has it from its start on.
        """
        ...

    async def unskew(self, worker: str, key: str) -> Landed:
        """Undo what was done to the worker's own clock under that key."""
        ...

    async def fail_runs(self, worker: str, key: str, share: float, job: str | None) -> Landed:
        """Let this share of the worker's runs of a job fail, of any job for None.

        Under several keys a run fails if any of them says so.
        """
        ...

    async def pass_runs(self, worker: str, key: str) -> Landed:
        """Let no more runs fail on account of that key."""
        ...

    async def forget(self, lease: HeldLease) -> Landed:
        """Make the coordinator forget the lease, without telling its holder."""
        ...

    @property
    def nodes(self) -> tuple[str, ...]:
        """The names of all coordinator nodes, such as `redis-1`."""
        ...

    async def leading_nodes(self) -> tuple[str, ...]:
        """Of each coordinator the node that takes writes: the primary, the ensemble's leader."""
        ...

    async def crash_node(self, node: str) -> Landed:
        """End a coordinator node at once."""
        ...

    async def start_node(self, node: str, keep_data: bool) -> Landed:
        """Start a node that is down, with what it has on disk or empty; wait until it answers."""
        ...

    async def pause_node(self, node: str) -> Landed:
        """Stop a node in the middle of whatever it does; connections stay open."""
        ...

    async def resume_node(self, node: str) -> Landed:
        """Let a paused node go on."""
        ...

    async def fail_over(self, node: str, lag: float) -> Landed:
        """Crash the leading node; another one leads, without what was written in the last `lag` s.

        Landed is the moment of the crash; it returns once the other one takes writes.
        """
        ...

    async def shift_node_clock(self, node: str, seconds: float) -> Landed:
        """Let a node's clock jump: what is to expire does so that much sooner."""
        ...
