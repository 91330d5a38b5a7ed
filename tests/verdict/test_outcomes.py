"""What became of each due time: every outcome in its smallest history."""

from __future__ import annotations

from typing import Any

import pytest

from harness.history.event import Event
from harness.history.trial import JobLine
from harness.verdict.model import Ending, Extra, Outcome, Verdict
from tests.verdict.building import (
    JOB,
    failed,
    fault,
    finished,
    history,
    judged,
    life,
    ran,
    started,
    well,
)


def of(verdict: Verdict) -> list[str]:
    return [str(one.outcome) for one in verdict.expected]


def effect(at: float, what: str, worker: str | None, run: str | None, **fields: Any) -> Event:
    return Event(at=at, kind=f"effect.{what}", worker=worker, run=run, **fields)


def test_one_effect_is_once() -> None:
    verdict = judged(well(1, 2, 3))
    assert of(verdict) == ["once", "once", "once"]
    assert [one.due for one in verdict.expected] == [1, 2, 3]
    assert not any(one.late for one in verdict.expected)


def test_two_effects_are_a_duplicate_whoever_applied_them() -> None:
    verdict = judged(ran(1, "w1", "1", due=1), ran(1.5, "w2", "1", due=1), well(2, 3))
    assert of(verdict) == ["duplicate", "once", "once"]


def test_one_run_that_applies_its_effect_twice_is_a_duplicate() -> None:
    verdict = judged(
        started(1, "w1", "1", due=1),
        effect(1.1, "applied", "w1", "w1/1"),
        effect(1.2, "applied", "w1", "w1/1"),
        well(2, 3),
    )
    assert of(verdict)[0] == "duplicate"


def test_silence_is_never_started() -> None:
    assert of(judged(well(1, 3))) == ["once", "never_started", "once"]


def test_a_run_whose_worker_dies_is_lost() -> None:
    verdict = judged(started(1, "w1", "1", due=1), life(1.1, "exited", "w1"), well(2, 3))
    assert of(verdict)[0] == "lost"
    assert verdict.runs[0].ending is Ending.DIED
    assert verdict.runs[0].ended == 1.1


def test_a_run_that_never_finishes_is_lost_and_in_progress_until_the_end() -> None:
    verdict = judged(started(3, "w1", "1", due=3), well(1, 2))
    assert of(verdict) == ["once", "once", "lost"]
    assert verdict.runs[-1].ending is Ending.UNFINISHED
    assert verdict.runs[-1].ended == 4


def test_a_failed_run_is_failed() -> None:
    verdict = judged(started(1, "w1", "1", due=1), failed(1.1, "w1", "1"), well(2, 3))
    assert of(verdict)[0] == "failed"


def test_a_run_whose_effect_is_rejected_is_failed_and_suppressed() -> None:
    verdict = judged(
        started(1, "w1", "1", due=1),
        effect(1.1, "rejected", "w1", "w1/1", reason="stale"),
        Event(at=1.1, kind="run.finished", worker="w1", run="w1/1"),
        well(2, 3),
    )
    assert of(verdict)[0] == "failed"
    assert verdict.suppressed == 1
    assert verdict.runs[0].rejected == 1


def test_a_rejected_second_effect_leaves_it_once_and_counts_as_suppressed() -> None:
    verdict = judged(
        ran(1, "w1", "1", due=1),
        started(1.5, "w2", "1", due=1),
        effect(1.6, "rejected", "w2", "w2/1", reason="duplicate"),
        well(2, 3),
    )
    assert of(verdict)[0] == "once"
    assert verdict.suppressed == 1


def test_a_lost_run_that_is_tried_again_and_fails_is_failed() -> None:
    verdict = judged(
        started(1, "w1", "1", due=1),
        life(1.1, "exited", "w1"),
        started(1.2, "w2", "1", due=1),
        failed(1.3, "w2", "1"),
        well(2, 3),
    )
    assert of(verdict)[0] == "failed"


def test_an_effect_before_the_crash_counts() -> None:
    verdict = judged(
        started(1, "w1", "1", due=1),
        effect(1.1, "applied", "w1", "w1/1"),
        life(1.1, "exited", "w1"),
        well(2, 3),
    )
    assert of(verdict)[0] == "once"
    assert verdict.runs[0].ending is Ending.DIED


