"""What approaches may ask of Redis' channels."""

from typing import Protocol

from harness.coordinators.giving_up import gives_up


class Subscription(Protocol):
    """Messages of a channel from now on, over a connection of its own.

    At most once: a message that finds the connection broken, or is held up on it when it breaks, is
    lost. It does not reconnect, so that nobody overlooks that.
    """

    async def receive(self, within: float) -> str | None:
        """The next message; None where none came within so many seconds.

        Raises Unavailable once the connection is known to have ended. On a link that has gone
        silent it is not: there is nothing to tell this from a channel without news.
        """
        ...

    async def close(self) -> None:
        """End it, at once."""
        ...


class RedisChannels(Protocol):
    """One worker's view of channels. Raises as RedisPort does; times in seconds."""

    async def subscribe(self, channel: str) -> Subscription:
        """SUBSCRIBE channel. Raises Unavailable where the server did not confirm it in time."""
        ...

    async def publish(self, channel: str, message: str) -> int:
        """PUBLISH channel message. How many subscribers it was sent to."""
        ...

    @gives_up
    async def release(self, key: str, value: str, mark: str, mark_ttl: float, channel: str) -> bool:
        """Give up a lock and tell those who wait for it, in one step (Lua).

        SET mark 1 PX mark_ttl, whoever has the lock. Where `key` holds `value`: DEL key, and
        PUBLISH channel key. True where it did.
        """
        ...
