"""Simulated channels: who is subscribed at the server, and a worker's side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.coordinators.giving_up import gives_up
from harness.coordinators.redis.channels.inbox import Inbox
from harness.coordinators.redis.expiry import milliseconds
from harness.simulation.network import Connection

if TYPE_CHECKING:
    from harness.coordinators.redis.simulated import SimulatedRedisClient


@dataclass(frozen=True, slots=True)
class Subscriber:
    """Who gets a channel's messages; `way_back` draws how long one takes, in seconds."""

    deliver: Callable[[str], None]
    way_back: Callable[[], float]


class Subscribers:
    """The subscriptions of a server, each bound to its connection, in the order of their making."""

    def __init__(self) -> None:
        self._channels: dict[str, dict[Connection, Subscriber]] = {}

    def add(self, channel: str, connection: Connection, subscriber: Subscriber) -> None:
        """SUBSCRIBE; nothing where the client has closed the connection already."""
        if not connection.server_closed:
            self._channels.setdefault(channel, {})[connection] = subscriber
            connection.peer = channel

    def remove(self, connection: Connection) -> None:
        """The connection ended."""
        if connection.peer is not None:
            subscribers = self._channels[connection.peer]
            del subscribers[connection]
            if not subscribers:
                del self._channels[connection.peer]
            connection.peer = None

    def publish(self, channel: str, message: str) -> int:
        """Send a message to all of them; how many those are."""
        subscribers = self._channels.get(channel, {})
        for connection, subscriber in subscribers.items():
            connection.reply(subscriber.way_back(), subscriber.deliver, message)
        return len(subscribers)

    def clear(self) -> None:
        """All connections ended."""
        for subscribers in self._channels.values():
            for connection in subscribers:
                connection.peer = None
        self._channels.clear()


class SimulatedSubscription:
    """Messages of a channel, over a connection of its own."""

    def __init__(
        self,
        connection: Connection,
        inbox: Inbox,
        closed: Callable[[SimulatedSubscription], object],
    ) -> None:
        self._connection = connection
        self._inbox = inbox
        self._closed = closed

    async def receive(self, within: float) -> str | None:
        """The next message; None where none came within so many seconds."""
        return await self._inbox.receive(within)

    async def close(self) -> None:
        """End it, at once."""
        self._inbox.end("the subscription is closed")
        self._connection.close()
        self._closed(self)


class SimulatedChannels:
    """One worker's view of channels."""

    def __init__(self, client: SimulatedRedisClient) -> None:
        self._client = client
        self._open: dict[SimulatedSubscription, None] = {}

    async def subscribe(self, channel: str) -> SimulatedSubscription:
        """SUBSCRIBE channel."""
        client, inbox = self._client, Inbox()
        subscriber = Subscriber(inbox.put, client.way_back)
        connection = await client.keep_connection(
            "channels.subscribe",
            lambda connection: client.server.subscribe(channel, connection, subscriber),
            inbox.end,
        )
        subscription = SimulatedSubscription(connection, inbox, self._open.pop)
        self._open[subscription] = None
        return subscription

    async def publish(self, channel: str, message: str) -> int:
        """PUBLISH channel message. How many subscribers it was sent to."""
        client = self._client
        count: int = await client.ask("channels.publish", client.server.publish, channel, message)
        return count

    @gives_up
    async def release(self, key: str, value: str, mark: str, mark_ttl: float, channel: str) -> bool:
        """Give up a lock and tell those who wait for it, in one step."""
        client = self._client
        args = (key, value, mark, milliseconds(mark_ttl), channel)
        released: bool = await client.ask("channels.release", client.server.release, *args)
        return released

    async def close(self) -> None:
        """End every subscription."""
        for subscription in list(self._open):
            await subscription.close()
