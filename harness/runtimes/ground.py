"""What the trials of a comparison share: servers, and the parent that workers are forked from."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from harness.coordinators.found import Found
from harness.coordinators.server import Launcher, Server, ServerError
from harness.coordinators.sources import server_for
from harness.runtimes.forking import Zygote

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


def _allow_many_descriptors() -> None:
    """Raise our limit as far as we may: a worker takes about ten; the usual limit is 1024."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = _DESCRIPTORS if most == resource.RLIM_INFINITY else min(most, _DESCRIPTORS)
    resource.setrlimit(resource.RLIMIT_NOFILE, (enough, most))
