"""The workers of a live trial, each a process, and what faults do to them."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from harness.faults.cluster import Landed, NotLanded, TargetGone
from harness.history.event import Event
from harness.runtimes import orders
from harness.runtimes.chronicle import Chronicle
from harness.runtimes.cluster import TrialError
from harness.runtimes.dialogue import Dialogue
from harness.runtimes.forking import WorkerProcess, Zygote
from harness.runtimes.orders import Order
from harness.runtimes.spec import ClusterSpec
from harness.runtimes.standing import StandingOrders
from harness.worker.schedule import longest_run
from harness.worker.settings import Settings
from harness.worker.sink import SqliteSink

# How long an operation may take to be seen to have worked.
_PATIENCE = 5.0
_READY = 30.0
# How much longer than its longest run a worker may take to stop.
_GOODBYE = 10.0


@dataclass(eq=False, slots=True)
class _Life:
    """One process of a worker, and which end it was given."""

    dialogue: Dialogue
    killed: bool = field(default=False, init=False)
    asked_to_stop: bool = field(default=False, init=False)

    @property
    def process(self) -> WorkerProcess:
        return self.dialogue.process

    def kill(self) -> None:
        self.killed = True
        self.process.send(signal.SIGKILL)

    def ask_to_stop(self) -> None:
        self.asked_to_stop = True
        self.process.send(signal.SIGTERM)
        # Where it stands still, it would not hear of it.
        self.dialogue.go_on()


class LiveWorkers:
    """Forks the workers, tells them what to do, and takes down what they say and how they end.

    Their effects go to a new database at `sink`. `settings` is what a worker is told at its nth
    start.
    """

    def __init__(
        self,
        zygote: Zygote,
        spec: ClusterSpec,
        name: str,
        sink: Path,
        chronicle: Chronicle,
        settings: Callable[[str, int], Settings],
    ) -> None:
        self._zygote = zygote
        self._spec = spec
        self._name = name
        self._path = sink
        self._sink: SqliteSink | None = None
        self._chronicle = chronicle
        self._settings = settings
        self._lives: dict[str, _Life] = {}
        self._starts: Counter[str] = Counter()
        self._standing = StandingOrders()
        self._stopping = asyncio.Lock()
        self._reported: set[str] = set()
        self._watchers: set[asyncio.Task[None]] = set()

    async def set_up(self) -> None:
        """Start all workers, and wait until they are ready; raises TrialError."""
        SqliteSink.create(self._path)
        self._sink = SqliteSink(self._path, self._spec.policy)
        for worker in self._spec.workers:
            await self._fork(worker)
        workers, seen = self._spec.workers, self._chronicle.observation
        everybody = seen.until(lambda: len(seen.up()) == len(workers))
        ready = asyncio.ensure_future(everybody)
        broken = self._chronicle.broken
        try:
            await asyncio.wait({ready, broken}, timeout=_READY, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ready.cancel()
        self._chronicle.raise_if_broken()
        if missing := sorted(set(workers) - set(seen.up())):
            raise TrialError(f"not ready within {_READY:g} s: {', '.join(missing)}")

    def begin(self, start: float) -> None:
        """Tell them when the trial started, on the host's monotonic clock."""
        for worker, life in self._lives.items():
            self._tell_start(worker, life.process, start)

    async def drain(self, patience: float) -> None:
        """Ask all to finish and stop; the trial fails where one does not."""
        lives = {life.process.exited: life for life in self._running()}
        for life in lives.values():
            life.ask_to_stop()
            life.dialogue.hold_no_more()
        if lives:
            _, late = await asyncio.wait(lives, timeout=patience)
            for exited in late:
                pid = lives[exited].process.pid
                self._chronicle.fail(f"process {pid} did not stop within {patience:g} s")
                lives[exited].kill()
        await self._settle()
        self._record_unreported_effects()

    async def close(self) -> None:
        """End whatever is left, and wait until every exit is in the history."""
        for life in self._running():
            life.kill()
        await self._settle()
        if self._sink is not None:
            self._sink.close()

    async def kill(self, worker: str) -> Landed:
        """SIGKILL."""
        life = self._life(worker)
        life.kill()
        at = self._chronicle.now()
        status = await self._exit(worker, life, _PATIENCE, "outlived SIGKILL")
        if not os.WIFSIGNALED(status) or os.WTERMSIG(status) != signal.SIGKILL:
            raise TargetGone(f"{worker} had ended by itself")
        return Landed(at, "signal")

    async def stop(self, worker: str) -> Landed:
        """SIGTERM; verified by its exit with code 0, once its runs are over."""
        life = self._life(worker)
        # Before it: what the worker does next must not seem to come before.
        at = self._chronicle.now()
        life.ask_to_stop()
        patience = longest_run(self._spec.jobs) + _GOODBYE
        status = await self._exit(worker, life, patience, f"did not stop within {patience:g} s")
        if (code := os.waitstatus_to_exitcode(status)) != 0:
            raise NotLanded(f"{worker} did not stop in order, but {_how(code)}")
        return Landed(at, "signal")

    async def start(self, worker: str) -> Landed:
        """Fork it again."""
        await self._fork(worker)
        seen = self._chronicle.observation
        try:
            async with asyncio.timeout(_READY):
                await seen.until(lambda: worker in seen.up())
        except TimeoutError:
            raise NotLanded(f"{worker} was not ready {_READY:g} s after its restart") from None
        return Landed(self._chronicle.now(), "signal")

    async def pause(self, worker: str) -> Landed:
        """SIGSTOP, but never in the middle of a write to the sink, which would stop all others."""
        process = self._life(worker).process
        assert self._sink is not None
        async with self._stopping:
            with self._sink.held():
                process.send(signal.SIGSTOP)
                at = self._chronicle.now()
                await _until_stopped(process.pid, True)
        return Landed(at, "signal")

    async def resume(self, worker: str) -> Landed:
        """SIGCONT."""
        process = self._life(worker).process
        # Before it: what the worker does next must not seem to come before.
        at = self._chronicle.now()
        process.send(signal.SIGCONT)
        await _until_stopped(process.pid, False)
        return Landed(at, "signal")

    async def skew(self, worker: str, key: str, jump: float, drift: float) -> Landed:
        """Have it move its clock; verified by its answer."""
        order = orders.skew(key, jump, drift, since=self._chronicle.now())
        return await self._give(worker, key, order, "worker-clock")

    async def unskew(self, worker: str, key: str) -> Landed:
        """Have it set its clock; verified by its answer."""
        self._standing.withdraw(worker, key)
        return await self._order(worker, orders.unskew(key), "worker-clock")

    async def fail_runs(self, worker: str, key: str, share: float, job: str | None) -> Landed:
        """Have it let runs fail; verified by its answer."""
        return await self._give(worker, key, orders.fail(key, share, job), "worker")

    async def pass_runs(self, worker: str, key: str) -> Landed:
        """Have it let runs pass; verified by its answer."""
        self._standing.withdraw(worker, key)
        return await self._order(worker, orders.let_pass(key), "worker")

    async def _give(self, worker: str, key: str, order: Order, mechanism: str) -> Landed:
        """Give an order that stands until it is withdrawn."""
        # Before it is told: whoever starts meanwhile has it too.
        self._standing.give(worker, order)
        try:
            return await self._order(worker, order, mechanism)
        except NotLanded:
            self._standing.withdraw(worker, key)
            raise

    async def _order(self, worker: str, order: Order, mechanism: str) -> Landed:
        """Tell it; who is down is told what stands when it starts."""
        at = self._chronicle.now()
        try:
            told = await self._life(worker).dialogue.order(order)
        except TargetGone:
            return Landed(at, mechanism)
        return Landed(told.at, mechanism)

    def _tell_start(self, worker: str, process: WorkerProcess, start: float) -> None:
        process.tell({"start": start, "orders": self._standing.of(worker)})

    async def _fork(self, worker: str) -> None:
        self._starts[worker] += 1
        count = self._starts[worker]
        self._chronicle.record(
            Event(at=self._chronicle.now(), kind="worker.started", worker=worker)
        )
        dialogue = Dialogue(worker, self._chronicle, self._take)
        process = await self._zygote.fork(f"{self._name}/{worker}/{count}", dialogue.hear)
        dialogue.begin(process)
        life = self._lives[worker] = _Life(dialogue)
        process.tell(self._settings(worker, count).as_json())
        if self._chronicle.start is not None:
            self._tell_start(worker, process, self._chronicle.start)
        watcher = asyncio.create_task(self._watch(worker, life))
        self._watchers.add(watcher)
        watcher.add_done_callback(self._watchers.discard)

    def _take(self, event: Event) -> None:
        if event.kind == "effect.applied" and event.run is not None:
            self._reported.add(event.run)
        self._chronicle.record(event)

    async def _watch(self, worker: str, life: _Life) -> None:
        code = os.waitstatus_to_exitcode(await life.process.exited)
        life.dialogue.go_on()
        self._chronicle.record(
            Event(
                at=self._chronicle.now(),
                kind="worker.exited",
                worker=worker,
                code=code if code >= 0 else None,
                signal=-code if code < 0 else None,
            )
        )
        if not life.killed and not (life.asked_to_stop and code == 0):
            said = life.process.last_error()
            self._chronicle.fail(
                f"{worker} ended by itself, {_how(code)}" + (f": {said}" if said else "")
            )

    async def _exit(self, worker: str, life: _Life, patience: float, otherwise: str) -> int:
        """Wait until its exit is in the history; its wait status."""
        try:
            async with asyncio.timeout(patience):
                status = await asyncio.shield(life.process.exited)
        except TimeoutError:
            raise NotLanded(f"{worker} {otherwise}") from None
        seen = self._chronicle.observation
        await seen.until(lambda: worker not in seen.up())
        return status

    def _life(self, worker: str) -> _Life:
        life = self._lives.get(worker)
        if life is None or life.process.exited.done():
            raise TargetGone(f"{worker} is not running")
        return life

    def _running(self) -> list[_Life]:
        return [life for life in self._lives.values() if not life.process.exited.done()]

    async def _settle(self) -> None:
        """Wait until every exit is in the history."""
        if self._watchers:
            await asyncio.wait(self._watchers)

    def _record_unreported_effects(self) -> None:
        """Add the effects of workers that died after their effect and before they could say so."""
        start = self._chronicle.start
        assert start is not None
        assert self._sink is not None
        for applied in self._sink.applied():
            effect = applied.effect
            if effect.run not in self._reported:
                self._chronicle.record(
                    Event(
                        at=applied.moment - start,
                        kind="effect.applied",
                        worker=effect.worker,
                        job=effect.job,
                        due=effect.due,
                        run=effect.run,
                    )
                )


def _how(code: int) -> str:
    return f"with code {code}" if code >= 0 else f"by signal {-code}"


async def _until_stopped(pid: int, stopped: bool) -> None:
    """Wait until the process is stopped, or runs, as told by the kernel."""
    try:
        async with asyncio.timeout(_PATIENCE):
            while (psutil.Process(pid).status() == psutil.STATUS_STOPPED) is not stopped:
                await asyncio.sleep(0.001)
    except TimeoutError:
        state = "stopped" if stopped else "running"
        raise NotLanded(f"process {pid} was not seen {state}") from None
    except psutil.NoSuchProcess:
        raise TargetGone(f"process {pid} is gone") from None
