from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.history.event import Event
from harness.history.journal import Journal
from harness.history.trial import FaultLine, JobLine, TrialLine
from harness.report.model import Comparison
from harness.verdict.model import (
    Ending,
    Expected,
    Extra,
    Latency,
    Outcome,
    Quantiles,
    Result,
    Run,
    Sample,
    Together,
    Verdict,
)
from harness.verdict.tally import tally

# Everything that means something to HTML, SVG, Markdown, mathtext, a terminal, or UTF-8.
HOSTILE = "</svg><script>alert(1)</script>\"'&|`$\\frac{ [red]@you\n<!-- \x00\x1b[2J\ud800 \u202e"


def run(name: str, due: float, started: float, extra: Extra | None = None) -> Run:
    return Run(
        run=f"{name}/{started:g}",
        worker=name,
        job="report",
        due=due,
        started=started,
        ended=started + 0.2,
        ending=Ending.FINISHED,
        applied=1,
        extra=extra,
    )


def trial_line(approach: str, duration: float, **changes: object) -> TrialLine:
    fields: dict[str, object] = {
        "scenario": "worker-crash",
        "approach": approach,
        "runtime": "process",
        "seed": 7,
        "workers": ("worker-1", "worker-2"),
        "duration": duration,
        "grace": 1.0,
        "jobs": (JobLine("report", 1.0, 1.0, 0.2),),
        "faults": (FaultLine("crash#1", "crash", 2.1),),
    }
    return TrialLine(**{**fields, **changes})  # type: ignore[arg-type]


def make_verdict(approach: str = "redis-lock", duration: float = 6.0, **changes: object) -> Verdict:
    """A trial in which due 2 ran twice at the same time, due 3 never, and a crash hit worker-1."""
    twice = (run("worker-1", 2, 2.0), run("worker-2", 2, 2.1, Extra.OVERLAPPING))
    once = (run("worker-1", 1, 1.0),)
    fields: dict[str, object] = {
        "trial": trial_line(approach, duration),
        "path": None,
        "end": duration,
        "expected": (
            Expected("report", 1, Outcome.ONCE, False, once),
            Expected("report", 2, Outcome.DUPLICATE, False, twice),
            Expected("report", 3, Outcome.NEVER_STARTED),
        ),
        "runs": once + twice,
        "overlaps": (Together("report", 2.1, 2.2, 2, (twice[0].run, twice[1].run)),),
        "double_holds": (Together("report", 2.1, 2.2, 2, ("lease-1", "lease-2")),),
        "failover": (
            Sample("crash#1", "report", 2.15, 0.85),
            Sample("crash#2", "report", 5.0, 1.0, censored=True),
        ),
        "outage": (Sample("crash#1", "report", 2.15, 0.5),),
        "mechanisms": ("signal",),
    }
    return Verdict(**{**fields, **changes})  # type: ignore[arg-type]


def make_result(approach: str = "redis-lock", **changes: object) -> Result:
    fields: dict[str, object] = {
        "approach": approach,
        "trials": 3,
        "invalid_trials": 0,
        "expected": 400,
        "once": 383,
        "duplicate": 12,
        "never_started": 3,
        "lost": 2,
        "overlap_count": 4,
        "overlap_seconds": 1.25,
        "max_concurrency": 2,
        "failover": Latency(14, 2, Quantiles(0.85, 1.0, None, None)),
        "outage": Latency(14, 0, Quantiles(0.5, 4.7, 4.8, 4.8)),
        "calls_per_run": 6.25,
        "intervals": {
            "duplicate": (0.018, 0.052),
            "missed": (0.0053, 0.029),
            "failover_p50": (0.7, 0.95),
        },
        "mechanisms": ("signal",),
    }
    return Result(**{**fields, **changes})  # type: ignore[arg-type]


def make_clean_result(approach: str = "postgres-queue") -> Result:
    return make_result(
        approach,
        once=400,
        duplicate=0,
        never_started=0,
        lost=0,
        overlap_count=0,
        overlap_seconds=0.0,
        max_concurrency=1,
        failover=Latency(14, 0, Quantiles(0.4, 0.8, 0.9, 0.9)),
        intervals={"duplicate": (0.0, 0.0095), "missed": (0.0, 0.0095)},
    )


def make_comparison(*results: Result, **changes: object) -> Comparison:
    verdicts = {r.approach: (make_verdict(r.approach),) for r in results if r.skipped is None}
    fields: dict[str, object] = {
        "scenario": "worker-crash",
        "description": "Kill the worker that is running a job.",
        "runtime": "process",
        "seed": 7,
        "results": results,
        "verdicts": verdicts,
        "about": {"command": "harness run worker-crash", "date": "2030-01-01"},
    }
    given: dict[str, Any] = {**fields, **changes}
    tallies = {
        name: [tally(verdict) for verdict in trials] for name, trials in given["verdicts"].items()
    }
    return Comparison(**{"tallies": tallies, **given})


def write_history(path: Path, events: list[Event], **changes: object) -> Path:
    with Journal(path, trial_line("redis-lock", 6.0, **changes)) as journal:
        for event in events:
            journal.record(event)
    return path


@pytest.fixture
def make() -> SimpleNamespace:
    """The builders above, by short names."""
    builders: dict[str, Callable[..., object]] = {
        "run": run,
        "trial": trial_line,
        "verdict": make_verdict,
        "result": make_result,
        "clean_result": make_clean_result,
        "comparison": make_comparison,
        "history": write_history,
    }
    return SimpleNamespace(**builders)


@pytest.fixture
def comparison() -> Comparison:
    """One approach that fails, one that does not, one skipped, one half and one wholly invalid."""
    return make_comparison(
        make_result(),
        make_clean_result(),
        make_result("zookeeper-lock", trials=0, skipped="no ZooKeeper here"),
        make_result("half", trials=3, invalid_trials=1, invalid=("seed 9: crash#1 did not land",)),
        Result(
            approach="none",
            trials=2,
            invalid_trials=2,
            invalid=("seed 7: worker-1 was never ready",),
        ),
        notes=("The machine was noisy.",),
    )


@pytest.fixture
def hostile() -> Comparison:
    """Every text that comes from outside tries to be more than text."""
    trial = trial_line(
        HOSTILE,
        6.0,
        scenario=HOSTILE,
        workers=(HOSTILE, "worker-2"),
        jobs=(JobLine(HOSTILE, 1.0, 1.0, 0.2),),
        extra={"algorithm": HOSTILE + "!", "parameters": {HOSTILE: HOSTILE, "ttl": float("nan")}},
    )
    runs = (
        Run(
            run="r",
            worker=HOSTILE,
            job=HOSTILE,
            due=1.0,
            started=1.0,
            ended=2.0,
            ending=Ending.FINISHED,
        ),
    )
    verdict = Verdict(
        trial=trial,
        path=None,
        end=6.0,
        runs=runs,
        failover=(Sample(HOSTILE, HOSTILE, 1.0, 1.0),),
        overlaps=(Together(HOSTILE, 1.0, 2.0, 2, (HOSTILE,)),),
    )
    return make_comparison(
        make_result(HOSTILE, mechanisms=(HOSTILE,), invalid_trials=1, invalid=(HOSTILE,)),
        make_result("skipped one", trials=0, skipped=HOSTILE),
        scenario=HOSTILE,
        description=HOSTILE,
        runtime=HOSTILE,
        verdicts={HOSTILE: (verdict,)},
        about={HOSTILE: HOSTILE},
        notes=(HOSTILE,),
    )
