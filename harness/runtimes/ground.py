"""What the trials of a comparison share: servers, and the parent that workers are forked from.

And what a trial has for itself: servers that it may break, or that are made as no others are.
"""

from __future__ import annotations

import asyncio
import resource
import shutil
import subprocess
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.coordinators.found import Found
from harness.coordinators.members import together
from harness.coordinators.server import Launcher, Server, ServerError
from harness.coordinators.sources import server_for
from harness.runtimes.forking import Zygote
from harness.runtimes.spec import System

_DESCRIPTORS = 65536


@dataclass(frozen=True, slots=True)
class Ground:
    """A launcher, a warm zygote, the servers that started, and why the others did not."""

    launcher: Launcher
    zygote: Zygote
    servers: Mapping[str, Server]
    missing: Mapping[str, str]


@asynccontextmanager
async def open_ground(
    launcher: Launcher, found: Collection[Found], wanted: Collection[str]
) -> AsyncIterator[Ground]:
    """Start the zygote and the wanted coordinators, all at once; stop them in the end."""
    servers: dict[str, Server] = {}
    missing: dict[str, str] = {}

    async def start(one: Found) -> None:
        try:
            server = server_for(one)
            await server.start(launcher)
            servers[one.name] = server
        except (ServerError, OSError) as error:
            missing[one.name] = str(error)

    _allow_many_descriptors()
    zygote = Zygote()
    try:
        await asyncio.gather(
            zygote.start(launcher), *(start(one) for one in found if one.name in wanted)
        )
        yield Ground(launcher, zygote, servers, missing)
    finally:
        zygote.close()
        await asyncio.gather(*(server.stop() for server in servers.values()))


@asynccontextmanager
async def own_servers(
    launcher: Launcher, found: Mapping[str, Found], systems: Collection[System], name: str
) -> AsyncIterator[Mapping[System, Server]]:
    """Start these systems for one trial, all at once; stop them in the end, with all they wrote.

    They live in a directory `name` below the launcher's, which must not be there yet. Raises
    ServerError where one does not start.
    """
    place = _Place(launcher, launcher.directory).below(name)
    servers = {system: server_for(found[system.name], system.layout) for system in systems}
    try:
        await together(
            *(
                server.start(place.below(f"{number}"))
                for number, server in enumerate(servers.values(), start=1)
            )
        )
        yield servers
    finally:
        await asyncio.gather(*(server.stop() for server in servers.values()))
        await asyncio.to_thread(shutil.rmtree, place.directory, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class _Place:
    """A launcher whose directory is another one, below its own."""

    launcher: Launcher
    directory: Path

    def below(self, name: str) -> _Place:
        """One directory further down."""
        directory = self.directory / name
        directory.mkdir()
        directory.chmod(0o755)  # Whatever the umask: servers may run as another user.
        return _Place(self.launcher, directory)

    def spawn(
        self,
        command: Sequence[str],
        *,
        cwd: Path,
        log: Path,
        user: str | None = None,
        env: Mapping[str, str] | None = None,
    ) -> subprocess.Popen[bytes]:
        """As the launcher does."""
        return self.launcher.spawn(command, cwd=cwd, log=log, user=user, env=env)


def _allow_many_descriptors() -> None:
    """Raise our limit as far as we may: a worker takes about ten; the usual limit is 1024."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = _DESCRIPTORS if most == resource.RLIM_INFINITY else min(most, _DESCRIPTORS)
    resource.setrlimit(resource.RLIMIT_NOFILE, (enough, most))
