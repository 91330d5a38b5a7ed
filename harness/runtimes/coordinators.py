"""The coordinators of a live trial: their nodes, and what faults do to them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

import psutil

from harness.coordinators.processes import freeze, state, thaw
from harness.coordinators.server import Node, Server, ServerError
from harness.faults.cluster import SERVER_SIDE, Landed, NotLanded, TargetGone
from harness.runtimes.spec import System

SIGNAL = "signal"

SUCCESSION: Mapping[str, str] = {
    "redis": "sentinel",
    "postgres": "pg-promote",
    "zookeeper": "election",
}
"""Of each coordinator, how a failover is made."""

# How long an operation may take to be seen to have worked.
_PATIENCE = 5.0
# How long a probe waits in vain before silence counts as verified; an answer takes about 1 ms.
_SILENCE = 0.2
# How long a node may take to come back by itself after a failover.
_REJOINING = 30.0


class LiveCoordinators:
    """The running servers of all systems that the workers need. `now` gives the trial's time.

    A node is `redis-1` and so on; where there are two systems of that name, the second one's go on
    counting. Whether one is down or stands still is asked of the kernel, not remembered.
    """

    def __init__(self, servers: Mapping[System, Server], now: Callable[[], float]) -> None:
        self._now = now
        self._nodes: dict[str, tuple[Server, str]] = {}
        self._rejoining: set[asyncio.Task[None]] = set()
        counts: dict[str, int] = {}
        for server in servers.values():
            for node in server.nodes:
                counts[server.name] = counts.get(server.name, 0) + 1
                self._nodes[f"{server.name}-{counts[server.name]}"] = (server, node.name)

    @property
    def nodes(self) -> tuple[str, ...]:
        """The names of all nodes, such as `redis-1`."""
        return tuple(self._nodes)

    async def leading_nodes(self) -> tuple[str, ...]:
        """Of each coordinator the node that takes writes; of servers on their own the first."""
        leading = []
        for server in dict.fromkeys(server for server, _ in self._nodes.values()):
            with _not_landed():
                leading.append((server, await server.leader()))
        return tuple(name for name, place in self._nodes.items() if place in leading)

    async def crash_node(self, node: str) -> Landed:
        """SIGKILL to all its processes; verified by a probe that gets no answer."""
        server, own = self._running(node)
        # Others may see it before we do: what follows must not seem to come before.
        at = self._now()
        with _not_landed():
            await server.kill(own)
        if await self._answers(node, _SILENCE):
            raise NotLanded(f"{node} still answered after SIGKILL")
        return Landed(at, SIGNAL)

    async def start_node(self, node: str, keep_data: bool) -> Landed:
        """Start it at the same port; verified by a probe that is answered."""
        server, own = self._nodes[node]
        with _not_landed():
            await server.restart(own, keep_data)
        if not await self._answers(node, _PATIENCE):
            raise NotLanded(f"{node} does not answer after its start")
        return Landed(self._now(), SIGNAL)

    async def pause_node(self, node: str) -> Landed:
        """SIGSTOP to all its processes; verified by the kernel and by a probe without answer."""
        server, own = self._running(node)
        at = self._now()
        with _not_landed():
            await freeze(server.processes(own)[0])
        if await self._answers(node, _SILENCE):
            raise NotLanded(f"{node} still answered after SIGSTOP")
        return Landed(at, SIGNAL)

    async def resume_node(self, node: str) -> Landed:
        """SIGCONT to all its processes; verified by the kernel and by a probe that is answered."""
        server, own = self._running(node)
        at = self._now()
        with _not_landed():
            await thaw(server.processes(own)[0])
        if not await self._answers(node, _PATIENCE):
            raise NotLanded(f"{node} does not answer after SIGCONT")
        return Landed(at, SIGNAL)

    async def fail_over(self, node: str, lag: float) -> Landed:
        """Kill the leading node; another one leads, and the old one comes back as its follower."""
        server, own = self._running(node)
        crashed: list[float] = []
        with _not_landed():
            if await server.leader() != own:
                raise TargetGone(f"{node} does not lead any more")
            await server.fail_over(lag, lambda: crashed.append(self._now()))
        rejoining = asyncio.create_task(self._rejoin(server, own))
        self._rejoining.add(rejoining)
        rejoining.add_done_callback(self._rejoining.discard)
        return Landed(crashed[0], SUCCESSION[server.name])

    async def shift_node_clock(self, node: str, seconds: float) -> Landed:
        """Move the expiry of all that the node has, which is what a jump of its clock does."""
        server, own = self._running(node)
        at = self._now()
        with _not_landed():
            await server.shift_clock(own, seconds)
        return Landed(at, SERVER_SIDE)

    async def silent_nodes(self) -> tuple[str, ...]:
        """The nodes that do not answer, be it that they are down; who comes back is waited for."""
        if self._rejoining:
            await asyncio.wait(self._rejoining, timeout=_REJOINING)
        answers = await asyncio.gather(*(self._answers(node, _PATIENCE) for node in self._nodes))
        return tuple(name for name, answer in zip(self._nodes, answers, strict=True) if not answer)

    async def close(self) -> None:
        """Let everything go on that stands still, so that nobody waits for it."""
        for rejoining in self._rejoining:
            rejoining.cancel()
        if self._rejoining:
            await asyncio.wait(self._rejoining)
        for server, own in self._nodes.values():
            if server.ours and self._stands_still(server, own):
                with suppress(ServerError):
                    await thaw(server.processes(own)[0])

    async def _rejoin(self, server: Server, node: str) -> None:
        # Where it fails, the node stays down, which the trial's end finds out.
        with suppress(ServerError):
            await server.restart(node, keep_data=False)

    def _running(self, node: str) -> tuple[Server, str]:
        """The node's place; raises TargetGone where it is down, NotLanded where it is not ours."""
        server, own = self._nodes[node]
        with _not_landed():
            if not server.processes(own):
                raise TargetGone(f"{node} is not running")
        return server, own

    def _stands_still(self, server: Server, node: str) -> bool:
        return any(state(pid) == psutil.STATUS_STOPPED for pid in server.processes(node))

    async def _answers(self, node: str, timeout: float) -> bool:
        server, own = self._nodes[node]
        place: Node = next(one for one in server.nodes if one.name == own)
        return await server.answers(place.host, place.port, timeout)


@contextmanager
def _not_landed() -> Iterator[None]:
    """What a server cannot do has not landed."""
    try:
        yield
    except ServerError as error:
        raise NotLanded(str(error)) from None
