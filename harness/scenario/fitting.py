"""Whether the parts of a scenario fit each other."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from harness.scenario.duration import format_duration
from harness.scenario.model import ApproachChoice, FaultChoice, Job
from harness.scenario.problem import Where
from harness.scenario.target import Target
from harness.scenario.waiting import waiting_misfits
from harness.scenario.wording import hint

MOST_WORKERS = 1000


def workers_misfit(workers: int) -> str | None:
    """Why a trial cannot have so many workers; None if it can."""
    if 1 <= workers <= MOST_WORKERS:
        return None
    return f"must be 1 to {MOST_WORKERS}, not {workers}"


def mix_misfit(choice: ApproachChoice, workers: int) -> str | None:
    """Why so few workers cannot be split between two approaches; None if they need not, or can."""
    if choice.others is None or workers >= 2:
        return None
    return "needs 2 workers or more: the second half of them runs it"


def target_misfits(params: Any, workers: int) -> Iterator[tuple[Where, str]]:
    """Which targets among a fault's parameters cannot be found among so many workers."""
    for where, value in _values(params):
        message = value.misfit(workers) if isinstance(value, Target) else None
        if message is not None:
            yield where, message


def name_misfits(
    params: Any, jobs: Collection[str], faults: Collection[str]
) -> Iterator[tuple[Where, str]]:
    """Which jobs and faults a fault names that there are not; it has them as `job` and `fault`.

    `faults` are types; of an id such as `crash#2`, it is the type that must be there.
    """
    known: Mapping[str, Collection[str]] = {"job": jobs, "fault": faults}
    for where, value in _values(params):
        kind = str(where[-1])
        if kind not in known or not isinstance(value, str):
            continue
        if value.partition("#")[0] not in known[kind]:
            yield where, f"the scenario has no {kind} '{value}'; {hint(value, known[kind])}"


def _values(params: Any) -> Iterator[tuple[Where, Any]]:
    """All values of a dataclass and of those within it, and where they are."""
    for field in dataclasses.fields(params):
        value = getattr(params, field.name)
        if dataclasses.is_dataclass(value) and not isinstance(value, Target):
            for where, inner in _values(value):
                yield (field.name, *where), inner
        else:
            yield (field.name,), value


def never_happens(params: Any, duration: float) -> str | None:
    """Why a fault would not happen once within `duration`; None if it would.

    A trial without its faults would pass for one that withstood them.
    """
    times = params.times(duration)
    if any(at < duration for at in times):
        return None
    # One that is not repeated has a time, however late.
    why = "" if times else " (a repeated fault leaves one more period to recover in)"
    return f"would never happen within {format_duration(duration)}{why}"


def plan_misfits(
    faults: Sequence[FaultChoice], duration: float
) -> Iterator[tuple[int, Where, str]]:
    """Which faults make no sense among the others or in a trial that long: number, where, why."""
    for number, fault in enumerate(faults):
        for name, message in fault.params.misfits(duration):
            yield number, (name,), message
    yield from waiting_misfits(faults, duration)


def too_short(jobs: Sequence[Job | None], duration: float, grace: float) -> dict[Where, str]:
    """The places of a scenario to which the duration leaves no expected run, and why.

    Jobs that are None are left out. Where no job has room, the duration itself is the place.
    """
    crowded = {
        number: job
        for number, job in enumerate(jobs)
        if job is not None and job.first + grace > duration + 1e-9
    }
    if not crowded:
        return {}
    if len(crowded) == sum(job is not None for job in jobs):
        first = min(job.first for job in crowded.values())
        return {("duration",): _no_room("the first run", first, duration, grace)}
    return {
        ("jobs", number): _no_room("its first run", job.first, duration, grace)
        for number, job in crowded.items()
    }


def _no_room(what: str, first: float, duration: float, grace: float) -> str:
    return (
        f"{format_duration(duration)} is too short: {what} is due at {format_duration(first)}"
        f" and has {format_duration(grace)} of grace"
    )
