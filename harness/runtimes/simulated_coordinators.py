"""The coordinators of a simulated trial: their nodes, and what faults do to them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from harness.coordinators.calls import CallLog
from harness.coordinators.postgres import simulated as postgres
from harness.coordinators.redis import simulated as redis
from harness.coordinators.timing import Timing
from harness.coordinators.zookeeper import simulated as zookeeper
from harness.faults.cluster import Landed, NotLanded, TargetGone
from harness.faults.observation import HeldLease
from harness.runtimes.simulated_links import MECHANISM
from harness.runtimes.spec import System
from harness.scenario.model import Layout
from harness.simulation.kernel import Kernel
from harness.simulation.network import Link
from harness.simulation.nodes import ALONE, Nodes, Succession
from harness.simulation.server import SimulatedServer

# Measured on Redis 7.0 with three Sentinels and down-after-milliseconds 1000: from SIGKILL of the
# primary until another one takes writes, 1.5 to 2.5 s. A stopped primary is found out the same way.
SENTINEL = Succession(takes=2.0)

# Measured on three ZooKeeper 3.8 servers with tickTime 200: a new leader 0.37 to 0.63 s after the
# SIGKILL of the last. One that stands still is missed after syncLimit, here 5 ticks.
ENSEMBLE = Succession(takes=0.5, unnoticed=1.0, majority=True)

# Measured on Postgres 15 and 18: from pg_promote until the standby takes writes, 0.13 to 0.15 s.
PROMOTION = Succession(takes=0.15, by_itself=False)

# Seconds from the start of a server's process until it answers: medians of three to five starts.
START_UP = {"redis": 0.02, "zookeeper": 0.45, "postgres": 0.05}

# A connection of the runner's own and one request, as calibrated for workers.
FORGETTING = 0.003


@dataclass(frozen=True, slots=True)
class _Kind:
    """How to make a simulated server, how to connect, and who leads after its leader."""

    server: Callable[[Kernel, Timing], Any]
    connect: Callable[..., Awaitable[Any]]
    succession: Succession


_KINDS = {
    "redis": _Kind(redis.SimulatedRedis, redis.connect, SENTINEL),
    "zookeeper": _Kind(zookeeper.SimulatedZooKeeper, zookeeper.connect, ENSEMBLE),
    "postgres": _Kind(postgres.SimulatedPostgres, postgres.connect, PROMOTION),
}


class SimulatedCoordinators:
    """The servers of all systems that the workers need. `now` gives the trial's time.

    Nodes that follow a primary, and those of an ensemble, are one server: one thing is known, and
    one link leads to it. Servers that know nothing of each other (Redlock's) are one each.
    """

    def __init__(
        self,
        kernel: Kernel,
        systems: Sequence[System],
        timings: Mapping[str, Timing],
        now: Callable[[], float],
    ) -> None:
        self._now = now
        self._servers: dict[System, tuple[Any, ...]] = {}
        # By the name of each node, with its system.
        self._nodes: dict[str, tuple[System, Nodes]] = {}
        for system in systems:
            groups = self._grouped(system)
            kind, timing = _KINDS[system.name], timings[system.name]
            servers = tuple(kind.server(kernel, timing) for _ in groups)
            self._servers[system] = servers
            for names, server in zip(groups, servers, strict=True):
                self._add(system, names, server, kind.succession)

    def _grouped(self, system: System) -> list[list[str]]:
        """The names of the nodes, those that are one server together."""
        layout, before = (
            system.layout,
            sum(one.name == system.name for one, _ in self._nodes.values()),
        )
        count = max(layout.nodes, 1 + layout.replicas)
        names = [f"{system.name}-{before + number + 1}" for number in range(count)]
        apart = system.name == "redis" and not layout.replicas
        return [[name] for name in names] if apart else [names]

    def _add(
        self, system: System, names: Sequence[str], server: SimulatedServer, among: Succession
    ) -> None:
        nodes = Nodes(
            server,
            names,
            among if len(names) > 1 else ALONE,
            durable=_durable(system.name, system.layout),
        )
        self._nodes.update(dict.fromkeys(names, (system, nodes)))

    def servers(self, system: System) -> tuple[Any, ...]:
        """The servers of a system that clients tell apart; each needs a link of its own."""
        return self._servers[system]

    async def connect(
        self,
        system: System,
        links: Sequence[Link],
        random: Random,
        request_timeout: float,
        calls: CallLog,
        *,
        independent: bool = False,
        **particular: Any,
    ) -> Any:
        """A port to the system; raises Unavailable. `independent` is one for each of its servers.

        Without it, it is the port of the first: the others are not for those that know one.
        """
        servers = self._servers[system]
        if independent:
            return await redis.connect_nodes(
                servers, links, random, request_timeout, calls, **particular
            )
        connect = _KINDS[system.name].connect
        return await connect(servers[0], links[0], random, request_timeout, calls, **particular)

    async def forget(self, system: System, lease: HeldLease) -> Landed:
        """Take a lease away, wherever its servers have it."""
        if lease.handle is None:
            raise NotLanded(f"{lease.worker} holds nothing that a coordinator could forget")
        answering = [one for one in self._servers[system] if one.up and not one.paused]
        if not answering:
            raise NotLanded(f"{system.name} does not answer")
        landed = self._landed()
        # No sooner than live: who asked together with the holder has been refused by then.
        await asyncio.sleep(FORGETTING)
        forgotten = [server.forget(lease.handle) for server in answering]
        if not any(forgotten):
            raise TargetGone(f"{lease.worker} held {lease.resource} no more")
        return landed

    @property
    def nodes(self) -> tuple[str, ...]:
        """The names of all nodes, such as `redis-1`."""
        return tuple(self._nodes)

    async def leading_nodes(self) -> tuple[str, ...]:
        """Of each coordinator the node that takes writes; of servers on their own the first."""
        first: dict[System, str] = {}
        for name, (system, nodes) in self._nodes.items():
            if nodes.leader == name:
                first.setdefault(system, name)
        return tuple(first.values())

    async def crash_node(self, node: str) -> Landed:
        """All that was under way is gone, and every connection is reset."""
        self._running(node).crash(node)
        return self._landed()

    async def start_node(self, node: str, keep_data: bool) -> Landed:
        """Start it; it answers after a while."""
        system, nodes = self._nodes[node]
        if not nodes.is_down(node):
            raise NotLanded(f"{node} is running")
        await asyncio.sleep(START_UP[system.name])
        nodes.start(node, keep_data=keep_data)
        if nodes.leader is None:
            await asyncio.sleep(nodes.succession.takes)
        return self._landed()

    async def pause_node(self, node: str) -> Landed:
        """What is under way ends after `resume_node`, what comes in waits."""
        self._running(node).pause(node)
        return self._landed()

    async def resume_node(self, node: str) -> Landed:
        """Let it go on."""
        self._running(node).resume(node)
        return self._landed()

    async def fail_over(self, node: str, lag: float) -> Landed:
        """Another one leads, with the data of `lag` seconds before the crash; this one follows."""
        nodes = self._running(node)
        if not nodes.heirs:
            raise NotLanded(f"{node} has nobody to take over from it")
        data = nodes.server.snapshot()
        if data is not None:
            await asyncio.sleep(lag)
        if nodes.leader != node:
            raise TargetGone(f"{node} does not lead any more")
        nodes.fail_over(data)
        landed = self._landed()
        await asyncio.sleep(nodes.succession.takes)
        if nodes.leader is None:
            raise NotLanded(f"nobody took over from {node}")
        nodes.start(node, keep_data=False)
        return landed

    async def shift_node_clock(self, node: str, seconds: float) -> Landed:
        """Let all that is to expire do so that much sooner."""
        nodes = self._running(node)
        if nodes.leader != node:
            raise NotLanded(f"{node} follows another: what is to expire is up to that one")
        if not nodes.server.shift_clock(seconds):
            raise NotLanded(f"nothing expires by a clock that {node} could let jump")
        return self._landed()

    def _running(self, node: str) -> Nodes:
        _, nodes = self._nodes[node]
        if nodes.is_down(node):
            raise TargetGone(f"{node} is not running")
        return nodes

    def _landed(self) -> Landed:
        return Landed(self._now(), MECHANISM)


def _durable(system: str, layout: Layout) -> bool:
    """Whether a node that is started again has its data."""
    return system != "redis" or layout.persistent
