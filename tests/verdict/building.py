"""Small histories for tests, one short line an event."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.history.event import Event
from harness.history.reading import History
from harness.history.trial import FaultLine, JobLine, TrialLine
from harness.verdict.judge import judge
from harness.verdict.model import Verdict

# One job, expected at 1, 2 and 3.
JOB = JobLine("report", every=1.0, first=1.0)


def history(
    *events: Event | Sequence[Event],
    duration: float = 4.0,
    grace: float = 1.0,
    jobs: Sequence[JobLine] = (JOB,),
    workers: Sequence[str] = (),
    faults: Sequence[FaultLine] = (),
    ended: str | None = "completed",
) -> History:
    """A history of these events; `ended` is the reason of its last one, None for no such event."""
    flat: list[Event] = []
    for event in events:
        flat += [event] if isinstance(event, Event) else event
    if ended is not None:
        flat.append(Event(at=duration, kind="trial.ended", reason=ended))
    trial = TrialLine(
        scenario="small",
        approach="any",
        runtime="sim",
        seed=7,
        workers=tuple(workers),
        duration=duration,
        grace=grace,
        jobs=tuple(jobs),
        faults=tuple(faults),
    )
    return History(trial, tuple(flat))


def judged(*events: Event | Sequence[Event], **settings: Any) -> Verdict:
    """The verdict on a history of these events."""
    return judge(history(*events, **settings))


def started(
    at: float, worker: str, run: str, due: float | None = None, job: str = "report"
) -> Event:
    """A run starts."""
    return Event(at=at, kind="run.started", worker=worker, job=job, due=due, run=f"{worker}/{run}")


def finished(at: float, worker: str, run: str) -> list[Event]:
    """A run has its effect and finishes."""
    name = f"{worker}/{run}"
    return [
        Event(at=at, kind="effect.applied", worker=worker, run=name),
        Event(at=at, kind="run.finished", worker=worker, run=name),
    ]


def failed(at: float, worker: str, run: str) -> Event:
    """A run fails, without an effect."""
    return Event(at=at, kind="run.failed", worker=worker, run=f"{worker}/{run}", error="no")


def ran(
    at: float,
    worker: str,
    run: str,
    due: float | None = None,
    job: str = "report",
    takes: float = 0.1,
) -> list[Event]:
    """A whole run, with its effect."""
    return [started(at, worker, run, due, job), *finished(round(at + takes, 6), worker, run)]


def well(*dues: float, worker: str = "w9", job: str = "report") -> list[Event]:
    """One run in order for each of these due times."""
    return [event for due in dues for event in ran(due, worker, f"{job}{due:g}", due, job)]


def life(at: float, what: str, worker: str) -> Event:
    """`started`, `ready`, `stopping` or `exited`."""
    return Event(at=at, kind=f"worker.{what}", worker=worker)


def fault(at: float, kind: str, *targets: str, mechanism: str = "simulated") -> Event:
    """A fault takes effect; its id is its type and #1."""
    return Event(
        at=at,
        kind="fault.injected",
        fault=f"{kind}#1",
        type=kind,
        mechanism=mechanism,
        targets=targets,
    )


def healed(at: float, kind: str) -> Event:
    """The fault is over."""
    return Event(at=at, kind="fault.healed", fault=f"{kind}#1", type=kind)


def lease(
    at: float,
    what: str,
    worker: str,
    resource: str = "lock",
    name: str = "1",
    job: str | None = None,
    due: float | None = None,
) -> Event:
    """A lease is `requested`, `granted`, `denied`, `released` or `lost`."""
    return Event(
        at=at,
        kind=f"lease.{what}",
        worker=worker,
        resource=resource,
        lease=f"{worker}/{name}",
        job=job,
        due=due,
    )
