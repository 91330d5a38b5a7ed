"""A simulated Redis: keys with a time to live, channels, and a stream."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from harness.coordinators.redis.channels.simulated import Subscriber, Subscribers
from harness.coordinators.redis.streams.port import Message, id_in
from harness.coordinators.redis.streams.simulated import Stream
from harness.coordinators.timing import Legs, Timing
from harness.simulation.call import Call
from harness.simulation.kernel import Happening, Kernel
from harness.simulation.network import Connection
from harness.simulation.server import SimulatedServer

CYCLE = 0.1
"""Seconds between two rounds in which Redis looks for keys that expired (hz 10)."""

Keys = dict[str, tuple[str, float]]
"""Keys with their value, and the last millisecond in which each exists: infinity for no end."""


class SimulatedRedis(SimulatedServer):
    """Keys with a time to live, on the server's clock in whole milliseconds.

    A key that expired is gone for whoever asks for it, and is freed within a cycle if nobody does
    (https://redis.io/docs/latest/commands/expire/, "How Redis expires keys").
    """

    def __init__(self, kernel: Kernel, timing: Timing) -> None:
        super().__init__(kernel, timing.executors)
        self.timing = timing
        self._keys: Keys = {}
        self._stream = Stream()
        self._subscribers = Subscribers()
        self._cycle: Happening | None = None
        self._cycle_for = 0.0

    def __len__(self) -> int:
        """How many keys it has in memory, expired ones among them."""
        return len(self._keys)

    def forget(self, handle: str) -> bool:
        """Take a lease away behind its holder's back. False where it was gone already.

        A key is deleted; a message is pending for nobody from then on, and can be claimed at once.
        """
        message = id_in(handle)
        return self.delete(handle) if message is None else self._stream.take_away(message)

    # What SimulatedServer asks for, see there which of it a new attribute belongs in.

    def wipe(self) -> None:
        """Forget every key, and the stream."""
        self._keys.clear()
        self._stream = Stream()

    def snapshot(self) -> tuple[Keys, Stream]:
        """Every key with its last millisecond, and the stream."""
        return dict(self._keys), self._stream.copy()

    def restore(self, data: tuple[Keys, Stream]) -> None:
        """Have these keys, and this stream."""
        keys, stream = data
        self._keys, self._stream = dict(keys), stream.copy()
        self._plan_next_cycle()

    def crashed(self) -> None:
        """No subscription outlives it."""
        self._subscribers.clear()

    def closed(self, connection: Connection) -> None:
        """What it was subscribed to ends with it."""
        self._subscribers.remove(connection)

    def shift_clock(self, seconds: float) -> bool:
        """Let the clock jump: every key expires so much sooner, or later."""
        self.offset += seconds
        self._plan_next_cycle()
        return True

    # What arrives from clients. Here and in the commands, times to live are in milliseconds.

    def greet(self, connection: Connection, legs: Legs, call: Call[Any]) -> None:
        """A new connection with what redis-py says first."""
        if self.accept(connection):
            self.handle(connection, legs, call, self.ping, ())

    def handle(
        self,
        connection: Connection,
        legs: Legs,
        call: Call[Any],
        command: Callable[..., object],
        args: tuple[Any, ...],
    ) -> None:
        """A request. It is done once it has arrived, whatever becomes of its connection."""
        self.submit(legs.service, self._carry_out, connection, legs.back, call, command, args)

    def _carry_out(
        self,
        connection: Connection,
        back: float,
        call: Call[Any],
        command: Callable[..., object],
        args: tuple[Any, ...],
    ) -> None:
        connection.reply(back, call.answer, command(*args))

    # The commands.

    def ping(self) -> bool:
        """PING."""
        return True

    def set_if_absent(self, key: str, value: str, ttl: int) -> bool:
        """SET key value NX PX ttl."""
        if self.get(key) is not None:
            return False
        self._store(key, value, ttl)
        return True

    def delete(self, key: str) -> bool:
        """DEL key."""
        if self.get(key) is None:
            return False
        del self._keys[key]
        return True

    def delete_if_equal(self, key: str, value: str) -> bool:
        """The script that deletes."""
        if self.get(key) != value:
            return False
        del self._keys[key]
        return True

    def extend_if_equal(self, key: str, value: str, ttl: int) -> bool:
        """The script that extends."""
        if self.get(key) != value:
            return False
        self._store(key, value, ttl)
        return True

    def get(self, key: str) -> str | None:
        """GET key."""
        found = self._keys.get(key)
        if found is None:
            return None
        value, last = found
        if self._milliseconds() > last:
            # For good: a clock that goes back does not bring it back.
            del self._keys[key]
            return None
        return value

    def set(self, key: str, value: str) -> None:
        """SET key value."""
        self._store(key, value, math.inf)

    def set_if_absent_fenced(self, key: str, value: str, ttl: int, counter: str) -> int | None:
        """The script that sets and counts."""
        if not self.set_if_absent(key, value, ttl):
            return None
        token = int(self.get(counter) or 0) + 1
        self.set(counter, str(token))
        return token

    def set_unless(self, key: str, value: str, ttl: int, other: str) -> str | None:
        """The script that sets where neither key is there."""
        if self.get(other) is not None:
            return other
        return None if self.set_if_absent(key, value, ttl) else key

    def subscribe(self, channel: str, connection: Connection, subscriber: Subscriber) -> None:
        """SUBSCRIBE channel."""
        self._subscribers.add(channel, connection, subscriber)

    def publish(self, channel: str, message: str) -> int:
        """PUBLISH channel message."""
        return self._subscribers.publish(channel, message)

    def release(self, key: str, value: str, mark: str, mark_ttl: int, channel: str) -> bool:
        """The script that marks, deletes and publishes."""
        self._store(mark, "1", mark_ttl)
        if not self.delete_if_equal(key, value):
            return False
        self.publish(channel, key)
        return True

    def add_to_stream(self, job: str, due: float, remember: int) -> bool:
        """The script that adds a run to the stream once."""
        if not self.set_if_absent(f"added:{job}/{due!r}", "1", remember):
            return False
        self._stream.add(job, due, self._milliseconds())
        return True

    def read_stream(self, consumer: str) -> Message | None:
        """XREADGROUP COUNT 1."""
        return self._stream.read(consumer, self._milliseconds())

    def claim_idle(self, consumer: str, min_idle: int) -> Message | None:
        """The script that claims one message (XAUTOCLAIM)."""
        return self._stream.claim_idle(consumer, min_idle, self._milliseconds())

    def refresh(self, consumer: str, message: str) -> bool:
        """The script that claims what is ours already (XCLAIM JUSTID)."""
        return self._stream.refresh(consumer, message, self._milliseconds())

    def acknowledge(self, consumer: str, message: str) -> bool:
        """The script that ends a message (XACK, XDEL)."""
        return self._stream.acknowledge(consumer, message)

    # Time.

    def _milliseconds(self) -> int:
        return int(self.clock() * 1000)

    def _store(self, key: str, value: str, ttl: float) -> None:
        last = self._milliseconds() + ttl
        self._keys[key] = value, last
        if last < math.inf and (self._cycle is None or last < self._cycle_for):
            self._plan_cycle(last)

    def _plan_cycle(self, last: float) -> None:
        """Plan the next cycle that will find something, as no other can be told from none."""
        if self._cycle is not None:
            self._cycle.cancel()
        wait = (last + 1) / 1000 - self.clock()
        self._cycle = self.kernel.plan(max(CYCLE, wait), self._expire)
        self._cycle_for = last

    def _expire(self) -> None:
        self._cycle = None
        if self.up and not self.paused:
            now = self._milliseconds()
            for key in [key for key, (_, last) in self._keys.items() if now > last]:
                del self._keys[key]
        self._plan_next_cycle()

    def _plan_next_cycle(self) -> None:
        first = min((last for _, last in self._keys.values()), default=math.inf)
        if first < math.inf:
            self._plan_cycle(first)
