"""A client of one's own, which may use the links of workers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psutil

# How long we listen before we say that nothing came; an answer takes less than a millisecond.
SILENCE = 0.3  # s


class Client:
    """Speaks Redis' inline protocol over one connection, and gives up waiting when told to."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    @asynccontextmanager
    async def at(cls, host: str, port: int) -> AsyncIterator[Client]:
        reader, writer = await asyncio.open_connection(host, port)
        try:
            yield cls(reader, writer)
        finally:
            writer.close()

    def say(self, command: str) -> None:
        self._writer.write(f"{command}\r\n".encode())

    async def hears(self, what: str, within: float = 5.0) -> bool:
        """Whether a line comes that is this, be it after others."""
        try:
            async with asyncio.timeout(within):
                while (line := await self._reader.readline()) != f"{what}\r\n".encode():
                    assert line, "the connection was closed"
        except TimeoutError:
            return False
        return True

    async def answers(self, command: str, what: str) -> bool:
        self.say(command)
        return await self.hears(what)

    async def comes_to_answer(self, command: str, what: str, within: float = 5.0) -> bool:
        """As `answers`, for what is asked over and over."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            self.say(command)
            if await self.hears(what, within=0.02):
                return True
        return False


def link_of(pid: int) -> tuple[str, int]:
    """Where a worker's process is connected to."""
    (address,) = {
        (connection.raddr.ip, connection.raddr.port)
        for connection in psutil.Process(pid).net_connections("tcp")
        if connection.status == psutil.CONN_ESTABLISHED
    }
    return address
