"""What an instance of Quartz does, thread by thread; each is a task here."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from harness.approaches.quartz_triggers import after_misfire, next_fire
from harness.coordinators.errors import CoordinatorError, Indeterminate, Unavailable
from harness.coordinators.postgres.port import PostgresPort
from harness.coordinators.postgres.quartz.port import (
    Entry,
    EntryState,
    QuartzPort,
    SchedulerState,
    Trigger,
)
from harness.worker.schedule import Due
from harness.worker.worker import Lease, Worker

if TYPE_CHECKING:
    from harness.approaches.quartz_cluster import QuartzCluster

T = TypeVar("T")

# Quartz' own constants, in seconds.
_SHORTEST_WAIT = 0.1
_WORTH_RELEASING = 0.07
_TRIES = 3

# Due within a nanosecond is due.
_NOW = 1e-9


class Node:
    """One instance: its parameters, its worker and store, and what its tasks tell each other.

    `changed` is set where there may be something else to fire than the scheduler thread waits for.
    """

    def __init__(self, parameters: QuartzCluster, worker: Worker[PostgresPort]) -> None:
        self.parameters = parameters
        self.worker = worker
        self.store: QuartzPort = worker.port.quartz
        self.changed = asyncio.Event()

    def now(self) -> float:
        """What the instance's own clock shows."""
        return self.worker.clock.own()

    def misfired(self) -> float:
        """What should have fired before this is too late."""
        return self.now() - self.parameters.misfire_threshold

    async def insist(self, ask: Callable[[], Awaitable[T]]) -> T | None:
        """Ask until it is done (retryExecuteInNonManagedTXLock); None where it stops before."""
        while True:
            with suppress(CoordinatorError):
                return await ask()
            if self.worker.stopping.is_set():
                return None
            await self.worker.sleep(self.parameters.db_retry)

    async def change(self, seconds: float) -> None:
        """Wait for a change, for so long at most, or until the instance is asked to stop."""
        if self.worker.stopping.is_set():
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.changed.wait()

    async def wake_on_stop(self) -> None:
        """Say so when the instance is asked to stop."""
        await self.worker.stopping.wait()
        self.changed.set()


@dataclass(frozen=True, slots=True)
class Acquired:
    """A trigger that this instance acquired: its entry in the store, and the lease it means."""

    trigger: Trigger
    entry: Entry
    lease: Lease


