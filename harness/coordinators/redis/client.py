"""The Redis port over redis-py."""

from __future__ import annotations

import asyncio
from typing import Any

import redis.asyncio.connection as redis_connection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, BusyLoadingError, RedisError, ResponseError

from harness.coordinators.calls import CallLog, reported
from harness.coordinators.errors import Indeterminate, Unavailable, in_one_line

Connection = redis_connection.AbstractConnection

REFUSALS = (ResponseError, BusyLoadingError, AuthenticationError)
"""Errors that are the server's own answer: it read the request and did not do it."""

BROKEN = (RedisError, OSError)
"""All that a connection may end with."""

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


async def connect(url: str, namespace: str, request_timeout: float, calls: CallLog) -> RedisClient:
    """A client whose server has answered a PING within `request_timeout` seconds.

    Keys are stored as `{namespace}:{key}`. Raises Unavailable.
    """
    client = RedisClient(url, namespace, request_timeout, calls)
    try:
        await client.ping()
    except Indeterminate as error:
        raise Unavailable(str(error)) from error
    return client


class RedisClient:
    """One worker's connections to Redis: as many as it has requests in flight, and no retries.

    A connection on which a request failed is closed; the next request opens another.
    """

    def __init__(self, url: str, namespace: str, request_timeout: float, calls: CallLog) -> None:
        self._pool = redis_connection.ConnectionPool.from_url(
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

    async def set_if_absent(self, key: str, value: str, ttl: float) -> bool:
        """SET key value NX PX ttl. True where the key was set."""
        command = ("SET", self._key(key), value, "NX", "PX", _milliseconds(ttl))
        return await self._ask("set_if_absent", *command) is not None

    async def delete(self, key: str) -> bool:
        """DEL key, whatever its value. True where there was one."""
        return bool(await self._ask("delete", "DEL", self._key(key)))

    async def delete_if_equal(self, key: str, value: str) -> bool:
        """Delete the key if it holds `value`, in one step (Lua). True where it did."""
        command = ("EVAL", DELETE_IF_EQUAL, 1, self._key(key), value)
        return bool(await self._ask("delete_if_equal", *command))

    async def extend_if_equal(self, key: str, value: str, ttl: float) -> bool:
        """Give the key a new time to live if it holds `value`, in one step (Lua)."""
        command = ("EVAL", EXTEND_IF_EQUAL, 1, self._key(key), value, _milliseconds(ttl))
        return bool(await self._ask("extend_if_equal", *command))

    async def get(self, key: str) -> str | None:
        """GET key."""
        answer = await self._ask("get", "GET", self._key(key))
        return None if answer is None else str(answer)

    async def ping(self) -> None:
        """Ask for an answer; not counted, as no approach needs it."""
        await self._exchange("PING")

    async def close(self) -> None:
        """Close the idle connections at once, and those in use when their requests end."""
        self._closed = True
        while self._idle:
            await self._idle.pop().disconnect(nowait=True)

    def _key(self, key: str) -> str:
        return f"{self._namespace}:{key}"

    async def _ask(self, operation: str, *command: str | int) -> Any:
        with reported(self._calls, operation):
            return await self._exchange(*command)

    async def _exchange(self, *command: str | int) -> Any:
        if self._closed:
            raise Unavailable("the client is closed")
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
        new: Connection = self._pool.make_connection()  # type: ignore[no-untyped-call]
        return new


def _is_open(connection: Connection) -> bool:
    """Whether an idle connection has neither been ended nor reset by the other side."""
    reader, writer = connection._reader, connection._writer
    return not (reader is None or writer is None or reader.at_eof() or writer.is_closing())


def _failure(sent: bool, text: str) -> Unavailable | Indeterminate:
    """What is known of a request that got no answer."""
    return Indeterminate(text) if sent else Unavailable(text)


def _milliseconds(seconds: float) -> int:
    """Whole milliseconds, at least the one that Redis demands."""
    return max(1, round(seconds * 1000))
