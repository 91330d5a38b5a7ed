"""What approaches may ask of Redis."""

from typing import Protocol

from harness.coordinators.giving_up import gives_up
from harness.coordinators.redis.channels.port import RedisChannels
from harness.coordinators.redis.streams.port import RedisStreams


class RedisPort(Protocol):
    """One worker's view of Redis. Keys are the approach's own; the client prefixes them.

    Every operation raises Unavailable (not done) or Indeterminate (may have been done).
    Times to live are in seconds, kept by the server's clock to the millisecond.
    """

    async def set_if_absent(self, key: str, value: str, ttl: float) -> bool:
        """SET key value NX PX ttl. True where the key was set."""
        ...

    @gives_up
    async def delete(self, key: str) -> bool:
        """DEL key, whatever its value. True where there was one."""
        ...

    @gives_up
    async def delete_if_equal(self, key: str, value: str) -> bool:
        """Delete the key if it holds `value`, in one step (Lua). True where it did."""
        ...

    async def extend_if_equal(self, key: str, value: str, ttl: float) -> bool:
        """Give the key a new time to live if it holds `value`, in one step (Lua)."""
        ...

    async def get(self, key: str) -> str | None:
        """GET key."""
        ...

    async def set(self, key: str, value: str) -> None:
        """SET key value, whatever it held; without a time to live."""
        ...

    async def set_if_absent_fenced(
        self, key: str, value: str, ttl: float, counter: str
    ) -> int | None:
        """As set_if_absent, and where it was set, INCR counter in the same step (Lua).

        The counter's new value, which is the fencing token; None where the key was not set. The
        counter never expires.
        """
        ...

    async def set_unless(self, key: str, value: str, ttl: float, other: str) -> str | None:
        """As set_if_absent, but only where there is no key `other` either, in one step (Lua).

        None where the key was set; else which of the two is there, `other` before `key`.
        """
        ...

    @property
    def channels(self) -> RedisChannels:
        """Publish and subscribe."""
        ...

    @property
    def streams(self) -> RedisStreams:
        """The trial's stream of runs."""
        ...
