"""Runtime `sim`: workers, network and coordinator in virtual time, in one thread."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from random import Random
from typing import Any

from harness.faults.cluster import Direction, Landed, NotLanded, TargetGone
from harness.faults.observation import HeldLease, Observation
from harness.history.event import Event
from harness.history.journal import Recorder
from harness.runtimes import orders
from harness.runtimes.calibration import Calibration
from harness.runtimes.cluster import TrialError
from harness.runtimes.orders import Order, obey
from harness.runtimes.simulated_coordinators import SimulatedCoordinators
from harness.runtimes.simulated_links import MECHANISM, SimulatedLinks
from harness.runtimes.simulated_worker import Life, Surroundings, live
from harness.runtimes.spec import ClusterSpec
from harness.runtimes.standing import StandingOrders
from harness.simulation.latency import Overshoot
from harness.simulation.loop import SimulatedLoop
from harness.simulation.randomness import stream
from harness.worker.memory_sink import MemorySink
from harness.worker.schedule import longest_run
from harness.worker.worker import CallCount

_READY = 30.0
# How much longer than its longest run a worker may take to stop.
_GOODBYE = 10.0
# Seconds for whatever a worker does at once, unless it stands still.
_PATIENCE = 5.0


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
        self._links = SimulatedLinks(self._kernel, spec.seed, self.now)
        self._coordinators = SimulatedCoordinators(
            self._kernel, spec.systems, calibration.coordinators, self.now
        )
        self._standing = StandingOrders()
        self._around = Surroundings(
            spec=spec,
            start_up=calibration.start_up,
            connect=self._connect,
            sink=MemorySink(spec.policy),
            recorder=self,
            now=self.now,
            standing=self._standing,
        )
        self._lives: dict[str, Life] = {}
        self._loops: list[SimulatedLoop] = []
        self._starts: dict[str, int] = {}
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
        """Make the links, start all workers, and wait until they are ready."""
        for worker in self.workers:
            if (system := self._spec.assignments[worker].system) is not None:
                self._links.open(worker, len(self._coordinators.servers(system)))
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
        running = [life for life in self._lives.values() if not life.exited.done()]
        for life in running:
            self._ask_to_stop(life)
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

    async def stop(self, worker: str) -> Landed:
        """Ask it to stop, as SIGTERM does."""
        life = self._life(worker)
        landed = self._landed()
        self._ask_to_stop(life)
        patience = longest_run(self._spec.jobs) + _GOODBYE
        await asyncio.wait({life.exited}, timeout=patience)
        if not life.exited.done():
            raise NotLanded(f"{worker} did not stop within {patience:g} s")
        if life.exited.result() != 0:
            raise NotLanded(f"{worker} did not stop in order")
        return landed

    async def skew(self, worker: str, key: str, jump: float, drift: float) -> Landed:
        """Move its own clock."""
        return await self._give(worker, key, orders.skew(key, jump, drift, since=self.now()))

    async def unskew(self, worker: str, key: str) -> Landed:
        """Set its own clock right."""
        self._standing.withdraw(worker, key)
        return await self._order(worker, orders.unskew(key))

    async def fail_runs(self, worker: str, key: str, share: float, job: str | None) -> Landed:
        """Let some of its runs fail."""
        return await self._give(worker, key, orders.fail(key, share, job))

    async def pass_runs(self, worker: str, key: str) -> Landed:
        """Let its runs pass."""
        self._standing.withdraw(worker, key)
        return await self._order(worker, orders.let_pass(key))

    async def cut(self, worker: str, direction: Direction) -> Landed:
        """Let nothing arrive over its links."""
        return await self._links.cut(worker, direction)

    async def slow(self, worker: str, delay: float, jitter: float, direction: Direction) -> Landed:
        """Let everything arrive later over its links."""
        return await self._links.slow(worker, delay, jitter, direction)

    async def lose(self, worker: str, share: float, direction: Direction) -> Landed:
        """Lose some of what is sent over its links."""
        return await self._links.lose(worker, share, direction)

    async def reset(self, worker: str) -> Landed:
        """Break its open connections."""
        return await self._links.reset(worker)

    async def refuse(self, worker: str) -> Landed:
        """Let it open no connection."""
        return await self._links.refuse(worker)

    async def heal(self, worker: str) -> Landed:
        """Let everything arrive again."""
        return await self._links.heal(worker)

    async def forget(self, lease: HeldLease) -> Landed:
        """Take the lease away at the coordinator."""
        system = self._spec.assignments[lease.worker].system
        if system is None:
            raise NotLanded(f"{lease.worker} holds nothing that a coordinator could forget")
        return await self._coordinators.forget(system, lease)

    @property
    def nodes(self) -> tuple[str, ...]:
        """The names of all coordinator nodes."""
        return self._coordinators.nodes

    async def leading_nodes(self) -> tuple[str, ...]:
        """The nodes that take writes now."""
        return await self._coordinators.leading_nodes()

    async def crash_node(self, node: str) -> Landed:
        """End a coordinator node."""
        return await self._coordinators.crash_node(node)

    async def start_node(self, node: str, keep_data: bool) -> Landed:
        """Start a coordinator node again."""
        return await self._coordinators.start_node(node, keep_data)

    async def pause_node(self, node: str) -> Landed:
        """Let a coordinator node stand still."""
        return await self._coordinators.pause_node(node)

    async def resume_node(self, node: str) -> Landed:
        """Let a coordinator node go on."""
        return await self._coordinators.resume_node(node)

    async def fail_over(self, node: str, lag: float) -> Landed:
        """Let another coordinator node lead."""
        return await self._coordinators.fail_over(node, lag)

    async def shift_node_clock(self, node: str, seconds: float) -> Landed:
        """Let a coordinator node's clock jump."""
        return await self._coordinators.shift_node_clock(node, seconds)

    def _launch(self, worker: str) -> Life:
        count = self._starts[worker] = self._starts.get(worker, 0) + 1
        identity = worker if count == 1 else f"{worker}.{count}"
        timers = stream(self._spec.seed, identity, "timers")
        overshoot = Overshoot(self._calibration.overshoot, timers)
        loop = SimulatedLoop(self._kernel, identity, overshoot=overshoot)
        life = Life(worker, identity, loop, self._runner.create_future())
        self._loops.append(loop)
        self._lives[worker] = life
        self.record(Event(at=self.now(), kind="worker.started", worker=worker))
        if self._start is not None:
            life.begun.set()
        life.task = loop.create_task(live(life, self._around))
        life.task.add_done_callback(partial(self._ended, life))
        return life

    async def _connect(self, worker: str, random: Random, calls: CallCount, **given: Any) -> Any:
        """A port for a worker, over its links."""
        system = self._spec.assignments[worker].system
        assert system is not None
        links, timeout = self._links.of(worker), self._spec.request_timeout
        return await self._coordinators.connect(system, links, random, timeout, calls, **given)

    async def _give(self, worker: str, key: str, order: Order) -> Landed:
        """Give an order that stands until it is withdrawn."""
        self._standing.give(worker, order)
        try:
            return await self._order(worker, order)
        except NotLanded:
            self._standing.withdraw(worker, key)
            raise

    async def _order(self, worker: str, order: Order) -> Landed:
        """Have a worker do as told, and say so; at once, unless it stands still.

        Who is down, or not ready yet, has what stands once it is ready.
        """
        landed = self._landed()
        life = self._lives.get(worker)
        if life is None or life.worker is None or life.exited.done():
            return landed
        done: asyncio.Future[Landed] = self._runner.create_future()

        def take() -> None:
            assert life.worker is not None
            if not done.done() and (told := obey(life.worker, order)) is not None:
                self.record(told)
                done.set_result(self._landed())

        life.loop.deliver(take)
        if not done.done():
            either: set[asyncio.Future[Any]] = {done, life.exited}
            await asyncio.wait(either, timeout=_PATIENCE, return_when=asyncio.FIRST_COMPLETED)
        if done.done():
            return done.result()
        done.cancel()
        if life.exited.done():
            return landed
        raise NotLanded(f"{worker} did not hear of it within {_PATIENCE:g} s")

    def _landed(self) -> Landed:
        return Landed(self.now(), MECHANISM)

    def _ask_to_stop(self, life: Life) -> None:
        life.asked_to_stop = True
        life.loop.deliver(self._terminate, life)

    def _terminate(self, life: Life) -> None:
        # As SIGTERM: before the start there is nothing to finish.
        if life.worker is None or not life.begun.is_set():
            life.loop.kill()
            self._exit(life, code=0)
        else:
            life.worker.stop()

    def _ended(self, life: Life, task: asyncio.Task[None]) -> None:
        error = task.exception()
        code = 0 if error is None else 1
        self._exit(life, code=code)
        if error is not None or not life.asked_to_stop:
            said = "" if error is None else f": {_said(error)}"
            self._break(f"{life.name} ended by itself, with code {code}{said}")

    def _end(self, life: Life) -> None:
        if life.worker is not None:
            life.worker.flush_calls()
        life.loop.kill()
        self._exit(life, signal=9)

    def _exit(self, life: Life, *, code: int | None = None, signal: int | None = None) -> None:
        for link in self._links.of(life.name):
            # As the kernel does with what a process leaves open, however it ended.
            link.hang_up()
        at = self.now()
        self.record(Event(at=at, kind="worker.exited", worker=life.name, code=code, signal=signal))
        life.exited.set_result(code)

    def _break(self, why: str) -> None:
        if not self.broken.done():
            self.broken.set_exception(TrialError(why))
            # Looked at where it matters; a trial that ends first need not look.
            self.broken.exception()

    def _raise_if_broken(self) -> None:
        if self.broken.done():
            self.broken.result()

    def _life(self, worker: str) -> Life:
        life = self._lives.get(worker)
        if life is None or life.exited.done():
            raise TargetGone(f"{worker} is not running")
        return life


def _said(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"
