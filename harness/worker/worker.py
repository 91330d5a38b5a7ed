"""What an approach sees of the instance that it runs in."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Any, Generic, Literal, TypeVar

from harness.history.event import Event
from harness.history.journal import Recorder
from harness.scenario.model import CircuitBreaker, Job, Retry
from harness.worker.circuit_breaker import guarded
from harness.worker.clock import WorkerClock
from harness.worker.retrying import waits
from harness.worker.schedule import Due, due_times, run_time
from harness.worker.sink import Effect, Sink

PortT = TypeVar("PortT")

OnLost = Literal["finish", "abort"]

# Due within a nanosecond is due: on a clock that only moves when told to, a shorter sleep is none.
_NOW = 1e-9


@dataclass(eq=False, slots=True)
class Lease:
    """The right that an approach asks for, and its state as its holder knows it.

    `due` is set where it covers a single run, `job` where it covers a single job. `handle` names
    it to the coordinator: its key, session or backend. `asked` is when it was asked for, `until`
    how long its holder may believe in it without asking again, in the trial's time; `lost` is set
    once the holder knows that it holds it no more.
    """

    id: str
    resource: str
    job: str | None = None
    due: float | None = None
    fence: int | None = None
    handle: str | None = None
    asked: float = 0.0
    until: float = math.inf
    lost: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """Who a worker is and what it was told. Times in seconds.

    `identity` is its name and, from the second start on, the number of its start. A due time
    noticed more than `misfire_grace` late is dropped; so is one of a job of which this instance
    has `max_instances` in progress. `retry` is what it does about runs that fail, and
    `circuit_breaker` when it stops asking its coordinator; None for nothing and never.
    """

    name: str
    identity: str
    seed: int
    jobs: tuple[Job, ...]
    misfire_grace: float
    max_instances: int
    retry: Retry | None = None
    circuit_breaker: CircuitBreaker | None = None


class Worker(Generic[PortT]):
    """One instance of the service: what is due on its own clock, and the means to run it."""

    def __init__(
        self,
        instance: Instance,
        port: PortT,
        clock: WorkerClock,
        sink: Sink,
        recorder: Recorder,
        calls: CallCount,
    ) -> None:
        self.name = instance.name
        self.identity = instance.identity
        breaker = instance.circuit_breaker
        self.port = (
            port
            if port is None or breaker is None
            # By the trial's time: how long it stays open is no matter of the own clock.
            else guarded(port, breaker, clock.now, self._record)
        )
        self.jobs = {job.name: job for job in instance.jobs}
        self.clock = clock
        self.stopping = asyncio.Event()
        self._instance = instance
        self._sink = sink
        self._recorder = recorder
        self._calls = calls
        self._running: Counter[str] = Counter()
        # What is asleep, and the lease for which it is.
        self._sleepers: dict[asyncio.Future[None], Lease | None] = {}
        # Who lets runs fail: what share of them, and of which job; of any for None.
        self._failing: dict[str, tuple[float, str | None]] = {}
        self._runs = 0
        self._leases = 0

    def random(self, purpose: str) -> Random:
        """A random source of this worker's own: the same for the same seed and purpose."""
        return Random(f"{self._instance.seed}/{self.identity}/{purpose}")

    async def sleep(self, seconds: float, lease: Lease | None = None) -> None:
        """Sleep, but no longer than until the instance is asked to stop; then hardly at all.

        Nor, if given, than until the lease is known to be lost.
        """
        lost = lease is not None and lease.lost.is_set()
        if seconds <= 0 or lost or self.stopping.is_set():
            await asyncio.sleep(0)
            return
        loop = asyncio.get_running_loop()
        awake = loop.create_future()
        timer = loop.call_later(seconds, _wake, awake)
        self._sleepers[awake] = lease
        try:
            await awake
        finally:
            timer.cancel()
            del self._sleepers[awake]

    async def due_runs(self, *, while_running: bool = False) -> AsyncIterator[Due]:
        """What this instance's own clock says is due, until it is asked to stop.

        Misfires are left out and recorded. So are due times of a job that this instance is
        itself still running, unless `while_running`: for approaches that only hand runs on.
        """
        # What was due before it came back is not for an instance that was started again.
        start = self.clock.own() if self.identity != self.name else -math.inf
        for due in due_times(self._instance.jobs, start):
            while (wait := self.clock.until(due.at)) > _NOW and not self.stopping.is_set():
                await self.sleep(wait)
            if self.stopping.is_set():
                return
            reason = self._drop_reason(due, while_running)
            if reason is None:
                yield due
            else:
                self._record("run.dropped", job=due.job, due=due.at, reason=reason)
        # No job is due any more, and yet the instance is there until it is asked to stop.
        await self.stopping.wait()

    def _drop_reason(self, due: Due, while_running: bool) -> str | None:
        if self.clock.own() - due.at > self._instance.misfire_grace:
            return "misfire"
        if not while_running and self.is_busy_with(due.job):
            return "max_instances"
        return None

    def is_busy_with(self, job: str) -> bool:
        """Whether as many runs of the job are in progress here as this instance may have."""
        return self._running[job] >= self._instance.max_instances

    async def execute(
        self, due: Due, lease: Lease | None = None, on_lost: OnLost = "finish"
    ) -> bool:
        """Run the job: started, its duration, its effect, finished. True where it completed.

        With `on_lost="abort"` the run fails as soon as the lease is known to be lost.

        Under a retry policy a run whose job failed is followed by another one, with an id of its
        own, after a wait; no more once the lease is known to be lost or the instance is asked to
        stop. All of them count as one in progress for `max_instances`, and so do the waits.
        """
        self._running[due.job] += 1
        try:
            if await self._attempt(due, 1, lease, on_lost):
                return True
            for attempt, wait in enumerate(self._waits(due), 2):
                if not await self._back_off(wait, lease):
                    return False
                if await self._attempt(due, attempt, lease, on_lost):
                    return True
            return False
        finally:
            self._running[due.job] -= 1

    def _waits(self, due: Due) -> Iterable[float]:
        retry = self._instance.retry
        return () if retry is None else waits(retry, self.random(f"retry/{due.job}/{due.at}"))

    async def _back_off(self, wait: float, lease: Lease | None) -> bool:
        """Wait before another attempt. False where there must be none."""
        await self.sleep(wait, lease)
        lost = lease is not None and lease.lost.is_set()
        return not lost and not self.stopping.is_set()

    async def _attempt(self, due: Due, attempt: int, lease: Lease | None, on_lost: OnLost) -> bool:
        """One run."""
        self._runs += 1
        name = f"{self.identity}/{self._runs}"
        run = {"job": due.job, "due": due.at, "run": name}
        self._record("run.started", **run)
        try:
            version = self._sink.version(due.job)
            await self._work(due, lease if on_lost == "abort" else None)
        except asyncio.CancelledError:
            self._record("run.failed", error="cancelled", **run)
            raise
        if on_lost == "abort" and lease is not None and lease.lost.is_set():
            self._record("run.failed", error="lease lost", **run)
            return False
        if self._fails(due, attempt):
            self._record("run.failed", error="job failed", **run)
            return False
        fence = None if lease is None else lease.fence
        refusal = self._sink.apply(Effect(self.name, name, due.job, due.at, fence), version)
        if refusal is None:
            self._record("effect.applied", **run)
        else:
            self._record("effect.rejected", reason=refusal, **run)
        self._record("run.finished", **run)
        return True

    def fail_runs(self, key: str, share: float, job: str | None = None) -> None:
        """Let this share of the runs of a job fail from now on, of any job for None.

        What fails does so at its end, before its effect. Under several keys a run fails if any of
        them says so; under the same one, the last counts.
        """
        self._failing[key] = (share, job)

    def pass_runs(self, key: str) -> None:
        """Let no more runs fail on account of that key; harmless where none did."""
        self._failing.pop(key, None)

    def _fails(self, due: Due, attempt: int) -> bool:
        """Whether this attempt fails: drawn from the seed, the same for every worker."""
        # All draw the same, so that a greater share lets fail whatever a smaller one does.
        shares = (share for share, job in self._failing.values() if job in (None, due.job))
        share = max(shares, default=0.0)
        if share <= 0.0:
            return False
        source = f"{self._instance.seed}/fails/{due.job}/{due.at}/{attempt}"
        return Random(source).random() < share

    async def _work(self, due: Due, watched: Lease | None) -> None:
        seconds = run_time(self.jobs[due.job], self._instance.seed, due.at)
        if watched is None:
            await asyncio.sleep(seconds)
            return
        try:
            async with asyncio.timeout(seconds):
                await watched.lost.wait()
        except TimeoutError:
            pass

    def lease(self, resource: str, *, job: str | None = None, due: Due | None = None) -> Lease:
        """A lease on `resource`, asked for from now on and not yet granted."""
        self._leases += 1
        return Lease(
            f"{self.identity}/{self._leases}",
            resource,
            job if due is None else due.job,
            None if due is None else due.at,
            asked=self.clock.now(),
        )

    def requested(self, lease: Lease) -> None:
        """Say that the coordinator is about to be asked for it."""
        self._record_lease("lease.requested", lease)

    def granted(self, lease: Lease, handle: str, fence: int | None = None) -> None:
        """Say that the coordinator granted it."""
        lease.handle = handle
        lease.fence = fence
        self._record_lease("lease.granted", lease, handle=handle)

    def denied(self, lease: Lease) -> None:
        """Say that it was not granted: somebody else has it, or nobody knows."""
        self._record_lease("lease.denied", lease)

    def released(self, lease: Lease) -> None:
        """Say that it is given up. To be called before the release is sent."""
        self._record_lease("lease.released", lease)

    def lost(self, lease: Lease) -> None:
        """Say that it is held no more, or that this can no longer be known. Once is enough."""
        if not lease.lost.is_set():
            lease.lost.set()
            self._record_lease("lease.lost", lease)
            for sleeper, awaited in self._sleepers.items():
                if awaited is lease:
                    _wake(sleeper)

    def stop(self) -> None:
        """Ask the instance to stop: nothing new starts, what runs may finish."""
        if not self.stopping.is_set():
            self._record("worker.stopping")
            self.stopping.set()
            for sleeper in self._sleepers:
                _wake(sleeper)

    async def report_calls(self, every: float = 1.0) -> None:
        """Record the counted calls now and then, for as long as it is let."""
        while True:
            await asyncio.sleep(every)
            self.flush_calls()

    def flush_calls(self) -> None:
        """Record the calls counted since the last time."""
        calls = self._calls.take()
        if calls:
            self._record("coordinator.calls", calls=calls)

    def _record_lease(self, kind: str, lease: Lease, **extra: str) -> None:
        self._recorder.record(
            Event(
                at=self.clock.now(),
                kind=kind,
                worker=self.name,
                resource=lease.resource,
                lease=lease.id,
                fence=lease.fence,
                job=lease.job,
                due=lease.due,
                extra=extra,
            )
        )

    def _record(self, kind: str, **fields: Any) -> None:
        self._recorder.record(Event(at=self.clock.now(), kind=kind, worker=self.name, **fields))


def _wake(sleeper: asyncio.Future[None]) -> None:
    if not sleeper.done():
        sleeper.set_result(None)


class CallCount:
    """Counts the calls of a worker's port, and records the ones that went wrong."""

    def __init__(self, worker: str, clock: WorkerClock, recorder: Recorder) -> None:
        self._worker = worker
        self._clock = clock
        self._recorder = recorder
        self._count: Counter[str] = Counter()

    def called(self, operation: str) -> None:
        """One operation was asked of the coordinator."""
        self._count[operation] += 1

    def failed(self, operation: str, error: str) -> None:
        """That operation ended in Unavailable or Indeterminate."""
        self._recorder.record(
            Event(
                at=self._clock.now(),
                kind="coordinator.error",
                worker=self._worker,
                operation=operation,
                error=error,
            )
        )

    def take(self) -> dict[str, int]:
        """The counts since the last time."""
        taken = dict(self._count)
        self._count.clear()
        return taken
