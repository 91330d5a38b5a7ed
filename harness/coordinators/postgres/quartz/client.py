"""Quartz' job store over psycopg."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar

from harness.coordinators.giving_up import gives_up
from harness.coordinators.postgres.quartz.port import (
    Entry,
    EntryState,
    FiredTrigger,
    SchedulerState,
    Trigger,
)
from harness.coordinators.postgres.quartz.tables import FREE_INSTANCE

if TYPE_CHECKING:
    from harness.coordinators.postgres.client import Statements

T = TypeVar("T")

LOCK = "SELECT lock_name FROM quartz_locks WHERE lock_name = %s FOR UPDATE"

STORE = """
INSERT INTO quartz_triggers (name, job, fires_at, due, state) VALUES (%s, %s, %s, %s, 'WAITING')
ON CONFLICT DO NOTHING
"""

NEXT = """
SELECT name, job, fires_at, due FROM quartz_triggers
WHERE state = 'WAITING' AND fires_at <= %s AND (fires_at >= %s OR name <> job)
ORDER BY fires_at, name LIMIT 1
"""

# One statement: the row count of the update decides whether there is anything to insert.
ACQUIRE = """
WITH acquired AS (
    UPDATE quartz_triggers SET state = 'ACQUIRED' WHERE name = %s AND state = 'WAITING' RETURNING 1
)
INSERT INTO quartz_fired_triggers (entry, instance, trigger, job, fires_at, due, state)
SELECT %s, %s, %s, %s, %s, %s, 'ACQUIRED' FROM acquired
"""

RELEASE = """
UPDATE quartz_triggers SET state = 'WAITING' WHERE name = %s AND state IN ('ACQUIRED', 'BLOCKED')
"""

DROP = "DELETE FROM quartz_fired_triggers WHERE entry = %s"

STATE = "SELECT state FROM quartz_triggers WHERE name = %s"

EXECUTE = """
UPDATE quartz_fired_triggers
SET state = 'EXECUTING', disallow_concurrent = %s, requests_recovery = %s WHERE entry = %s
"""

BLOCK = """
UPDATE quartz_triggers SET state = 'BLOCKED' WHERE job = %s AND state IN ('WAITING', 'ACQUIRED')
"""

UNBLOCK = "UPDATE quartz_triggers SET state = 'WAITING' WHERE job = %s AND state = 'BLOCKED'"

RESCHEDULE = "UPDATE quartz_triggers SET fires_at = %s, due = %s, state = %s WHERE name = %s"

FINISH = "UPDATE quartz_triggers SET state = 'COMPLETE' WHERE name = %s"

FIRED = "SELECT trigger, job, fires_at, due, state FROM quartz_fired_triggers WHERE entry = %s"

MISFIRED = """
SELECT name, job, fires_at, due FROM quartz_triggers
WHERE state = 'WAITING' AND fires_at < %s AND name = job ORDER BY fires_at, name
"""

STATES = "SELECT instance, last_checkin, checkin_interval FROM quartz_scheduler_state"

CHECK_IN = """
INSERT INTO quartz_scheduler_state VALUES (%s, %s, %s)
ON CONFLICT (instance) DO UPDATE SET last_checkin = excluded.last_checkin
"""

ORPHANS = """
SELECT DISTINCT instance FROM quartz_fired_triggers
WHERE instance NOT IN (SELECT instance FROM quartz_scheduler_state)
"""

FORGET_INSTANCE = "DELETE FROM quartz_scheduler_state WHERE instance = %s"


class Transact(Protocol):
    """Does work for an operation, in one transaction on the worker's session."""

    async def __call__(self, operation: str, work: Callable[[Statements], Awaitable[T]]) -> T:
        """Do it; raises Unavailable or Indeterminate."""
        ...