def test_an_effect_of_a_run_that_nobody_saw_start_counts_for_its_due_time() -> None:
    verdict = judged(effect(1.1, "applied", "w1", "w1/1", job="report", due=1.0004), well(2, 3))
    assert of(verdict)[0] == "once"


def test_a_rejected_effect_of_a_run_that_nobody_saw_start_is_a_failure() -> None:
    verdict = judged(effect(1.1, "rejected", "w1", "w1/1", job="report", due=1), well(2, 3))
    assert of(verdict)[0] == "failed"


def test_an_effect_stamped_by_the_sink_is_found_by_its_run() -> None:
    verdict = judged(started(1, "w1", "1", due=1), effect(1.1, "applied", None, "w1/1"), well(2, 3))
    assert of(verdict)[0] == "once"


def test_run_ids_may_repeat_among_workers_and_after_a_restart() -> None:
    def run(at: float, worker: str) -> list[Event]:
        start = Event(at=at, kind="run.started", worker=worker, job="report", due=at, run="1")
        return [start, effect(at + 0.1, "applied", worker, "1")]

    verdict = judged(
        run(1, "w1"),
        life(1.5, "exited", "w1"),
        run(2, "w1"),
        run(3, "w2"),
    )
    assert of(verdict) == ["once", "once", "once"]
    assert verdict.runs[0].ended == 1.5


def test_runs_without_ids_are_told_apart_by_worker_job_and_due_time() -> None:
    events = [
        Event(at=due, kind=kind, worker=worker, job="report", due=due)
        for worker, due in [("w1", 1.0), ("w2", 2.0), ("w1", 3.0)]
        for kind in ("run.started", "effect.applied", "run.finished")
    ]
    assert of(judged(events)) == ["once", "once", "once"]


def test_a_crash_ends_the_runs_of_its_targets_though_nobody_saw_an_exit() -> None:
    verdict = judged(
        started(1, "w1", "1", due=1), fault(1.4, "crash", "w1"), ran(1.6, "w2", "1", due=1), well(2)
    )
    assert (verdict.runs[0].ending, verdict.runs[0].ended) == (Ending.DIED, 1.4)
    assert verdict.runs[1].extra is Extra.RETRIED
    assert verdict.overlaps == ()


@pytest.mark.parametrize("at", [0.9, 1.2, 2.0])
def test_an_exit_within_a_second_says_when_the_crash_ended_them(at: float) -> None:
    verdict = judged(
        started(0.5, "w1", "1", due=1), fault(1.4, "crash", "w1"), life(at, "exited", "w1")
    )
    assert (verdict.runs[0].ending, verdict.runs[0].ended) == (Ending.DIED, at)


def test_an_exit_much_later_is_not_that_of_the_crash() -> None:
    verdict = judged(
        started(1, "w1", "1", due=1),
        fault(1.4, "crash", "w1"),
        ran(2, "w1", "2", due=2),
        life(3, "exited", "w1"),
    )
    assert [run.ended for run in verdict.runs] == [1.4, 2.1]


def test_other_faults_end_no_run() -> None:
    verdict = judged(started(1, "w1", "1", due=1), fault(1.4, "stop", "w1"))
    assert verdict.runs[0].ending is Ending.UNFINISHED


def test_a_new_start_of_a_worker_closes_the_runs_of_the_old_one() -> None:
    verdict = judged(started(1, "w1", "1", due=1), life(1.4, "started", "w1"), well(2, 3))
    assert verdict.runs[0].ending is Ending.DIED
    assert verdict.runs[0].ended == 1.4


