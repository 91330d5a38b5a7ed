"""Redis in memory: keys with a time to live."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from tests.approaches.link import Link


class Store:
    """The server. Keys go when their time is up."""

    def __init__(self) -> None:
        self._keys: dict[str, tuple[str, float]] = {}

    def get(self, key: str) -> str | None:
        value, expires = self._keys.get(key, ("", 0.0))
        return value if expires > self._now() else None

    def put(self, key: str, value: str, ttl: float) -> None:
        self._keys[key] = (value, self._now() + ttl)

    def delete(self, key: str) -> bool:
        there = self.get(key) is not None
        self._keys.pop(key, None)
        return there

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


@dataclass
class FakeRedis:
    """One worker's view of it."""

    store: Store
    link: Link = field(default_factory=Link)

    async def set_if_absent(self, key: str, value: str, ttl: float) -> bool:
        def do() -> bool:
            if self.store.get(key) is not None:
                return False
            self.store.put(key, value, ttl)
            return True

        return await self.link.ask("set_if_absent", do)

    async def delete(self, key: str) -> bool:
        return await self.link.ask("delete", lambda: self.store.delete(key))

    async def delete_if_equal(self, key: str, value: str) -> bool:
        return await self.link.ask(
            "delete_if_equal", lambda: self.store.get(key) == value and self.store.delete(key)
        )

    async def extend_if_equal(self, key: str, value: str, ttl: float) -> bool:
        def do() -> bool:
            if self.store.get(key) != value:
                return False
            self.store.put(key, value, ttl)
            return True

        return await self.link.ask("extend_if_equal", do)

    async def get(self, key: str) -> str | None:
        return await self.link.ask("get", lambda: self.store.get(key))
