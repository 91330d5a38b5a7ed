"""The faults of a trial, drawn before it starts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.faults.crash import Crash
from harness.faults.expire import Expire
from harness.faults.fault import Fault
from harness.faults.plan import breakpoints_of, plan_faults
from harness.faults.stop import Stop
from harness.faults.when import When
from harness.scenario.target import Form, Target

RANDOM = Target(Form.RANDOM)


def jittery(jitter: float, every: float = 5.0) -> Crash:
    return Crash(target=RANDOM, every=every, jitter=jitter)


def test_the_same_seed_gives_the_same_plan() -> None:
    choices = [("crash", jittery(2.0)), ("expire", Expire(target=RANDOM, at=7.0, jitter=1.0))]
    assert plan_faults(choices, 7, 30.0) == plan_faults(choices, 7, 30.0)
    assert plan_faults(choices, 7, 30.0) != plan_faults(choices, 8, 30.0)


def test_faults_are_in_order_of_time_and_numbered_within_their_type() -> None:
    choices = [
        ("crash", Crash(target=RANDOM, every=10.0)),
        ("expire", Expire(target=RANDOM, at=15.0)),
        ("crash", Crash(target=RANDOM, at=4.0)),
    ]
    assert [(one.id, one.type, one.at) for one in plan_faults(choices, 7, 30.0)] == [
        ("crash#1", "crash", 4.0),
        ("crash#2", "crash", 10.0),
        ("expire#1", "expire", 15.0),
        ("crash#3", "crash", 20.0),
    ]


def test_a_planned_fault_knows_what_it_is() -> None:
    crash = Crash(target=RANDOM, at=4.0)
    assert plan_faults([("crash", crash)], 7, 30.0)[0].fault is crash


def test_without_jitter_faults_are_where_they_were_asked_for() -> None:
    plan = plan_faults([("crash", jittery(0.0))], 7, 30.0)
    assert [one.at for one in plan] == [5.0, 10.0, 15.0, 20.0, 25.0]


@given(seed=st.integers(), jitter=st.floats(0.001, 40.0))
def test_jitter_stays_within_its_bounds_and_the_trial(seed: int, jitter: float) -> None:
    plan = plan_faults([("crash", jittery(jitter))], seed, 30.0)
    assert len(plan) == 5
    for one in plan:
        assert one.at is not None
        assert 0.0 <= one.at <= 0.95 * 30.0
    if jitter < 2.5:
        for one, at in zip(plan, (5.0, 10.0, 15.0, 20.0, 25.0), strict=True):
            assert one.at is not None
            assert abs(one.at - at) <= jitter + 1e-6
    ids = [one.id for one in plan]
    assert ids == [f"crash#{number}" for number in range(1, 6)]


def test_chance_leaves_a_fault_near_the_end_where_it_was_asked_for_or_before() -> None:
    late = Crash(target=RANDOM, at=29.0, jitter=5.0)
    drawn = [plan_faults([("crash", late)], seed, 30.0)[0].at or 0.0 for seed in range(50)]
    assert max(drawn) == 29.0
    assert 24.0 <= min(drawn) < 29.0


def test_jitter_moves_each_repetition_by_itself() -> None:
    plan = plan_faults([("crash", jittery(2.0))], 7, 30.0)
    moved = {
        round((one.at or 0.0) - at, 6) for one, at in zip(plan, (5, 10, 15, 20, 25), strict=True)
    }
    assert len(moved) == 5


@pytest.mark.parametrize("other", [Crash(target=RANDOM, at=3.0), jittery(1.0, every=3.0)])
def test_a_fault_is_not_moved_by_the_ones_that_follow_it(other: Crash) -> None:
    alone = plan_faults([("expire", Expire(target=RANDOM, every=5.0, jitter=2.0))], 7, 30.0)
    together = plan_faults(
        [("expire", Expire(target=RANDOM, every=5.0, jitter=2.0)), ("crash", other)], 7, 30.0
    )
    assert [one.at for one in together if one.type == "expire"] == [one.at for one in alone]


def test_no_faults_are_no_plan() -> None:
    assert plan_faults([], 7, 30.0) == ()


def awaiting(kind: str, **more: float) -> Crash:
    return Crash(when=When(kind=kind, **more))  # type: ignore[arg-type]


def test_what_waits_for_an_event_comes_last_and_moves_nobody() -> None:
    jittered = ("crash", jittery(2.0))
    waiting = [("crash", awaiting("run.started")), ("expire", Expire(when=When(kind="lease.lost")))]
    plan = plan_faults([jittered, *waiting], 7, 30.0)
    assert [(one.id, one.at) for one in plan[5:]] == [("crash#6", None), ("expire#1", None)]
    assert plan[:5] == plan_faults([jittered], 7, 30.0)
    assert plan == plan_faults([jittered, *waiting], 7, 30.0)


@pytest.mark.parametrize(
    ("fault", "kinds"),
    [
        (awaiting("lease.requested"), {"lease.requested"}),
        (awaiting("lease.requested", nth=3), {"lease.requested"}),
        # It goes on meanwhile.
        (awaiting("lease.requested", after=0.02), set()),
        # The runner says so, not the worker.
        (awaiting("fault.injected"), set()),
        (awaiting("worker.exited"), set()),
        # Nobody can stop in good order and stand still.
        (Stop(when=When(kind="run.started")), set()),
        (Crash(target=RANDOM, at=1.0), set()),
    ],
)
def test_workers_stand_still_where_a_fault_follows_at_once(fault: Fault, kinds: set[str]) -> None:
    assert breakpoints_of(plan_faults([("some", fault)], 7, 30.0)) == kinds