class TestOverrun:
    def long(self, worker: str = "w1") -> list[Event]:
        """A run that is still in progress at the next due time."""
        return [started(1, worker, "1", due=1), *finished(2.5, worker, "1")]

    def test_a_due_time_during_another_run_of_the_job_is_an_overrun(self) -> None:
        assert of(judged(self.long(), well(3))) == ["once", "overrun", "once"]

    def test_a_run_that_ends_at_the_due_time_is_no_excuse(self) -> None:
        assert of(judged(ran(1, "w1", "1", due=1, takes=1), well(3)))[1] == "never_started"

    def test_a_run_of_another_job_is_no_excuse(self) -> None:
        jobs = [JOB, JobLine("other", every=9.0, first=9.0)]
        other = [started(1, "w1", "1", job="other"), *finished(2.5, "w1", "1")]
        assert of(judged(other, well(1, 3), jobs=jobs))[1] == "never_started"

    def test_a_paused_worker_is_no_excuse(self) -> None:
        verdict = judged(self.long(), fault(1.5, "pause", "w1"), well(3))
        assert of(verdict)[1] == "never_started"

    def test_what_happens_to_the_worker_later_does_not_matter(self) -> None:
        verdict = judged(self.long(), fault(2.2, "pause", "w1"), well(3))
        assert of(verdict)[1] == "overrun"

    def test_a_worker_that_was_resumed_is_one(self) -> None:
        resumed = Event(at=1.7, kind="fault.healed", fault="pause#1")
        verdict = judged(self.long(), fault(1.5, "pause", "w1"), resumed, well(3))
        assert of(verdict)[1] == "overrun"

    def test_a_crashed_worker_is_no_excuse_even_before_its_exit_is_seen(self) -> None:
        verdict = judged(started(1, "w1", "1", due=1), fault(1.5, "crash", "w1"), well(3))
        assert of(verdict) == ["lost", "never_started", "once"]

    def test_a_worker_that_drains_is_one(self) -> None:
        assert of(judged(self.long(), life(1.5, "stopping", "w1"), well(3)))[1] == "overrun"

    def test_one_worker_that_was_up_is_enough(self) -> None:
        verdict = judged(self.long("w1"), self.long("w2"), fault(1.5, "pause", "w1"), well(3))
        assert of(verdict)[1] == "overrun"

    def test_a_due_time_that_did_get_a_run_is_not_one(self) -> None:
        verdict = judged(self.long(), started(2, "w2", "1", due=2), failed(2.1, "w2", "1"), well(3))
        assert of(verdict)[1] == "failed"


class TestLate:
    def test_once_but_more_than_grace_after_the_due_time(self) -> None:
        verdict = judged(ran(2.1, "w1", "1", due=1), well(2, 3))
        assert of(verdict) == ["once", "once", "once"]
        assert [one.late for one in verdict.expected] == [True, False, False]

    def test_grace_itself_is_not_late(self) -> None:
        # 1.1 + 2.2 is not 3.3 in floating point.
        job = JobLine("report", every=10, first=1.1)
        verdict = judged(ran(3.3, "w1", "1", due=1.1), jobs=[job], grace=2.2)
        assert not verdict.expected[0].late

    def test_the_run_that_had_the_effect_decides(self) -> None:
        verdict = judged(
            started(1, "w1", "1", due=1),
            life(1.1, "exited", "w1"),
            ran(2.5, "w2", "1", due=1),
            well(2, 3),
        )
        assert verdict.expected[0].late

    def test_a_late_duplicate_is_a_duplicate_only(self) -> None:
        verdict = judged(ran(2.1, "w1", "1", due=1), ran(2.3, "w1", "2", due=1), well(2, 3))
        assert verdict.expected[0].outcome is Outcome.DUPLICATE
        assert not verdict.expected[0].late


class TestExpected:
    def test_due_times_whose_grace_ends_with_the_trial_are_expected(self) -> None:
        verdict = judged(duration=4, grace=1)
        assert [one.due for one in verdict.expected] == [1, 2, 3]

    @pytest.mark.parametrize("every", [0.1, 0.3, 0.7, 1 / 3, 2 / 3])
    def test_sums_of_fractions_lose_no_due_time(self, every: float) -> None:
        job = JobLine("report", every=every, first=every)
        verdict = judged(jobs=[job], duration=100 * every, grace=0)
        assert len(verdict.expected) == 100

    def test_due_times_in_events_match_to_the_millisecond(self) -> None:
        verdict = judged(ran(1, "w1", "1", due=1.0009), ran(2, "w1", "2", due=1.9991), well(3))
        assert of(verdict) == ["once", "once", "once"]

    def test_a_due_time_that_nobody_expects_has_no_outcome(self) -> None:
        verdict = judged(well(1, 2, 3), ran(1.4, "w1", "1", due=1.4))
        assert of(verdict) == ["once", "once", "once"]
        assert len(verdict.runs) == 4

    def test_a_run_due_after_the_last_expected_one_still_overlaps(self) -> None:
        verdict = judged(well(1, 2, 3), ran(3.5, "w1", "1", due=3.5), ran(3.5, "w2", "1", due=3.5))
        assert len(verdict.expected) == 3
        assert len(verdict.overlaps) == 1

    def test_an_effect_after_the_duration_counts(self) -> None:
        verdict = judged(well(1, 2), ran(3.9, "w1", "1", due=3, takes=0.3))
        assert of(verdict) == ["once", "once", "once"]
        assert verdict.runs[-1].ended == pytest.approx(4.2)

    def test_events_need_not_be_in_order_of_time(self) -> None:
        events = [event for event in history(well(1, 2, 3)).events if event.kind != "trial.ended"]
        assert of(judged(events[::-1])) == ["once", "once", "once"]


