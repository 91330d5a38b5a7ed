"""Runtime `sim`: workers, network and coordinator in virtual time, in one thread."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from harness.approaches import APPROACHES
from harness.approaches.approach import Approach
from harness.approaches.instance import connected, work
from harness.coordinators.postgres import simulated as postgres
from harness.coordinators.redis import simulated as redis
from harness.coordinators.timing import Timing
from harness.coordinators.zookeeper import simulated as zookeeper
from harness.faults.cluster import Direction, Landed, NotLanded, TargetGone
from harness.faults.observation import HeldLease, Observation
from harness.history.event import Event
from harness.history.journal import Recorder
from harness.runtimes.calibration import Calibration
from harness.runtimes.cluster import TrialError
from harness.runtimes.spec import ClusterSpec, System
from harness.simulation.kernel import Kernel
from harness.simulation.latency import Overshoot
from harness.simulation.loop import SimulatedLoop
from harness.simulation.network import Link, Way
from harness.simulation.randomness import stream
from harness.worker.clock import WorkerClock
from harness.worker.memory_sink import MemorySink
from harness.worker.worker import CallCount, Instance, Worker

MECHANISM = "simulated"

_READY = 30.0
# Seldom, as nothing is lost by it: the calls of who is killed are counted all the same.
_REPORT_EVERY = 10.0


@dataclass(frozen=True, slots=True)
class _System:
    """How to make a simulated coordinator, and how to connect to it."""

    server: Callable[[Kernel, Timing], Any]
    connect: Callable[..., Awaitable[Any]]


_SYSTEMS = {
    "redis": _System(redis.SimulatedRedis, redis.connect),
    "zookeeper": _System(zookeeper.SimulatedZooKeeper, zookeeper.connect),
    "postgres": _System(postgres.SimulatedPostgres, postgres.connect),
}


@dataclass(eq=False, slots=True)
class _Life:
    """One start of a worker, up to its end."""

    name: str
    identity: str
    loop: SimulatedLoop
    exited: asyncio.Future[None]
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    worker: Worker[Any] | None = None
    task: asyncio.Task[None] | None = None


class SimulatedCluster:
    """The workers of one trial as event loops on one kernel, and what faults may do to them.

    To be used in a loop of the same kernel, which stands for whoever runs the trial.
    """

    def __init__(self, spec: ClusterSpec, calibration: Calibration, recorder: Recorder) -> None:
        runner = asyncio.get_running_loop()
        assert isinstance(runner, SimulatedLoop)
        self.observation = Observation()
        self.broken: asyncio.Future[None] = runner.create_future()
        self._runner = runner
        self._kernel = runner.kernel
        self._spec = spec
        self._calibration = calibration
        self._recorder = recorder
        self._sink = MemorySink(spec.policy)
        self._servers: dict[System, Any] = {}
        self._links: dict[str, Link] = {}
        self._lives: dict[str, _Life] = {}
        self._loops: list[SimulatedLoop] = []
        self._starts: dict[str, int] = {}
        self._draining = False
        self._early: list[tuple[float, Event]] = []
        self._start: float | None = None

    @property
    def workers(self) -> tuple[str, ...]:
        """The names of all workers."""
        return self._spec.workers

    def now(self) -> float:
        """Seconds since the trial's start; 0 as long as it has not started."""
        return 0.0 if self._start is None else self._kernel._now - self._start

    def record(self, event: Event) -> None:
        """Write an event into the trial's history; what comes before the start waits for it."""
        if self._start is None:
            self._early.append((self._kernel.now, event))
        else:
            self._recorder.record(event)
        self.observation.record(event)

    async def set_up(self) -> None:
        """Make coordinator and links, start all workers, and wait until they are ready."""
        for system in self._spec.systems:
            timing = self._calibration.coordinators[system.name]
            self._servers[system] = _SYSTEMS[system.name].server(self._kernel, timing)
        for worker in self.workers:
            if self._spec.assignments[worker].system is not None:
                self._links[worker] = Link(self._kernel, stream(self._spec.seed, worker, "link"))
        for worker in self.workers:
            self._launch(worker)
        try:
            async with asyncio.timeout(_READY):
                await self.observation.until(
                    lambda: self.broken.done() or len(self.observation.up()) == len(self.workers)
                )
        except TimeoutError:
            missing = sorted(set(self.workers) - set(self.observation.up()))
            raise TrialError(f"not ready within {_READY:g} s: {', '.join(missing)}") from None
        self._raise_if_broken()

    def begin(self) -> None:
        """Start the trial's time, for all workers at once."""
        self._begin_history()
        for life in self._lives.values():
            life.loop.deliver(life.begun.set)

    def _begin_history(self) -> None:
        self._start = self._kernel.now
        for moment, event in self._early:
            self._recorder.record(replace(event, at=moment - self._start))

    async def drain(self, patience: float) -> None:
        """Ask all workers to finish and stop; raises TrialError where one does not."""
        self._draining = True
        running = [life for life in self._lives.values() if not life.exited.done()]
        for life in running:
            life.loop.deliver(self._ask_to_stop, life)
        if running:
            await asyncio.wait([life.exited for life in running], timeout=patience)
        for life in running:
            if not life.exited.done():
                self._break(f"{life.name} did not stop within {patience:g} s")
        for loop in self._loops:
            for error in loop.errors:
                self._break(f"in {loop.name}, nobody caught {_said(error)}")
        self._raise_if_broken()

    async def close(self) -> None:
        """End whatever is left; harmless at any time."""
        if self._start is None:
            self._begin_history()
        for life in self._lives.values():
            if not life.exited.done():
                self._end(life)
        for loop in self._loops:
            loop.close()

    async def kill(self, worker: str) -> Landed:
        """Nothing of it runs any more; its connections close, as the kernel of a process would."""
        life = self._life(worker)
        at = self.now()
        self._end(life)
        return Landed(at, MECHANISM)

    async def start(self, worker: str) -> Landed:
        """Start it again."""
        life = self._launch(worker)
        try:
            async with asyncio.timeout(_READY):
                await self.observation.until(
                    lambda: life.exited.done() or worker in self.observation.up()
                )
        except TimeoutError:
            raise NotLanded(f"{worker} was not ready {_READY:g} s after its restart") from None
        if life.exited.done():
            raise NotLanded(f"{worker} ended before it was ready")
        return Landed(self.now(), MECHANISM)

    async def pause(self, worker: str) -> Landed:
        """Hold back all that it would do."""
        self._life(worker).loop.pause()
        return Landed(self.now(), MECHANISM)

    async def resume(self, worker: str) -> Landed:
        """Let it do what it was held back from."""
        self._life(worker).loop.resume()
        return Landed(self.now(), MECHANISM)

    async def cut(self, worker: str, direction: Direction) -> Landed:
        """Let nothing arrive."""
        ways = [] if direction == "both" else [Way(direction)]
        self._link(worker).cut(*ways)
        return Landed(self.now(), MECHANISM)

    async def heal(self, worker: str) -> Landed:
        """Let everything arrive again, what was held back first."""
        self._link(worker).heal()
        return Landed(self.now(), MECHANISM)

    async def forget(self, lease: HeldLease) -> Landed:
        """Take the lease away at the coordinator."""
        system = self._spec.assignments[lease.worker].system
        if system is None or lease.handle is None:
            raise NotLanded(f"{lease.worker} holds nothing that a coordinator could forget")
        if not self._servers[system].forget(lease.handle):
            raise TargetGone(f"{lease.worker} held {lease.resource} no more")
        return Landed(self.now(), MECHANISM)

    def _launch(self, worker: str) -> _Life:
        count = self._starts[worker] = self._starts.get(worker, 0) + 1
        identity = worker if count == 1 else f"{worker}.{count}"
        timers = stream(self._spec.seed, identity, "timers")
        overshoot = Overshoot(self._calibration.overshoot, timers)
        loop = SimulatedLoop(self._kernel, identity, overshoot=overshoot)
        life = _Life(worker, identity, loop, self._runner.create_future())
        self._loops.append(loop)
        self._lives[worker] = life
        self.record(Event(at=self.now(), kind="worker.started", worker=worker))
        if self._start is not None:
            life.begun.set()
        life.task = loop.create_task(self._serve(life))
        life.task.add_done_callback(partial(self._ended, life))
        return life

    async def _serve(self, life: _Life) -> None:
        """Be this worker until asked to stop."""
        spec = self._spec
        assignment = spec.assignments[life.name]
        approach: Approach[Any] = APPROACHES[assignment.approach](**assignment.parameters)
        await asyncio.sleep(self._calibration.start_up.draw(stream(spec.seed, life.identity, "up")))
        recorder = _Voice(self, life.loop)
        clock = WorkerClock(self.now, spec.offsets[life.name])
        calls = CallCount(life.name, clock, recorder)
        port = None
        if (system := assignment.system) is not None:
            random = stream(spec.seed, life.identity, "network")
            link = self._links[life.name]
            connect = partial(
                _SYSTEMS[system.name].connect,
                self._servers[system],
                link,
                random,
                spec.request_timeout,
                calls,
                **approach.connection(),
            )
            port = await connected(connect, calls)
        recorder.record(Event(at=self.now(), kind="worker.ready", worker=life.name))
        await life.begun.wait()
        instance = Instance(
            name=life.name,
            identity=life.identity,
            seed=spec.seed,
            jobs=spec.jobs,
            misfire_grace=spec.misfire_grace,
            max_instances=spec.max_instances,
        )
        life.worker = Worker(instance, port, clock, self._sink, recorder, calls)
        await work(approach, life.worker, _REPORT_EVERY)
        if port is not None:
            await port.close()

    def _ask_to_stop(self, life: _Life) -> None:
        # As SIGTERM: before the start there is nothing to finish.
        if life.worker is None:
            life.loop.kill()
            self._exit(life, code=0)
        else:
            life.worker.stop()

    def _ended(self, life: _Life, task: asyncio.Task[None]) -> None:
        error = task.exception()
        code = 0 if error is None else 1
        self._exit(life, code=code)
        if error is not None or not self._draining:
            said = "" if error is None else f": {_said(error)}"
            self._break(f"{life.name} ended by itself, with code {code}{said}")

    def _end(self, life: _Life) -> None:
        if life.worker is not None:
            life.worker.flush_calls()
        life.loop.kill()
        self._exit(life, signal=9)

    def _exit(self, life: _Life, *, code: int | None = None, signal: int | None = None) -> None:
        if (link := self._links.get(life.name)) is not None:
            # As the kernel does with what a process leaves open, however it ended.
            link.hang_up()
        at = self.now()
        self.record(Event(at=at, kind="worker.exited", worker=life.name, code=code, signal=signal))
        life.exited.set_result(None)

    def _break(self, why: str) -> None:
        if not self.broken.done():
            self.broken.set_exception(TrialError(why))
            # Looked at where it matters; a trial that ends first need not look.
            self.broken.exception()

    def _raise_if_broken(self) -> None:
        if self.broken.done():
            self.broken.result()

    def _life(self, worker: str) -> _Life:
        life = self._lives.get(worker)
        if life is None or life.exited.done():
            raise TargetGone(f"{worker} is not running")
        return life

    def _link(self, worker: str) -> Link:
        link = self._links.get(worker)
        if link is None:
            raise NotLanded(f"{worker} has no coordinator to be cut off from")
        return link


class _Voice:
    """What a worker says, as long as it lives."""

    def __init__(self, cluster: SimulatedCluster, loop: SimulatedLoop) -> None:
        self._cluster = cluster
        self._loop = loop

    def record(self, event: Event) -> None:
        if not self._loop.dead:
            self._cluster.record(event)


def _said(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"
