"""The nodes of a server of our own, each a process with a directory and a port that it keeps."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from harness.coordinators.processes import family, kill_all, send
from harness.coordinators.server import Launcher, Node, ServerError
from harness.coordinators.starting import HOST, end_child, start_child


class Member:
    """A process that can be started again and again, in its own directory, at the same port.

    `port` is chosen with the first start, unless it was set before.
    """

    def __init__(self, name: str, launcher: Launcher, directory: Path) -> None:
        self.name = name
        self.directory = directory
        self.log = directory / "server.log"
        self.port: int | None = None
        self.launcher = launcher
        self._process: subprocess.Popen[bytes] | None = None
        directory.mkdir(parents=True, exist_ok=True)

    @property
    def is_running(self) -> bool:
        """Whether its process lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        """Its first process, of whatever start; None before the first one."""
        return None if self._process is None else self._process.pid

    @property
    def node(self) -> Node:
        """Where it is; known once started."""
        if self.port is None:
            raise ServerError(f"{self.name} was not started yet")
        return Node(self.name, HOST, self.port, self.pid)

    async def start(
        self,
        command: Callable[[int], Sequence[str]],
        is_up: Callable[[int], Awaitable[bool]],
        *,
        user: str | None = None,
    ) -> None:
        """Run `command(port)` and wait until `is_up(port)`; raises ServerError."""

        def launch(port: int) -> subprocess.Popen[bytes]:
            self._process = self.launcher.spawn(
                command(port), cwd=self.directory, log=self.log, user=user
            )
            return self._process

        child = await start_child(self.name, launch, is_up, log=self.log, port=self.port)
        self.port = child.port

    def processes(self) -> list[int]:
        """All its processes, the first one first; none where it is down."""
        return family(self._process.pid) if self._process and self.is_running else []

    async def kill(self) -> None:
        """SIGKILL all its processes, and wait until they are gone; raises ServerError."""
        if self._process is None or not self.is_running:
            raise ServerError(f"{self.name} is not running")
        await kill_all(self._process.pid)
        self._process.wait()

    async def stop(self, how: signal.Signals) -> None:
        """Ask it to end, also where it stands still; harmless where it is down."""
        if self._process is not None:
            send(self.processes(), signal.SIGCONT)
            await end_child(self._process, how)


class OwnNodes:
    """The part that all servers of our own have in common: their nodes, by name.

    `ending` is the signal that asks a node to stop.
    """

    ours = True
    name: str
    ending = signal.SIGTERM

    def __init__(self) -> None:
        self._members: dict[str, Member] = {}

    @property
    def nodes(self) -> tuple[Node, ...]:
        """Its nodes; known once started."""
        return tuple(one.node for one in self._members.values() if one.port is not None)

    def processes(self, node: str) -> list[int]:
        """All processes of a node, the first one first; none where it is down."""
        return self._member(node).processes()

    async def kill(self, node: str) -> None:
        """SIGKILL all of a node, and wait until it is gone."""
        await self._member(node).kill()

    async def stop(self) -> None:
        """Stop all nodes; their data stay until the launcher's directory goes."""
        await asyncio.gather(*(one.stop(self.ending) for one in self._members.values()))

    def _make_members(self, launcher: Launcher, count: int) -> list[Member]:
        """The members, made with the first start: `redis-1` and so on, in `redis/redis-1`."""
        if not self._members:
            home = (launcher.directory / self.name).resolve()
            for number in range(1, count + 1):
                name = f"{self.name}-{number}"
                self._members[name] = Member(name, launcher, home / name)
        return list(self._members.values())

    def _member(self, node: str) -> Member:
        if node not in self._members:
            raise ServerError(f"{self.name} has no node {node}")
        return self._members[node]

    def _down(self, node: str) -> Member:
        """The member, which must be down."""
        member = self._member(node)
        if member.is_running:
            raise ServerError(f"{node} is running")
        return member

    def _running(self) -> list[Member]:
        return [one for one in self._members.values() if one.is_running]


async def together(*starts: Coroutine[Any, Any, None]) -> None:
    """Do all of it at once; where one fails, cancel the others and raise what it raised."""
    try:
        async with asyncio.TaskGroup() as tasks:
            for start in starts:
                tasks.create_task(start)
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from None