class SchedulerThread:
    """Acquires a trigger, waits until it is due, fires it, and hands it to a thread that runs it.

    QuartzSchedulerThread, with a batch of one.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._worker = node.worker
        self._store = node.store
        self._parameters = node.parameters
        self._random = node.worker.random("idle wait")
        self._running: set[asyncio.Task[None]] = set()
        self._entries = 0

    async def run(self) -> None:
        """Go on until the instance is asked to stop, then finish what runs."""
        failures = 0
        async with asyncio.TaskGroup() as threads:
            while not self._worker.stopping.is_set():
                if failures > 1:
                    await self._worker.sleep(self._parameters.db_retry)
                await self._free_thread()
                self._node.changed.clear()
                try:
                    acquired = await self._acquire()
                    failures = 0
                except CoordinatorError:
                    failures += 1
                    continue
                if acquired is None:
                    await self._idle()
                elif not await self._is_time(acquired.trigger):
                    await self._release(acquired)
                elif await self._fire(acquired):
                    thread = threads.create_task(self._execute(acquired))
                    self._running.add(thread)
                    thread.add_done_callback(self._running.discard)

    async def _free_thread(self) -> None:
        while len(self._running) >= self._parameters.threads:
            await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)

    async def _idle(self) -> None:
        await self._node.change(self._parameters.idle_wait * (1 - 0.2 * self._random.random()))

    # Acquire.

    async def _acquire(self) -> Acquired | None:
        """The next trigger within the idle wait; raises where the store cannot tell."""
        latest = self._node.now() + self._parameters.idle_wait
        if self._parameters.acquire_within_lock:
            return await self._acquire_within_lock(latest)
        for _ in range(_TRIES):
            trigger = await self._store.next_trigger(latest, self._node.misfired())
            if trigger is None:
                return None
            if acquired := await self._acquire_this(trigger):
                return acquired
        return None

    async def _acquire_within_lock(self, latest: float) -> Acquired | None:
        entry = self._new_entry()
        try:
            trigger = await self._store.acquire_next_trigger(entry, latest, self._node.misfired())
        except Indeterminate:
            fired = await self._node.insist(lambda: self._store.find_fired(entry))
            if fired is None:
                raise
            trigger = fired.trigger
        return None if trigger is None else self._granted(trigger, entry, self._lease(trigger))

    async def _acquire_this(self, trigger: Trigger) -> Acquired | None:
        entry, lease = self._new_entry(), self._lease(trigger)
        self._worker.requested(lease)
        won = False
        try:
            won = await self._known(
                self._store.acquire_trigger(trigger, entry), entry, EntryState.ACQUIRED
            )
        finally:
            if not won:
                self._worker.denied(lease)
        return self._granted(trigger, entry, lease) if won else None

    def _new_entry(self) -> Entry:
        self._entries += 1
        return Entry(f"{self._worker.identity}/{self._entries}", self._worker.identity)

    def _lease(self, trigger: Trigger) -> Lease:
        due = Due(trigger.job, trigger.due)
        return self._worker.lease(str(due), due=due)

    def _granted(self, trigger: Trigger, entry: Entry, lease: Lease) -> Acquired:
        self._worker.granted(lease, handle=entry.handle)
        return Acquired(trigger, entry, lease)

    async def _known(self, asked: Awaitable[bool], entry: Entry, state: EntryState) -> bool:
        """What it says; where no answer came, whether it was done (TransactionValidator).

        Raises Unavailable where it was not done, or nobody knows.
        """
        try:
            return await asked
        except Indeterminate as error:
            fired = await self._node.insist(lambda: self._store.find_fired(entry))
            if fired is None or fired.state is not state:
                raise Unavailable(f"not done: {error}") from error
            return True

    async def _is_time(self, trigger: Trigger) -> bool:
        """Wait for it. False where it is to be given back: to stop, or to look for an earlier."""
        while (wait := self._worker.clock.until(trigger.fires_at)) > _NOW:
            await self._node.change(wait)
            if self._worker.stopping.is_set():
                return False
            if self._node.changed.is_set():
                self._node.changed.clear()
                if self._worker.clock.until(trigger.fires_at) >= _WORTH_RELEASING:
                    return False
        return not self._worker.stopping.is_set()

    async def _release(self, acquired: Acquired) -> None:
        self._worker.released(acquired.lease)
        await self._node.insist(
            lambda: self._store.release_trigger(acquired.trigger, acquired.entry)
        )

    # Fire, execute, complete.

    async def _fire(self, acquired: Acquired) -> bool:
        trigger, entry = acquired.trigger, acquired.entry
        asked = self._store.fire_trigger(
            trigger,
            entry,
            next_fire(self._worker.jobs[trigger.job], trigger),
            disallow_concurrent=self._parameters.disallow_concurrent,
            requests_recovery=self._parameters.requests_recovery,
        )
        try:
            if await self._known(asked, entry, EntryState.EXECUTING):
                return True
            self._worker.lost(acquired.lease)
        except Unavailable:
            self._worker.released(acquired.lease)
        await self._node.insist(lambda: self._store.release_trigger(trigger, entry))
        return False

    async def _execute(self, acquired: Acquired) -> None:
        trigger = acquired.trigger
        await self._worker.execute(Due(trigger.job, trigger.due), acquired.lease)
        self._worker.released(acquired.lease)
        if await self._complete(acquired) is False:
            self._worker.lost(acquired.lease)
        if self._parameters.disallow_concurrent:
            self._node.changed.set()

    async def _complete(self, acquired: Acquired) -> bool | None:
        """False where the entry was gone; None where nobody knows."""
        asked = 0

        async def ask() -> bool:
            nonlocal asked
            asked += 1
            return await self._store.complete_trigger(
                acquired.trigger,
                acquired.entry,
                disallow_concurrent=self._parameters.disallow_concurrent,
            )

        there = await self._node.insist(ask)
        # Asked again, it may be gone because it was done the first time.
        return there if asked == 1 else None


class ClusterManager:
    """Checks in, and recovers the instances that do not."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._instance = node.worker.identity
        self._last_checkin = node.now()
        self._first = True
        self._failed = False

    async def run(self) -> None:
        """Check in every interval, for as long as it is let."""
        parameters = self._node.parameters
        while True:
            since = self._node.now() - self._last_checkin
            wait = max(parameters.checkin - since, _SHORTEST_WAIT)
            await asyncio.sleep(max(wait, parameters.db_retry) if self._failed else wait)
            await self.check_in()

    async def check_in(self) -> None:
        """Check in once, and recover who failed; an error is left to the next time."""
        try:
            recovered = await self._check_in()
            self._failed = False
            if recovered:
                self._node.changed.set()
        except CoordinatorError:
            self._failed = True

    async def _check_in(self) -> int:
        store, first, now = self._node.store, self._first, self._node.now()
        own = SchedulerState(self._instance, now, self._node.parameters.checkin)
        others = await store.check_in(own)
        # Nobody is blamed for not checking in while one could not do so oneself.
        someone_failed = any(self._has_failed(other, now) for other in others)
        self._last_checkin = now
        if not someone_failed and not first:
            return 0
        recovered = await store.recover_instances(
            self._instance, lambda other: self._has_failed(other, now), orphans=first
        )
        self._first = False
        return recovered

    def _has_failed(self, other: SchedulerState, now: float) -> bool:
        patience = max(other.interval, now - self._last_checkin)
        return other.last_checkin + patience + self._node.parameters.checkin_tolerance < now


class MisfireHandler:
    """Reschedules the triggers that are too late to be acquired."""

    def __init__(self, node: Node) -> None:
        self._node = node

    async def run(self) -> None:
        """Look for them every misfire threshold, for as long as it is let."""
        parameters = self._node.parameters
        while True:
            wait = parameters.misfire_threshold
            try:
                await self._recover()
            except CoordinatorError:
                wait = max(wait, parameters.db_retry)
            await asyncio.sleep(wait)

    async def _recover(self) -> None:
        node, now = self._node, self._node.now()

        def reschedule(late: Trigger) -> Trigger | None:
            return after_misfire(node.worker.jobs[late.job], late, now, node.parameters.misfire)

        if await node.store.recover_misfires(node.misfired(), reschedule):
            node.changed.set()
