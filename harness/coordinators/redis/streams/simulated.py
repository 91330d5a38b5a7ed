"""A simulated stream with one consumer group, and a worker's view of it."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from harness.coordinators.giving_up import gives_up
from harness.coordinators.redis.expiry import milliseconds
from harness.coordinators.redis.streams.port import NOBODY, Message

if TYPE_CHECKING:
    from harness.coordinators.redis.simulated import SimulatedRedisClient


@dataclass(frozen=True, slots=True)
class Pending:
    """A message that was delivered, and not acknowledged. `since` in the server's milliseconds."""

    message: Message
    consumer: str
    since: float


@dataclass(slots=True)
class Stream:
    """The stream and its group, as a server keeps it. Moments in its milliseconds.

    `waiting` are the messages that were never delivered, `pending` those that were, by id; both in
    the order of their adding.
    """

    waiting: deque[Message] = field(default_factory=deque)
    pending: dict[str, Pending] = field(default_factory=dict)
    _last: tuple[int, int] = (0, 0)

    def copy(self) -> Stream:
        """The same, on its own from now on."""
        return Stream(self.waiting.copy(), self.pending.copy(), self._last)

    def add(self, job: str, due: float, now: int) -> None:
        """XADD *: ids grow, also where the clock does not."""
        moment, count = self._last
        self._last = (now, 0) if now > moment else (moment, count + 1)
        self.waiting.append(Message("{}-{}".format(*self._last), job, due))

    def read(self, consumer: str, now: int) -> Message | None:
        """XREADGROUP COUNT 1."""
        if not self.waiting:
            return None
        message = self.waiting.popleft()
        self.pending[message.id] = Pending(message, consumer, now)
        return message

    def claim_idle(self, consumer: str, min_idle: int, now: int) -> Message | None:
        """XAUTOCLAIM from the beginning, until one was claimed."""
        for each in self.pending.values():
            if now - each.since >= min_idle:
                self.pending[each.message.id] = replace(each, consumer=consumer, since=now)
                return each.message
        return None

    def refresh(self, consumer: str, name: str, now: int) -> bool:
        """The script that claims what is ours already."""
        each = self.pending.get(name)
        if each is None or each.consumer != consumer:
            return False
        self.pending[name] = replace(each, since=now)
        return True

    def acknowledge(self, consumer: str, name: str) -> bool:
        """The script that ends a message."""
        each = self.pending.pop(name, None)
        return each is not None and each.consumer == consumer

    def take_away(self, name: str) -> bool:
        """Let a message be nobody's, and claimable at once. False where that is so already."""
        each = self.pending.get(name)
        if each is None or each.consumer == NOBODY:
            return False
        self.pending[name] = replace(each, consumer=NOBODY, since=-math.inf)
        return True


class SimulatedStreams:
    """One worker's view of the stream."""

    def __init__(self, client: SimulatedRedisClient) -> None:
        self._client = client

    async def add(self, job: str, due: float, remember: float) -> bool:
        """SET NX PX of a key of (job, due), and XADD where it was set, in one step."""
        client = self._client
        command = client.server.add_to_stream
        added: bool = await client.ask("streams.add", command, job, due, milliseconds(remember))
        return added

    async def read(self, consumer: str) -> Message | None:
        """XREADGROUP COUNT 1."""
        client = self._client
        message: Message | None = await client.ask(
            "streams.read", client.server.read_stream, consumer
        )
        return message

    async def claim_idle(self, consumer: str, min_idle: float) -> Message | None:
        """XAUTOCLAIM: the oldest pending message that idled for `min_idle`, now pending for us."""
        client = self._client
        message: Message | None = await client.ask(
            "streams.claim_idle", client.server.claim_idle, consumer, milliseconds(min_idle)
        )
        return message

    async def refresh(self, consumer: str, message: Message) -> bool:
        """Let the idle time of a message that is pending for us begin again."""
        client = self._client
        ours: bool = await client.ask(
            "streams.refresh", client.server.refresh, consumer, message.id
        )
        return ours

    @gives_up
    async def acknowledge(self, consumer: str, message: Message) -> bool:
        """XACK and XDEL, whoever it is pending for. True where that was us."""
        client = self._client
        command = client.server.acknowledge
        ours: bool = await client.ask("streams.acknowledge", command, consumer, message.id)
        return ours
