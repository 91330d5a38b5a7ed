"""Failover, outage, takeover: what each fault cost whom it hit in charge."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.history.event import Event
from harness.history.trial import JobLine
from harness.verdict.model import Sample, Verdict
from tests.verdict.building import (
    JOB,
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

OTHER = JobLine("other", every=1.0, first=1.0)


def near(*samples: tuple[float, bool]) -> list[tuple[object, bool]]:
    return [(pytest.approx(seconds), censored) for seconds, censored in samples]


def seen(samples: tuple[Sample, ...]) -> list[tuple[object, bool]]:
    return [(sample.seconds, sample.censored) for sample in samples]


def crash(at: float, worker: str = "w1") -> list[Event]:
    return [fault(at, "crash", worker), life(at, "exited", worker)]


class TestFailover:
    def test_a_crash_during_a_run_until_another_worker_starts_the_job(self) -> None:
        verdict = judged(started(1, "w1", "1", due=1), crash(1.1), well(2, 3))
        (sample,) = verdict.failover
        assert (sample.fault, sample.what, sample.at) == ("crash#1", "report", 1.1)
        assert seen(verdict.failover) == near((0.9, False))

    def test_a_crash_of_a_worker_that_holds_a_lease_of_the_job(self) -> None:
        verdict = judged(lease(1, "granted", "w1", job="report"), crash(1.1), well(2, 3))
        assert seen(verdict.failover) == near((0.9, False))

    def test_a_lease_without_a_job_covers_all_jobs(self) -> None:
        verdict = judged(
            lease(0.5, "granted", "w1"),
            crash(0.6),
            well(1, 2, 3),
            well(2, 3, job="other"),
            jobs=[JOB, OTHER],
        )
        assert [sample.what for sample in verdict.failover] == ["report", "other"]
        assert seen(verdict.failover) == near((0.4, False), (1.4, False))

    def test_a_lease_of_a_job_covers_that_job_only(self) -> None:
        verdict = judged(
            lease(0.5, "granted", "w1", job="other"),
            crash(0.6),
            well(1, 2, 3),
            jobs=[JOB, OTHER],
        )
        assert [(sample.what, sample.censored) for sample in verdict.failover] == [("other", True)]

    def test_a_lease_and_a_run_of_one_job_are_one_sample(self) -> None:
        verdict = judged(
            lease(1, "granted", "w1", job="report"),
            started(1, "w1", "1", due=1),
            crash(1.1),
            well(2, 3),
        )
        assert len(verdict.failover) == 1

    def test_no_start_before_the_end_is_censored_there(self) -> None:
        verdict = judged(well(1, 2), started(3, "w1", "1", due=3), crash(3.1))
        assert seen(verdict.failover) == near((0.9, True))

    def test_a_start_after_the_duration_is_no_recovery(self) -> None:
        verdict = judged(started(3, "w1", "1", due=3), crash(3.1), ran(4.1, "w2", "1", due=4))
        assert seen(verdict.failover) == near((0.9, True))

    @pytest.mark.parametrize("kind", ["crash", "stop"])
    def test_after_a_crash_or_stop_a_victim_that_is_back_counts(self, kind: str) -> None:
        verdict = judged(
            started(1, "w1", "1", due=1),
            fault(1.1, kind, "w1"),
            life(1.1, "exited", "w1"),
            life(1.5, "started", "w1"),
            life(1.6, "ready", "w1"),
            ran(2, "w1", "2", due=2),
            well(3),
        )
        assert seen(verdict.failover) == near((0.9, False))

    def test_after_a_pause_the_victims_own_start_counts_once_resumed(self) -> None:
        verdict = judged(
            started(1, "w1", "1", due=1),
            fault(1.1, "pause", "w1"),
            healed(2.5, "pause"),
            ran(3, "w1", "2", due=3),
        )
        assert seen(verdict.failover) == near((1.9, False))

    def test_a_start_that_a_paused_worker_claims_does_not_count(self) -> None:
        verdict = judged(
            started(1, "w1", "1", due=1),
            fault(1.1, "pause", "w1"),
            ran(1.2, "w1", "2", due=2),
            well(3),
        )
        assert seen(verdict.failover) == near((1.9, False))

    def test_a_start_of_another_worker_that_is_paused_does_not_count(self) -> None:
        pause = replace(fault(0.5, "pause", "w2"), fault="pause#0")
        verdict = judged(
            pause,
            started(1, "w1", "1", due=1),
            crash(1.1),
            ran(2, "w2", "1", due=2),
            well(3),
        )
        assert seen(verdict.failover) == near((1.9, False))

    def test_two_pauses_at_once_end_with_the_second(self) -> None:
        first, second = (
            replace(fault(0.5, "pause", "w2"), fault=f"pause#{number}") for number in (1, 2)
        )
        verdict = judged(
            first,
            second,
            healed(0.6, "pause"),
            started(1, "w1", "1", due=1),
            crash(1.1),
            ran(2, "w2", "1", due=2),
            well(3),
        )
        assert seen(verdict.failover) == near((1.9, False))

    def test_a_crashed_worker_is_able_again_once_ready(self) -> None:
        before = [life(0, "ready", "w9"), *crash(0.5, "w2")]
        back = life(0.8, "ready", "w2")
        story = [started(1, "w1", "1", due=1), *crash(1.1), *ran(2, "w2", "1", due=2), *well(3)]
        gone = judged(before, story)
        returned = judged(before, back, story)
        assert seen(gone.failover) == near((1.9, False))
        assert seen(returned.failover) == near((0.9, False))

    def test_where_nobody_says_ready_a_crashed_worker_is_able_again_once_started(self) -> None:
        verdict = judged(
            crash(0.5, "w2"),
            life(0.8, "started", "w2"),
            started(1, "w1", "1", due=1),
            crash(1.1),
            ran(2, "w2", "1", due=2),
            well(3),
        )
        assert seen(verdict.failover) == near((0.9, False))

    def test_during_a_partition_the_isolated_worker_may_still_be_the_next(self) -> None:
        verdict = judged(
            lease(0.5, "granted", "w1"),
            fault(1.1, "partition", "w1"),
            ran(2, "w1", "1", due=2),
            well(3),
        )
        assert seen(verdict.failover) == near((0.9, False))

    def test_a_fault_that_hits_nobody_in_charge_gives_no_sample(self) -> None:
        verdict = judged(
            lease(0.5, "granted", "w1", job="report"),
            ran(1, "w1", "1", due=1),
            lease(1.2, "released", "w1"),
            crash(1.3),
            well(2, 3),
        )
        assert verdict.failover == verdict.outage == verdict.takeover == ()

    def test_a_lease_that_was_lost_before_gives_no_sample(self) -> None:
        verdict = judged(
            lease(0.5, "granted", "w1"), lease(0.8, "lost", "w1"), crash(1.3), well(2, 3)
        )
        assert verdict.failover == ()

    @pytest.mark.parametrize("kind", ["expire", "skew", "delay"])
    def test_other_faults_give_no_samples(self, kind: str) -> None:
        verdict = judged(lease(0.5, "granted", "w1"), fault(1.1, kind, "w1"), well(2, 3))
        assert verdict.failover == verdict.outage == verdict.takeover == ()

    def test_a_fault_on_a_coordinator_gives_no_samples(self) -> None:
        verdict = judged(lease(0.5, "granted", "w1"), crash(1.1, "redis-1"), well(2, 3))
        assert verdict.failover == ()

    def test_a_crash_that_is_recorded_after_the_exit_struck_at_the_exit(self) -> None:
        verdict = judged(
            started(1, "w1", "1", due=1),
            life(1.1, "exited", "w1"),
            ran(1.15, "w2", "1", due=1),
            fault(1.2, "crash", "w1"),
            well(2, 3),
        )
        assert verdict.failover[0].at == 1.1
        assert seen(verdict.failover) == near((0.05, False))

    def test_a_stop_that_is_recorded_after_the_goodbye_struck_at_the_goodbye(self) -> None:
        verdict = judged(
            lease(0.5, "granted", "w1"),
            life(1.1, "stopping", "w1"),
            lease(1.1, "released", "w1"),
            life(1.2, "exited", "w1"),
            fault(1.3, "stop", "w1"),
            well(2, 3),
        )
        assert seen(verdict.failover) == near((0.9, False))

    def test_two_crashes_without_an_exit_each_strike_where_they_are_recorded(self) -> None:
        first, second = (
            replace(fault(at, "crash", "w1"), fault=f"crash#{at:g}") for at in (1.1, 2.1)
        )
        verdict = judged(
            started(1, "w1", "1", due=1), first, started(2, "w1", "2", due=2), second, well(3)
        )
        assert [sample.at for sample in verdict.failover] == [1.1, 2.1]

    def test_the_exit_of_an_earlier_life_is_not_the_moment_of_a_crash(self) -> None:
        verdict = judged(
            started(0.2, "w1", "0"),
            life(0.5, "exited", "w1"),
            life(0.8, "ready", "w1"),
            started(1, "w1", "1", due=1),
            crash(1.1),
            well(2, 3),
        )
        assert verdict.failover[0].at == 1.1

    def test_in_one_instant_the_order_of_the_file_decides(self) -> None:
        before = judged(ran(1, "w1", "1", due=1), crash(1.1), well(2, 3))
        assert before.failover == ()
        effect, finish = finished(1.1, "w1", "1")
        after = judged(started(1, "w1", "1", due=1), crash(1.1), effect, finish, well(2, 3))
        assert len(after.failover) == 1

    def test_each_victim_of_a_fault_gives_its_own_sample(self) -> None:
        verdict = judged(
            started(1, "w1", "1", due=1),
            started(1, "w2", "1", due=1),
            fault(1.1, "pause", "w1", "w2"),
            well(2, 3),
        )
        assert seen(verdict.failover) == near((0.9, False), (0.9, False))

    def test_a_fault_after_the_end_is_not_measured(self) -> None:
        verdict = judged(well(1, 2, 3), started(3.9, "w1", "1"), crash(4.1))
        assert verdict.failover == ()


class TestOutage:
    def outage(self, *events: Event | list[Event], **settings: object) -> list[tuple[object, bool]]:
        verdict: Verdict = judged(*events, duration=8, grace=0.5, **settings)
        return seen(verdict.outage)

    def test_the_longest_stretch_without_a_start_less_the_period(self) -> None:
        events = started(2, "w1", "1", due=2), crash(2.1), well(1, 5, 6, 7, 8)
        assert self.outage(*events) == near((2, False))

    def test_no_due_time_lost_is_no_outage(self) -> None:
        events = started(2, "w1", "1", due=2), crash(2.1), well(1, 3, 4, 5, 6, 7, 8)
        assert self.outage(*events) == near((0, False))

    def test_a_partition_costs_the_gap_after_the_isolated_leaders_last_start(self) -> None:
        verdict = judged(
            lease(0.5, "granted", "w1"),
            well(1, 2, worker="w1"),
            fault(2.1, "partition", "w1"),
            ran(3, "w1", "3", due=3),
            lease(3.5, "lost", "w1"),
            healed(7, "partition"),
            well(6, 7, 8),
            duration=8,
        )
        assert seen(verdict.failover) == near((0.9, False))
        assert seen(verdict.outage) == near((2, False))

    @pytest.mark.parametrize(
        "kind", ["coordinator-restart", "coordinator-outage", "coordinator-failover"]
    )
    def test_a_coordinator_that_is_out_costs_every_job_and_is_nobodys_failover(
        self, kind: str
    ) -> None:
        verdict = judged(
            well(1, 2, 6, 7, 8),
            well(1, 2, 7, 8, job="other"),
            fault(2.5, kind, "redis-1"),
            healed(2.5, kind),
            jobs=[JOB, OTHER],
            duration=8,
        )
        assert seen(verdict.outage) == near((3, False), (4, False))
        assert not verdict.failover
        assert not verdict.takeover

    def test_a_job_that_was_due_for_a_while_only_is_not_out_after_it(self) -> None:
        spike = JobLine("spike", every=1.0, first=1.0, until=3.0)
        verdict = judged(
            started(2, "w1", "1", due=2, job="spike"), crash(2.1), jobs=[spike], duration=8
        )
        assert not verdict.outage
        assert not verdict.failover

    def test_what_begins_after_the_fault_was_healed_is_not_its_doing(self) -> None:
        events = (
            lease(0.5, "granted", "w1"),
            well(1, 2, 3, 4),
            fault(1.5, "pause", "w1"),
            healed(2.2, "pause"),
            well(7, 8),
        )
        assert self.outage(*events) == near((0, False))

    def test_what_begins_within_grace_after_it_is(self) -> None:
        events = (
            lease(0.5, "granted", "w1"),
            well(1, 2, 3),
            fault(1.5, "pause", "w1"),
            healed(2.6, "pause"),
            well(7, 8),
        )
        assert self.outage(*events) == near((3, False))

    def test_the_stretch_that_the_end_cuts_off_is_censored(self) -> None:
        events = well(1), started(2, "w1", "1", due=2), crash(2.1)
        assert self.outage(*events) == near((5, True))

    def test_a_short_stretch_at_the_end_does_not_censor_a_longer_one_before(self) -> None:
        events = started(2, "w1", "1", due=2), crash(2.1), well(6), healed(6.5, "crash")
        assert self.outage(*events) == near((3, False))

    def test_a_victim_that_is_back_ends_it(self) -> None:
        verdict = judged(
            started(1, "w1", "1", due=1),
            life(0, "ready", "w1"),
            crash(1.1),
            life(2.5, "ready", "w1"),
            well(3, 4, 5, worker="w1"),
            well(6, 7, 8),
            duration=8,
        )
        assert seen(verdict.outage) == near((1, False))
        assert seen(verdict.failover) == near((1.9, False))

    def test_a_job_is_not_out_before_its_first_due_time(self) -> None:
        late = JobLine("report", every=1.0, first=5.0)
        events = lease(0.5, "granted", "w1"), crash(1), well(5, 6, 7, 8)
        assert self.outage(*events, jobs=[late]) == near((0, False))

    def test_from_its_first_due_time_on_it_is(self) -> None:
        late = JobLine("report", every=1.0, first=5.0)
        events = lease(0.5, "granted", "w1"), crash(1), well(7, 8)
        assert self.outage(*events, jobs=[late]) == near((2, False))

    def test_starts_of_a_paused_worker_do_not_end_it(self) -> None:
        events = (
            lease(0.5, "granted", "w1"),
            well(1, 2),
            fault(2.5, "pause", "w1"),
            ran(3, "w1", "1", due=3),
            well(5, 6, 7, 8),
        )
        assert self.outage(*events) == near((2, False))


class TestTakeover:
    def test_until_the_resource_is_granted_to_another_worker(self) -> None:
        verdict = judged(
            lease(0.5, "granted", "w1"), crash(1.1), lease(2.5, "granted", "w2"), well(1, 2, 3)
        )
        (sample,) = verdict.takeover
        assert (sample.fault, sample.what, sample.at) == ("crash#1", "lock", 1.1)
        assert seen(verdict.takeover) == near((1.4, False))

    def test_the_lease_of_a_run_that_was_finished_before_the_stop_need_not_be_taken_over(
        self,
    ) -> None:
        claim = {"resource": "report/1", "job": "report", "due": 1}
        before = lease(0.9, "granted", "w1", **claim), started(1, "w1", "1", due=1)
        stopped = fault(1.1, "stop", "w1"), life(1.1, "stopping", "w1")
        after = finished(1.3, "w1", "1"), lease(1.3, "released", "w1", **claim)
        gone = life(1.4, "exited", "w1")
        assert judged(*before, *stopped, *after, gone, well(2, 3)).takeover == ()
        assert seen(judged(*before, *stopped, gone, well(2, 3)).takeover) == near((2.9, True))

    def test_another_resource_is_no_takeover(self) -> None:
        verdict = judged(
            lease(0.5, "granted", "w1"), crash(1.1), lease(2.5, "granted", "w2", "else")
        )
        assert seen(verdict.takeover) == near((2.9, True))

    @pytest.mark.parametrize(("kind", "samples"), [("crash", 1), ("stop", 1), ("pause", 0)])
    def test_nobody_took_it_is_censored_after_a_crash_or_stop_only(
        self, kind: str, samples: int
    ) -> None:
        verdict = judged(lease(0.5, "granted", "w1"), fault(1.1, kind, "w1"), well(1, 2, 3))
        assert seen(verdict.takeover) == near((2.9, True))[:samples]

    def test_no_sample_where_the_victim_got_it_again_first(self) -> None:
        verdict = judged(
            lease(0.5, "granted", "w1"),
            crash(1.1),
            life(1.5, "ready", "w1"),
            lease(2, "granted", "w1", name="2"),
            lease(3, "granted", "w2"),
        )
        assert verdict.takeover == ()

    def test_no_sample_where_the_victim_kept_it_until_it_gave_it_up(self) -> None:
        verdict = judged(
            lease(1, "granted", "w1"),
            fault(1.1, "pause", "w1"),
            healed(1.2, "pause"),
            lease(1.5, "released", "w1"),
            lease(2, "granted", "w2"),
        )
        assert verdict.takeover == ()

    def test_a_lease_lost_in_a_partition_and_granted_to_another_is_one(self) -> None:
        verdict = judged(
            lease(1, "granted", "w1"),
            fault(1.1, "partition", "w1"),
            lease(1.5, "lost", "w1"),
            lease(2, "granted", "w2"),
        )
        assert seen(verdict.takeover) == near((0.9, False))

    def test_a_lease_released_by_a_graceful_stop_is_taken_over(self) -> None:
        verdict = judged(
            lease(0.5, "granted", "w1"),
            fault(1.1, "stop", "w1"),
            life(1.1, "stopping", "w1"),
            lease(1.1, "released", "w1"),
            lease(1.3, "granted", "w2"),
        )
        assert seen(verdict.takeover) == near((0.2, False))

    def test_a_lease_left_to_expire_after_its_run_is_nobodys_burden(self) -> None:
        verdict = judged(
            lease(1, "granted", "w1", "report@1", job="report", due=1),
            ran(1, "w1", "1", due=1),
            crash(1.5),
            well(2, 3),
        )
        assert verdict.takeover == verdict.failover == ()
