from __future__ import annotations

from pathlib import Path

from harness.history.event import Event
from harness.history.trial import JobLine
from harness.report.stories import stories, violations
from tests.report.conftest import make_verdict
from tests.report.stories.planting import only, paused, planted, told
from tests.verdict.building import (
    failed,
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


def test_an_overlap_after_a_pause_names_the_worker_the_fault_and_the_times(tmp_path: Path) -> None:
    story = only(paused(tmp_path / "h.jsonl"), "overlap")
    assert story.title == "Two runs of “report” at the same time"
    assert story.sentences == (
        "At 1.20 s w1 was paused (SIGSTOP) for 2.50 s, 0.20 s into its run of “report” due at "
        "1.00 s, holding the lease “lock” (ttl 1.2 s).",
        "The lease of w1 ran out at about 2.20 s, 1.2 s after it was granted at 1.00 s.",
        "w2 was granted “lock” at 3.00 s, while w1 still counted it its own, and ran “report” due "
        "at 3.00 s from 3.00 s to 3.50 s.",
        "w1 woke at 3.70 s, still in its run, and finished it at once.",
        "Two runs of “report” were in progress at the same time for 0.50 s, from 3.00 s.",
        "Nobody told w1: no lease.lost was recorded.",
        "The effect of w1's run landed at 3.70 s, after that of a run under a newer lease.",
        "What would have helped: a fencing token that the sink checks, which refuses an effect of "
        "an older lease.",
    )
    assert 0.5 < story.start < 1.0
    assert 3.7 < story.end < 4.5


def test_overlap_and_double_hold_of_one_fault_are_one_story(tmp_path: Path) -> None:
    verdict = paused(tmp_path / "h.jsonl")
    assert verdict.overlaps
    assert verdict.double_holds
    assert [one.kind for one in violations(verdict)] == ["overlap", "missed"]


def test_what_nobody_ran_names_who_was_in_the_way(tmp_path: Path) -> None:
    story = only(paused(tmp_path / "h.jsonl"), "missed")
    assert story.title == "“report” due at 2.00 s was not run"
    assert "w2 and w3 asked for the lease in vain, 2 attempts from 2.00 s to 2.01 s." in (
        story.sentences
    )
    assert "w1 still held “lock” at 2.00 s." in story.sentences
    assert "“report” was next started at 3.00 s, by w2, 1.80 s after the fault." in story.sentences


def test_a_lease_that_is_renewed_is_not_said_to_run_out_at_a_time(tmp_path: Path) -> None:
    text = told(paused(tmp_path / "h.jsonl", algorithm="redis-watchdog"))
    assert "ran out" not in text
    assert "Standing still, w1 kept no lease alive." in text


def stalled(path: Path, ttl: float, pause: float, algorithm: str = "redis-lock") -> str:
    """What is told where w1 stands still in its run due at 1, and w2 gets its lock."""
    over = 1.5 + pause
    return told(
        planted(
            path,
            lease(1.0, "granted", "w1", name="a", due=1.0),
            started(1.0, "w1", "1", due=1.0),
            fault(1.5, "pause", "w1"),
            lease(over - 0.2, "granted", "w2", name="b", due=2.0),
            started(over - 0.2, "w2", "1", due=2.0),
            healed(over, "pause"),
            finished(over + 0.1, "w1", "1"),
            finished(over + 0.4, "w2", "1"),
            duration=12.0,
            algorithm=algorithm,
            parameters={"ttl": ttl},
        )
    )


def test_a_longer_lease_is_advised_as_long_as_it_would_have_had_to_be(tmp_path: Path) -> None:
    whole = "a lease that outlasts the run, its pause included,"
    # Nothing renews it: that it outlasts the pause alone is not enough.
    assert whole in stalled(tmp_path / "1.jsonl", ttl=4.5, pause=4.0)
    assert whole in stalled(tmp_path / "2.jsonl", ttl=1.2, pause=4.0)
    renewed = stalled(tmp_path / "3.jsonl", 1.2, 4.0, "redis-watchdog")
    assert "a lease that outlasts the pause," in renewed
    longer = stalled(tmp_path / "4.jsonl", 4.5, 4.0, "redis-watchdog")
    assert "What would have helped" not in longer


def robbed(path: Path, released: float, met: float, *events: Event, until: float = 3.6) -> str:
    """What is told where w1 releases its lock late, and w3 meets w2, which has it by then."""
    verdict = planted(
        path,
        lease(1.0, "granted", "w1", name="a", due=1.0),
        ran(1.0, "w1", "1", due=1.0, takes=0.1),
        lease(released, "released", "w1", name="a", due=1.0),
        lease(2.0, "granted", "w2", name="b", due=2.0),
        started(2.0, "w2", "1", due=2.0),
        *events,
        lease(met, "granted", "w3", name="c", due=3.0),
        ran(met, "w3", "1", due=3.0, takes=0.2),
        finished(until, "w2", "1"),
        lease(until, "released", "w2", name="b", due=2.0),
        workers=("w1", "w2", "w3"),
        algorithm="redis-setnx",
        parameters={"ttl": 1.8},
    )
    return told(verdict)


def test_a_release_that_takes_the_lock_of_another_is_told_with_whose_it_was(
    tmp_path: Path,
) -> None:
    text = robbed(tmp_path / "h.jsonl", released=2.5, met=3.0)
    assert "w1's release at 2.50 s deletes the lock whoever has it: that was w2 by then." in text


def test_a_release_after_runs_met_did_not_make_them_meet(tmp_path: Path) -> None:
    assert "release" not in robbed(tmp_path / "1.jsonl", released=3.3, met=3.0)
    # That of the robbed one itself comes later still.
    assert "release" not in robbed(tmp_path / "2.jsonl", released=1.1, met=3.0)
    # At 3.8 s the lock of w2 would have run out by itself.
    assert "release" not in robbed(tmp_path / "3.jsonl", released=2.5, met=3.82, until=4.0)


def test_a_release_sent_while_cut_off_is_told_as_what_may_have_happened(tmp_path: Path) -> None:
    cut = (fault(1.05, "partition", "w1"), healed(2.9, "partition"))
    text = robbed(tmp_path / "h.jsonl", 1.1, 3.0, *cut)
    assert (
        "w1's release at 1.10 s was sent while it was cut off; what it did to the lock, which w2 "
        "had when it could arrive at 2.90 s, the history does not show."
    ) in text
    assert "deletes the lock" not in text
    # Where only replies are lost, it arrives at once: before anybody else had the lock.
    cut[0].extra = {"direction": "replies"}
    assert "release" not in robbed(tmp_path / "r.jsonl", 1.1, 3.0, *cut)


def test_nothing_is_said_of_a_lifetime_that_is_not_known(tmp_path: Path) -> None:
    text = told(paused(tmp_path / "h.jsonl", algorithm="other", parameters={"ttl": "long"}))
    assert "ran out" not in text
    assert "kept no lease alive" not in text
    assert "holding the lease “lock”." in text


def test_who_learnt_of_the_loss_and_ran_on_is_told(tmp_path: Path) -> None:
    verdict = planted(
        tmp_path / "h.jsonl",
        lease(1.0, "granted", "w1", name="a"),
        started(1.0, "w1", "1", due=1.0),
        fault(1.1, "expire", "w1"),
        healed(1.1, "expire"),
        lease(1.3, "lost", "w1", name="a"),
        lease(1.9, "granted", "w2", name="b"),
        started(2.0, "w2", "1", due=2.0),
        finished(2.4, "w1", "1"),
        finished(2.5, "w2", "1"),
        well(3.0),
    )
    text = told(verdict)
    assert "At 1.10 s the coordinator was made to forget “lock”, which w1 held, 0.10 s into" in text
    assert "w1 knew from 1.30 s on that its lease was lost, and ran on." in text
    assert "a run that stops once it learns" in text


def test_without_a_fault_it_says_so(tmp_path: Path) -> None:
    verdict = planted(
        tmp_path / "h.jsonl",
        lease(1.0, "granted", "w1", name="a"),
        started(1.0, "w1", "1", due=1.0),
        finished(3.0, "w1", "1"),
        lease(2.0, "granted", "w2", name="b"),
        started(2.0, "w2", "1", due=2.0),
        finished(3.2, "w2", "1"),
        well(3.5),
        parameters={"ttl": 0.9},
    )
    story = only(verdict, "overlap")
    assert story.sentences[0] == "No fault was active."
    assert "w1 started “report” due at 1.00 s at 1.00 s, holding" in story.sentences[1]
    assert "a lease that is longer than the run, or renewed while it lasts" in story.sentences[-1]


def test_a_fault_on_others_is_no_cause(tmp_path: Path) -> None:
    verdict = planted(
        tmp_path / "h.jsonl",
        lease(0.5, "granted", "w1", name="a"),
        fault(0.9, "pause", "w3"),
        ran(1.0, "w1", "1", due=1.0, takes=0.5),
        ran(1.2, "w2", "1", due=1.0, takes=0.5),
        healed(1.5, "pause"),
        well(2.0, 3.0),
    )
    (first,) = stories(verdict)
    assert first.sentences[0] == ("No fault is known to have led to this; active was pause of w3.")


def test_who_asks_nobody_runs_twice_without_a_cause(tmp_path: Path) -> None:
    verdict = planted(
        tmp_path / "h.jsonl",
        *(ran(1.0 + i / 1000, f"w{i}", "1", due=1.0) for i in range(4)),
        *(ran(2.0 + i / 1000, f"w{i}", "2", due=2.0) for i in range(4)),
        well(3.0),
        workers=("w0", "w1", "w2", "w3", "w9"),
    )
    first, second = stories(verdict)
    assert first.title == "“report” due at 1.00 s ran 4 times at the same time"
    assert first.sentences[0] == "Nobody asked for a lease: each worker ran by its own timer."
    assert "“report” due at 1.00 s took effect 4 times." in first.sentences
    assert "a sink that accepts one effect for each due time" in first.sentences[-1]
    assert "due at 2.00 s" in second.title


def test_a_run_lost_in_a_crash_tells_how_far_it_had_come(tmp_path: Path) -> None:
    verdict = planted(
        tmp_path / "h.jsonl",
        lease(1.0, "granted", "w1", name="a", job="report", due=1.0),
        started(1.0, "w1", "1", due=1.0),
        # The exit is seen before the fault is verified.
        life(1.4, "exited", "w1"),
        fault(1.41, "crash", "w1", mechanism="signal"),
        lease(2.0, "denied", "w2", name="b", job="report", due=2.0),
        lease(3.0, "granted", "w2", name="c", job="report", due=3.0),
        ran(3.0, "w2", "1", due=3.0),
        jobs=(JobLine("report", 1.0, 1.0, 0.5),),
        parameters={"ttl": 1.8},
    )
    story = only(verdict, "missed")
    assert story.title == "2 due times of “report” missed, 1 of them lost in the middle"
    assert story.sentences[0].startswith("At 1.40 s w1 was killed (SIGKILL), 0.40 s into its run")
    assert (
        "The run of “report” due at 1.00 s was lost: w1, that had started it at 1.00 s, died at "
        "1.40 s, 0.10 s before its end."
    ) in story.sentences
    assert "Nobody tried it again." in story.sentences
    assert "The lease “lock” of w1 outlived it: nobody was granted it before 3.00 s." in (
        story.sentences
    )


def test_a_run_that_failed_was_no_fault(tmp_path: Path) -> None:
    verdict = planted(
        tmp_path / "h.jsonl", started(1.0, "w1", "1", due=1.0), failed(1.2, "w1", "1"), well(2, 3)
    )
    story = only(verdict, "missed")
    assert story.title == "“report” due at 1.00 s failed"
    assert story.sentences[0] == "No fault was active."
    assert "w1, that had started it at 1.00 s, failed at 1.20 s" in story.sentences[1]


def test_a_job_that_nobody_took_up_again_is_unrecovered(tmp_path: Path) -> None:
    verdict = planted(
        tmp_path / "h.jsonl",
        lease(0.5, "granted", "w1", name="a"),
        well(1.0),
        fault(1.5, "partition", "w1"),
        duration=5.0,
    )
    (story,) = stories(verdict)
    assert story.kind == "unrecovered"
    assert story.title == "“report” did not start again before the end"
    assert "At 1.50 s w1 was cut off from the coordinator until the end" in story.sentences[0]
    assert "No able worker started “report” again" in story.sentences[-1]


def test_a_refused_effect_is_told(tmp_path: Path) -> None:
    verdict = planted(
        tmp_path / "h.jsonl",
        lease(0.5, "granted", "w1", name="a"),
        ran(1.0, "w1", "1", due=1.0),
        started(1.5, "w2", "1", due=1.0),
        Event(at=1.6, kind="effect.rejected", worker="w2", run="w2/1", reason="duplicate"),
        Event(at=1.6, kind="run.finished", worker="w2", run="w2/1"),
        well(2.0, 3.0),
    )
    story = only(verdict, "duplicate")
    assert "The sink refused 1 effect: “report” due at 1.00 s took effect once." in story.sentences


def test_two_holders_without_a_run_are_a_story_of_their_own(tmp_path: Path) -> None:
    verdict = planted(
        tmp_path / "h.jsonl",
        lease(0.5, "granted", "w1", name="a"),
        lease(0.7, "granted", "w2", name="b"),
        lease(0.9, "released", "w1", name="a"),
        well(1.0, 2.0, 3.0),
    )
    (story,) = stories(verdict)
    assert story.kind == "double_hold"
    assert story.title == "Two workers held “lock” at the same time"
    assert "w1 was granted “lock” at 0.50 s and gave it up at 0.90 s." in story.sentences


def test_two_faults_are_two_stories_and_kinds_come_first(tmp_path: Path) -> None:
    def overlap(at: float, name: str) -> list[object]:
        pause = fault(at + 0.1, "pause", "w1")
        back = healed(at + 0.6, "pause")
        pause.fault = back.fault = name
        return [
            started(at, "w1", name, due=at),
            pause,
            *ran(at + 0.3, "w2", name, due=at + 0.0, takes=0.1)[:1],
            *finished(at + 0.4, "w2", name)[1:],
            back,
            *finished(at + 0.7, "w1", name),
        ]

    verdict = planted(
        tmp_path / "h.jsonl",
        lease(0.1, "granted", "w1", name="a"),
        *overlap(1.0, "first"),  # type: ignore[arg-type]
        *overlap(2.0, "second"),  # type: ignore[arg-type]
        duration=6.0,
    )
    found = violations(verdict)
    assert [one.blow.fault if one.blow else None for one in found[:2]] == ["first", None]
    assert found[1].never
    assert len(stories(verdict, 1)) == 1
    assert [one.start for one in stories(verdict, 2)] == [one.start for one in stories(verdict)[:2]]


def test_without_a_history_the_runs_alone_tell() -> None:
    first, *others = stories(make_verdict())
    assert first.kind == "duplicate"
    assert first.sentences[0] == (
        "The trial's history is not at hand: what led to this is not known."
    )
    assert "worker-1 started “report” due at 2.00 s at 2.00 s and was done at 2.20 s." in (
        first.sentences
    )
    assert {one.kind for one in others} == {"unrecovered", "missed"}


def test_a_history_that_is_gone_is_no_error(tmp_path: Path) -> None:
    assert stories(make_verdict(path=tmp_path / "gone.jsonl"))


def test_a_trial_in_which_all_went_well_has_no_story(tmp_path: Path) -> None:
    assert stories(planted(tmp_path / "h.jsonl", well(1.0, 2.0, 3.0))) == ()
    assert stories(judged(well(1.0, 2.0, 3.0))) == ()


def test_the_same_verdict_tells_the_same(tmp_path: Path) -> None:
    assert stories(paused(tmp_path / "a.jsonl")) == stories(paused(tmp_path / "b.jsonl"))
