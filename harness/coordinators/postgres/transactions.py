"""Connections with a transaction that stays open between two operations."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from contextlib import asynccontextmanager

from harness.coordinators.postgres.connection import Connection


class OpenTransactions:
    """The connections of which each has a transaction that stays open, and those that wait for one.

    A transaction is known by what it holds. `connect` opens a connection by a deadline. Whatever
    goes wrong on a connection ends it, and its transaction with it.
    """

    def __init__(self, connect: Callable[[float], Awaitable[Connection]]) -> None:
        self._connect = connect
        self._idle: list[Connection] = []
        self._held: dict[Hashable, Connection] = {}
        self._closed = False

    @asynccontextmanager
    async def first_use(self, deadline: float) -> AsyncIterator[Connection]:
        """A connection on which nothing is open, to be kept or put back."""
        connection = await self._take_idle(deadline)
        async with _closed_on_error(connection):
            yield connection

    def keep(self, held: Hashable, connection: Connection) -> None:
        """The transaction on this connection stays open: it holds this."""
        self._held[held] = connection

    @asynccontextmanager
    async def use(self, held: Hashable) -> AsyncIterator[Connection | None]:
        """The connection whose transaction holds this, and will; None where it is gone."""
        connection = self._held.get(held)
        if connection is None:
            yield None
            return
        async with _closed_on_error(connection):
            yield connection

    @asynccontextmanager
    async def last_use(self, held: Hashable) -> AsyncIterator[Connection | None]:
        """The connection whose transaction holds this, to end it; None where it is gone."""
        connection = self._held.pop(held, None)
        if connection is not None and not connection.is_open():
            await connection.close()
            connection = None
        if connection is None:
            yield None
            return
        async with _closed_on_error(connection):
            yield connection
        await self.put_back(connection)

    async def put_back(self, connection: Connection) -> None:
        """Nothing is open on it any more."""
        if connection.is_open() and not self._closed:
            self._idle.append(connection)
        else:
            await connection.close()

    async def close(self) -> None:
        """Close all connections; what they held ends with them."""
        self._closed = True
        connections = [*self._idle, *self._held.values()]
        self._idle.clear()
        self._held.clear()
        for connection in connections:
            await connection.close()

    async def _take_idle(self, deadline: float) -> Connection:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open():
                return connection
            await connection.close()
        return await self._connect(deadline)


@asynccontextmanager
async def _closed_on_error(connection: Connection) -> AsyncIterator[None]:
    try:
        yield
    except BaseException:
        await connection.close()
        raise
