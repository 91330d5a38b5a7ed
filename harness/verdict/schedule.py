"""Due times, as the trial line gives them."""

from __future__ import annotations

from harness.history.event import DIGITS
from harness.history.trial import JobLine

# Times are written to this precision; comparing them more finely would compare rounding.
SLACK = 10.0**-DIGITS

# A due time in an event names the expected one this near, in seconds.
NEAR = 1e-3


def due_time(job: JobLine, count: int) -> float:
    """The due time after `count` others."""
    return round(job.first + count * job.every, DIGITS)


def due_times(job: JobLine, until: float) -> list[float]:
    """All due times of the job up to `until`, in order."""
    most = int(max(0.0, until - job.first) / job.every) + 2
    dues = (due_time(job, count) for count in range(most))
    return [due for due in dues if due <= until + SLACK and not _is_over(job, due)]


def named_due(job: JobLine | None, due: float) -> float:
    """The due time that an event means by `due`; `due` itself where none is near."""
    nearest = None if job is None else _near(job, due)
    return round(due, DIGITS) if nearest is None else nearest


def has_due(job: JobLine, due: float, until: float) -> bool:
    """Whether the job has this due time, and not after `until`."""
    return due <= until and _near(job, due) is not None


def _near(job: JobLine, due: float) -> float | None:
    nearest = due_time(job, max(0, round((due - job.first) / job.every)))
    return nearest if abs(nearest - due) <= NEAR and not _is_over(job, nearest) else None


def _is_over(job: JobLine, due: float) -> bool:
    """Whether the job is due no more at this time."""
    return job.until is not None and due >= job.until - SLACK
