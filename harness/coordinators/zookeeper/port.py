"""What approaches may ask of ZooKeeper."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from harness.coordinators.errors import CoordinatorError
from harness.coordinators.giving_up import gives_up


class SessionState(StrEnum):
    """What the client knows of its session (kazoo's KazooState).

    SUSPENDED: the connection is gone, the session may live. LOST: the server said that it ended;
    a client that is cut off learns this only once it reaches a server again.
    """

    CONNECTED = "connected"
    SUSPENDED = "suspended"
    LOST = "lost"


class NodeExists(CoordinatorError):
    """There is a node of that path already. A definite answer: nothing was done."""


@dataclass(frozen=True, slots=True)
class Node:
    """A node as it was read or created. `czxid`, of its creation, only ever grows."""

    path: str
    value: str
    version: int
    czxid: int


class ZooKeeperPort(Protocol):
    """One worker's session with ZooKeeper. Paths start with "/", below the trial's own root.

    Every operation raises Unavailable (not done) or Indeterminate (may have been done).
    """

    @property
    def state(self) -> SessionState:
        """What the client knows of its session now."""
        ...

    @property
    def session(self) -> str:
        """The session as "id:password" in hexadecimal: what it takes to end it from outside.

        Changes when the client opens a new session after LOST.
        """
        ...

    @property
    def negotiated_timeout(self) -> float:
        """The session timeout that the server granted, in seconds."""
        ...

    def states(self) -> AsyncIterator[SessionState]:
        """Every change of state from now on, none skipped."""
        ...

    async def create(
        self, path: str, value: str = "", *, ephemeral: bool = False, sequential: bool = False
    ) -> Node:
        """Create a node and what is missing above it; the path returned has its sequence number.

        An ephemeral node goes with the session. Raises NodeExists.
        """
        ...

    @gives_up
    async def delete(self, path: str) -> bool:
        """Delete a node, whatever its version. False where there was none."""
        ...

    async def get(self, path: str) -> Node | None:
        """Read a node; None where there is none."""
        ...

    async def set(self, path: str, value: str) -> bool:
        """Write a node's value. False where there is no such node."""
        ...

    async def children(self, path: str) -> list[str]:
        """The names of the nodes right below, sorted; empty where there is no such node."""
        ...

    async def watch(self, path: str) -> asyncio.Event | None:
        """An event that is set at the node's next change, or when the connection is lost.

        One-shot, as ZooKeeper's watches are; kazoo drops them when SUSPENDED, so look again after
        any wake-up. None where there is no such node.
        """
        ...

    async def watch_children(self, path: str) -> tuple[list[str], asyncio.Event] | None:
        """As `children`, and an event that is set when one comes or goes, or as with `watch`."""
        ...
