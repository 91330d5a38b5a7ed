"""Starts beyond the first of a due time."""

from __future__ import annotations

from harness.history.event import Event
from harness.verdict.model import Extra, Verdict
from tests.verdict.building import failed, finished, judged, life, ran, started, well


def extras(verdict: Verdict) -> list[Extra | None]:
    return [run.extra for run in verdict.runs if run.due == 1]


def test_a_single_run_is_not_extra() -> None:
    assert extras(judged(well(1, 2, 3))) == [None]


def test_a_run_beside_another_of_its_due_time_overlaps() -> None:
    verdict = judged(ran(1, "w1", "1", due=1), ran(1.05, "w2", "1", due=1))
    assert extras(verdict) == [None, Extra.OVERLAPPING]


def test_a_run_after_one_had_completed_is_repeated() -> None:
    verdict = judged(ran(1, "w1", "1", due=1), ran(1.1, "w2", "1", due=1))
    assert extras(verdict) == [None, Extra.REPEATED]


def test_runs_that_only_touch_are_repeated() -> None:
    verdict = judged(*(ran(at, "w1", f"{at}", due=1) for at in (1, 1.1, 1.2)))
    assert extras(verdict) == [None, Extra.REPEATED, Extra.REPEATED]


def test_a_run_after_one_was_lost_is_retried() -> None:
    verdict = judged(
        started(1, "w1", "1", due=1), life(1.1, "exited", "w1"), ran(1.1, "w2", "1", due=1)
    )
    assert extras(verdict) == [None, Extra.RETRIED]


def test_a_run_after_one_failed_is_retried() -> None:
    verdict = judged(
        started(1, "w1", "1", due=1), failed(1.1, "w1", "1"), ran(1.2, "w2", "1", due=1)
    )
    assert extras(verdict) == [None, Extra.RETRIED]


def test_a_run_after_one_that_died_with_its_effect_done_is_repeated() -> None:
    verdict = judged(
        started(1, "w1", "1", due=1),
        Event(at=1.1, kind="effect.applied", worker="w1", run="w1/1"),
        life(1.1, "exited", "w1"),
        ran(1.2, "w2", "1", due=1),
    )
    assert extras(verdict) == [None, Extra.REPEATED]


def test_one_earlier_run_that_completed_makes_it_repeated() -> None:
    verdict = judged(
        started(1, "w1", "1", due=1),
        failed(1.1, "w1", "1"),
        ran(1.2, "w2", "1", due=1),
        ran(1.4, "w3", "1", due=1),
    )
    assert extras(verdict) == [None, Extra.RETRIED, Extra.REPEATED]


def test_a_run_that_still_hangs_is_overlapped_by_all_that_follow() -> None:
    verdict = judged(
        started(1, "w1", "1", due=1), ran(1.2, "w2", "1", due=1), ran(1.4, "w3", "1", due=1)
    )
    assert extras(verdict) == [None, Extra.OVERLAPPING, Extra.OVERLAPPING]


def test_an_instant_run_within_another_overlaps() -> None:
    verdict = judged(ran(1, "w1", "1", due=1), ran(1.05, "w2", "1", due=1, takes=0))
    assert extras(verdict) == [None, Extra.OVERLAPPING]


def test_instant_runs_in_one_moment_are_repeated() -> None:
    verdict = judged(ran(1, "w1", "1", due=1, takes=0), ran(1, "w2", "1", due=1, takes=0))
    assert extras(verdict) == [None, Extra.REPEATED]


def test_runs_of_different_due_times_are_not_extra_though_they_overlap() -> None:
    verdict = judged(
        started(1, "w1", "1", due=1), ran(2, "w2", "1", due=2), finished(2.5, "w1", "1")
    )
    assert [run.extra for run in verdict.runs] == [None, None]
    assert len(verdict.overlaps) == 1
