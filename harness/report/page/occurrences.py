"""What befell the workers of a trial: faults, lives, crashes, lost leases, due times let pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from harness.history.event import Event
from harness.report.broken import faults_of
from harness.verdict.timeline import Timeline


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault from `start` to `end`, None where nobody healed it; `hit` are the workers it hit."""

    type: str
    id: str
    mechanism: str
    direction: str | None
    start: float
    end: float | None
    targets: tuple[str, ...]
    hit: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment of one worker: `kind` is crash, restart, lost (a lease) or dropped (a due time).

    `detail` is how it crashed, which lease it lost, or why it let the due time `at` of `job` pass,
    which it `noticed` then.
    """

    kind: str
    worker: str
    at: float
    detail: str = ""
    job: str | None = None
    noticed: float | None = None


@dataclass(slots=True)
class Occurrences:
    """All of a trial, by time; `up` are stretches of life."""

    faults: list[Fault] = field(default_factory=list)
    up: list[tuple[str, float, float]] = field(default_factory=list)
    moments: list[Mark] = field(default_factory=list)


def occurrences(timeline: Timeline, workers: Sequence[str], end: float) -> Occurrences:
    """Read them off the events; workers are taken to be up from 0 on, and until `end`."""
    found = Occurrences(faults=_faults(timeline, frozenset(workers)))
    since: dict[str, float] = dict.fromkeys(workers, 0.0)
    leaving: set[str] = set()
    for event in timeline.events:
        worker = event.worker
        if worker is None:
            continue
        match event.kind:
            case "worker.exited":
                begun = since.pop(worker, None)
                if begun is not None:
                    found.up.append((worker, begun, max(begun, event.at)))
                how = _crashed(event, worker in leaving)
                if how is not None:
                    found.moments.append(Mark("crash", worker, event.at, how))
            case "worker.stopping":
                leaving.add(worker)
            case "worker.started" | "worker.ready":
                leaving.discard(worker)
                if worker not in since:
                    since[worker] = event.at
                    found.moments.append(Mark("restart", worker, event.at))
            case "lease.lost":
                name = event.resource or event.lease or event.job or ""
                found.moments.append(Mark("lost", worker, event.at, name))
            case "run.dropped":
                due = event.at if event.due is None else event.due
                reason = event.reason or ""
                mark = Mark("dropped", worker, due, reason, event.job or "", event.at)
                found.moments.append(mark)
            case _:
                pass
    found.up += [(worker, begun, max(begun, end)) for worker, begun in since.items()]
    return found


def _crashed(event: Event, leaving: bool) -> str | None:
    """How a worker crashed, if that was what made it exit."""
    if event.signal is not None:
        return f"signal {event.signal}"
    if event.code:
        return f"code {event.code}"
    return "" if event.code is None and not leaving else None


def _faults(timeline: Timeline, workers: frozenset[str]) -> list[Fault]:
    """One for each that took effect."""
    return [
        Fault(
            type=one.type,
            id=one.fault,
            mechanism=one.mechanism,
            direction=one.direction,
            start=one.at,
            end=one.healed,
            targets=one.targets,
            hit=tuple(name for name in one.targets if name in workers),
        )
        for one in faults_of(timeline)
        if one.at is not None
    ]