class QuartzClient:
    """The job store in the worker's schema, see QuartzPort."""

    def __init__(self, transact: Transact) -> None:
        self._transact = transact

    async def store_triggers(self, triggers: Sequence[Trigger]) -> None:
        """Insert as WAITING those that are not there."""

        async def store(on: Statements) -> None:
            await _lock(on, "TRIGGER_ACCESS")
            for trigger in triggers:
                row = [trigger.name, trigger.job, trigger.fires_at, trigger.due]
                await on.execute(STORE, row)

        await self._transact("quartz.store_triggers", store)

    async def next_trigger(self, latest: float, misfired: float) -> Trigger | None:
        """The WAITING trigger that fires next."""
        return await self._transact(
            "quartz.next_trigger", lambda on: _select_next(on, latest, misfired)
        )

    async def acquire_trigger(self, trigger: Trigger, entry: Entry) -> bool:
        """Make it ACQUIRED and enter it; no lock, the row count decides."""
        return await self._transact(
            "quartz.acquire_trigger", lambda on: _acquire(on, trigger, entry)
        )

    async def acquire_next_trigger(
        self, entry: Entry, latest: float, misfired: float
    ) -> Trigger | None:
        """Both in one, within the lock."""

        async def acquire(on: Statements) -> Trigger | None:
            await _lock(on, "TRIGGER_ACCESS")
            trigger = await _select_next(on, latest, misfired)
            if trigger is None or not await _acquire(on, trigger, entry):
                return None
            return trigger

        return await self._transact("quartz.acquire_next_trigger", acquire)

    @gives_up
    async def release_trigger(self, trigger: Trigger, entry: Entry) -> None:
        """Make it WAITING, and drop the entry."""

        async def release(on: Statements) -> None:
            await _lock(on, "TRIGGER_ACCESS")
            await on.execute(RELEASE, [trigger.name])
            await on.execute(DROP, [entry.id])

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

        async def fire(on: Statements) -> bool:
            await _lock(on, "TRIGGER_ACCESS")
            row = await (await on.execute(STATE, [trigger.name])).fetchone()
            if row is None or row[0] != "ACQUIRED":
                return False
            await on.execute(EXECUTE, [disallow_concurrent, requests_recovery, entry.id])
            state = "WAITING"
            if disallow_concurrent:
                await on.execute(BLOCK, [trigger.job])
                state = "BLOCKED"
            if following is None:
                await on.execute(FINISH, [trigger.name])
            else:
                await on.execute(RESCHEDULE, [following, following, state, trigger.name])
            return True

        return await self._transact("quartz.fire_trigger", fire)

    @gives_up
    async def complete_trigger(
        self, trigger: Trigger, entry: Entry, *, disallow_concurrent: bool
    ) -> bool:
        """Drop the entry, and unblock the job's triggers."""

        async def complete(on: Statements) -> bool:
            await _lock(on, "TRIGGER_ACCESS")
            if disallow_concurrent:
                await on.execute(UNBLOCK, [trigger.job])
            return (await on.execute(DROP, [entry.id])).rowcount == 1

        return await self._transact("quartz.complete_trigger", complete)

    async def find_fired(self, entry: Entry) -> FiredTrigger | None:
        """What the entry says."""

        async def find(on: Statements) -> FiredTrigger | None:
            row = await (await on.execute(FIRED, [entry.id])).fetchone()
            return None if row is None else FiredTrigger(Trigger(*row[:4]), EntryState(row[4]))

        return await self._transact("quartz.find_fired", find)

    async def recover_misfires(
        self, misfired: float, reschedule: Callable[[Trigger], Trigger | None]
    ) -> int:
        """Reschedule what misfired; looks first without the lock."""

        async def recover(on: Statements) -> int:
            if await (await on.execute(MISFIRED, [misfired])).fetchone() is None:
                return 0
            await _lock(on, "TRIGGER_ACCESS")
            rows = await (await on.execute(MISFIRED, [misfired])).fetchall()
            for row in rows:
                trigger = reschedule(Trigger(*row))
                if trigger is None:
                    await on.execute(FINISH, [row[0]])
                else:
                    times = [trigger.fires_at, trigger.due]
                    await on.execute(RESCHEDULE, [*times, "WAITING", row[0]])
            return len(rows)

        return await self._transact("quartz.recover_misfires", recover)

    async def check_in(self, state: SchedulerState) -> Sequence[SchedulerState]:
        """Write one's own state; the others', as they were."""

        async def check_in(on: Statements) -> Sequence[SchedulerState]:
            states = await _states(on)
            await on.execute(CHECK_IN, [state.instance, state.last_checkin, state.interval])
            return [other for other in states if other.instance != state.instance]

        return await self._transact("quartz.check_in", check_in)

    async def recover_instances(
        self, instance: str, has_failed: Callable[[SchedulerState], bool], *, orphans: bool
    ) -> int:
        """Free what the failed ones of the other instances had."""

        async def recover(on: Statements) -> int:
            await _lock(on, "STATE_ACCESS")
            states = [state for state in await _states(on) if state.instance != instance]
            failed = [state.instance for state in states if has_failed(state)]
            if orphans:
                failed += [row[0] for row in await (await on.execute(ORPHANS)).fetchall()]
            if failed:
                await _lock(on, "TRIGGER_ACCESS")
            for each in failed:
                await on.execute(FREE_INSTANCE, [each])
                await on.execute(FORGET_INSTANCE, [each])
            return len(failed)

        return await self._transact("quartz.recover_instances", recover)


async def _lock(on: Statements, name: Literal["TRIGGER_ACCESS", "STATE_ACCESS"]) -> None:
    """Wait for the cluster's lock of this name; it is kept until the transaction ends."""
    await on.execute(LOCK, [name])


async def _select_next(on: Statements, latest: float, misfired: float) -> Trigger | None:
    row = await (await on.execute(NEXT, [latest, misfired])).fetchone()
    return None if row is None else Trigger(*row)


async def _acquire(on: Statements, trigger: Trigger, entry: Entry) -> bool:
    row = [trigger.name, trigger.job, trigger.fires_at, trigger.due]
    cursor = await on.execute(ACQUIRE, [trigger.name, entry.id, entry.instance, *row])
    return cursor.rowcount == 1


async def _states(on: Statements) -> Sequence[SchedulerState]:
    rows = await (await on.execute(STATES)).fetchall()
    return [SchedulerState(*row) for row in rows]
