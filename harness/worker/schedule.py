"""What is due when: jobs, due times, and how long a run takes."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from random import Random
from typing import Any

from harness.history.event import DIGITS
from harness.history.trial import JobLine
from harness.scenario.model import Job, LogNormal


@dataclass(frozen=True, slots=True)
class Due:
    """One expected run: a job and the moment at which it should start."""

    job: str
    at: float

    def __str__(self) -> str:
        return f"{self.job}/{self.at:.6f}"


def run_time(job: Job, seed: int, due: float) -> float:
    """How long the run of this due time takes: the same for every worker and approach."""
    if isinstance(job.takes, LogNormal):
        draw = Random(f"{seed}/takes/{job.name}/{due}").gauss(0.0, job.takes.sigma)
        return math.exp(math.log(job.takes.median) + draw)
    return job.takes


def longest_run(jobs: Sequence[Job]) -> float:
    """How long the longest run may take, in seconds; of a distribution, four sigmas up."""
    longest = 0.0
    for job in jobs:
        if isinstance(job.takes, LogNormal):
            longest = max(longest, job.takes.median * math.exp(4 * job.takes.sigma))
        else:
            longest = max(longest, job.takes)
    return longest


def job_line(job: Job) -> JobLine:
    """The job as the trial line of a history writes it."""
    takes = asdict(job.takes) if isinstance(job.takes, LogNormal) else job.takes
    return JobLine(job.name, job.every, job.first, takes, job.until)


def job_from_json(row: Mapping[str, Any]) -> Job:
    """Read a job as the trial line of a history writes it."""
    takes = row["takes"]
    if isinstance(takes, Mapping):
        takes = LogNormal(takes["median"], takes["sigma"])
    return Job(row["name"], row["every"], row["first"], takes, row.get("until"))


def due_times(jobs: Sequence[Job], after: float = -math.inf) -> Iterator[Due]:
    """The due times of all jobs from `after` on, in order of time; endless, but for `until`."""
    upcoming = []
    for index, job in enumerate(jobs):
        count = _first_count(job, after)
        if not _is_over(job, at := _nth_due(job, count)):
            upcoming.append((at, index, count))
    heapq.heapify(upcoming)
    while upcoming:
        at, index, count = upcoming[0]
        job = jobs[index]
        yield Due(job.name, at)
        if _is_over(job, following := _nth_due(job, count + 1)):
            heapq.heappop(upcoming)
        else:
            heapq.heapreplace(upcoming, (following, index, count + 1))


def _first_count(job: Job, after: float) -> int:
    count = max(0, math.floor((after - job.first) / job.every)) if after > job.first else 0
    while _nth_due(job, count) < after:
        count += 1
    return count


def _nth_due(job: Job, count: int) -> float:
    # Multiplied, not added up: the k-th due time carries no rounding from the ones before.
    return round(job.first + count * job.every, DIGITS)


def _is_over(job: Job, at: float) -> bool:
    """Whether the job is due no more at this time."""
    # The last digit of a due time may be rounding: it is nobody's to be run.
    return job.until is not None and at >= job.until - 10.0**-DIGITS


def due_between(job: Job, after: float, until: float) -> list[Due]:
    """The job's due times in (after, until], in order."""
    count = max(0, int((after - job.first) / job.every) - 1)
    found = []
    while (at := _nth_due(job, count)) <= until and not _is_over(job, at):
        if at > after:
            found.append(Due(job.name, at))
        count += 1
    return found
