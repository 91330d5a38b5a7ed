"""Small scenarios for tests, made without a file."""

from __future__ import annotations

from typing import Any

from harness.approaches import APPROACHES
from harness.scenario.model import ApproachChoice, FaultChoice, Job, LogNormal, Scenario

JOBS = (
    Job(name="report", every=1.0, takes=0.5),
    Job(name="billing", every=2.0, first=0.5, takes=LogNormal(median=0.2, sigma=0.1)),
)


def small(**settings: Any) -> Scenario:
    """A scenario of 10 s with two jobs, three workers and no faults, on `redis-lock`."""
    given = {
        "name": "small",
        "workers": 3,
        "duration": 10.0,
        "jobs": JOBS,
        "approaches": (choice("redis-lock"),),
    }
    return Scenario(**{**given, **settings})


def choice(
    approach: str, name: str | None = None, sink: Any = None, **parameters: Any
) -> ApproachChoice:
    """An approach with these parameters, under a name of its own if given."""
    return ApproachChoice(
        name or approach, approach, APPROACHES[approach](**parameters), parameters, sink
    )


def fault(kind: type[Any], **settings: Any) -> FaultChoice:
    """A fault as the scenario has it."""
    return FaultChoice(kind.__name__.lower(), kind(**settings))
