"""Due times that nobody ran, and jobs that nobody took up again, in sentences."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from harness.report import phrases
from harness.report.stories import wording as say
from harness.report.stories.circumstance import beginning
from harness.report.stories.record import Record
from harness.report.stories.violations import Violation
from harness.verdict.model import Ending, Expected, Held, Outcome, Run


def title(violation: Violation) -> str:
    """What went wrong, in one line."""
    if violation.unrecovered:
        jobs = say.listed(say.quoted(sample.what) for sample in violation.unrecovered)
        return f"{jobs} did not start again before the end"
    jobs = say.listed(say.quoted(one.job) for one in violation.missed)
    first = violation.missed[0]
    if len(violation.missed) == 1:
        how = "was lost" if first.outcome is Outcome.LOST else "was not run"
        how = "failed" if first.outcome is Outcome.FAILED else how
        return f"{jobs} due at {say.moment(first.due)} {how}"
    lost = sum(one.outcome is Outcome.LOST for one in violation.missed)
    which = f", {lost} of them lost in the middle" if lost else ""
    return f"{len(violation.missed)} due times of {jobs} missed{which}"


def sentences(violation: Violation, record: Record) -> list[str]:
    """The story, cause first."""
    told = beginning(violation, record)
    lost = [one for one in violation.missed if one.runs]
    for one in lost[:2]:
        told += _in_vain(one, record)
    if len(lost) > 2:
        told.append(f"{say.counted(len(lost) - 2, 'more due time')} went the same way.")
    silent: defaultdict[str, list[float]] = defaultdict(list)
    for one in violation.missed:
        if not one.runs:
            silent[one.job].append(one.due)
    for job, dues in silent.items():
        told.append(f"Nobody started {say.quoted(job)} due at {say.dues(dues)}.")
    if record.known and silent:
        told += _why_not(violation, record, silent)
    told += _afterwards(violation, record)
    if lost and violation.blow is not None and all(len(one.runs) == 1 for one in lost):
        told.append("What would have helped: trying a lost run again, which may run it twice.")
    return told


def _in_vain(one: Expected, record: Record) -> Iterator[str]:
    takes = {job.name: job.takes for job in record.verdict.trial.jobs}.get(one.job)
    for run in one.runs[:2]:
        yield f"The run of {say.run_of(run)} was {_end(run, takes)}."
    more = len(one.runs) - 2
    if len(one.runs) == 1:
        yield "Nobody tried it again."
    elif more > 0:
        yield f"It was tried {say.counted(more, 'more time')}, in vain."


def _end(run: Run, takes: float | Mapping[str, float] | None) -> str:
    who, began = say.name(run.worker), say.moment(run.started)
    if run.ending is Ending.FAILED:
        return f"in vain: {who}, that had started it at {began}, failed at {say.moment(run.ended)}"
    if run.ending is Ending.UNFINISHED:
        return f"never finished: {who} had started it at {began}"
    if run.ending is Ending.FINISHED:
        return f"without effect: {who} ran it from {began} to {say.moment(run.ended)}"
    left = ""
    if isinstance(takes, int | float):
        rest = run.started + takes - run.ended
        left = f", {phrases.seconds(rest)} before its end" if 0 < rest < takes else ""
    return f"lost: {who}, that had started it at {began}, died at {say.moment(run.ended)}{left}"


def _why_not(
    violation: Violation, record: Record, silent: Mapping[str, Sequence[float]]
) -> Iterator[str]:
    """Who wanted to, and who was in the way, at the due times that nobody started."""
    start = min(min(dues) for dues in silent.values())
    end = max(max(dues) for dues in silent.values())
    grace = record.verdict.trial.grace
    every = {job.name: job.every for job in record.verdict.trial.jobs}
    near = min(grace, *(every.get(job, grace) for job in silent)) / 2
    events = list(record.between(start - 0.05, end + near))
    denied = [
        event
        for event in events
        if event.kind == "lease.denied" and (event.job is None or event.job in silent)
    ]
    if denied:
        who = say.listed(say.name(event.worker or "") for event in denied)
        how = say.counted(len(denied), "attempt")
        yield (
            f"{who} asked for the lease in vain, {how} {say.within(denied[0].at, denied[-1].at)}."
        )
    yield from _in_the_way(violation, record, silent, start, bool(denied))
    dropped = [
        event
        for event in record.between(start - 0.05, end + grace + 10)
        if event.kind == "run.dropped" and event.due in silent.get(event.job or "", ())
    ]
    if dropped:
        who = say.listed(say.name(event.worker or "") for event in dropped)
        why = say.listed(say.name(event.reason or "not said why") for event in dropped)
        yield f"{who} let it pass ({why})."


def _in_the_way(
    violation: Violation,
    record: Record,
    silent: Mapping[str, Sequence[float]],
    at: float,
    denied: bool,
) -> Iterator[str]:
    blow = violation.blow
    if blow is None:
        return
    for hold in record.holds:
        covers = hold.job is None or hold.job in silent
        if hold.worker in blow.victims and covers and hold.granted < blow.at <= hold.ended:
            grants = [
                other
                for other in record.holds
                if other.resource == hold.resource and other.granted > blow.at
            ]
            if blow.type == "crash" and denied and grants:
                yield (
                    f"The lease {say.quoted(hold.resource)} of {say.name(hold.worker)} outlived it:"
                    f" nobody was granted it before {say.moment(grants[0].granted)}."
                )
                return
            if hold.ended > at and not any(g.granted <= at for g in grants):
                yield (
                    f"{say.name(hold.worker)} still held "
                    f"{say.quoted(hold.resource)} at {say.moment(at)}."
                )
            if grants and grants[0].granted > at and not _started_with(grants[0], record):
                first = grants[0]
                yield (
                    f"The lease {say.quoted(hold.resource)} was next granted at "
                    f"{say.moment(first.granted)}, to {say.name(first.worker)}, "
                    f"{phrases.seconds(first.granted - blow.at)} after the fault."
                )
            return


def _started_with(hold: Held, record: Record) -> bool:
    """Whether its holder started a run at once, which is told on its own."""
    return any(
        run.worker == hold.worker and 0 <= run.started - hold.granted < 0.1
        for run in record.verdict.runs
    )


def _afterwards(violation: Violation, record: Record) -> Iterator[str]:
    """When the job ran again."""
    end = record.verdict.end
    if violation.unrecovered:
        jobs = say.listed(say.quoted(sample.what) for sample in violation.unrecovered)
        at = violation.unrecovered[0].at
        yield (
            f"No able worker started {jobs} again in the {phrases.seconds(end - at)} "
            "that were left of the trial."
        )
        return
    last = violation.missed[-1]
    starts = [
        run
        for run in record.verdict.runs
        if run.job == last.job and run.started > max(last.due, violation.end - 1e-6)
    ]
    if not starts:
        yield f"{say.quoted(last.job)} did not start again before the end."
        return
    first = min(starts, key=lambda run: run.started)
    after = ""
    if violation.blow is not None:
        after = f", {phrases.seconds(first.started - violation.blow.at)} after the fault"
    yield (
        f"{say.quoted(last.job)} was next started at {say.moment(first.started)}, by "
        f"{say.name(first.worker)}{after}."
    )
