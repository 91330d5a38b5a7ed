"""Due times for runs whose worker does not know them."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence

from harness.history.trial import JobLine
from harness.verdict.runs import Execution
from harness.verdict.schedule import SLACK, due_times


def match(
    starts: Sequence[float], dues: Sequence[float], before: float, after: float
) -> list[int | None]:
    """A maximum matching of starts to due times, each within [due - before, due + after].

    Both in ascending order, in seconds. Gives for each start the index of its due time, or None.
    All windows are equally long, so the one that opened first closes first, and a queue is enough
    to give each start to the open window with the earliest deadline.
    """
    matched: list[int | None] = []
    waiting: deque[int] = deque()
    coming = 0
    for start in starts:
        while coming < len(dues) and dues[coming] - before <= start + SLACK:
            waiting.append(coming)
            coming += 1
        while waiting and dues[waiting[0]] + after < start - SLACK:
            waiting.popleft()
        matched.append(waiting.popleft() if waiting else None)
    return matched


def date_runs(
    executions: Iterable[Execution],
    jobs: Iterable[JobLine],
    until: float,
    tolerance: float,
    grace: float,
) -> None:
    """Give the runs without a due time one, as far as there is one that they may belong to.

    First as many due times as possible get a run of their own. A run that is left over is one too
    many for the latest due time whose window it started in; outside of all windows it has none.
    """
    undated: defaultdict[str, list[Execution]] = defaultdict(list)
    dated: defaultdict[str, set[float]] = defaultdict(set)
    for execution in executions:
        if execution.due is None:
            undated[execution.job].append(execution)
        else:
            dated[execution.job].add(execution.due)
    for job in jobs:
        runs = undated[job.name]
        if not runs:
            continue
        dues = due_times(job, until + tolerance)
        free = [due for due in dues if due not in dated[job.name]]
        matched = match([run.started for run in runs], free, tolerance, grace)
        for run, index in zip(runs, matched, strict=True):
            if index is not None:
                run.due = free[index]
            else:
                latest = bisect_right(dues, run.started + tolerance + SLACK) - 1
                if latest >= 0 and run.started <= dues[latest] + grace + SLACK:
                    run.due = dues[latest]
