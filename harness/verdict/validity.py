"""Whether a trial may count at all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.history.event import Event
from harness.history.trial import TrialLine
from harness.verdict.model import Expected
from harness.verdict.runs import Gathered
from harness.verdict.schedule import has_due
from harness.verdict.timeline import Timeline


def reasons_against(
    trial: TrialLine, timeline: Timeline, gathered: Gathered, expected: Sequence[Expected]
) -> tuple[str, ...]:
    """Why the trial does not count, one line each; nothing where it does."""
    events = timeline.events
    found: list[str] = []
    ended = next((event for event in events if event.kind == "trial.ended"), None)
    if ended is not None and ended.reason == "error":
        found.append(f"the trial ended in an error: {ended.error or 'not said which'}")
    found += _never_ready(trial, events)
    found += _faults_that_did_not_land(trial, timeline)
    nameless = next((e for e in events if e.kind == "run.started" and e.job is None), None)
    if nameless is not None:
        found.append(f"a run started at {nameless.at:g} s without saying of which job")
    found += _misnamed(trial, timeline, gathered)
    if not expected:
        found.append(f"no run was expected in the {timeline.end:g} s that can be judged")
    return tuple(found)


def _never_ready(trial: TrialLine, events: Iterable[Event]) -> list[str]:
    ready = {event.worker for event in events if event.kind == "worker.ready"}
    if not ready:
        # Other people's workers may not say so.
        return []
    return [f"{worker} was never ready" for worker in trial.workers if worker not in ready]


def _misnamed(trial: TrialLine, timeline: Timeline, gathered: Gathered) -> list[str]:
    """Runs that count for nothing, for the trial knows no such job or due time.

    An effect of a run that nobody saw start stands for that run.
    """
    jobs = {job.name: job for job in trial.jobs}
    named = [(run.job, run.due) for run in gathered.executions]
    named += [(event.job, event.due) for event in gathered.strays if event.job is not None]
    found: list[str] = []
    unknown = [job for job, _ in named if job not in jobs]
    if unknown:
        names = ", ".join(sorted(set(unknown)))
        runs = _runs(len(unknown))
        found.append(f"{runs} of jobs that the trial line does not name: {names}")
    # A clock that is fast runs ahead of the trial; one that tells the date is not on the schedule.
    latest = timeline.last + trial.duration
    wrong = [
        (job, due)
        for job, due in named
        if due is not None and job in jobs and not has_due(jobs[job], due, latest)
    ]
    if wrong:
        job, due = wrong[0]
        who = "names a due time that its" if len(wrong) == 1 else "name a due time that their"
        found.append(f"{_runs(len(wrong))} {who} job does not have: {job} at {due:.12g}")
    return found


def _runs(count: int) -> str:
    return "1 run" if count == 1 else f"{count} runs"


def _faults_that_did_not_land(trial: TrialLine, timeline: Timeline) -> list[str]:
    found: list[str] = []
    seen: set[str | None] = set()
    for event in timeline.events:
        if event.kind in ("fault.injected", "fault.failed"):
            seen.add(event.fault)
        if event.kind == "fault.failed":
            found.append(f"fault {event.fault} failed: {event.error or 'not said why'}")
    if timeline.partial:
        # Whatever had not happened yet was still to come.
        return found
    for fault in trial.faults:
        awaited = fault.at is None or fault.at <= timeline.end
        if awaited and fault.fault not in seen:
            when = "" if fault.at is None else f", planned at {fault.at:g} s,"
            found.append(f"fault {fault.fault}{when} was never injected")
    return found
