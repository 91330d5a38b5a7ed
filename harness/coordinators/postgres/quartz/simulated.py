"""Quartz' job store in a simulated Postgres: each transaction is one step on its tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from harness.coordinators.giving_up import gives_up
from harness.coordinators.postgres.quartz.port import (
    Entry,
    EntryState,
    FiredTrigger,
    SchedulerState,
    Trigger,
    TriggerState,
)

if TYPE_CHECKING:
    from harness.coordinators.postgres.simulated_server import Tables
    from harness.coordinators.postgres.simulated_wire import Transact

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A row of quartz_triggers."""

    trigger: Trigger
    state: TriggerState


@dataclass(frozen=True, slots=True)
class _Fired:
    """A row of quartz_fired_triggers."""

    instance: str
    trigger: Trigger
    state: EntryState
    disallow_concurrent: bool = False
    requests_recovery: bool = False


class _Store:
    """The rows of the job store; they are replaced, never changed."""

    def __init__(self, tables: Tables) -> None:
        self.triggers: dict[str, _Waiting] = tables.setdefault("quartz_triggers", {})
        self.fired: dict[str, _Fired] = tables.setdefault("quartz_fired_triggers", {})
        self.states: dict[str, SchedulerState] = tables.setdefault("quartz_scheduler_state", {})

    def change(
        self, names: Iterable[str], before: Sequence[TriggerState], after: TriggerState
    ) -> int:
        """UPDATE … SET state = after WHERE name IN names AND state IN before; the row count."""
        rows = [name for name in names if name in self.triggers]
        changed = [name for name in rows if self.triggers[name].state in before]
        for name in changed:
            self.triggers[name] = replace(self.triggers[name], state=after)
        return len(changed)

    def of_job(self, job: str) -> list[str]:
        """The names of the job's triggers."""
        return [name for name, row in self.triggers.items() if row.trigger.job == job]

    def waiting(self) -> list[Trigger]:
        """All that are WAITING, in the order in which they fire."""
        rows = (row for row in self.triggers.values() if row.state is TriggerState.WAITING)
        return sorted((row.trigger for row in rows), key=lambda each: (each.fires_at, each.name))

    def next(self, latest: float, misfired: float) -> Trigger | None:
        """The WAITING trigger that fires next."""
        for trigger in self.waiting():
            if trigger.fires_at > latest:
                return None
            if trigger.fires_at >= misfired or trigger.recovers:
                return trigger
        return None

    def acquire(self, trigger: Trigger, entry: Entry) -> bool:
        """WAITING to ACQUIRED, and an entry of it."""
        if not self.change([trigger.name], [TriggerState.WAITING], TriggerState.ACQUIRED):
            return False
        self.fired[entry.id] = _Fired(entry.instance, trigger, EntryState.ACQUIRED)
        return True

    def free(self, entry: str) -> bool:
        """Drop an entry as though its instance were dead; False where there is none."""
        gone = self.fired.pop(entry, None)
        if gone is None:
            return False
        trigger = gone.trigger
        if gone.state is EntryState.ACQUIRED:
            self.change([trigger.name], [TriggerState.ACQUIRED], TriggerState.WAITING)
        elif gone.requests_recovery:
            name = f"recover_{entry}"
            again = Trigger(name, trigger.job, fires_at=trigger.due, due=trigger.due)
            self.triggers.setdefault(name, _Waiting(again, TriggerState.WAITING))
        if gone.disallow_concurrent:
            self.change(self.of_job(trigger.job), [TriggerState.BLOCKED], TriggerState.WAITING)
        return True


def free(tables: Tables, key: str, _now: float) -> bool:
    """Free one entry behind its instance's back; False where there is none."""
    return _Store(tables).free(key)


