"""The Redis port over redis-py."""

from __future__ import annotations

import asyncio
import math
from typing import Any, overload

import redis.asyncio.connection as redis_connection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, BusyLoadingError, RedisError, ResponseError

from harness.coordinators.calls import CallLog, reported
from harness.coordinators.errors import Indeterminate, Unavailable, in_one_line
from harness.coordinators.giving_up import gives_up
from harness.coordinators.redis.channels.client import ClientChannels
from harness.coordinators.redis.expiry import milliseconds
from harness.coordinators.redis.nodes import RedisNodes, answering
from harness.coordinators.redis.primary import connection_pool
from harness.coordinators.redis.streams.client import ClientStreams

Connection = redis_connection.AbstractConnection

REFUSALS = (ResponseError, BusyLoadingError, AuthenticationError)
"""Errors that are the server's own answer: it read the request and did not do it."""

BROKEN = (RedisError, OSError)
"""All that a connection may end with."""

CLOSED = "the client is closed"

DELETE_IF_EQUAL = """
if redis.call("GET", KEYS[1]) == ARGV[1] then
    return redis.call("DEL", KEYS[1])
end
return 0
"""

EXTEND_IF_EQUAL = """
if redis.call("GET", KEYS[1]) == ARGV[1] then
    return redis.call("PEXPIRE", KEYS[1], ARGV[2])
end
return 0
"""

SET_IF_ABSENT_FENCED = """
if not redis.call("SET", KEYS[1], ARGV[1], "NX", "PX", ARGV[2]) then
    return false
end
return redis.call("INCR", KEYS[2])
"""

SET_UNLESS = """
if redis.call("EXISTS", KEYS[2]) == 1 then
    return 2
end
if not redis.call("SET", KEYS[1], ARGV[1], "NX", "PX", ARGV[2]) then
    return 1
end
return 0
"""


@overload
async def connect(
    url: str, namespace: str, request_timeout: float, calls: CallLog
) -> RedisClient: ...


@overload
async def connect(
    url: str,
    namespace: str,
    request_timeout: float,
    calls: CallLog,
    *,
    independent: bool,
    node_timeout: float = ...,
) -> RedisClient | RedisNodes: ...


async def connect(
    url: str,
    namespace: str,
    request_timeout: float,
    calls: CallLog,
    *,
    independent: bool = False,
    node_timeout: float = math.inf,
) -> RedisClient | RedisNodes:
    """A client whose server has answered a PING within `request_timeout` seconds.

    Keys are stored as `{namespace}:{key}`. Where the servers are `independent`, `url` has one
    address for each, separated by commas; most of them must have answered, and a request to one
    takes at most `node_timeout` seconds, where that is less. Raises Unavailable.
    """
    if independent:
        patience = min(request_timeout, node_timeout)
        return await answering(
            [RedisClient(each, namespace, patience, calls) for each in url.split(",")]
        )
    client = RedisClient(url, namespace, request_timeout, calls)
    try:
        await client.ping()
    except Indeterminate as error:
        raise Unavailable(str(error)) from error
    return client


