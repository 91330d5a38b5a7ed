"""Runs, put together from their events."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.history.event import Event
from harness.history.trial import JobLine
from harness.verdict.model import Ending, Run
from harness.verdict.schedule import named_due
from harness.verdict.timeline import Timeline


@dataclass(slots=True, kw_only=True)
class Execution:
    """A run while its events are gathered; `began` and `over` are positions in the timeline."""

    run: str
    worker: str
    job: str
    due: float | None
    started: float
    began: int
    ended: float
    over: int
    ending: Ending = Ending.UNFINISHED
    applied: int = 0
    rejected: int = 0

    def as_run(self) -> Run:
        """The run as the verdict shows it."""
        return Run(
            run=self.run,
            worker=self.worker,
            job=self.job,
            due=self.due,
            started=self.started,
            ended=self.ended,
            ending=self.ending,
            applied=self.applied,
            rejected=self.rejected,
        )


@dataclass(slots=True)
class Gathered:
    """All runs by start, and the effects that no known run had."""

    executions: list[Execution] = field(default_factory=list)
    strays: list[Event] = field(default_factory=list)


def gather_runs(timeline: Timeline, jobs: Mapping[str, JobLine]) -> Gathered:
    """Put the runs together.

    A run without an end is in progress until the last moment known. A worker's exit ends its runs,
    and so does its next start where nobody saw the exit. Effects count wherever they are found,
    for a sink may stamp them after the run.
    """
    gathering = _Gathering(timeline, jobs)
    for position, event in enumerate(timeline.events):
        gathering.take(position, event)
    return gathering.gathered


class _Gathering:
    def __init__(self, timeline: Timeline, jobs: Mapping[str, JobLine]) -> None:
        self.gathered = Gathered()
        self._timeline = timeline
        self._jobs = jobs
        self._known: dict[tuple[str | None, str], Execution] = {}
        self._open: defaultdict[str, dict[int, Execution]] = defaultdict(dict)

    def take(self, position: int, event: Event) -> None:
        match event.kind:
            case "run.started":
                self._start(position, event)
            case "run.finished":
                self._close(self._find(event), position, event.at, Ending.FINISHED)
            case "run.failed":
                self._close(self._find(event), position, event.at, Ending.FAILED)
            case "effect.applied" | "effect.rejected":
                self._count(event)
            case "worker.exited" | "worker.started":
                for execution in list(self._open[event.worker or ""].values()):
                    self._close(execution, position, event.at, Ending.DIED)
            case _:
                pass

    def _start(self, position: int, event: Event) -> None:
        if event.job is None:
            return
        execution = Execution(
            run=_name(event),
            worker=event.worker or "",
            job=event.job,
            due=None if event.due is None else named_due(self._jobs.get(event.job), event.due),
            started=event.at,
            began=position,
            ended=self._timeline.last,
            over=len(self._timeline.events),
        )
        self.gathered.executions.append(execution)
        self._open[execution.worker][position] = execution
        # A sink that does not know the worker still knows the run.
        self._known[event.worker, execution.run] = self._known[None, execution.run] = execution

    def _find(self, event: Event) -> Execution | None:
        return self._known.get((event.worker, _name(event)))

    def _close(self, execution: Execution | None, position: int, at: float, ending: Ending) -> None:
        if execution is None or self._open[execution.worker].pop(execution.began, None) is None:
            return
        execution.ended, execution.over, execution.ending = at, position, ending

    def _count(self, event: Event) -> None:
        execution = self._find(event)
        if execution is None:
            self.gathered.strays.append(event)
        elif event.kind == "effect.applied":
            execution.applied += 1
        else:
            execution.rejected += 1


def _name(event: Event) -> str:
    # Without an id, the worker's latest run of that job and due time is meant.
    return event.run if event.run is not None else f"{event.worker}/{event.job}@{event.due}"