class SimulatedQuartz:
    """The job store in the simulated server's tables, see QuartzPort."""

    def __init__(self, transact: Transact) -> None:
        self._do = transact

    async def store_triggers(self, triggers: Sequence[Trigger]) -> None:
        """Insert as WAITING those that are not there."""

        def store(rows: _Store) -> None:
            for trigger in triggers:
                rows.triggers.setdefault(trigger.name, _Waiting(trigger, TriggerState.WAITING))

        await self._transact("quartz.store_triggers", store)

    async def next_trigger(self, latest: float, misfired: float) -> Trigger | None:
        """The WAITING trigger that fires next."""
        return await self._transact("quartz.next_trigger", lambda rows: rows.next(latest, misfired))

    async def acquire_trigger(self, trigger: Trigger, entry: Entry) -> bool:
        """Make it ACQUIRED and enter it."""
        return await self._transact(
            "quartz.acquire_trigger", lambda rows: rows.acquire(trigger, entry)
        )

    async def acquire_next_trigger(
        self, entry: Entry, latest: float, misfired: float
    ) -> Trigger | None:
        """Both in one."""

        def acquire(rows: _Store) -> Trigger | None:
            trigger = rows.next(latest, misfired)
            return trigger if trigger is not None and rows.acquire(trigger, entry) else None

        return await self._transact("quartz.acquire_next_trigger", acquire)

    @gives_up
    async def release_trigger(self, trigger: Trigger, entry: Entry) -> None:
        """Make it WAITING, and drop the entry."""

        def release(rows: _Store) -> None:
            held = [TriggerState.ACQUIRED, TriggerState.BLOCKED]
            rows.change([trigger.name], held, TriggerState.WAITING)
            rows.fired.pop(entry.id, None)

        await self._transact("quartz.release_trigger", release)

    async def fire_trigger(
        self,
        trigger: Trigger,
        entry: Entry,
        following: float | None,
        *,
        disallow_concurrent: bool,
        requests_recovery: bool,
    ) -> bool:
        """Enter it as EXECUTING, and set when it fires next."""

        def fire(rows: _Store) -> bool:
            row = rows.triggers.get(trigger.name)
            if row is None or row.state is not TriggerState.ACQUIRED:
                return False
            if (fired := rows.fired.get(entry.id)) is not None:
                rows.fired[entry.id] = replace(
                    fired,
                    state=EntryState.EXECUTING,
                    disallow_concurrent=disallow_concurrent,
                    requests_recovery=requests_recovery,
                )
            state = TriggerState.WAITING
            if disallow_concurrent:
                free = [TriggerState.WAITING, TriggerState.ACQUIRED]
                rows.change(rows.of_job(trigger.job), free, TriggerState.BLOCKED)
                state = TriggerState.BLOCKED
            if following is None:
                rows.triggers[trigger.name] = _Waiting(row.trigger, TriggerState.COMPLETE)
            else:
                fires_next = replace(row.trigger, fires_at=following, due=following)
                rows.triggers[trigger.name] = _Waiting(fires_next, state)
            return True

        return await self._transact("quartz.fire_trigger", fire)

    @gives_up
    async def complete_trigger(
        self, trigger: Trigger, entry: Entry, *, disallow_concurrent: bool
    ) -> bool:
        """Drop the entry, and unblock the job's triggers."""

        def complete(rows: _Store) -> bool:
            if disallow_concurrent:
                names = rows.of_job(trigger.job)
                rows.change(names, [TriggerState.BLOCKED], TriggerState.WAITING)
            return rows.fired.pop(entry.id, None) is not None

        return await self._transact("quartz.complete_trigger", complete)

    async def find_fired(self, entry: Entry) -> FiredTrigger | None:
        """What the entry says."""

        def find(rows: _Store) -> FiredTrigger | None:
            row = rows.fired.get(entry.id)
            return None if row is None else FiredTrigger(row.trigger, row.state)

        return await self._transact("quartz.find_fired", find)

    async def recover_misfires(
        self, misfired: float, reschedule: Callable[[Trigger], Trigger | None]
    ) -> int:
        """Reschedule what misfired."""

        def recover(rows: _Store) -> int:
            waiting = (each for each in rows.waiting() if not each.recovers)
            late = [each for each in waiting if each.fires_at < misfired]
            for trigger in late:
                again = reschedule(trigger)
                rows.triggers[trigger.name] = (
                    _Waiting(trigger, TriggerState.COMPLETE)
                    if again is None
                    else _Waiting(again, TriggerState.WAITING)
                )
            return len(late)

        return await self._transact("quartz.recover_misfires", recover)

    async def check_in(self, state: SchedulerState) -> Sequence[SchedulerState]:
        """Write one's own state; the others', as they were."""

        def check_in(rows: _Store) -> Sequence[SchedulerState]:
            rows.states[state.instance] = state
            return [other for name, other in rows.states.items() if name != state.instance]

        return await self._transact("quartz.check_in", check_in)

    async def recover_instances(
        self, instance: str, has_failed: Callable[[SchedulerState], bool], *, orphans: bool
    ) -> int:
        """Free what the failed ones of the other instances had."""

        def recover(rows: _Store) -> int:
            others = [state for name, state in rows.states.items() if name != instance]
            failed = [state.instance for state in others if has_failed(state)]
            if orphans:
                owners = {row.instance: None for row in rows.fired.values()}
                failed += [owner for owner in owners if owner not in rows.states]
            for each in failed:
                for entry in [entry for entry, row in rows.fired.items() if row.instance == each]:
                    rows.free(entry)
                rows.states.pop(each, None)
            return len(failed)

        return await self._transact("quartz.recover_instances", recover)

    async def _transact(self, operation: str, work: Callable[[_Store], T]) -> T:
        return await self._do(operation, lambda tables, _: work(_Store(tables)))
