"""A Redis or Valkey server: one that we start, or one that we were given."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from harness.coordinators.server import Launcher, Node, ServerError
from harness.coordinators.starting import (
    HOST,
    Child,
    ask,
    check_namespace,
    end_child,
    start_child,
)
from harness.scenario.model import Layout

_TIMEOUT = 10.0
_DEFAULT_PORT = 6379


class _Redis:
    """What can be asked of a Redis, whoever started it."""

    name = "redis"

    def __init__(self, source: str) -> None:
        self.source = source
        self._url = urlsplit("redis://localhost/0")
        self.version = ""
        self.nodes: tuple[Node, ...] = ()

    def url(self, addresses: Sequence[tuple[str, int]]) -> str:
        """redis://[user:password@]host:port/db for the one address."""
        ((host, port),) = addresses
        login, at, _ = self._url.netloc.rpartition("@")
        shown = f"[{host}]" if ":" in host else host
        return self._url._replace(netloc=f"{login}{at}{shown}:{port}").geturl()

    async def create_namespace(self, namespace: str) -> None:
        """Nothing to make: a namespace is a prefix of keys."""
        check_namespace(namespace)

    async def drop_namespace(self, namespace: str) -> None:
        """Delete every key that starts with the namespace."""
        pattern = f"{check_namespace(namespace)}:*"
        async with self._admin() as redis:
            async for key in redis.scan_iter(match=pattern, count=1000):
                await redis.delete(key)

    async def forget(self, namespace: str, handle: str) -> bool:
        """Delete the lock's key, whoever owns it."""
        async with self._admin() as redis:
            return bool(await redis.delete(f"{check_namespace(namespace)}:{handle}"))

    async def answers(self, host: str, port: int, timeout: float) -> bool:
        """Any reply to PING counts, be it that it wants a password."""
        return bool(await ask(host, port, b"PING\r\n", timeout))

    async def _learn_version(self) -> None:
        async with self._admin() as redis:
            server = await redis.info("server")
        if "valkey_version" in server:
            self.version = f"Valkey {server['valkey_version']}"
        else:
            self.version = f"Redis {server['redis_version']}"

    @asynccontextmanager
    async def _admin(self) -> AsyncIterator[Redis]:
        node = self.nodes[0]
        redis = Redis.from_url(
            self.url([(node.host, node.port)]),
            socket_timeout=_TIMEOUT,
            socket_connect_timeout=_TIMEOUT,
            retry=Retry(NoBackoff(), 0),
        )
        try:
            yield redis
        except (RedisError, OSError) as error:
            raise ServerError(
                f"{self.source}: Redis at {node.host}:{node.port}: {error}"
            ) from error
        finally:
            await redis.aclose()


class RedisServer(_Redis):
    """A server of our own that keeps nothing on disk.

    Started again after it ended, it comes back at the same port, empty.
    """

    def __init__(self, program: Path, source: str, layout: Layout) -> None:
        super().__init__(source)
        self._program = program
        self._child: Child | None = None

    async def start(self, launcher: Launcher) -> None:
        """Start it and wait until it answers."""
        await self.stop()
        directory = (launcher.directory / self.name).resolve()
        directory.mkdir(exist_ok=True)
        log = directory / "server.log"

        def launch(port: int) -> subprocess.Popen[bytes]:
            command = [str(self._program), "--port", str(port), "--bind", HOST]
            command += ["--dir", str(directory), "--save", "", "--appendonly", "no"]
            return launcher.spawn(command, cwd=directory, log=log)

        async def is_up(port: int) -> bool:
            reply = await ask(HOST, port, b"CONFIG GET dir\r\n", 0.5)
            return str(directory).encode() in reply

        before = self._child.port if self._child else None
        self._child = await start_child("redis-1", launch, is_up, log=log, port=before)
        self.nodes = (Node("redis-1", HOST, self._child.port, self._child.process.pid),)
        await self._learn_version()

    async def stop(self) -> None:
        """Stop it; its data go with it."""
        if self._child:
            await end_child(self._child.process, signal.SIGTERM)


class GivenRedis(_Redis):
    """A server that somebody else runs. It gets keys of our own prefix, and nothing else."""

    def __init__(self, url: str, source: str, layout: Layout) -> None:
        super().__init__(source)
        self._given = url

    async def start(self, launcher: Launcher) -> None:
        """Connect once, to see that it is there."""
        try:
            self._url = urlsplit(self._given)
            port = self._url.port or _DEFAULT_PORT
        except ValueError as error:
            raise ServerError(f"{self.source}: {error}") from error
        if self._url.scheme != "redis":
            raise ServerError(
                f"{self.source}: {self._url.scheme}:// cannot be used: workers connect through "
                "a proxy, which TLS and sockets do not pass; give a redis:// address"
            )
        self.nodes = (Node("redis-1", self._url.hostname or HOST, port),)
        await self._learn_version()

    async def stop(self) -> None:
        """Nothing: it is not ours."""
