"""Independent Redis servers, as an approach sees them that asks each by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from harness.coordinators.errors import CoordinatorError, Unavailable
from harness.coordinators.redis.port import RedisPort


class NodeClient(RedisPort, Protocol):
    """The client of one server."""

    async def ping(self) -> None:
        """Ask for an answer."""
        ...

    async def close(self) -> None:
        """Close its connections."""
        ...


class RedisNodes:
    """Ports to servers that know nothing of each other, in an order that all workers share."""

    def __init__(self, clients: Sequence[NodeClient]) -> None:
        self._clients = tuple(clients)

    @property
    def nodes(self) -> tuple[RedisPort, ...]:
        """One port a server."""
        return self._clients

    async def close(self) -> None:
        """Close every client."""
        for client in self._clients:
            await client.close()


async def answering(clients: Sequence[NodeClient]) -> RedisNodes:
    """The clients as one, once most servers have answered a PING; else closes them.

    Raises Unavailable, as without most of them nothing can be locked.
    """
    answers = await asyncio.gather(*(client.ping() for client in clients), return_exceptions=True)
    failures = [answer for answer in answers if isinstance(answer, BaseException)]
    others = [failure for failure in failures if not isinstance(failure, CoordinatorError)]
    nodes = RedisNodes(clients)
    if others or 2 * len(failures) >= len(clients):
        await nodes.close()
    if others:
        raise others[0]
    if 2 * len(failures) >= len(clients):
        raise Unavailable(f"{len(failures)} of {len(clients)} servers: {failures[0]}")
    return nodes
