"""The links of a live trial between workers and coordinators, and what faults do to them."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from random import Random

from harness.coordinators.server import Node, Server
from harness.faults.cluster import Direction, Landed, NotLanded, TargetGone
from harness.runtimes import proxy

# How long an operation may take to be seen to have worked.
_PATIENCE = 5.0
# How long a probe waits in vain before a cut counts as verified; an answer takes under 1 ms. Not
# longer: so long may a worker have to stand still at the event for which it is cut off.
_SILENCE = 0.05
# Of the time that a round trip is to take longer, so much must be seen.
_ABOUT = 0.9


class LiveLinks:
    """For each worker a proxy to each node of its coordinator. Every operation is verified.

    `servers` are the workers' coordinators, None for a worker that has none; `now` is the trial's
    time. What is drawn comes from the seed.
    """

    def __init__(
        self, servers: Mapping[str, Server | None], seed: int, now: Callable[[], float]
    ) -> None:
        self._servers = servers
        self._now = now
        self._links: dict[str, dict[Node, proxy.Link]] = {}
        self._jitter = {worker: Random(f"{seed}/{worker}/jitter") for worker in servers}
        self._mechanism: dict[str, str] = {}

    async def open(self) -> None:
        """Listen for all workers."""
        for worker, server in self._servers.items():
            if server is not None:
                links = {
                    node: proxy.Link(f"{worker} {node.name}", (node.host, node.port))
                    for node in server.nodes
                }
                self._links[worker] = links
                await asyncio.gather(*(link.open() for link in links.values()))

    async def close(self) -> None:
        """Listen no more, and reset what is open."""
        for links in self._links.values():
            await asyncio.gather(*(link.close() for link in links.values()))

    def url(self, worker: str) -> str | None:
        """What the worker's client needs to reach its coordinator; None where it has none."""
        server = self._servers[worker]
        if server is None:
            return None
        return server.url([link.address for link in self._links[worker].values()])

    async def cut(self, worker: str, direction: Direction) -> Landed:
        """Stall its links; verified by a probe that gets no answer through them."""
        links = self._of(worker, "proxy-stall")
        for link in links.values():
            link.stall(proxy.Direction(direction))
        at = self._now()
        if any(await self._answers(worker, _SILENCE)):
            raise NotLanded(f"{worker} was still answered through a cut link")
        return Landed(at, "proxy-stall")

    async def slow(self, worker: str, delay: float, jitter: float, direction: Direction) -> Landed:
        """Delay what its links pass on; verified by probes that are answered so much later."""
        links = self._of(worker, "proxy-delay")
        ways = 2 if direction == "both" else 1
        for link in links.values():
            link.slow(delay, jitter, proxy.Direction(direction), self._jitter[worker])
        at = self._now()
        if not all(len(link.slowed) >= ways for link in links.values()):
            raise NotLanded(f"the links of {worker} are not slow")
        most = ways * (delay + jitter)
        least = _ABOUT * ways * max(0.0, delay - jitter)
        took = await asyncio.gather(*(self._round_trip(worker, node, most) for node in links))
        if any(seconds is not None and seconds < least for seconds in took):
            raise NotLanded(f"{worker} was answered within less than {least:g} s by a slow link")
        return Landed(at, "proxy-delay")

    async def reset(self, worker: str) -> Landed:
        """Reset its connections; verified by connections of our own that share their fate.

        Where connections are refused there can be none of our own: then the proxy's word counts.
        """
        links = self._of(worker).values()
        with ExitStack() as sockets:
            witnesses = []
            for link in links:
                if not link.refusing:
                    witness = sockets.enter_context(_connection_of_our_own())
                    await _connect(witness, link)
                    witnesses.append(witness)
            at = self._now()
            hit = sum(link.reset() for link in links)
            await asyncio.sleep(0)  # the sockets are closed in the loop's next turn
            gone = await asyncio.gather(*(_is_reset(witness) for witness in witnesses))
        if not all(gone):
            raise NotLanded(f"a connection of {worker} outlived its reset")
        if hit <= len(witnesses):
            raise TargetGone(f"{worker} has no open connection")
        return Landed(at, "proxy-reset")

    async def refuse(self, worker: str) -> Landed:
        """Refuse new connections; verified by connections of our own that are refused."""
        links = self._of(worker, "proxy-refuse").values()
        for link in links:
            link.refuse()
        at = self._now()
        if not all(await asyncio.gather(*(_is_refused(link) for link in links))):
            raise NotLanded(f"{worker} may still connect")
        return Landed(at, "proxy-refuse")

    async def heal(self, worker: str) -> Landed:
        """Undo all that was done to its links; verified by probes that are answered."""
        links = self._of(worker)
        for link in links.values():
            link.heal()
        at = self._now()
        await asyncio.gather(*(self._round_trip(worker, node) for node in links))
        return Landed(at, self._mechanism.pop(worker, "proxy-stall"))

    def _of(self, worker: str, mechanism: str | None = None) -> dict[Node, proxy.Link]:
        """The links of a worker, of which the mechanism is what its next heal undoes."""
        links = self._links.get(worker)
        if not links:
            raise NotLanded(f"{worker} has no coordinator to be cut off from")
        if mechanism is not None:
            self._mechanism[worker] = mechanism
        return links

    async def _answers(self, worker: str, timeout: float) -> list[bool]:
        server = self._servers[worker]
        assert server is not None
        links = self._links[worker].values()
        return await asyncio.gather(
            *(server.answers(*link.address, timeout=timeout) for link in links)
        )

    async def _round_trip(self, worker: str, node: Node, longer: float = 0.0) -> float | None:
        """How long a probe takes through the link, which takes at most so much `longer`.

        None where the node does not answer anybody; NotLanded where it does, but not this link.
        """
        server = self._servers[worker]
        assert server is not None
        link = self._links[worker][node]
        loop = asyncio.get_running_loop()
        start = loop.time()
        direct = asyncio.ensure_future(server.answers(node.host, node.port, _PATIENCE))
        try:
            if await server.answers(*link.address, timeout=longer + _PATIENCE):
                return loop.time() - start
            if await direct:
                raise NotLanded(f"{worker} was not answered through its link to {node.name}")
            return None
        finally:
            direct.cancel()


def _connection_of_our_own() -> socket.socket:
    connection = socket.socket()
    connection.setblocking(False)
    return connection


async def _connect(witness: socket.socket, link: proxy.Link) -> None:
    """Connect it and wait until the link knows it; NotLanded where that does not happen."""
    try:
        async with asyncio.timeout(_PATIENCE):
            await asyncio.get_running_loop().sock_connect(witness, link.address)
            while not link.has_open(witness.getsockname()):
                await asyncio.sleep(0)
    except (TimeoutError, OSError) as error:
        raise NotLanded(f"no connection through {link.name}: {error or 'no answer'}") from None


async def _is_reset(connection: socket.socket) -> bool:
    try:
        async with asyncio.timeout(_PATIENCE):
            await asyncio.get_running_loop().sock_recv(connection, 1)
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False
    return False


async def _is_refused(link: proxy.Link) -> bool:
    with _connection_of_our_own() as connection:
        try:
            async with asyncio.timeout(_PATIENCE):
                await asyncio.get_running_loop().sock_connect(connection, link.address)
        except OSError as error:
            return error.errno == errno.ECONNREFUSED
    return False
