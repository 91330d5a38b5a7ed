"""What the harness needs of a coordinator's server: start it, give it out, and make it forget."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class Launcher(Protocol):
    """Starts processes that cannot outlive the harness, in a directory that goes with it."""

    @property
    def directory(self) -> Path:
        """A temporary directory; every user may enter it."""
        ...

    def spawn(
        self,
        command: Sequence[str],
        *,
        cwd: Path,
        log: Path,
        user: str | None = None,
        env: Mapping[str, str] | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start a process, as `user` where we are root; output goes to `log`, `env` is added."""
        ...


class ServerError(Exception):
    """A server that did not start, or did not do as told. One line, naming the log."""


@dataclass(frozen=True, slots=True)
class Node:
    """One server process. `pid` is None where it is not ours (a URL from the environment)."""

    name: str
    host: str
    port: int
    pid: int | None = None


class Server(Protocol):
    """A coordinator: one or more nodes that are one system."""

    @property
    def name(self) -> str:
        """`redis`, `zookeeper` or `postgres`."""
        ...

    @property
    def version(self) -> str:
        """What the server says it is, e.g. "Redis 7.0.15"; known once started."""
        ...

    @property
    def source(self) -> str:
        """Where it comes from: a variable, a path, a package with its version."""
        ...

    @property
    def nodes(self) -> tuple[Node, ...]:
        """Its nodes; known once started."""
        ...

    async def start(self, launcher: Launcher) -> None:
        """Start it and wait until it answers; raises ServerError. Connects only, where given."""
        ...

    async def stop(self) -> None:
        """Stop it; harmless where it is not running or not ours."""
        ...

    def url(self, addresses: Sequence[tuple[str, int]]) -> str:
        """What a client needs to reach it at these addresses, one a node, credentials included."""
        ...

    async def create_namespace(self, namespace: str) -> None:
        """Make room for one trial: a key prefix, a root node, a schema with its tables."""
        ...

    async def drop_namespace(self, namespace: str) -> None:
        """Remove all that the trial left, and nothing else."""
        ...

    @property
    def ours(self) -> bool:
        """Whether we started it, and so may break it."""
        ...

    def processes(self, node: str) -> list[int]:
        """The ids of all processes of a node, the first one's own children among them."""
        ...

    async def leader(self) -> str:
        """The name of the node that takes writes now; raises ServerError where none does."""
        ...

    async def kill(self, node: str) -> None:
        """SIGKILL all of a node, and wait until it is gone."""
        ...

    async def restart(self, node: str, keep_data: bool) -> None:
        """Start a node that is down, at the same port; with what it has on disk, or empty.

        Empty, it has the namespaces that were created, with nothing in them.
        """
        ...

    async def fail_over(self, lag: float, crashed: Callable[[], None]) -> str:
        """Kill the leader once nothing it wrote for `lag` s got to others; the new leader's name.

        `crashed` is called in the moment of the kill. Returns once the new leader takes writes.
        """
        ...

    async def shift_clock(self, node: str, seconds: float) -> None:
        """Let all that is to expire on a node do so that much sooner; ServerError if it cannot."""
        ...

    async def forget(self, namespace: str, handle: str) -> bool:
        """Take a lease away behind its holder's back. False where it was gone already.

        `handle` is what `lease.granted` carries: a key, a session, a backend's pid.
        """
        ...

    async def answers(self, host: str, port: int, timeout: float) -> bool:
        """Whether the system answers at this address, on a fresh connection, within `timeout`."""
        ...
