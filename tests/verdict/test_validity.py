"""For which reasons a trial does not count."""

from __future__ import annotations

import pytest

from harness.history.event import Event
from harness.history.trial import FaultLine
from tests.verdict.building import fault, judged, life, started, well


def test_a_trial_in_order_is_valid() -> None:
    verdict = judged(
        life(0, "ready", "w1"),
        well(1, 2, 3),
        fault(1.5, "crash", "w2"),
        workers=["w1"],
        faults=[FaultLine("crash#1", "crash", 1.5)],
    )
    assert verdict.valid
    assert verdict.invalid == ()


def test_a_fault_that_failed() -> None:
    failure = Event(at=1.5, kind="fault.failed", fault="crash#1", type="crash", error="no process")
    verdict = judged(well(1, 2, 3), failure, faults=[FaultLine("crash#1", "crash", 1.5)])
    assert verdict.invalid == ("fault crash#1 failed: no process",)


@pytest.mark.parametrize("at", [1.5, 4.0, None])
def test_a_planned_fault_that_never_came(at: float | None) -> None:
    verdict = judged(well(1, 2, 3), faults=[FaultLine("crash#1", "crash", at)])
    (reason,) = verdict.invalid
    assert "crash#1" in reason
    assert "never injected" in reason


def test_a_fault_planned_after_the_end_is_not_demanded() -> None:
    assert judged(well(1, 2, 3), faults=[FaultLine("crash#1", "crash", 4.5)]).valid


@pytest.mark.parametrize(("at", "valid"), [(3.5, True), (None, True), (1.5, False)])
def test_of_a_trial_cut_short_only_the_faults_before_the_cut_are_demanded(
    at: float | None, valid: bool
) -> None:
    verdict = judged(well(1, 2), faults=[FaultLine("crash#1", "crash", at)], ended=None)
    assert verdict.partial
    assert verdict.valid is valid


def test_a_worker_that_was_never_ready() -> None:
    verdict = judged(life(0, "ready", "w1"), well(1, 2, 3), workers=["w1", "w2"])
    assert verdict.invalid == ("w2 was never ready",)


def test_workers_that_never_say_that_they_are_ready_are_taken_to_be() -> None:
    assert judged(well(1, 2, 3), workers=["w1", "w2"]).valid


def test_an_error_with_its_text() -> None:
    ended = Event(at=2.5, kind="trial.ended", reason="error", error="redis did not start")
    verdict = judged(well(1), ended, ended=None)
    assert verdict.invalid == ("the trial ended in an error: redis did not start",)
    assert verdict.partial


def test_nothing_expected() -> None:
    verdict = judged(duration=1.5)
    assert verdict.invalid == ("no run was expected in the 1.5 s that can be judged",)


def test_a_run_of_no_job() -> None:
    nameless = Event(at=1.5, kind="run.started", worker="w1", run="w1/1")
    (reason,) = judged(well(1, 2, 3), nameless).invalid
    assert reason.startswith("a run started at 1.5 s")


def test_a_run_of_an_unknown_job_is_no_reason() -> None:
    assert judged(well(1, 2, 3), started(1, "w1", "1", job="unknown")).valid
