"""A simulated Redis behind the same port: its client, and the server it talks to."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from harness.coordinators.calls import CallLog, reported
from harness.coordinators.errors import Indeterminate, Unavailable
from harness.coordinators.giving_up import gives_up
from harness.coordinators.redis.channels.simulated import SimulatedChannels
from harness.coordinators.redis.expiry import milliseconds
from harness.coordinators.redis.nodes import RedisNodes, answering
from harness.coordinators.redis.simulated_server import SimulatedRedis
from harness.coordinators.redis.streams.simulated import SimulatedStreams
from harness.simulation.call import Broken, Call, Expired
from harness.simulation.loop import SimulatedLoop
from harness.simulation.network import Connection, Link

__all__ = ["SimulatedRedis", "SimulatedRedisClient", "connect", "connect_nodes"]

REFUSED = "ConnectionError: Connection refused."
CLOSED = "ConnectionError: Connection closed by server."
CLIENT_CLOSED = "the client is closed"


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


async def connect_nodes(
    servers: Sequence[SimulatedRedis],
    links: Sequence[Link],
    random: Random,
    request_timeout: float,
    calls: CallLog,
    *,
    node_timeout: float = math.inf,
) -> RedisNodes:
    """Clients of independent servers, once most of them have answered a PING; raises Unavailable.

    A request to one of them takes at most `node_timeout` seconds, where that is less.
    """
    patience = min(request_timeout, node_timeout)
    clients = [
        SimulatedRedisClient(server, link, random, patience, calls)
        for server, link in zip(servers, links, strict=True)
    ]
    return await answering(clients)


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
        self.server = server
        self._link = link
        self._random = random
        self._request_timeout = request_timeout
        self._calls = calls
        self._idle: list[_Line] = []
        self._closed = False
        self.channels = SimulatedChannels(self)
        self.streams = SimulatedStreams(self)

    async def set_if_absent(self, key: str, value: str, ttl: float) -> bool:
        """SET key value NX PX ttl. True where the key was set."""
        command = self.server.set_if_absent
        was_set: bool = await self.ask("set_if_absent", command, key, value, milliseconds(ttl))
        return was_set

    @gives_up
    async def delete(self, key: str) -> bool:
        """DEL key, whatever its value. True where there was one."""
        deleted: bool = await self.ask("delete", self.server.delete, key)
        return deleted

    @gives_up
    async def delete_if_equal(self, key: str, value: str) -> bool:
        """Delete the key if it holds `value`, in one step. True where it did."""
        command = self.server.delete_if_equal
        deleted: bool = await self.ask("delete_if_equal", command, key, value)
        return deleted

    async def extend_if_equal(self, key: str, value: str, ttl: float) -> bool:
        """Give the key a new time to live if it holds `value`, in one step."""
        command = self.server.extend_if_equal
        extended: bool = await self.ask("extend_if_equal", command, key, value, milliseconds(ttl))
        return extended

    async def get(self, key: str) -> str | None:
        """GET key."""
        value: str | None = await self.ask("get", self.server.get, key)
        return value

    async def set(self, key: str, value: str) -> None:
        """SET key value, whatever it held; without a time to live."""
        await self.ask("set", self.server.set, key, value)

    async def set_if_absent_fenced(
        self, key: str, value: str, ttl: float, counter: str
    ) -> int | None:
        """As set_if_absent, and where it was set, INCR counter in the same step."""
        command = self.server.set_if_absent_fenced
        args = (key, value, milliseconds(ttl), counter)
        token: int | None = await self.ask("set_if_absent_fenced", command, *args)
        return token

    async def set_unless(self, key: str, value: str, ttl: float, other: str) -> str | None:
        """As set_if_absent, but only where there is no key `other` either, in one step."""
        command = self.server.set_unless
        args = (key, value, milliseconds(ttl), other)
        there: str | None = await self.ask("set_unless", command, *args)
        return there

    async def ping(self) -> None:
        """Ask for an answer; not counted, and takes as long as a GET."""
        await self._exchange("get", self.server.ping, ())

    async def close(self) -> None:
        """Close the idle connections at once, and those in use when their requests end."""
        self._closed = True
        while self._idle:
            self._idle.pop().connection.close()
        await self.channels.close()

    def way_back(self) -> float:
        """How long something that the server says unasked takes to get here, in seconds."""
        return self.server.timing.draw("channels.subscribe", self._random).back

    async def keep_connection(
        self,
        operation: str,
        command: Callable[[Connection], object],
        ended: Callable[[str], object],
    ) -> Connection:
        """A connection for whoever keeps it, once `command` was done on it; raises Unavailable.

        `ended` is told why, where the other side ends it.
        """
        with reported(self._calls, operation):
            if self._closed:
                raise Unavailable(CLIENT_CLOSED)
            try:
                async with asyncio.timeout(self._request_timeout):
                    line = await self._open()

                    def reset() -> None:
                        line.call.fail(Broken(CLOSED))
                        ended(CLOSED)

                    line.connection.on_reset = reset
                    await self._request(line, operation, command, (line.connection,), keep=True)
            except TimeoutError as error:
                raise Unavailable(self._nothing_came("answer")) from error
            except Indeterminate as error:
                raise Unavailable(str(error)) from error
            if self._closed:
                raise Unavailable(CLIENT_CLOSED)
        return line.connection

    async def ask(self, operation: str, command: Callable[..., object], *args: Any) -> Any:
        """Have a command of the server done, and report it; what it answers."""
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
            raise Unavailable(CLIENT_CLOSED)
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
        self,
        line: _Line,
        operation: str,
        command: Callable[..., object],
        args: tuple[Any, ...],
        *,
        keep: bool = False,
    ) -> Any:
        connection, server = line.connection, self.server
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
            if not usable or self._closed:
                connection.close(legs.there)
            elif not keep:
                self._idle.append(line)
        return answer

    async def _open(self) -> _Line:
        """A new connection that can be used, after a round trip of its own."""
        legs = self.server.timing.draw("connect", self._random)
        try:
            connection = self._link.connect(self._loop)
        except ConnectionRefusedError as error:
            await asyncio.sleep(legs.there + legs.back)
            raise Unavailable(REFUSED) from error
        call: Call[Any] = Call(self._loop, self._request_timeout)
        line = _Line(connection, call)
        usable = False
        connection.request(legs.there, self.server.greet, connection, legs, call)
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
