"""Whether a trial may count at all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.history.event import Event
from harness.history.trial import TrialLine
from harness.verdict.model import Expected
from harness.verdict.timeline import Timeline


def reasons_against(
    trial: TrialLine, timeline: Timeline, expected: Sequence[Expected]
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
    if not expected:
        found.append(f"no run was expected in the {timeline.end:g} s that can be judged")
    return tuple(found)


def _never_ready(trial: TrialLine, events: Iterable[Event]) -> list[str]:
    ready = {event.worker for event in events if event.kind == "worker.ready"}
    if not ready:
        # Other people's workers may not say so.
        return []
    return [f"{worker} was never ready" for worker in trial.workers if worker not in ready]


def _faults_that_did_not_land(trial: TrialLine, timeline: Timeline) -> list[str]:
    found: list[str] = []
    seen: set[str | None] = set()
    for event in timeline.events:
        if event.kind in ("fault.injected", "fault.failed"):
            seen.add(event.fault)
        if event.kind == "fault.failed":
            found.append(f"fault {event.fault} failed: {event.error or 'not said why'}")
    for fault in trial.faults:
        # What waits for an event may still have been waiting where the trial was cut short.
        awaited = not timeline.partial if fault.at is None else fault.at <= timeline.end
        if awaited and fault.fault not in seen:
            when = "" if fault.at is None else f", planned at {fault.at:g} s,"
            found.append(f"fault {fault.fault}{when} was never injected")
    return found
