"""What became of each expected run, and which runs were one too many."""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from harness.history.event import Event
from harness.history.trial import JobLine, TrialLine
from harness.verdict.availability import Availability
from harness.verdict.model import Ending, Expected, Extra, Outcome, Run
from harness.verdict.schedule import SLACK, due_times, named_due
from harness.verdict.timeline import Timeline

# A job and one of its due times.
DueRun = tuple[str, float]


def with_extras(runs: Sequence[Run]) -> tuple[Run, ...]:
    """The same runs, by start; those beyond the first of a due time say why they are extra."""
    marked = list(runs)
    groups: defaultdict[DueRun, list[int]] = defaultdict(list)
    for index, run in enumerate(runs):
        if run.due is not None:
            groups[run.job, run.due].append(index)
    for group in groups.values():
        if len(group) > 1:
            together = _in_company(runs, group)
            in_vain = True
            for place, index in enumerate(group):
                run = runs[index]
                if place > 0:
                    marked[index] = replace(run, extra=_extra(index in together, in_vain))
                in_vain = in_vain and run.ending is not Ending.FINISHED and not run.applied
    return tuple(marked)


def _extra(together: bool, in_vain: bool) -> Extra:
    if together:
        return Extra.OVERLAPPING
    return Extra.RETRIED if in_vain else Extra.REPEATED


def _in_company(runs: Sequence[Run], group: Sequence[int]) -> set[int]:
    """Those of the group that were in progress at the same time as another of it."""
    together: set[int] = set()
    ordered = sorted(group, key=lambda index: (runs[index].started, runs[index].ended))
    latest = runs[ordered[0]].ended
    for before, index in pairwise(ordered):
        if runs[index].started < runs[before].ended:
            together.add(before)
        if runs[index].started < latest:
            together.add(index)
        latest = max(latest, runs[index].ended)
    return together


def outcomes(
    trial: TrialLine,
    timeline: Timeline,
    runs: Sequence[Run],
    strays: Iterable[Event],
    availability: Availability,
) -> tuple[Expected, ...]:
    """The outcome of every expected run, by job and due time.

    `runs` are by start. `strays` are effects of runs that nobody saw starting: they count for the
    due time that they name. Where the trial was cut short, due times whose outcome the cut left
    open are not among them.
    """
    by_due: defaultdict[DueRun, list[Run]] = defaultdict(list)
    by_job: defaultdict[str, list[Run]] = defaultdict(list)
    for run in runs:
        by_job[run.job].append(run)
        if run.due is not None:
            by_due[run.job, run.due].append(run)
    applied, rejected = _stray_effects(trial.jobs, strays)
    found: list[Expected] = []
    for job in trial.jobs:
        dues = due_times(job, timeline.end - trial.grace)
        silent = [
            due
            for due in dues
            if not (by_due.get((job.name, due)) or applied[job.name, due])
            and not rejected[job.name, due]
        ]
        busy = _busy(silent, by_job[job.name], availability)
        for due in dues:
            own = tuple(by_due.get((job.name, due), ()))
            effects = applied[job.name, due] + sum(run.applied for run in own)
            if timeline.partial and not effects and _open(own, timeline.end):
                continue
            refused = rejected[job.name, due]
            outcome = Outcome.OVERRUN if due in busy else _outcome(own, effects, refused)
            late = outcome is Outcome.ONCE and _late(own, due, trial.grace)
            found.append(Expected(job.name, due, outcome, late, own))
    return tuple(found)


def _open(runs: Iterable[Run], end: float) -> bool:
    """Whether one of these runs was still in progress at the end."""
    return any(run.started <= end <= run.ended for run in runs)


def _outcome(runs: Sequence[Run], applied: int, refused: int) -> Outcome:
    if applied > 1:
        return Outcome.DUPLICATE
    if applied == 1:
        return Outcome.ONCE
    if not runs:
        # A refused effect tells of a run that came to nothing, though nobody saw it start.
        return Outcome.FAILED if refused else Outcome.NEVER_STARTED
    # The last word counts: a lost run that was tried again and failed is a failure.
    final = max(runs, key=lambda run: run.ended).ending
    return Outcome.LOST if final in (Ending.DIED, Ending.UNFINISHED) else Outcome.FAILED


def _late(runs: Sequence[Run], due: float, grace: float) -> bool:
    """Whether the run that had the effect started too late."""
    return any(run.applied and run.started - due > grace + SLACK for run in runs)


def _stray_effects(
    jobs: Iterable[JobLine], strays: Iterable[Event]
) -> tuple[Counter[DueRun], Counter[DueRun]]:
    known: Mapping[str, JobLine] = {job.name: job for job in jobs}
    applied: Counter[DueRun] = Counter()
    rejected: Counter[DueRun] = Counter()
    for event in strays:
        if event.job is not None and event.due is not None:
            due = named_due(known.get(event.job), event.due)
            counts = applied if event.kind == "effect.applied" else rejected
            counts[event.job, due] += 1
    return applied, rejected


def _busy(dues: Sequence[float], runs: Sequence[Run], availability: Availability) -> set[float]:
    """The due times at which one of these runs was in progress on a worker that was up."""
    busy: set[float] = set()
    active: list[tuple[float, str]] = []
    workers: Counter[str] = Counter()
    coming = 0
    for due in dues:
        while coming < len(runs) and runs[coming].started <= due:
            run = runs[coming]
            heapq.heappush(active, (run.ended, run.worker))
            workers[run.worker] += 1
            coming += 1
        while active and active[0][0] <= due:
            _, worker = heapq.heappop(active)
            workers[worker] -= 1
            if not workers[worker]:
                del workers[worker]
        if any(availability.up_at(worker, due) for worker in workers):
            busy.add(due)
    return busy
