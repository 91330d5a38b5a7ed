"""What a gate found, on a terminal."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from harness.gate.model import Case, Kind, Status
from harness.gate.terminal import print_cases, verdict


def case(status: Status, kind: Kind = Kind.BASELINE, **changes: Any) -> Case:
    given = {
        "scenario": "gc-pause",
        "runtime": "sim",
        "approach": "redis-lock",
        "measure": "duplicate",
        "name": "duplicate never",
        "text": f"{kind} {status}",
    }
    return Case(status=status, kind=kind, **{**given, **changes})


def printed(*cases: Case) -> list[str]:
    out = StringIO()
    print_cases(cases, Console(file=out, width=200))
    return out.getvalue().splitlines()


def test_failures_come_first_and_the_verdict_last() -> None:
    lines = printed(
        case(Status.PASSED),
        case(Status.PASSED, notable=True, text="better: failover"),
        case(Status.ERROR, Kind.TRIALS),
        case(Status.FAILED, look_at="h.jsonl", page="index.html#gc-pause/redis-lock"),
        case(Status.FAILED, text="overlap too", look_at="another.jsonl"),
        case(Status.FAILED, Kind.EXPECTATION, look_at="index.html#x", page="index.html#x"),
    )
    assert lines == [
        "✗ gc-pause (sim), redis-lock",
        "    expectation failed",
        "    look at index.html#x",
        "✗ gc-pause (sim), redis-lock",
        "    baseline failed",
        "    overlap too",
        "    look at h.jsonl",
        "    look at index.html#gc-pause/redis-lock",
        "! gc-pause (sim), redis-lock",
        "    trials error",
        "· gc-pause (sim), redis-lock",
        "    better: failover",
        "gate: failed: 1 expectation not met, 2 regressions, 1 case could not be judged, 2 passed",
    ]


@pytest.mark.parametrize(
    ("cases", "line"),
    [
        ([case(Status.PASSED), case(Status.SKIPPED)], "gate: passed: 1 passed, 1 skipped"),
        ([case(Status.FAILED)] * 3, "gate: failed: 3 regressions, 0 passed"),
        ([case(Status.ERROR)], "gate: inconclusive: 1 case could not be judged, 0 passed"),
        ([case(Status.SKIPPED)], "gate: inconclusive: 0 passed, 1 skipped"),
        ([], "gate: inconclusive: 0 cases could not be judged, 0 passed"),
    ],
)
def test_the_verdict_says_how_many_of_what(cases: list[Case], line: str) -> None:
    assert verdict(cases) == line


def test_text_from_outside_is_harmless() -> None:
    lines = printed(case(Status.FAILED, text="a\x1b[2J\nb [red]c", approach="x\x00y"))
    assert lines[:2] == ["✗ gc-pause (sim), x�y", "    a�[2J b [red]c"]
