"""Overlap of runs, double hold of leases."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.verdict.exclusion import overlaps
from harness.verdict.model import Ending, Run
from tests.verdict.building import (
    fault,
    finished,
    healed,
    judged,
    lease,
    life,
    ran,
    started,
    well,
)


class TestOverlap:
    def test_two_runs_of_a_job_at_once_overlap_whatever_their_due_times(self) -> None:
        verdict = judged(
            started(1, "w1", "1", due=1),
            ran(2, "w2", "1", due=2, takes=1),
            finished(2.5, "w1", "1"),
        )
        (overlap,) = verdict.overlaps
        assert (overlap.what, overlap.start, overlap.end, overlap.most) == ("report", 2, 2.5, 2)
        assert overlap.who == ("w1/1", "w2/1")
        assert overlap.seconds == 0.5

    def test_two_runs_on_one_worker_overlap_too(self) -> None:
        assert len(judged(ran(1, "w1", "1", due=1), ran(1.05, "w1", "2", due=1)).overlaps) == 1

    def test_runs_that_only_touch_do_not_overlap(self) -> None:
        verdict = judged(ran(1, "w1", "1", due=1, takes=1), ran(2, "w2", "1", due=2))
        assert verdict.overlaps == ()

    def test_runs_of_different_jobs_do_not_overlap(self) -> None:
        verdict = judged(ran(1, "w1", "1", due=1), ran(1, "w2", "1", job="other"))
        assert verdict.overlaps == ()

    def test_three_at_once_are_one_stretch_with_its_greatest_concurrency(self) -> None:
        verdict = judged(
            ran(1, "w1", "1", due=1, takes=0.5),
            ran(1.2, "w2", "1", due=1, takes=0.5),
            ran(1.3, "w3", "1", due=1, takes=0.1),
        )
        (overlap,) = verdict.overlaps
        assert (overlap.start, overlap.end, overlap.most) == (1.2, 1.5, 3)
        assert overlap.who == ("w1/1", "w2/1", "w3/1")

    def test_a_stretch_with_a_handover_in_it_is_one(self) -> None:
        verdict = judged(
            ran(1, "w1", "1", due=1, takes=1),
            ran(1.2, "w2", "1", due=1, takes=0.2),
            ran(1.4, "w3", "1", due=1, takes=0.2),
        )
        (overlap,) = verdict.overlaps
        assert (overlap.start, overlap.end, overlap.most) == (1.2, 1.6, 2)

    def test_separate_stretches_are_counted_apart(self) -> None:
        verdict = judged(
            ran(1, "w1", "1", due=1, takes=1),
            ran(1.2, "w2", "1", due=1, takes=0.1),
            ran(1.4, "w3", "1", due=1, takes=0.1),
        )
        assert [overlap.who for overlap in verdict.overlaps] == [("w1/1", "w2/1"), ("w1/1", "w3/1")]

    def test_who_comes_as_the_stretch_ends_is_not_part_of_it(self) -> None:
        verdict = judged(
            ran(1, "w1", "1", due=1, takes=0.5),
            ran(1.2, "w2", "1", due=1, takes=0.3),
            ran(1.5, "w3", "1", due=1, takes=0.5),
        )
        assert [overlap.who for overlap in verdict.overlaps] == [("w1/1", "w2/1")]

    def test_the_run_of_a_paused_worker_stays_in_progress(self) -> None:
        verdict = judged(
            started(1, "w1", "1", due=1),
            fault(1.1, "pause", "w1"),
            ran(2, "w2", "1", due=2),
            healed(2.5, "pause"),
            finished(2.6, "w1", "1"),
        )
        (overlap,) = verdict.overlaps
        assert (overlap.start, overlap.end) == (2, 2.1)

    def test_the_run_of_a_dead_worker_does_not(self) -> None:
        verdict = judged(
            started(1, "w1", "1", due=1), life(1.1, "exited", "w1"), ran(2, "w2", "1", due=2)
        )
        assert verdict.overlaps == ()

    def test_an_instant_run_within_another_is_an_overlap_of_no_length(self) -> None:
        verdict = judged(ran(1, "w1", "1", due=1), ran(1.05, "w2", "1", due=1, takes=0))
        (overlap,) = verdict.overlaps
        assert (overlap.seconds, overlap.most, overlap.who) == (0, 2, ("w1/1", "w2/1"))

    @pytest.mark.parametrize("at", [1, 1.1])
    def test_an_instant_run_at_the_edge_of_another_is_none(self, at: float) -> None:
        verdict = judged(ran(1, "w1", "1", due=1), ran(at, "w2", "1", due=1, takes=0))
        assert verdict.overlaps == ()

    @settings(deadline=None)
    @given(st.lists(st.tuples(st.integers(0, 12), st.integers(1, 4)), max_size=12))
    def test_stretches_cover_exactly_the_moments_with_two_or_more(
        self, spans: list[tuple[int, int]]
    ) -> None:
        runs = [
            Run(
                run=str(index),
                worker="w",
                job="j",
                due=None,
                started=start,
                ended=start + length,
                ending=Ending.FINISHED,
            )
            for index, (start, length) in enumerate(spans)
        ]
        there = [[run.run for run in runs if run.started <= at < run.ended] for at in range(20)]
        found = overlaps(runs)
        for at in range(20):
            around = [stretch for stretch in found if stretch.start <= at < stretch.end]
            assert len(around) == (len(there[at]) >= 2)
        for stretch in found:
            within = there[int(stretch.start) : int(stretch.end)]
            assert stretch.most == max(map(len, within))
            assert set(stretch.who) == {name for names in within for name in names}
        assert all(one.end < two.start for one, two in pairwise(found))


class TestDoubleHold:
    def test_one_resource_held_by_two_workers(self) -> None:
        verdict = judged(
            lease(1, "granted", "w1"),
            lease(2, "granted", "w2"),
            lease(2.5, "released", "w1"),
            well(1, 2, 3),
        )
        (hold,) = verdict.double_holds
        assert (hold.what, hold.start, hold.end, hold.most) == ("lock", 2, 2.5, 2)
        assert hold.who == ("w1/1", "w2/1")

    def test_a_lease_that_is_known_to_be_lost_is_held_no_more(self) -> None:
        events = lease(1, "granted", "w1"), lease(2, "lost", "w1"), lease(2, "granted", "w2")
        assert judged(*events).double_holds == ()

    def test_a_dead_worker_holds_nothing(self) -> None:
        events = lease(1, "granted", "w1"), life(2, "exited", "w1"), lease(2, "granted", "w2")
        assert judged(*events).double_holds == ()

    def test_a_crashed_worker_holds_nothing_though_nobody_saw_its_exit(self) -> None:
        events = lease(1, "granted", "w1"), fault(2, "crash", "w1"), lease(2, "granted", "w2")
        assert judged(*events).double_holds == ()

    def test_two_resources_are_two(self) -> None:
        events = lease(1, "granted", "w1", "a"), lease(1, "granted", "w2", "b")
        assert judged(*events).double_holds == ()

    def test_one_worker_with_two_leases_is_one_holder(self) -> None:
        events = lease(1, "granted", "w1"), lease(2, "granted", "w1", name="2")
        assert judged(*events).double_holds == ()

    def test_a_lease_left_to_expire_ends_with_the_one_run_that_it_was_for(self) -> None:
        first = lease(1, "granted", "w1", "report@1", job="report", due=1)
        run = ran(1, "w1", "1", due=1)
        early, later = (
            lease(at, "granted", "w2", "report@1", job="report", due=1) for at in (1.05, 3)
        )
        assert judged(first, run, later, life(4, "exited", "w1")).double_holds == ()
        (hold,) = judged(first, run, early, life(4, "exited", "w1")).double_holds
        assert (hold.start, hold.end) == (1.05, 1.1)

    def test_its_due_time_names_the_run_to_the_millisecond(self) -> None:
        first = lease(1, "granted", "w1", job="report", due=1.0004)
        later = lease(3, "granted", "w2", job="report", due=3)
        assert judged(first, ran(1, "w1", "1", due=1), later).double_holds == ()

    def test_a_lease_of_a_job_does_not_end_with_a_run(self) -> None:
        first = lease(0.2, "granted", "w1", job="report")
        later = lease(3, "granted", "w2", job="report")
        assert len(judged(first, ran(0.3, "w1", "1"), later).double_holds) == 1
