"""Which stretch of a trial a story is about, and the runs that belong to it."""

from __future__ import annotations

from collections.abc import Sequence
from math import isinf

from harness.report.stories.record import Record
from harness.report.stories.violations import Violation
from harness.verdict.model import Run

# Seconds; of a longer story, only the beginning is shown.
_LONGEST = 20.0


def stretch(violation: Violation, record: Record) -> tuple[float, float]:
    """What to show of the trial: the violation, its fault, and a little around them."""
    starts = [violation.start, *(run.started for run in violation.runs)]
    ends = [violation.end]
    if violation.blow is not None:
        starts.append(violation.blow.at)
        if not isinf(violation.blow.healed):
            ends.append(violation.blow.healed)
    ending = following(violation, record)
    if ending is not None:
        ends.append(ending.started)
    start, end = min(starts), max(ends)
    if end - start > _LONGEST:
        # What keeps happening is shown once.
        end = min(max(_first(violation), start + _LONGEST / 2), end)
    around = min(1.0, max(0.25, 0.08 * (end - start)))
    return max(0.0, start - around), min(max(record.verdict.end, start + 0.5), end + around)


def _first(violation: Violation) -> float:
    """When the first thing that went wrong was over."""
    ends = [one.end for one in (*violation.overlaps[:1], *violation.double_holds[:1])]
    ends += [run.ended for one in violation.twice[:1] for run in one.runs]
    return min([violation.end, *ends])


def following(violation: Violation, record: Record) -> Run | None:
    """The run that ended a gap."""
    if not violation.missed or violation.unrecovered:
        return None
    last = violation.missed[-1]
    after = max(last.due, violation.end - 1e-6)
    later = [run for run in record.verdict.runs if run.job == last.job and run.started > after]
    return min(later, key=lambda run: run.started, default=None)


def under_way(violation: Violation, record: Record, known: Sequence[Run]) -> list[Run]:
    """What the fault's victims were in the middle of."""
    blow = violation.blow
    if blow is None:
        return []
    return [
        run
        for run in record.verdict.runs
        if run.worker in blow.victims and run.started < blow.at <= run.ended and run not in known
    ]
