"""What approaches may ask of Redis."""

from typing import Protocol


class RedisPort(Protocol):
    """One worker's view of Redis. Keys are the approach's own; the client prefixes them.

    Every operation raises Unavailable (not done) or Indeterminate (may have been done).
    Times to live are in seconds, kept by the server's clock to the millisecond.
    """

    async def set_if_absent(self, key: str, value: str, ttl: float) -> bool:
        """SET key value NX PX ttl. True where the key was set."""
        ...

    async def delete(self, key: str) -> bool:
        """DEL key, whatever its value. True where there was one."""
        ...

    async def delete_if_equal(self, key: str, value: str) -> bool:
        """Delete the key if it holds `value`, in one step (Lua). True where it did."""
        ...

    async def extend_if_equal(self, key: str, value: str, ttl: float) -> bool:
        """Give the key a new time to live if it holds `value`, in one step (Lua)."""
        ...

    async def get(self, key: str) -> str | None:
        """GET key."""
        ...
