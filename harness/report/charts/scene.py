"""What a timeline shows: which trial of an approach, which stretch of it, which workers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from harness.history.event import Event
from harness.history.reading import History, HistoryError, read_history
from harness.verdict.leases import gather_holds
from harness.verdict.model import Expected, Extra, Outcome, Run, Together, Verdict
from harness.verdict.runs import gather_runs
from harness.verdict.timeline import Timeline, timeline_of

# Seconds shown at most, and how much of them come before what the stretch was chosen for.
LONGEST = 30.0
LEAD_IN = 3.0
MOST_WORKERS = 12
# Runs shown at most: a busier trial gets a shorter stretch.
MOST_RUNS = 500

# Most of a long history, and nothing that is drawn.
_UNSEEN = frozenset({"lease.requested", "lease.denied", "coordinator.calls", "coordinator.error"})

_TOO_MANY = (Extra.OVERLAPPING, Extra.REPEATED)


@dataclass(frozen=True)
class Span:
    """Something that holds from `start` to `end`: a lease, a fault, a worker being up."""

    start: float
    end: float
    name: str
    worker: str | None = None


@dataclass(frozen=True)
class Scene:
    """One stretch of one trial. `hidden` counts the workers that found no place."""

    verdict: Verdict
    start: float
    end: float
    workers: tuple[str, ...]
    hidden: int
    runs: tuple[Run, ...]
    wrong: frozenset[str]
    extra: tuple[Run, ...]
    missed: tuple[Expected, ...]
    overlaps: tuple[Together, ...]
    double_holds: tuple[Together, ...]
    leases: tuple[Span, ...]
    faults: tuple[Span, ...]
    up: tuple[Span, ...]
    crashes: tuple[Span, ...]


def choose_trial(verdicts: Sequence[Verdict]) -> Verdict | None:
    """The first trial that counts and went wrong; else the first that counts; else none."""
    valid = [verdict for verdict in verdicts if verdict.valid]
    return next((verdict for verdict in valid if went_wrong(verdict)), valid[0] if valid else None)


def scene_of(verdict: Verdict) -> Scene:
    """Cut the stretch with the first violation out of a trial, or that with its first fault.

    Leases, faults and crashes come from the history file; without it only runs are shown.
    """
    history = _history(verdict)
    timeline = timeline_of(history)
    events = timeline.events
    faults = _faults(events, verdict.end, frozenset(verdict.trial.workers))
    start, end = _stretch(verdict, faults)
    runs = [run for run in verdict.runs if run.started < end and run.ended > start]
    if len(runs) > MOST_RUNS:
        runs.sort(key=lambda run: run.started)
        end = runs[MOST_RUNS].started
        runs = runs[:MOST_RUNS]
    wrong = _wrong(verdict)
    workers = verdict.trial.workers or tuple(sorted({run.worker for run in verdict.runs}))
    lanes = _lanes(workers, runs, wrong)
    up, crashes = _lives(events, workers, verdict.end)
    due = [e for e in verdict.expected if e.outcome.missed and start <= e.due <= end]
    return Scene(
        verdict=verdict,
        start=start,
        end=end,
        workers=lanes,
        hidden=len(workers) - len(lanes),
        runs=tuple(runs),
        wrong=wrong,
        extra=tuple(run for run in runs if run.extra in _TOO_MANY and run.started >= start),
        missed=tuple(due),
        overlaps=tuple(o for o in verdict.overlaps if o.start < end and o.end > start),
        double_holds=tuple(h for h in verdict.double_holds if h.start < end and h.end > start),
        leases=_within(_leases(history, timeline), start, end),
        faults=_within(faults, start, end),
        up=_within(up, start, end),
        crashes=_within(crashes, start, end),
    )


def went_wrong(verdict: Verdict) -> bool:
    """Whether the trial is worth a look for what went wrong in it."""
    return bool(_troubles(verdict))


def _troubles(verdict: Verdict) -> list[float]:
    """The moments at which something went wrong."""
    return [
        *(run.started for run in verdict.runs if run.extra in _TOO_MANY),
        *(overlap.start for overlap in verdict.overlaps),
        *(expected.due for expected in verdict.expected if expected.outcome.missed),
    ]


def _wrong(verdict: Verdict) -> frozenset[str]:
    """The runs that had a part in a duplicate or an overlap."""
    names = {run.run for run in verdict.runs if run.extra in _TOO_MANY}
    for expected in verdict.expected:
        if expected.outcome is Outcome.DUPLICATE:
            names.update(run.run for run in expected.runs if run.applied)
    for overlap in verdict.overlaps:
        names.update(overlap.who)
    return frozenset(names)


def _stretch(verdict: Verdict, faults: Sequence[Span]) -> tuple[float, float]:
    if verdict.end <= LONGEST:
        return 0.0, max(verdict.end, 0.001)
    moments = _troubles(verdict) or [fault.start for fault in faults]
    moments = moments or [sample.at for sample in verdict.failover]
    start = max(0.0, min(moments, default=0.0) - LEAD_IN)
    start = min(start, verdict.end - LONGEST)
    return start, start + LONGEST


def _lanes(workers: Sequence[str], runs: Iterable[Run], wrong: frozenset[str]) -> tuple[str, ...]:
    """The workers to show, in their own order; where they are too many, those with most to see."""
    if len(workers) <= MOST_WORKERS:
        return tuple(workers)
    weight = dict.fromkeys(workers, 0)
    for run in runs:
        if run.worker in weight:
            weight[run.worker] += 1000 if run.run in wrong else 1
    kept = set(sorted(workers, key=lambda name: -weight[name])[:MOST_WORKERS])
    return tuple(name for name in workers if name in kept)


def _history(verdict: Verdict) -> History:
    """The trial's history; one without events where there is none to be read."""
    if verdict.path is not None:
        with suppress(HistoryError):
            return read_history(verdict.path, without=_UNSEEN)
    return History(verdict.trial, ())


