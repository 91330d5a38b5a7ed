"""What a scheduler may ask of Quartz' job store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from harness.coordinators.giving_up import gives_up


class TriggerState(StrEnum):
    """The state of a trigger.

    WAITING for someone to acquire it, ACQUIRED by an instance that will fire it, BLOCKED by a run
    of its job where runs must not meet, COMPLETE: it fires no more.
    """

    WAITING = "WAITING"
    ACQUIRED = "ACQUIRED"
    BLOCKED = "BLOCKED"
    COMPLETE = "COMPLETE"


class EntryState(StrEnum):
    """The state of an entry in the table of fired triggers."""

    ACQUIRED = "ACQUIRED"
    EXECUTING = "EXECUTING"


@dataclass(frozen=True, slots=True)
class Trigger:
    """What fires a job next: `fires_at` on the instances' own clocks, for the due time `due`.

    The two differ after a misfire. The trigger of a job's schedule is named like the job, one that
    recovers a run of a dead instance is not.
    """

    name: str
    job: str
    fires_at: float
    due: float

    @property
    def recovers(self) -> bool:
        """Whether it fires once, for a run that was cut short."""
        return self.name != self.job


@dataclass(frozen=True, slots=True)
class Entry:
    """An instance's own row among the fired triggers, from acquiring to completing."""

    id: str
    instance: str

    @property
    def handle(self) -> str:
        """What the entry is called from outside."""
        return f"row:quartz_fired_triggers:{self.id}"


@dataclass(frozen=True, slots=True)
class FiredTrigger:
    """What an entry says: the trigger as it was acquired, and how far it got."""

    trigger: Trigger
    state: EntryState


@dataclass(frozen=True, slots=True)
class SchedulerState:
    """An instance's last check-in by its own clock, and how often it means to check in."""

    instance: str
    last_checkin: float
    interval: float


class QuartzPort(Protocol):
    """The job store; each operation is one transaction.

    Times in seconds on the clock of the instance that asks. Every operation raises Unavailable (not
    done) or Indeterminate (may have been done). Those said to lock take the row TRIGGER_ACCESS,
    which all instances share.

    Source: Quartz 2, org.quartz.impl.jdbcjobstore.JobStoreSupport. As there, whoever fires,
    completes or releases is known by the state of the trigger alone, whoever else acquired it
    meanwhile.
    """

    async def store_triggers(self, triggers: Sequence[Trigger]) -> None:
        """Insert as WAITING those that are not there (storeJobAndTrigger). Locks."""
        ...

    async def next_trigger(self, latest: float, misfired: float) -> Trigger | None:
        """The WAITING trigger that fires next, at `latest` or before (selectTriggerToAcquire).

        What should have fired before `misfired` is left out, but for recoveries.
        """
        ...

    async def acquire_trigger(self, trigger: Trigger, entry: Entry) -> bool:
        """Make it ACQUIRED and enter it. False where it is not WAITING any more."""
        ...

    async def acquire_next_trigger(
        self, entry: Entry, latest: float, misfired: float
    ) -> Trigger | None:
        """`next_trigger` and `acquire_trigger` in one (acquireTriggersWithinLock). Locks."""
        ...

    @gives_up
    async def release_trigger(self, trigger: Trigger, entry: Entry) -> None:
        """From ACQUIRED or BLOCKED to WAITING, entry dropped (releaseAcquiredTrigger). Locks."""
        ...

    async def fire_trigger(
        self,
        trigger: Trigger,
        entry: Entry,
        following: float | None,
        *,
        disallow_concurrent: bool,
        requests_recovery: bool,
    ) -> bool:
        """Enter it as EXECUTING; it fires next at `following` (triggersFired). Locks.

        False where it is not ACQUIRED any more. With `disallow_concurrent` all triggers of the job
        are BLOCKED until a run of it completes.
        """
        ...

    @gives_up
    async def complete_trigger(
        self, trigger: Trigger, entry: Entry, *, disallow_concurrent: bool
    ) -> bool:
        """Drop the entry, unblock the job's triggers (triggeredJobComplete). Locks.

        False where the entry was gone already.
        """
        ...

    async def find_fired(self, entry: Entry) -> FiredTrigger | None:
        """What the entry says; None where there is none."""
        ...

    async def recover_misfires(
        self, misfired: float, reschedule: Callable[[Trigger], Trigger | None]
    ) -> int:
        """Reschedule what is WAITING since before `misfired`; how many (recoverMisfiredJobs).

        None from `reschedule` makes a trigger COMPLETE. Locks where there is one.
        """
        ...

    async def check_in(self, state: SchedulerState) -> Sequence[SchedulerState]:
        """Write one's own state; the others', as they were (clusterCheckIn)."""
        ...

    async def recover_instances(
        self, instance: str, has_failed: Callable[[SchedulerState], bool], *, orphans: bool
    ) -> int:
        """Free what the failed ones of the other instances had (clusterRecover); how many failed.

        What they had acquired is WAITING again; what they were executing gets a trigger that
        recovers it, where that was requested, and blocks nothing any more. With `orphans` also
        instances that never checked in. Takes the row STATE_ACCESS, and locks where one failed.
        """
        ...
