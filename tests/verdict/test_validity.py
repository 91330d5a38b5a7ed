"""For which reasons a trial does not count."""

from __future__ import annotations

from dataclasses import replace

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


@pytest.mark.parametrize("at", [3.5, None, 1.5])
@pytest.mark.parametrize("ended", [None, "interrupted"])
def test_of_a_trial_cut_short_no_planned_fault_is_demanded(
    at: float | None, ended: str | None
) -> None:
    verdict = judged(well(1, 2), faults=[FaultLine("crash#1", "crash", at)], ended=ended)
    assert verdict.partial
    assert verdict.valid


def test_a_fault_that_failed_counts_in_a_trial_cut_short_too() -> None:
    failure = Event(at=1.5, kind="fault.failed", fault="crash#1", type="crash", error="no process")
    verdict = judged(well(1, 2), failure, ended=None)
    assert verdict.invalid == ("fault crash#1 failed: no process",)


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


def test_runs_of_jobs_that_the_trial_line_does_not_name() -> None:
    named = judged(well(1, 2, 3), started(1, "w1", "1", job="Report"))
    assert named.invalid == ("1 run of jobs that the trial line does not name: Report",)
    several = judged(well(1, 2, 3), well(1, 2, job="b"), started(1, "w1", "1", job="a"))
    assert several.invalid == ("3 runs of jobs that the trial line does not name: a, b",)


@pytest.mark.parametrize("due", [0, 1.4, 0.998, -1, 1_700_000_001, 1_700_000_000.5])
def test_a_due_time_that_is_not_on_the_schedule(due: float) -> None:
    (reason,) = judged(well(1, 2, 3), started(1, "w1", "1", due=due)).invalid
    assert reason == f"1 run names a due time that its job does not have: report at {due:.12g}"


def test_due_times_that_are_not_on_the_schedule_are_counted() -> None:
    (reason,) = judged(well(1, 2, 3), well(1.5, 2.5)).invalid
    assert reason == "2 runs name a due time that their job does not have: report at 1.5"


@pytest.mark.parametrize("due", [1.0009, 3, 4, 5])
def test_due_times_nearby_and_after_the_last_expected_one_are_in_order(due: float) -> None:
    assert judged(well(1, 2, 3), started(3.9, "w1", "1", due=due)).valid


def test_an_effect_of_a_run_that_nobody_saw_start_names_its_job_and_due_time_too() -> None:
    effect = Event(at=1.1, kind="effect.applied", worker="w1", job="report", due=1.5)
    assert len(judged(well(1, 2, 3), effect).invalid) == 1
    assert len(judged(well(1, 2, 3), replace(effect, job="Report")).invalid) == 1
    assert judged(well(2, 3), replace(effect, due=1.0)).valid


def test_a_run_without_a_due_time_need_not_belong_to_one() -> None:
    assert judged(well(1, 2, 3), started(0.5, "w1", "1")).valid