def _leases(history: History, timeline: Timeline) -> list[Span]:
    """Who held what, from when to when, as the verdict saw it."""
    jobs = {job.name: job for job in history.trial.jobs}
    runs = gather_runs(timeline, jobs).executions
    holds = gather_holds(timeline, jobs, runs).holds
    return [Span(hold.granted, hold.ended, hold.lease, hold.worker) for hold in holds]


def _faults(events: Iterable[Event], end: float, workers: frozenset[str]) -> list[Span]:
    """One span a fault and target; where no worker is the target, one for all (worker None)."""
    healed = {event.fault: event.at for event in events if event.kind == "fault.healed"}
    spans: list[Span] = []
    for event in events:
        if event.kind != "fault.injected":
            continue
        until = healed.get(event.fault, end)
        hit = [target for target in event.targets or () if target in workers]
        name = event.type or event.fault or "fault"
        spans.extend(Span(event.at, until, name, target) for target in hit)
        if not hit:
            spans.append(Span(event.at, until, name))
    return spans


def _lives(
    events: Iterable[Event], workers: Sequence[str], end: float
) -> tuple[list[Span], list[Span]]:
    """When each worker was up, and where one died of a signal."""
    up: list[Span] = []
    crashes: list[Span] = []
    since: dict[str, float] = dict.fromkeys(workers, 0.0)
    for event in events:
        if event.worker is None:
            continue
        if event.kind == "worker.exited":
            begun = since.pop(event.worker, event.at)
            up.append(Span(begun, event.at, "up", event.worker))
            if event.signal is not None or event.code:
                how = f"code {event.code}" if event.signal is None else f"signal {event.signal}"
                crashes.append(Span(event.at, event.at, how, event.worker))
        elif event.kind in ("worker.started", "worker.ready"):
            since.setdefault(event.worker, event.at)
    up.extend(Span(begun, end, "up", worker) for worker, begun in since.items())
    return up, crashes


def _within(spans: Iterable[Span], start: float, end: float) -> tuple[Span, ...]:
    """The spans that reach into the stretch, cut to it."""
    return tuple(
        Span(max(span.start, start), min(span.end, end), span.name, span.worker)
        for span in spans
        if span.start <= end and span.end >= start
    )
