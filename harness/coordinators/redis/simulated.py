"""A simulated Redis behind the same port."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any

from harness.coordinators.calls import CallLog
from harness.coordinators.errors import Indeterminate, Unavailable
from harness.coordinators.timing import Legs, Timing
from harness.simulation.call import Broken, Call, Expired
from harness.simulation.kernel import Happening, Kernel
from harness.simulation.loop import SimulatedLoop
from harness.simulation.network import Connection, Link
from harness.simulation.server import SimulatedServer

CYCLE = 0.1
"""Seconds between two rounds in which Redis looks for keys that expired (hz 10)."""

REFUSED = "ConnectionError: Connection refused."
CLOSED = "ConnectionError: Connection closed by server."


class SimulatedRedis(SimulatedServer):
    """Keys with a time to live, on the server's clock in whole milliseconds.

    A key that expired is gone for whoever asks for it, and is freed within a cycle if nobody does
    (https://redis.io/docs/latest/commands/expire/, "How Redis expires keys").
    """

    def __init__(self, kernel: Kernel, timing: Timing) -> None:
        super().__init__(kernel, timing.executors)
        self.timing = timing
        # The value, and the last millisecond in which the key exists.
        self._keys: dict[str, tuple[str, int]] = {}
        self._cycle: Happening | None = None
        self._cycle_for = 0

    def __len__(self) -> int:
        """How many keys it has in memory, expired ones among them."""
        return len(self._keys)

    def forget(self, handle: str) -> bool:
        """Take a lease away behind its holder's back. False where it was gone already."""
        return self.delete(handle)

    def wipe(self) -> None:
        """Forget every key."""
        self._keys.clear()

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

    # Time.

    def _milliseconds(self) -> int:
        return int(self.clock() * 1000)

    def _store(self, key: str, value: str, ttl: int) -> None:
        last = self._milliseconds() + ttl
        self._keys[key] = value, last
        if self._cycle is None or last < self._cycle_for:
            self._plan_cycle(last)

    def _plan_cycle(self, last: int) -> None:
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
        if self._keys:
            self._plan_cycle(min(last for _, last in self._keys.values()))


async def connect(
    server: SimulatedRedis,
    link: Link,
    random: Random,
    request_timeout: float,
    calls: CallLog,
) -> SimulatedRedisClient:
    """A client whose server has answered a PING within `request_timeout` seconds.

    It belongs to the running loop, a simulated one. Raises Unavailable.
    """
    client = SimulatedRedisClient(server, link, random, request_timeout, calls)
    try:
        await client.ping()
    except Indeterminate as error:
        raise Unavailable(str(error)) from error
    return client


class _Line:
    """A connection, and the call that waits for its answer or was the last to do so."""

    __slots__ = ("call", "connection")

    def __init__(self, connection: Connection, call: Call[Any]) -> None:
        self.connection = connection
        self.call = call
        connection.on_reset = self._reset

    def _reset(self) -> None:
        self.call.fail(Broken(CLOSED))


class SimulatedRedisClient:
    """One worker's connections: as many as it has requests in flight, and no retries.

    As RedisClient: a connection on which a request failed is closed, so that nobody takes a late
    answer for the own; the next request opens another, within its own time.
    """

    def __init__(
        self,
        server: SimulatedRedis,
        link: Link,
        random: Random,
        request_timeout: float,
        calls: CallLog,
    ) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SimulatedLoop)
        self._loop = loop
        self._server = server
        self._link = link
        self._random = random
        self._request_timeout = request_timeout
        self._calls = calls
        self._idle: list[_Line] = []
        self._closed = False

    async def set_if_absent(self, key: str, value: str, ttl: float) -> bool:
        """SET key value NX PX ttl. True where the key was set."""
        command = self._server.set_if_absent
        was_set: bool = await self._ask("set_if_absent", command, key, value, _milliseconds(ttl))
        return was_set

    async def delete(self, key: str) -> bool:
        """DEL key, whatever its value. True where there was one."""
        deleted: bool = await self._ask("delete", self._server.delete, key)
        return deleted

    async def delete_if_equal(self, key: str, value: str) -> bool:
        """Delete the key if it holds `value`, in one step. True where it did."""
        command = self._server.delete_if_equal
        deleted: bool = await self._ask("delete_if_equal", command, key, value)
        return deleted

    async def extend_if_equal(self, key: str, value: str, ttl: float) -> bool:
        """Give the key a new time to live if it holds `value`, in one step."""
        command = self._server.extend_if_equal
        extended: bool = await self._ask("extend_if_equal", command, key, value, _milliseconds(ttl))
        return extended

    async def get(self, key: str) -> str | None:
        """GET key."""
        value: str | None = await self._ask("get", self._server.get, key)
        return value

    async def ping(self) -> None:
        """Ask for an answer; not counted, and takes as long as a GET."""
        await self._exchange("get", self._server.ping, ())

    async def close(self) -> None:
        """Close the idle connections at once, and those in use when their requests end."""
        self._closed = True
        while self._idle:
            self._idle.pop().connection.close()

    async def _ask(self, operation: str, command: Callable[..., object], *args: str | int) -> Any:
        self._calls.called(operation)
        try:
            return await self._exchange(operation, command, args)
        except (Unavailable, Indeterminate) as error:
            self._calls.failed(operation, str(error))
            raise

    async def _exchange(
        self, operation: str, command: Callable[..., object], args: tuple[Any, ...]
    ) -> Any:
        if self._closed:
            raise Unavailable("the client is closed")
        while self._idle:
            line = self._idle.pop()
            if not line.connection.client_closed:
                return await self._request(line, operation, command, args)
        opened = False
        try:
            async with asyncio.timeout(self._request_timeout):
                line = await self._open()
                opened = True
                return await self._request(line, operation, command, args)
        except TimeoutError as error:
            if opened:
                raise Indeterminate(self._nothing_came("answer")) from error
            raise Unavailable(self._nothing_came("connection")) from error

    async def _request(
        self, line: _Line, operation: str, command: Callable[..., object], args: tuple[Any, ...]
    ) -> Any:
        connection, server = line.connection, self._server
        legs = server.timing.draw(operation, self._random)
        usable = False
        try:
            if connection.client_closed:
                raise Broken(CLOSED)
            call = line.call = Call(self._loop, self._request_timeout)
            connection.request(legs.there, server.handle, connection, legs, call, command, args)
            answer = await call.wait()
            usable = True
        except Expired as error:
            raise Indeterminate(self._nothing_came("answer")) from error
        except Broken as error:
            raise Indeterminate(str(error)) from error
        finally:
            if usable and not self._closed:
                self._idle.append(line)
            else:
                connection.close(legs.there)
        return answer

    async def _open(self) -> _Line:
        """A new connection that can be used, after a round trip of its own."""
        legs = self._server.timing.draw("connect", self._random)
        try:
            connection = self._link.connect(self._loop)
        except ConnectionRefusedError as error:
            await asyncio.sleep(legs.there + legs.back)
            raise Unavailable(REFUSED) from error
        call: Call[Any] = Call(self._loop, self._request_timeout)
        line = _Line(connection, call)
        usable = False
        connection.request(legs.there, self._server.greet, connection, legs, call)
        try:
            await call.wait()
            usable = True
        except Expired as error:
            raise Unavailable(self._nothing_came("connection")) from error
        except Broken as error:
            raise Unavailable(str(error)) from error
        finally:
            if not usable:
                connection.close(legs.there)
        return line

    def _nothing_came(self, what: str) -> str:
        return f"no {what} within {self._request_timeout:g} s"


def _milliseconds(seconds: float) -> int:
    """Whole milliseconds, at least the one that Redis demands."""
    return max(1, round(seconds * 1000))
