"""The first line of a history: what was run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.history.event import DIGITS, VERSION, is_number

# The grace of a trial line that gives none, in seconds: a scenario's default.
GRACE = 2.0


@dataclass(frozen=True, slots=True)
class JobLine:
    """A job as the history names it. Times in seconds; `takes` is a number or a distribution.

    It is due no more from `until` on; None for to the end.
    """

    name: str
    every: float
    first: float
    takes: float | Mapping[str, float] = 0.0
    until: float | None = None

    def as_json(self) -> dict[str, Any]:
        """The job as a JSON object."""
        row = {"name": self.name, "every": self.every, "first": self.first, "takes": self.takes}
        return row if self.until is None else {**row, "until": self.until}


@dataclass(frozen=True, slots=True)
class FaultLine:
    """A planned fault. `at` is its planned time, or None where an event triggers it."""

    fault: str
    type: str
    at: float | None = None

    def as_json(self) -> dict[str, Any]:
        """The fault as a JSON object."""
        row: dict[str, Any] = {"fault": self.fault, "type": self.type}
        if self.at is not None:
            row["at"] = round(self.at, DIGITS)
        return row


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialLine:
    """One scenario, approach, seed and runtime. Times in seconds; `extra` keeps other fields."""

    scenario: str
    approach: str
    runtime: str
    seed: int
    workers: tuple[str, ...]
    duration: float
    grace: float
    jobs: tuple[JobLine, ...]
    faults: tuple[FaultLine, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The trial as a JSON object, `kind` and `version` first."""
        return {
            "kind": "trial",
            "version": VERSION,
            "scenario": self.scenario,
            "approach": self.approach,
            "runtime": self.runtime,
            "seed": self.seed,
            "workers": list(self.workers),
            "duration": self.duration,
            "grace": self.grace,
            "jobs": [job.as_json() for job in self.jobs],
            "faults": [fault.as_json() for fault in self.faults],
            **self.extra,
        }


_KNOWN = frozenset(
    "kind version scenario approach runtime seed workers duration grace jobs faults".split()
)


def trial_from_json(row: Mapping[str, Any]) -> TrialLine:
    """Read the trial line. Only duration and jobs are required of other people's histories.

    `grace` is 2 seconds by default, a job's `first` its `every`.

    Raises ValueError, in one line, on anything that cannot be judged.
    """
    if row.get("kind") != "trial":
        raise ValueError('a history starts with a line of kind "trial"')
    if row.get("version") != VERSION or row.get("version") is True:
        raise ValueError(f"version {row.get('version')!r} is not known here; this reads {VERSION}")
    jobs = row.get("jobs")
    if not isinstance(jobs, list) or not jobs:
        raise ValueError("trial: needs 'jobs', a list with at least one job")
    faults = row.get("faults") or []
    if not isinstance(faults, list):
        raise ValueError(f"trial: 'faults' must be a list, not {faults!r}")
    seed = row.get("seed", 0)
    workers = row.get("workers", [])
    if not isinstance(workers, list) or not all(isinstance(name, str) for name in workers):
        raise ValueError(f"trial: 'workers' must be a list of names, not {workers!r}")
    return TrialLine(
        scenario=str(row.get("scenario", "")),
        approach=str(row.get("approach", "")),
        runtime=str(row.get("runtime", "")),
        seed=seed if isinstance(seed, int) else 0,
        workers=tuple(workers),
        duration=_seconds(row, "trial", "duration"),
        grace=_seconds(row, "trial", "grace", GRACE),
        jobs=_jobs(jobs),
        faults=tuple(_fault(fault) for fault in faults),
        extra={name: value for name, value in row.items() if name not in _KNOWN},
    )


def _jobs(rows: list[Any]) -> tuple[JobLine, ...]:
    jobs = tuple(_job(row) for row in rows)
    names = [job.name for job in jobs]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"trial: there are two jobs named {name}")
    return jobs


def _job(row: Any) -> JobLine:
    if not isinstance(row, dict) or not isinstance(row.get("name"), str):
        raise ValueError(f"trial: a job needs a 'name', got {row!r}")
    where = f"job {row['name']}"
    every = _seconds(row, where, "every")
    if every <= 0:
        raise ValueError(f"{where}: 'every' must be more than 0 seconds")
    first = _seconds(row, where, "first", every)
    until = None if row.get("until") is None else _seconds(row, where, "until")
    if until is not None and until <= first:
        raise ValueError(f"{where}: 'until' must be more than 'first', which is {first:g}")
    return JobLine(row["name"], every, first, row.get("takes", 0.0), until)


def _fault(row: Any) -> FaultLine:
    if not isinstance(row, dict) or not isinstance(row.get("fault"), str):
        raise ValueError(f"trial: a planned fault needs a 'fault', its id, got {row!r}")
    at = row.get("at")
    if at is not None and not is_number(at):
        raise ValueError(f"fault {row['fault']}: 'at' must be a number of seconds, not {at!r}")
    return FaultLine(row["fault"], str(row.get("type", "")), None if at is None else float(at))


def _seconds(row: Mapping[str, Any], where: str, name: str, default: float | None = None) -> float:
    value = row.get(name, default)
    if value is None or not is_number(value) or value < 0:
        raise ValueError(f"{where}: needs '{name}', a number of seconds, not {value!r}")
    return float(value)
