"""The Redis client against a server that misbehaves."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from harness.coordinators.errors import Indeterminate, Unavailable
from harness.coordinators.redis.client import RedisClient


class Silent:
    def called(self, operation: str) -> None: ...

    def failed(self, operation: str, error: str) -> None: ...


@asynccontextmanager
async def client_of(
    reply: bytes, greeting: bytes = b""
) -> AsyncIterator[tuple[RedisClient, list[bytes]]]:
    """A client of a server that says `reply` to each SET, "" meaning that it hangs up."""
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        while not greeting and (data := await reader.read(65536)):
            seen.extend([b"SET"] * data.count(b"SET\r\n"))
            writer.write(b"+OK\r\n" * data.count(b"SETINFO\r\n"))
            if b"\r\nSET\r\n" in data:
                writer.write(reply)
                if not reply:
                    break
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    client = RedisClient(f"redis://127.0.0.1:{port}/0", "test", 2.0, Silent())
    try:
        yield client, seen
    finally:
        await client.close()
        server.close()


@pytest.mark.parametrize(
    "refusal",
    [
        b"-LOADING Redis is loading the dataset in memory\r\n",
        b"-READONLY You can't write against a read only replica.\r\n",
        b"-OOM command not allowed when used memory > 'maxmemory'.\r\n",
        b"-NOREPLICAS Not enough good replicas to write.\r\n",
        b"-NOAUTH Authentication required.\r\n",
    ],
)
async def test_a_refusal_means_that_nothing_was_done(refusal: bytes) -> None:
    async with client_of(refusal) as (client, seen):
        with pytest.raises(Unavailable):
            await client.set_if_absent("lock", "a", 1.0)
        assert len(seen) == 1


async def test_a_server_that_is_full_is_unavailable() -> None:
    greeting = b"-ERR max number of clients reached\r\n"
    async with client_of(b"", greeting) as (client, seen):
        with pytest.raises(Unavailable):
            await client.set_if_absent("lock", "a", 1.0)
        assert seen == []


async def test_a_request_is_sent_once_though_its_connection_ends() -> None:
    async with client_of(b"") as (client, seen):
        with pytest.raises(Indeterminate):
            await client.set_if_absent("lock", "a", 1.0)
        assert len(seen) == 1
