"""From a history to its verdict."""

from __future__ import annotations

from collections import Counter

from harness.history.reading import History
from harness.verdict.availability import Availability
from harness.verdict.exclusion import double_holds, overlaps
from harness.verdict.leases import gather_holds
from harness.verdict.matching import date_runs
from harness.verdict.model import Expected, Verdict
from harness.verdict.outcomes import outcomes, with_extras
from harness.verdict.recovery import recovery
from harness.verdict.runs import gather_runs
from harness.verdict.timeline import Timeline, timeline_of
from harness.verdict.validity import reasons_against

# How much earlier than its due time a run without one may start, in seconds.
TOLERANCE = 0.05


def judge(history: History, tolerance: float = TOLERANCE) -> Verdict:
    """Find out what a history proves.

    `tolerance` is how many seconds before a due time a run that does not name its own may have
    started and still be counted for it.
    """
    trial = history.trial
    timeline = timeline_of(history)
    jobs = {job.name: job for job in trial.jobs}
    gathered = gather_runs(timeline, jobs)
    date_runs(gathered.executions, trial.jobs, timeline.last, tolerance, trial.grace)
    runs = with_extras([execution.as_run() for execution in gathered.executions])
    holds = gather_holds(timeline, jobs, gathered.executions)
    availability = Availability(timeline)
    expected = outcomes(trial, timeline, runs, gathered.strays, availability)
    recovered = recovery(trial, timeline, gathered.executions, holds.holds, availability)
    kinds = Counter(event.kind for event in timeline.events)
    return Verdict(
        trial=trial,
        path=history.path,
        end=timeline.end,
        invalid=reasons_against(trial, timeline, gathered, expected),
        partial=timeline.partial,
        expected=expected,
        runs=runs,
        overlaps=overlaps(runs),
        holds=tuple(hold.as_held() for hold in holds.holds),
        double_holds=double_holds(holds.holds),
        failover=tuple(recovered.failover),
        outage=tuple(recovered.outage),
        takeover=tuple(recovered.takeover),
        lateness=tuple(_lateness(one) for one in expected if one.runs),
        lease_wait=tuple(holds.waits),
        suppressed=kinds["effect.rejected"],
        calls=_calls(timeline),
        errors=kinds["coordinator.error"],
        mechanisms=_mechanisms(timeline),
    )


def _lateness(expected: Expected) -> float:
    return expected.runs[0].started - expected.due


def _calls(timeline: Timeline) -> int:
    counted = (event for event in timeline.events if event.kind == "coordinator.calls")
    return sum(sum((event.calls or {}).values()) for event in counted)


def _mechanisms(timeline: Timeline) -> tuple[str, ...]:
    used = {event.mechanism for event in timeline.events if event.kind == "fault.injected"}
    return tuple(sorted(mechanism for mechanism in used if mechanism is not None))
