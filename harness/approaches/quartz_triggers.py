"""When Quartz' triggers fire: first, next, and after a misfire."""

from __future__ import annotations

import math
from typing import Literal

from harness.coordinators.postgres.quartz.port import Trigger
from harness.scenario.model import Job
from harness.worker.schedule import due_between, due_times

Misfire = Literal["fire_once", "skip"]


def first_trigger(job: Job) -> Trigger | None:
    """The trigger of a job that was never fired; None where it is never due."""
    return _at(job, _next_due(job, -math.inf))


def next_fire(job: Job, trigger: Trigger) -> float | None:
    """When a trigger fires after it fired for its due time; None where it fires no more."""
    return None if trigger.recovers else _next_due(job, trigger.due)


def after_misfire(job: Job, late: Trigger, now: float, policy: Misfire) -> Trigger | None:
    """The trigger that is too late, rescheduled; None where it fires no more."""
    if policy == "skip":
        return _at(job, _next_due(job, now))
    missed = due_between(job, late.due, now)
    return Trigger(late.name, late.job, fires_at=now, due=missed[-1].at if missed else late.due)


def _next_due(job: Job, moment: float) -> float | None:
    following = next(due_times([job], math.nextafter(moment, math.inf)), None)
    return None if following is None else following.at


def _at(job: Job, due: float | None) -> Trigger | None:
    return None if due is None else Trigger(job.name, job.name, fires_at=due, due=due)
