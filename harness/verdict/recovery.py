"""How long it took to go on after a fault: failover, outage, takeover."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from harness.history.trial import JobLine, TrialLine
from harness.verdict.availability import Availability
from harness.verdict.hits import Burden, Hit, burdens, coordinator_hits, hits_of
from harness.verdict.leases import Hold
from harness.verdict.model import Sample
from harness.verdict.runs import Execution
from harness.verdict.schedule import SLACK
from harness.verdict.timeline import Timeline


@dataclass(slots=True)
class Recovery:
    """The samples of a trial, by fault, victim, and job or resource."""

    failover: list[Sample] = field(default_factory=list)
    outage: list[Sample] = field(default_factory=list)
    takeover: list[Sample] = field(default_factory=list)


def recovery(
    trial: TrialLine,
    timeline: Timeline,
    executions: Sequence[Execution],
    holds: Sequence[Hold],
    availability: Availability,
) -> Recovery:
    """Measure what each fault cost that hit a worker while it held a lease or ran a job.

    A fault that hit a coordinator has an outage of every job, and neither failover nor takeover:
    no worker fell out.
    """
    starts: defaultdict[str, _Line] = defaultdict(_Line)
    for run in executions:
        if run.started <= timeline.end and availability.able(run.worker, run.began):
            starts[run.job].add(run.began, run.started, run.worker)
    grants: defaultdict[str, _Line] = defaultdict(_Line)
    for hold in holds:
        if hold.granted <= timeline.end:
            grants[hold.resource].add(hold.began, hold.granted, hold.worker)
    found = Recovery()
    for hit, burden in burdens(hits_of(timeline), executions, holds):
        for job in _still_due(_affected(trial, burden), timeline.end):
            found.failover.append(_failover(hit, job, starts[job.name], timeline.end))
            found.outage.append(_outage(hit, job, starts[job.name], timeline.end, trial.grace))
        for hold in {hold.resource: hold for hold in burden.holds}.values():
            found.takeover += _takeover(hit, hold, grants[hold.resource], timeline.end)
    for hit in coordinator_hits(timeline):
        for job in _still_due(trial.jobs, timeline.end):
            found.outage.append(_outage(hit, job, starts[job.name], timeline.end, trial.grace))
    return found


@dataclass(slots=True)
class _Line:
    """Moments of one job or resource in order: positions, times, workers."""

    positions: list[int] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    workers: list[str] = field(default_factory=list)

    def add(self, position: int, at: float, worker: str) -> None:
        self.positions.append(position)
        self.times.append(at)
        self.workers.append(worker)

    def after(self, hit: Hit) -> int:
        """The index of the first moment after the hit."""
        return bisect_right(self.positions, hit.position)


def _affected(trial: TrialLine, burden: Burden) -> list[JobLine]:
    if any(hold.job is None for hold in burden.holds):
        return list(trial.jobs)
    names = {run.job for run in burden.runs} | {hold.job for hold in burden.holds}
    return [job for job in trial.jobs if job.name in names]


def _still_due(jobs: Iterable[JobLine], end: float) -> list[JobLine]:
    """Those of the jobs that are to go on for longer than what is measured may take.

    One that ends with the trial does; one that is due for a while only is not missing after it.
    """
    return [job for job in jobs if job.until is None or job.until >= end]


def _failover(hit: Hit, job: JobLine, starts: _Line, end: float) -> Sample:
    """Until the next start by a worker that is able.

    Also the victim, once it was started again: it is another instance then, that knows nothing of
    what the first one held.
    """
    following = starts.after(hit)
    first = starts.times[following] if following < len(starts.times) else None
    return _sample(hit, job.name, first, end)


def _outage(hit: Hit, job: JobLine, starts: _Line, end: float, grace: float) -> Sample:
    """The longest stretch without a start, beyond the job's period, whoever starts.

    Censored where the end cuts off the longest stretch, already too long.
    """
    following = starts.after(hit)
    # Before its first due time, a job is not out.
    begin = starts.times[following - 1] if following else job.first - job.every
    healed = min(hit.healed + grace, end)
    longest = 0.0
    for start in starts.times[following:]:
        if begin >= healed:
            break
        longest = max(longest, start - begin - job.every)
        begin = start
    open_for = end - begin - job.every if begin < healed else 0.0
    cut_off = open_for > SLACK and open_for > longest
    return Sample(hit.fault, job.name, hit.at, max(longest, open_for), cut_off)


def _takeover(hit: Hit, hold: Hold, grants: _Line, end: float) -> list[Sample]:
    """No sample where the victim kept the lease for as long as it wanted, or got it again first.

    Nor where the lease of a single run was given up after that run, as who is stopped does it.
    """
    index = grants.after(hit)
    if index == len(grants.times):
        over = hold.released and hold.due is not None
        return [_sample(hit, hold.resource, None, end)] if hit.gone and not over else []
    kept = not hit.gone and hold.released and hold.over < grants.positions[index]
    if kept or grants.workers[index] == hit.victim:
        return []
    return [_sample(hit, hold.resource, grants.times[index], end)]


def _sample(hit: Hit, what: str, reached: float | None, end: float) -> Sample:
    seconds = (end if reached is None else reached) - hit.at
    return Sample(hit.fault, what, hit.at, seconds, censored=reached is None)
