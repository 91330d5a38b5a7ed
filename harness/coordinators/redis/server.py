"""What can be asked of any Redis or Valkey server, and one that we were given."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from harness.coordinators.given import Given
from harness.coordinators.redis.streams.client import take_away
from harness.coordinators.redis.streams.port import id_in
from harness.coordinators.server import Launcher, Node, ServerError
from harness.coordinators.starting import HOST, ask, check_namespace

_TIMEOUT = 10.0
_DEFAULT_PORT = 6379


class AnyRedis(ABC):
    """What can be asked of a Redis, whoever started it."""

    name = "redis"

    def __init__(self, source: str) -> None:
        self.source = source
        self._url = urlsplit("redis://localhost/0")
        self.version = ""

    @property
    @abstractmethod
    def nodes(self) -> tuple[Node, ...]:
        """Its nodes; known once started."""

    async def _writable(self) -> Sequence[Node]:
        """The nodes that take writes now, each with keys of its own."""
        return self.nodes

    def url(self, addresses: Sequence[tuple[str, int]]) -> str:
        """redis://[user:password@]host:port/db for each address, separated by commas."""
        return ",".join(self._url_of(host, port) for host, port in addresses)

    def _url_of(self, host: str, port: int) -> str:
        login, at, _ = self._url.netloc.rpartition("@")
        shown = f"[{host}]" if ":" in host else host
        return self._url._replace(netloc=f"{login}{at}{shown}:{port}").geturl()

    async def create_namespace(self, namespace: str) -> None:
        """Nothing to make: a namespace is a prefix of keys."""
        check_namespace(namespace)

    async def drop_namespace(self, namespace: str) -> None:
        """Delete every key that starts with the namespace."""
        pattern = f"{check_namespace(namespace)}:*"
        for node in await self._writable():
            async with self._admin(node) as redis:
                async for key in redis.scan_iter(match=pattern, count=1000):
                    await redis.delete(key)

    async def forget(self, namespace: str, handle: str) -> bool:
        """Delete the lock's key, whoever owns it, wherever it is.

        A message is pending for nobody from then on, and can be claimed at once.
        """
        message = id_in(handle)
        if message is None:
            command: tuple[str | int, ...] = ("DEL", f"{check_namespace(namespace)}:{handle}")
        else:
            command = take_away(check_namespace(namespace), message)
        forgotten = 0
        for node in await self._writable():
            async with self._admin(node) as redis:
                forgotten += await redis.execute_command(*command)  # type: ignore[no-untyped-call]
        return forgotten > 0

    async def answers(self, host: str, port: int, timeout: float) -> bool:
        """Any reply to PING counts, be it that it wants a password."""
        return bool(await ask(host, port, b"PING\r\n", timeout))

    async def _learn_version(self) -> None:
        async with self._admin(self.nodes[0]) as redis:
            server = await redis.info("server")
        if "valkey_version" in server:
            self.version = f"Valkey {server['valkey_version']}"
        else:
            self.version = f"Redis {server['redis_version']}"

    @asynccontextmanager
    async def _admin(self, node: Node, timeout: float = _TIMEOUT) -> AsyncIterator[Redis]:
        """A connection to a node; what goes wrong on it is a ServerError."""
        redis = Redis.from_url(
            self._url_of(node.host, node.port),
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
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


class GivenRedis(Given, AnyRedis):
    """A server that somebody else runs. It gets keys of our own prefix, and nothing else."""

    def __init__(self, url: str, source: str) -> None:
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