class TestEnd:
    def test_an_interrupted_trial_is_judged_to_where_it_was_cut(self) -> None:
        interrupted = Event(at=2.5, kind="trial.ended", reason="interrupted")
        verdict = judged(well(1), interrupted, ended=None)
        assert (verdict.end, verdict.partial, verdict.invalid) == (2.5, True, ())
        assert [one.due for one in verdict.expected] == [1]

    def test_without_an_end_the_last_event_is_the_end(self) -> None:
        verdict = judged(well(1, 2), ended=None)
        assert (verdict.end, verdict.partial, verdict.invalid) == (2.1, True, ())
        assert of(verdict) == ["once"]

    @pytest.mark.parametrize(
        "after",
        [
            (),
            (failed(2.5, "w1", "1"),),
            (failed(2.6, "w1", "1"),),
            (life(2.6, "exited", "w1"),),
        ],
    )
    @pytest.mark.parametrize("ended", ["interrupted", "error"])
    def test_of_a_run_in_progress_at_the_cut_no_outcome_is_known(
        self, after: tuple[Event, ...], ended: str
    ) -> None:
        cut = Event(at=2.5, kind="trial.ended", reason=ended)
        verdict = judged(started(1.2, "w1", "1", due=1), after, cut, ended=None)
        assert verdict.expected == ()
        assert len(verdict.runs) == 1

    def test_a_run_that_starts_with_the_last_event_is_in_progress_at_the_cut(self) -> None:
        verdict = judged(well(1, 2), started(4, "w1", "1", due=3), ended=None)
        assert [one.due for one in verdict.expected] == [1, 2]

    def test_a_retry_in_progress_at_the_cut_leaves_the_outcome_open(self) -> None:
        lost = started(1, "w1", "1", due=1), life(1.1, "exited", "w1")
        cut = Event(at=2.5, kind="trial.ended", reason="interrupted")
        assert judged(lost, started(2.4, "w2", "1", due=1), cut, ended=None).expected == ()

    def test_a_worker_that_died_before_the_cut_has_lost_its_run(self) -> None:
        lost = started(1, "w1", "1", due=1), life(1.1, "exited", "w1")
        cut = Event(at=2.5, kind="trial.ended", reason="interrupted")
        assert of(judged(lost, cut, ended=None)) == ["lost"]

    def test_what_is_known_at_the_cut_counts(self) -> None:
        cut = Event(at=3.5, kind="trial.ended", reason="interrupted")
        verdict = judged(
            started(1, "w1", "1", due=1),
            effect(1.1, "applied", "w1", "w1/1"),
            started(2, "w2", "1", due=2),
            effect(2.1, "rejected", "w2", "w2/1", reason="stale"),
            Event(at=2.1, kind="run.finished", worker="w2", run="w2/1"),
            cut,
            ended=None,
        )
        assert of(verdict) == ["once", "failed"]

    def test_an_effect_after_the_cut_counts(self) -> None:
        cut = Event(at=2.5, kind="trial.ended", reason="interrupted")
        assert of(judged(ran(1, "w1", "1", due=1, takes=1.6), cut, ended=None)) == ["once"]

    def test_the_end_is_never_after_the_duration(self) -> None:
        verdict = judged(well(1, 2), ran(3, "w1", "1", due=3, takes=5), ended=None)
        assert (verdict.end, verdict.partial) == (4, True)

    def test_a_completed_trial_is_judged_to_its_duration(self) -> None:
        verdict = judged(well(1, 2, 3))
        assert (verdict.end, verdict.partial) == (4, False)


def test_a_job_is_expected_until_it_is_over() -> None:
    spike = JobLine("spike", every=1.0, first=2.0, until=4.0)
    verdict = judged(well(2, 3, job="spike"), jobs=[spike], duration=9)
    assert [one.due for one in verdict.expected] == [2, 3]
    late = judged(well(2, 3, 4, job="spike"), jobs=[spike], duration=9)
    assert any("due time that its job does not have" in reason for reason in late.invalid)
