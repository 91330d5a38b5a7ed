"""Leases: who held what from when to when, and how long it waited for it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from harness.history.event import Event
from harness.history.trial import JobLine
from harness.verdict.model import Ending, Held
from harness.verdict.runs import Execution
from harness.verdict.schedule import named_due
from harness.verdict.timeline import Timeline


@dataclass(slots=True, kw_only=True)
class Hold:
    """A lease in one worker's hands; `began` and `over` are positions in the timeline.

    Without `job`, it covers all jobs; with `due`, that one run only.
    """

    worker: str
    lease: str
    resource: str
    job: str | None
    due: float | None
    granted: float
    began: int
    ended: float
    over: int
    released: bool = False
    lost: bool = False
    fence: int | None = None

    def as_held(self) -> Held:
        """The hold as the verdict shows it."""
        return Held(
            worker=self.worker,
            lease=self.lease,
            resource=self.resource,
            granted=self.granted,
            ended=self.ended,
            released=self.released,
            lost=self.lost,
            fence=self.fence,
            job=self.job,
            due=self.due,
        )


@dataclass(slots=True)
class Holds:
    """All holds by grant, and the seconds from requested to granted."""

    holds: list[Hold] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)


def gather_holds(
    timeline: Timeline, jobs: Mapping[str, JobLine], executions: Iterable[Execution]
) -> Holds:
    """Put the leases together.

    A hold ends when it is released or known to be lost, or when its worker exits. One that covers
    a single run and is never given up (it is left to expire) ends with that run: nothing depends on
    it any more.
    """
    gathering = _Gathering(timeline, jobs)
    for position, event in enumerate(timeline.events):
        gathering.take(position, event)
    gathering.leave_to_expire(executions)
    return gathering.found


class _Gathering:
    def __init__(self, timeline: Timeline, jobs: Mapping[str, JobLine]) -> None:
        self.found = Holds()
        self._timeline = timeline
        self._jobs = jobs
        self._requested: defaultdict[str, dict[str, float]] = defaultdict(dict)
        self._open: defaultdict[str, dict[str, Hold]] = defaultdict(dict)
        self._kept: list[Hold] = []

    def take(self, position: int, event: Event) -> None:
        worker = event.worker or ""
        match event.kind:
            case "lease.requested":
                self._requested[worker].setdefault(_name(event), event.at)
            case "lease.denied":
                self._requested[worker].pop(_name(event), None)
            case "lease.granted":
                self._grant(worker, position, event)
            case "lease.released" | "lease.lost":
                hold = self._open[worker].pop(_name(event), None)
                if hold is not None:
                    hold.ended, hold.over = event.at, position
                    hold.released = event.kind == "lease.released"
                    hold.lost = not hold.released
            case "worker.exited" | "worker.started":
                self._requested.pop(worker, None)
                for hold in self._open.pop(worker, {}).values():
                    hold.ended, hold.over = event.at, position
                    self._kept.append(hold)
            case _:
                pass

    def leave_to_expire(self, executions: Iterable[Execution]) -> None:
        """End the holds that were never given up with the run that they were for."""
        for holds in self._open.values():
            self._kept += holds.values()
        runs = {
            (run.worker, run.job, run.due): run
            for run in executions
            if run.ending in (Ending.FINISHED, Ending.FAILED)
        }
        for hold in self._kept:
            if hold.job is None or hold.due is None:
                continue
            run = runs.get((hold.worker, hold.job, hold.due))
            if run is not None and hold.began < run.over < hold.over:
                hold.ended, hold.over = run.ended, run.over

    def _grant(self, worker: str, position: int, event: Event) -> None:
        name = _name(event)
        requested = self._requested[worker].pop(name, None)
        if requested is not None:
            self.found.waits.append(event.at - requested)
        if name in self._open[worker]:
            return
        hold = Hold(
            worker=worker,
            lease=name,
            resource=event.resource or name,
            job=event.job,
            due=None
            if event.due is None
            else named_due(self._jobs.get(event.job or ""), event.due),
            granted=event.at,
            began=position,
            ended=self._timeline.last,
            over=len(self._timeline.events),
            fence=event.fence,
        )
        self.found.holds.append(hold)
        self._open[worker][name] = hold


def _name(event: Event) -> str:
    return event.lease or event.resource or event.job or ""
