"""Channels over redis-py."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import RedisError

from harness.coordinators.errors import in_one_line
from harness.coordinators.giving_up import gives_up
from harness.coordinators.redis.channels.inbox import Inbox
from harness.coordinators.redis.expiry import milliseconds

if TYPE_CHECKING:
    from harness.coordinators.redis.client import RedisClient

RELEASE = """
redis.call("SET", KEYS[2], "1", "PX", ARGV[2])
if redis.call("GET", KEYS[1]) ~= ARGV[1] then
    return 0
end
redis.call("DEL", KEYS[1])
redis.call("PUBLISH", ARGV[3], ARGV[4])
return 1
"""


class ClientSubscription:
    """Messages of a channel, read as they come from a connection of its own."""

    def __init__(
        self, connection: AbstractConnection, closed: Callable[[ClientSubscription], object]
    ) -> None:
        self._connection = connection
        self._closed = closed
        self._inbox = Inbox()
        self._reading = asyncio.create_task(self._read())

    async def receive(self, within: float) -> str | None:
        """The next message; None where none came within so many seconds."""
        return await self._inbox.receive(within)

    async def close(self) -> None:
        """End it, at once."""
        self._inbox.end("the subscription is closed")
        self._reading.cancel()
        await asyncio.wait({self._reading})
        await self._connection.disconnect(nowait=True)
        self._closed(self)

    async def _read(self) -> None:
        try:
            while True:
                kind, _channel, message = await self._connection.read_response()
                if kind == "message":
                    self._inbox.put(message)
        except (RedisError, OSError) as error:
            self._inbox.end(in_one_line(error))


class ClientChannels:
    """One worker's view of channels."""

    def __init__(self, client: RedisClient) -> None:
        self._client = client
        self._open: dict[ClientSubscription, None] = {}

    async def subscribe(self, channel: str) -> ClientSubscription:
        """SUBSCRIBE channel."""
        client = self._client
        connection = await client.keep_connection(
            "channels.subscribe", "SUBSCRIBE", client.key(channel)
        )
        subscription = ClientSubscription(connection, self._open.pop)
        self._open[subscription] = None
        return subscription

    async def publish(self, channel: str, message: str) -> int:
        """PUBLISH channel message. How many subscribers it was sent to."""
        client = self._client
        return int(await client.ask("channels.publish", "PUBLISH", client.key(channel), message))

    @gives_up
    async def release(self, key: str, value: str, mark: str, mark_ttl: float, channel: str) -> bool:
        """Give up a lock and tell those who wait for it, in one step (Lua)."""
        name = self._client.key
        command = ("EVAL", RELEASE, 2, name(key), name(mark), value, milliseconds(mark_ttl))
        told = (name(channel), key)
        return bool(await self._client.ask("channels.release", *command, *told))

    async def close(self) -> None:
        """End every subscription."""
        for subscription in list(self._open):
            await subscription.close()
