"""Connections to that one of several Redis servers that says that it is the primary."""

from __future__ import annotations

import re
from typing import Any

import redis.asyncio.connection as redis_connection
from redis import exceptions

from harness.coordinators.racing import first_of

_NEXT_URL = re.compile(",(?=redis://)")

Address = tuple[str, int]


def connection_pool(url: str, **options: Any) -> redis_connection.ConnectionPool:
    """A pool of connections to the one server of `url`, or to the primary among several.

    Several addresses are separated by commas. `options` are those of redis-py's connections.
    """
    urls = _NEXT_URL.split(url)
    pool = redis_connection.ConnectionPool.from_url(urls[0], **options)
    if len(urls) > 1:
        parsed = [redis_connection.parse_url(one) for one in urls]
        pool.connection_class = PrimaryConnection
        pool.connection_kwargs["addresses"] = [(one["host"], one["port"]) for one in parsed]
    return pool


class PrimaryConnection(redis_connection.Connection):
    """Asks all servers for their ROLE at once when it connects, and takes the first primary.

    https://redis.io/docs/latest/develop/reference/sentinel-clients/ has a client ask a Sentinel
    first, and then do the same.
    """

    def __init__(self, *, addresses: list[Address], **options: Any) -> None:
        super().__init__(**options)
        self._addresses = addresses
        self._options = options

    async def connect(self) -> None:
        """Connect to the primary; raises ConnectionError where no server says that it is."""
        if not self.is_connected:
            attempts = [self._asked(address) for address in self._addresses]
            self.host, self.port = await first_of(attempts, _nothing)
        await super().connect()  # type: ignore[no-untyped-call]

    async def _asked(self, address: Address) -> Address:
        host, port = address
        options = {**self._options, "host": host, "port": port}
        connection = redis_connection.Connection(**options)
        try:
            await connection.connect()  # type: ignore[no-untyped-call]
            await connection.send_command("ROLE")
            role: Any = await connection.read_response()
        finally:
            await connection.disconnect(nowait=True)
        if role[0] != "master":
            raise exceptions.ConnectionError(f"{host}:{port} is no primary")
        return address


async def _nothing(_: Address) -> None:
    """An address is not to be closed."""
