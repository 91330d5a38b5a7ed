"""Measuring this machine and its coordinators, for trials that are simulated.

Operations are measured as the workers of a trial meet them: several processes, each asking through
its own link in our event loop, now and then rather than as fast as it can.
"""

from __future__ import annotations

import asyncio
import os
import platform
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from harness.coordinators.found import Found
from harness.coordinators.server import Launcher, Node, Server
from harness.coordinators.sources import locate
from harness.coordinators.timing import Timing
from harness.history.event import Event
from harness.runtimes import proxy
from harness.runtimes.calibration import OPERATIONS, Calibration, default_calibration
from harness.runtimes.crowd import MeasuringProcess, measuring_processes
from harness.runtimes.ground import Ground, open_ground
from harness.runtimes.launcher import Launcher as ProcessLauncher
from harness.runtimes.measuring import GROUPS, Rounds, Task, Throughput
from harness.runtimes.process import ProcessCluster
from harness.runtimes.spec import Assignment, ClusterSpec
from harness.scenario.model import Job
from harness.simulation.latency import Latency, of_samples
from harness.worker.sink import Policy

Say = Callable[[str], None]

_CLIENTS = ("redis", "kazoo", "psycopg")
_FULL_ROUND: Mapping[str, float] = {"redis": 7.0, "zookeeper": 9.0, "postgres": 10.5}
"""About how many operations a round has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """How much is measured. Times in seconds.

    `rounds` of each process: every operation is in each at least once. `tick`: how often each
    process asks, all in the same moment. `seconds`: how long each group of operations is asked for
    as fast as it goes, by `clients` in each process. `restarts` of a worker in a running trial.
    """

    processes: int = 5
    rounds: int = 60
    tick: float = 0.04
    seconds: float = 1.0
    clients: int = 4
    restarts: int = 100


def run_calibration(environ: Mapping[str, str], say: Say) -> Calibration:
    """Measure what is on this machine, in about 90 seconds; `say` is told how it goes.

    A coordinator that is missing keeps its default figures, and a note says so. Raises TrialError
    and LauncherError where the machine does not play along.
    """
    with ProcessLauncher() as launcher:
        return asyncio.run(calibrate(launcher, locate(environ), say))


async def calibrate(
    launcher: Launcher, found: Collection[Found], say: Say, extent: Extent | None = None
) -> Calibration:
    """Measure all coordinators that were found; the others keep their default figures."""
    extent = extent or Extent()
    say(f"starting {', '.join(one.name for one in found if one.source) or 'workers'}")
    async with open_ground(launcher, found, {one.name for one in found}) as ground:
        for why in ground.missing.values():
            say(f"not measured: {why}")
        plan = _Plan(extent, [name for name in OPERATIONS if name in ground.servers], say)
        plan.announce("the start of workers", plan.starting)
        start_up = of_samples(await measure_start_up(ground, extent.restarts))
        overshoot: list[float] = []
        timings: dict[str, Timing] = {}
        async with measuring_processes(launcher, extent.processes) as crowd:
            for name in plan.coordinators:
                measured = await _Coordinator(ground.servers[name], crowd, extent).measure(plan)
                timings[name] = measured.timing
                overshoot += measured.overshoot
        return _completed(ground, start_up, overshoot, timings)


def _completed(
    ground: Ground, start_up: Latency, overshoot: Sequence[float], timings: Mapping[str, Timing]
) -> Calibration:
    """The calibration, with default figures for what was not measured."""
    default = default_calibration()
    versions = {name: server.version for name, server in ground.servers.items()}
    notes = [
        f"{name} was not measured: its figures are those that come with the harness"
        for name in OPERATIONS
        if name not in timings
    ]
    if not overshoot:
        notes.append("overshoot was not measured: it takes a coordinator")
    return Calibration(
        host=describe_host(),
        coordinators={name: timings.get(name, default.coordinators[name]) for name in OPERATIONS},
        versions={
            name: versions[name] if name in timings else default.versions.get(name, "")
            for name in OPERATIONS
        },
        start_up=start_up,
        overshoot=of_samples(overshoot) if overshoot else default.overshoot,
        notes=tuple(notes),
    )


def describe_host() -> dict[str, str]:
    """What this machine is, without saying whose: cores, processor, kernel, Python, clients."""
    return {
        "cores": str(os.cpu_count()),
        "processor": _processor(),
        "kernel": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "clients": ", ".join(f"{name} {version(name)}" for name in _CLIENTS),
    }


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.machine()


class _Plan:
    """What is still to be done, to be told how long it takes."""

    def __init__(self, extent: Extent, coordinators: Sequence[str], say: Say) -> None:
        self.coordinators = coordinators
        self.starting = extent.restarts * 0.03 + 1.0
        self.trips = {
            name: extent.rounds * extent.tick * _FULL_ROUND[name] for name in coordinators
        }
        self.crowding = {
            name: (len(GROUPS[name]) + 1) * (extent.seconds + 0.5) for name in coordinators
        }
        self._left = self.starting + sum(self.trips.values()) + sum(self.crowding.values())
        self._say = say

    def announce(self, what: str, takes: float) -> None:
        """Say what comes now and how long it and all that follows will take."""
        self._say(f"{what}: about {takes:.0f} s, {max(self._left, takes):.0f} s in all from here")
        self._left -= takes


@dataclass(frozen=True, slots=True)
class _Measured:
    timing: Timing
    overshoot: list[float]


class _Coordinator:
    """One coordinator that is being measured by a crowd of processes."""

    def __init__(self, server: Server, crowd: Sequence[MeasuringProcess], extent: Extent) -> None:
        self.server = server
        self.crowd = crowd
        self.extent = extent

    async def measure(self, plan: _Plan) -> _Measured:
        """Each operation alone, and then all that it can do of each group."""
        name = self.server.name
        async with AsyncExitStack() as rooms:
            namespaces = [await rooms.enter_async_context(self._room(n)) for n in self._numbers]
            plan.announce(f"{name}, one by one", plan.trips[name])
            rounds = await self._one_by_one(namespaces)
            plan.announce(f"{name}, as much as it can do", plan.crowding[name])
            took: dict[str, list[float]] = defaultdict(list)
            for one in rounds:
                for operation, samples in one.took.items():
                    took[operation] += samples
            trips = {operation: of_samples(took[operation]) for operation in OPERATIONS[name]}
            service: dict[str, float] = {}
            for group, operations in self._groups().items():
                busy = await self._busy(group, namespaces)
                service |= {each: min(busy, trips[each].quantiles[1]) for each in operations}
        timing = Timing(trips, {each: service[each] for each in trips}, self._executors)
        return _Measured(timing, [each for one in rounds for each in one.overshoot])

    @property
    def _numbers(self) -> range:
        return range(1, len(self.crowd) + 1)

    @property
    def _executors(self) -> int:
        """Postgres has a process for each connection, the others one that does all."""
        return os.cpu_count() or 1 if self.server.name == "postgres" else 1

    def _groups(self) -> dict[str, tuple[str, ...]]:
        groups = {group: names for group, (_, names) in GROUPS[self.server.name].items()}
        return {**groups, "connect": ("connect",)}

    @asynccontextmanager
    async def _room(self, number: int) -> AsyncIterator[str]:
        namespace = f"calibrate_{number}"
        await self.server.create_namespace(namespace)
        try:
            yield namespace
        finally:
            await self.server.drop_namespace(namespace)

    async def _one_by_one(self, namespaces: Sequence[str]) -> list[Rounds]:
        """Through links, as in a trial."""
        links = [
            [proxy.Link(f"{namespace} {node.name}", (node.host, node.port)) for node in self._nodes]
            for namespace in namespaces
        ]
        try:
            await asyncio.gather(*(link.open() for each in links for link in each))
            tasks = [
                Task(
                    coordinator=self.server.name,
                    url=self.server.url([link.address for link in each]),
                    namespace=namespace,
                    name=f"{self.server.name}-{namespace}",
                    rounds=self.extent.rounds,
                    tick=self.extent.tick,
                )
                for namespace, each in zip(namespaces, links, strict=True)
            ]
            return [Rounds(**answer) for answer in await self._done(tasks)]
        finally:
            await asyncio.gather(*(link.close() for each in links for link in each))

    @property
    def _nodes(self) -> tuple[Node, ...]:
        return self.server.nodes

    async def _busy(self, group: str, namespaces: Sequence[str]) -> float:
        """For how long an operation of this group keeps an executor busy, at most.

        Two bounds from above, the lower of which holds: the time that passes per operation, where
        our own processes cannot ask fast enough, and the processor time that the server takes,
        where it has more threads than executors.
        """
        tasks = [
            Task(
                coordinator=self.server.name,
                url=self.server.url([(node.host, node.port) for node in self._nodes]),
                namespace=namespace,
                name=f"{group}-{namespace}",
                group=group,
                seconds=self.extent.seconds,
                # A client that connects does nothing else.
                clients=1 if group == "connect" else self.extent.clients,
            )
            for namespace in namespaces
        ]
        pids = [node.pid for node in self._nodes if node.pid is not None]
        before = _processor_time(pids)
        results = [Throughput(**answer) for answer in await self._done(tasks)]
        used = _processor_time(pids) - before
        passed = self._executors / sum(each.done / each.seconds for each in results)
        worked = used / sum(each.done for each in results)
        return min(passed, worked) if worked > 0 else passed

    async def _done(self, tasks: Sequence[Task]) -> list[dict[str, Any]]:
        work = [process.do(task) for process, task in zip(self.crowd, tasks, strict=True)]
        return await asyncio.gather(*work)


def _processor_time(pids: Sequence[int]) -> float:
    """Seconds of processor time of these processes and all that they started, ended or not."""
    total = 0.0
    for pid in pids:
        with suppress(psutil.Error):
            parent = psutil.Process(pid)
            for process in (parent, *parent.children(recursive=True)):
                with suppress(psutil.Error):
                    total += sum(process.cpu_times()[:4])
    return total


class _Arrivals:
    """A recorder that keeps the moments of a worker's start and readiness."""

    def __init__(self) -> None:
        self.took: list[float] = []
        self._started: dict[str, float] = {}

    def record(self, event: Event) -> None:
        """Take note of it."""
        if event.worker is None:
            return
        if event.kind == "worker.started":
            self._started[event.worker] = event.at
        elif event.kind == "worker.ready":
            self.took.append(event.at - self._started[event.worker])


async def measure_start_up(ground: Ground, restarts: int, workers: int = 5) -> list[float]:
    """Seconds from the start of a worker to its readiness, in a running trial, one after another.

    The workers have no coordinator: to connect to one is an operation like others.
    """
    names = [f"worker-{number}" for number in range(1, workers + 1)]
    alone = Assignment(approach="uncoordinated", parameters={}, system=None)
    spec = ClusterSpec(
        seed=1,
        jobs=(Job(name="report", every=1.0, takes=0.1),),
        assignments=dict.fromkeys(names, alone),
        offsets=dict.fromkeys(names, 0.0),
        misfire_grace=1.0,
        max_instances=1,
        request_timeout=1.0,
        policy=Policy.NONE,
    )
    arrivals = _Arrivals()
    cluster = ProcessCluster(ground, spec, "calibrate_start_up", arrivals, {})
    try:
        await cluster.set_up()
        cluster.begin()
        del arrivals.took[:]
        for number in range(restarts):
            victim = cluster.workers[number % workers]
            await cluster.kill(victim)
            await asyncio.sleep(0.02)
            await cluster.start(victim)
    finally:
        await cluster.close()
    return arrivals.took
