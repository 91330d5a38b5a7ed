"""Three Redis Sentinels, which watch a primary and promote a follower when it is gone."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from harness.coordinators.members import Member, together
from harness.coordinators.server import Launcher, Node, ServerError
from harness.coordinators.starting import HOST, ask

DOWN_AFTER = 1.0
"""Seconds without an answer after which a Sentinel takes the primary for dead."""

_COUNT = 3
_QUORUM = 2
_WATCHED = "harness"
_TIMEOUT = 2.0

_CONFIGURATION = f"""\
port {{port}}
bind {HOST}
dir {{directory}}
sentinel monitor {_WATCHED} {HOST} {{primary}} {_QUORUM}
sentinel down-after-milliseconds {_WATCHED} {DOWN_AFTER * 1000:.0f}
sentinel failover-timeout {_WATCHED} 2000
sentinel parallel-syncs {_WATCHED} 8
"""

# How often, in milliseconds, they look at the servers and at each other: every 10 s and 2 s is what
# they do by themselves, and then it takes as long until they know each other. Redis 7 and later.
# PING must come sooner than DOWN_AFTER, or who was not asked yet is taken for dead; and five of its
# periods must be well over a second: a follower whose state is older than that is not promoted, and
# while the primary is down, they ask for it only every second.
_QUICKER = ("INFO-PERIOD", "200", "PUBLISH-PERIOD", "200", "PING-PERIOD", "400")


class Sentinels:
    """Three processes of `program`, with directories below `home`."""

    def __init__(self, program: Path, launcher: Launcher, home: Path) -> None:
        self._program = program
        self._members = [
            Member(name, launcher, home / name)
            for name in (f"sentinel-{number}" for number in range(1, _COUNT + 1))
        ]

    async def start(self, primary: Node) -> None:
        """Start them all; the primary's followers must be connected to it by now."""
        await together(*(self._start(member, primary) for member in self._members))

    async def stop(self) -> None:
        """End them."""
        await asyncio.gather(*(member.stop(signal.SIGTERM) for member in self._members))

    async def primary(self) -> int:
        """The port of the server that they take for the primary; raises ServerError."""
        for member in self._members:
            with suppress(RedisError, OSError):
                async with _connected(member) as sentinel:
                    address: Any = await sentinel.sentinel_get_master_addr_by_name(_WATCHED)
                    if address is not None:
                        return int(address[1])
        raise ServerError("no Sentinel answers")

    async def know(self, primary: int, followers: int) -> bool:
        """Whether all of them know that primary, so many live followers, and each other."""
        try:
            states = [await self._state(member) for member in self._members]
        except (RedisError, OSError):
            return False
        return all(
            state["port"] == primary
            and not state["is_sdown"]
            and state["num-other-sentinels"] == _COUNT - 1
            and len(alive) == followers
            for state, alive in states
        )

    async def _state(self, member: Member) -> tuple[Mapping[str, Any], Sequence[Any]]:
        async with _connected(member) as sentinel:
            state: Any = await sentinel.sentinel_master(_WATCHED)
            followers = await sentinel.sentinel_slaves(_WATCHED)
        alive = [
            one
            for one in followers
            if not (one["is_sdown"] or one["is_disconnected"])
            and one["master-link-status"] == "ok"
            and one["master-port"] == state["port"]
        ]
        return state, alive

    async def _start(self, member: Member, primary: Node) -> None:
        configuration = member.directory / "sentinel.conf"

        def command(port: int) -> Sequence[str]:
            configuration.write_text(
                _CONFIGURATION.format(port=port, directory=member.directory, primary=primary.port)
            )
            return [str(self._program), str(configuration), "--sentinel"]

        async def is_up(port: int) -> bool:
            request = f"SENTINEL GET-MASTER-ADDR-BY-NAME {_WATCHED}\r\n".encode()
            return str(primary.port).encode() in await ask(HOST, port, request, 0.5)

        await member.start(command, is_up)
        with suppress(RedisError, OSError):
            async with _connected(member) as sentinel:
                await sentinel.execute_command(  # type: ignore[no-untyped-call]
                    "SENTINEL", "DEBUG", *_QUICKER
                )


def _connected(member: Member) -> Redis:
    return Redis(
        host=HOST,
        port=member.node.port,
        socket_timeout=_TIMEOUT,
        socket_connect_timeout=_TIMEOUT,
        retry=Retry(NoBackoff(), 0),
        decode_responses=True,
    )