class RedisClient:
    """One worker's connections to Redis: as many as it has requests in flight, and no retries.

    Where `url` has several addresses, they are connections to the primary among these servers.
    A connection on which a request failed is closed; the next request opens another.
    """

    def __init__(self, url: str, namespace: str, request_timeout: float, calls: CallLog) -> None:
        self._pool = connection_pool(
            url,
            retry=Retry(NoBackoff(), 0),
            # None of its own: it would use wait_for, in which Python 3.11 loses a cancellation that
            # comes together with the answer. Every request is bounded as a whole.
            socket_timeout=None,
            socket_connect_timeout=None,
            decode_responses=True,
            # The older protocol, as it knows no notifications and no client-side cache.
            protocol=2,
        )
        self._namespace = namespace
        self._request_timeout = request_timeout
        self._calls = calls
        self._idle: list[Connection] = []
        self._closed = False
        self.channels = ClientChannels(self)
        self.streams = ClientStreams(self)

    async def set_if_absent(self, key: str, value: str, ttl: float) -> bool:
        """SET key value NX PX ttl. True where the key was set."""
        command = ("SET", self.key(key), value, "NX", "PX", milliseconds(ttl))
        return await self.ask("set_if_absent", *command) is not None

    @gives_up
    async def delete(self, key: str) -> bool:
        """DEL key, whatever its value. True where there was one."""
        return bool(await self.ask("delete", "DEL", self.key(key)))

    @gives_up
    async def delete_if_equal(self, key: str, value: str) -> bool:
        """Delete the key if it holds `value`, in one step (Lua). True where it did."""
        command = ("EVAL", DELETE_IF_EQUAL, 1, self.key(key), value)
        return bool(await self.ask("delete_if_equal", *command))

    async def extend_if_equal(self, key: str, value: str, ttl: float) -> bool:
        """Give the key a new time to live if it holds `value`, in one step (Lua)."""
        command = ("EVAL", EXTEND_IF_EQUAL, 1, self.key(key), value, milliseconds(ttl))
        return bool(await self.ask("extend_if_equal", *command))

    async def get(self, key: str) -> str | None:
        """GET key."""
        answer = await self.ask("get", "GET", self.key(key))
        return None if answer is None else str(answer)

    async def set(self, key: str, value: str) -> None:
        """SET key value, whatever it held; without a time to live."""
        await self.ask("set", "SET", self.key(key), value)

    async def set_if_absent_fenced(
        self, key: str, value: str, ttl: float, counter: str
    ) -> int | None:
        """As set_if_absent, and where it was set, INCR counter in the same step (Lua)."""
        keys = (self.key(key), self.key(counter))
        command = ("EVAL", SET_IF_ABSENT_FENCED, 2, *keys, value, milliseconds(ttl))
        token = await self.ask("set_if_absent_fenced", *command)
        return None if token is None else int(token)

    async def set_unless(self, key: str, value: str, ttl: float, other: str) -> str | None:
        """As set_if_absent, but only where there is no key `other` either, in one step (Lua)."""
        keys = (self.key(key), self.key(other))
        command = ("EVAL", SET_UNLESS, 2, *keys, value, milliseconds(ttl))
        there: str | None = (None, key, other)[await self.ask("set_unless", *command)]
        return there

    async def ping(self) -> None:
        """Ask for an answer; not counted, as no approach needs it."""
        await self._exchange("PING")

    async def close(self) -> None:
        """Close the idle connections at once, and those in use when their requests end."""
        self._closed = True
        while self._idle:
            await self._idle.pop().disconnect(nowait=True)
        await self.channels.close()

    def key(self, key: str) -> str:
        """What the key is called on the server, or the channel."""
        return f"{self._namespace}:{key}"

    async def keep_connection(self, operation: str, *command: str) -> Connection:
        """A connection for whoever keeps it, once it answered `command`; raises Unavailable."""
        with reported(self._calls, operation):
            if self._closed:
                raise Unavailable(CLOSED)
            connection = self._new_connection()
            kept = False
            try:
                async with asyncio.timeout(self._request_timeout):
                    await connection.connect()  # type: ignore[no-untyped-call]
                    await connection.send_command(*command)
                    await connection.read_response()
                kept = not self._closed
            except TimeoutError as error:
                raise Unavailable(f"no answer within {self._request_timeout:g} s") from error
            except BROKEN as error:
                raise Unavailable(in_one_line(error)) from error
            finally:
                if not kept:
                    await connection.disconnect(nowait=True)
            if not kept:
                raise Unavailable(CLOSED)
            return connection

    async def ask(self, operation: str, *command: str | int) -> Any:
        """Send one command, and report it; what the server answers."""
        with reported(self._calls, operation):
            return await self._exchange(*command)

    async def _exchange(self, *command: str | int) -> Any:
        if self._closed:
            raise Unavailable(CLOSED)
        connection = await self._take_connection()
        sent = usable = False
        try:
            async with asyncio.timeout(self._request_timeout):
                await connection.connect()  # type: ignore[no-untyped-call]
                sent = True
                await connection.send_command(*command)
                answer = await connection.read_response()
            usable = True
        except REFUSALS as error:
            raise Unavailable(in_one_line(error)) from error
        except TimeoutError as error:
            what = "answer" if sent else "connection"
            raise _failure(sent, f"no {what} within {self._request_timeout:g} s") from error
        except BROKEN as error:
            raise _failure(sent, in_one_line(error)) from error
        finally:
            if usable and not self._closed:
                self._idle.append(connection)
            else:
                await connection.disconnect(nowait=True)
        return answer

    async def _take_connection(self) -> Connection:
        while self._idle:
            connection = self._idle.pop()
            if _is_open(connection):
                return connection
            await connection.disconnect(nowait=True)
        return self._new_connection()

    def _new_connection(self) -> Connection:
        new: Connection = self._pool.make_connection()  # type: ignore[no-untyped-call]
        return new


def _is_open(connection: Connection) -> bool:
    """Whether an idle connection has neither been ended nor reset by the other side."""
    reader, writer = connection._reader, connection._writer
    return not (reader is None or writer is None or reader.at_eof() or writer.is_closing())


def _failure(sent: bool, text: str) -> Unavailable | Indeterminate:
    """What is known of a request that got no answer."""
    return Indeterminate(text) if sent else Unavailable(text)
