"""Runtime `process`: workers and coordinators are child processes on loopback.

Every worker reaches its coordinator through a proxy of its own. Needs no privilege.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress

from harness.coordinators.server import Server, ServerError
from harness.faults.cluster import SERVER_SIDE, Direction, Landed, NotLanded, TargetGone
from harness.faults.observation import HeldLease, Observation
from harness.history.event import Event
from harness.history.journal import Recorder
from harness.runtimes.chronicle import Chronicle
from harness.runtimes.coordinators import LiveCoordinators
from harness.runtimes.ground import Ground
from harness.runtimes.links import LiveLinks
from harness.runtimes.spec import ClusterSpec, System
from harness.runtimes.workers import LiveWorkers
from harness.worker.settings import Settings

# How long a coordinator may take to remove what a trial left there.
_CLEAN_UP = 10.0


class ProcessCluster:
    """The workers of one trial as processes, and what faults may do to them.

    `servers` are the coordinators of `spec.systems`; they are there before the trial and after it.
    """

    def __init__(
        self,
        ground: Ground,
        spec: ClusterSpec,
        name: str,
        recorder: Recorder,
        servers: Mapping[System, Server],
    ) -> None:
        self._spec = spec
        self._name = name
        self._servers = servers
        self._directory = ground.launcher.directory / name
        self._sink = self._directory / "sink.sqlite"
        self._chronicle = Chronicle(recorder)
        self._coordinators = LiveCoordinators(servers, self.now)
        # The nodes that are down because a fault wants them to be.
        self._crashed: set[str] = set()
        self._links = LiveLinks(
            {worker: self._server_of(worker) for worker in spec.workers}, spec.seed, self.now
        )
        self._workers = LiveWorkers(
            ground.zygote, spec, name, self._sink, self._chronicle, self._settings
        )

    @property
    def workers(self) -> tuple[str, ...]:
        """The names of all workers."""
        return self._spec.workers

    @property
    def observation(self) -> Observation:
        """Who runs what and holds what, as far as the history tells by now."""
        return self._chronicle.observation

    @property
    def broken(self) -> asyncio.Future[None]:
        """Raises TrialError once something went wrong that no fault accounts for."""
        return self._chronicle.broken

    def now(self) -> float:
        """Seconds since the trial's start; 0 as long as it has not started."""
        return self._chronicle.now()

    def record(self, event: Event) -> None:
        """Write an event into the trial's history."""
        self._chronicle.record(event)

    async def set_up(self) -> None:
        """Make namespace, sink and links, start all workers, and wait until they are ready."""
        self._directory.mkdir()
        for server in self._servers.values():
            await server.create_namespace(self._name)
        await self._links.open()
        await self._workers.set_up()

    def begin(self) -> None:
        """Start the trial's time, for all workers at once."""
        self._workers.begin(self._chronicle.begin())

    async def drain(self, patience: float) -> None:
        """Ask all workers to finish and stop; raises TrialError where one does not."""
        await self._workers.drain(patience)
        for node in await self._coordinators.silent_nodes():
            if node not in self._crashed:
                self._chronicle.fail(f"{node} does not answer any more")
        self._chronicle.raise_if_broken()

    async def close(self) -> None:
        """End whatever is left, and remove what the trial made; harmless at any time."""
        if self._chronicle.start is None:
            self._chronicle.begin()
        await self._workers.close()
        await self._links.close()
        await self._coordinators.close()
        for server in self._servers.values():
            # A server that died took the namespace with it.
            with suppress(ServerError, TimeoutError):
                async with asyncio.timeout(_CLEAN_UP):
                    await server.drop_namespace(self._name)

    async def kill(self, worker: str) -> Landed:
        """SIGKILL."""
        return await self._workers.kill(worker)

    async def start(self, worker: str) -> Landed:
        """Fork it again, and tell it again what it was told of its clock and its runs."""
        return await self._workers.start(worker)

    async def stop(self, worker: str) -> Landed:
        """SIGTERM, and its exit."""
        return await self._workers.stop(worker)

    async def pause(self, worker: str) -> Landed:
        """SIGSTOP."""
        return await self._workers.pause(worker)

    async def resume(self, worker: str) -> Landed:
        """SIGCONT."""
        return await self._workers.resume(worker)

    async def skew(self, worker: str, key: str, jump: float, drift: float) -> Landed:
        """Tell it."""
        return await self._workers.skew(worker, key, jump, drift)

    async def unskew(self, worker: str, key: str) -> Landed:
        """Tell it."""
        return await self._workers.unskew(worker, key)

    async def fail_runs(self, worker: str, key: str, share: float, job: str | None) -> Landed:
        """Tell it."""
        return await self._workers.fail_runs(worker, key, share, job)

    async def pass_runs(self, worker: str, key: str) -> Landed:
        """Tell it."""
        return await self._workers.pass_runs(worker, key)

    async def cut(self, worker: str, direction: Direction) -> Landed:
        """Stall its links."""
        return await self._links.cut(worker, direction)

    async def slow(self, worker: str, delay: float, jitter: float, direction: Direction) -> Landed:
        """Delay what its links pass on."""
        return await self._links.slow(worker, delay, jitter, direction)

    async def lose(self, worker: str, share: float, direction: Direction) -> Landed:
        """Refuse to: its links pass on bytes, and know of no packets."""
        raise NotLanded("loss needs packets, and a proxy has none: only simulated so far")

    async def reset(self, worker: str) -> Landed:
        """Reset the connections of its links."""
        return await self._links.reset(worker)

    async def refuse(self, worker: str) -> Landed:
        """Let its links refuse connections."""
        return await self._links.refuse(worker)

    async def heal(self, worker: str) -> Landed:
        """Let its links flow again."""
        return await self._links.heal(worker)

    async def forget(self, lease: HeldLease) -> Landed:
        """Take the lease away at the coordinator."""
        server = self._server_of(lease.worker)
        if server is None or lease.handle is None:
            raise NotLanded(f"{lease.worker} holds nothing that a coordinator could forget")
        # Its holder may hear of it before we do: what follows must not seem to come before.
        at = self.now()
        try:
            gone = await server.forget(self._name, lease.handle)
        except ServerError as error:
            raise NotLanded(str(error)) from None
        if not gone:
            raise TargetGone(f"{lease.worker} held {lease.resource} no more")
        return Landed(at, SERVER_SIDE)

    @property
    def nodes(self) -> tuple[str, ...]:
        """The names of all coordinator nodes."""
        return self._coordinators.nodes

    async def leading_nodes(self) -> tuple[str, ...]:
        """Of each coordinator the node that takes writes."""
        return await self._coordinators.leading_nodes()

    async def crash_node(self, node: str) -> Landed:
        """SIGKILL."""
        self._crashed.add(node)
        return await self._coordinators.crash_node(node)

    async def start_node(self, node: str, keep_data: bool) -> Landed:
        """Start it again."""
        self._crashed.discard(node)
        return await self._coordinators.start_node(node, keep_data)

    async def pause_node(self, node: str) -> Landed:
        """SIGSTOP."""
        return await self._coordinators.pause_node(node)

    async def resume_node(self, node: str) -> Landed:
        """SIGCONT."""
        return await self._coordinators.resume_node(node)

    async def fail_over(self, node: str, lag: float) -> Landed:
        """Crash the leading node, and have another one lead."""
        return await self._coordinators.fail_over(node, lag)

    async def shift_node_clock(self, node: str, seconds: float) -> Landed:
        """Move the expiry of all that the node has."""
        return await self._coordinators.shift_node_clock(node, seconds)

    def _settings(self, worker: str, start: int) -> Settings:
        spec = self._spec
        assignment = spec.assignments[worker]
        return Settings(
            name=worker,
            identity=worker if start == 1 else f"{worker}.{start}",
            seed=spec.seed,
            jobs=spec.jobs,
            approach=assignment.approach,
            parameters=assignment.parameters,
            misfire_grace=spec.misfire_grace,
            max_instances=spec.max_instances,
            offset=spec.offsets[worker],
            request_timeout=spec.request_timeout,
            url=self._links.url(worker),
            namespace=self._name,
            sink=str(self._sink),
            policy=spec.policy,
            retry=assignment.retry,
            circuit_breaker=assignment.circuit_breaker,
            breakpoints=spec.breakpoints,
        )

    def _server_of(self, worker: str) -> Server | None:
        system = self._spec.assignments[worker].system
        return None if system is None else self._servers[system]
