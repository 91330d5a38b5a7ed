"""Redis in memory: keys with a time to live, channels, and a stream."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, field

from harness.coordinators.redis.channels.inbox import Inbox
from harness.coordinators.redis.streams.port import Message
from harness.coordinators.redis.streams.simulated import Stream
from tests.approaches.link import Link


class Store:
    """The server. Keys go when their time is up."""

    def __init__(self) -> None:
        self._keys: dict[str, tuple[str, float]] = {}
        self.inboxes: dict[str, list[Inbox]] = {}
        self.stream = Stream()

    def get(self, key: str) -> str | None:
        value, expires = self._keys.get(key, ("", 0.0))
        return value if expires > self._now() else None

    def put(self, key: str, value: str, ttl: float = math.inf) -> None:
        self._keys[key] = (value, self._now() + ttl)

    def put_if_absent(self, key: str, value: str, ttl: float) -> bool:
        if self.get(key) is not None:
            return False
        self.put(key, value, ttl)
        return True

    def delete(self, key: str) -> bool:
        there = self.get(key) is not None
        self._keys.pop(key, None)
        return there

    def publish(self, channel: str, message: str) -> int:
        inboxes = self.inboxes.get(channel, [])
        for inbox in inboxes:
            inbox.put(message)
        return len(inboxes)

    def break_subscriptions(self) -> None:
        for inboxes in self.inboxes.values():
            while inboxes:
                inboxes.pop().end("connection lost")

    def milliseconds(self) -> int:
        return int(self._now() * 1000)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


@dataclass
class FakeRedis:
    """One worker's view of it."""

    store: Store
    link: Link = field(default_factory=Link)

    def __post_init__(self) -> None:
        self.channels = FakeChannels(self.store, self.link)
        self.streams = FakeStreams(self.store, self.link)

    async def set_if_absent(self, key: str, value: str, ttl: float) -> bool:
        return await self.link.ask(
            "set_if_absent", lambda: self.store.put_if_absent(key, value, ttl)
        )

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

    async def set(self, key: str, value: str) -> None:
        await self.link.ask("set", lambda: self.store.put(key, value))

    async def set_if_absent_fenced(
        self, key: str, value: str, ttl: float, counter: str
    ) -> int | None:
        def do() -> int | None:
            if not self.store.put_if_absent(key, value, ttl):
                return None
            token = int(self.store.get(counter) or 0) + 1
            self.store.put(counter, str(token))
            return token

        return await self.link.ask("set_if_absent_fenced", do)

    async def set_unless(self, key: str, value: str, ttl: float, other: str) -> str | None:
        def do() -> str | None:
            if self.store.get(other) is not None:
                return other
            return None if self.store.put_if_absent(key, value, ttl) else key

        return await self.link.ask("set_unless", do)


@dataclass
class FakeSubscription:
    """Messages of one channel."""

    inbox: Inbox
    subscribers: list[Inbox]

    async def receive(self, within: float) -> str | None:
        return await self.inbox.receive(within)

    async def close(self) -> None:
        if self.inbox in self.subscribers:
            self.subscribers.remove(self.inbox)


@dataclass
class FakeChannels:
    """One worker's view of the channels."""

    store: Store
    link: Link

    async def subscribe(self, channel: str) -> FakeSubscription:
        def do() -> FakeSubscription:
            subscribers = self.store.inboxes.setdefault(channel, [])
            subscribers.append(Inbox())
            return FakeSubscription(subscribers[-1], subscribers)

        return await self.link.ask("channels.subscribe", do)

    async def publish(self, channel: str, message: str) -> int:
        return await self.link.ask("channels.publish", lambda: self.store.publish(channel, message))

    async def release(self, key: str, value: str, mark: str, mark_ttl: float, channel: str) -> bool:
        def do() -> bool:
            self.store.put(mark, "1", mark_ttl)
            if self.store.get(key) != value:
                return False
            self.store.delete(key)
            self.store.publish(channel, key)
            return True

        return await self.link.ask("channels.release", do)


@dataclass
class FakeStreams:
    """One worker's view of the stream."""

    store: Store
    link: Link

    async def add(self, job: str, due: float, remember: float) -> bool:
        def do() -> bool:
            if not self.store.put_if_absent(f"added:{job}/{due}", "1", remember):
                return False
            self.store.stream.add(job, due, self.store.milliseconds())
            return True

        return await self.link.ask("streams.add", do)

    async def read(self, consumer: str) -> Message | None:
        stream, now = self.store.stream, self.store.milliseconds
        return await self.link.ask("streams.read", lambda: stream.read(consumer, now()))

    async def claim_idle(self, consumer: str, min_idle: float) -> Message | None:
        stream, now, least = self.store.stream, self.store.milliseconds, round(min_idle * 1000)
        return await self.link.ask(
            "streams.claim_idle", lambda: stream.claim_idle(consumer, least, now())
        )

    async def refresh(self, consumer: str, message: Message) -> bool:
        stream, now = self.store.stream, self.store.milliseconds
        return await self.link.ask(
            "streams.refresh", lambda: stream.refresh(consumer, message.id, now())
        )

    async def acknowledge(self, consumer: str, message: Message) -> bool:
        return await self.link.ask(
            "streams.acknowledge", lambda: self.store.stream.acknowledge(consumer, message.id)
        )


@dataclass
class FakeNodes:
    """One worker's view of several of them, each over a link of its own."""

    nodes: tuple[FakeRedis, ...]


def nodes_of(stores: list[Store]) -> FakeNodes:
    return FakeNodes(tuple(FakeRedis(store) for store in stores))
