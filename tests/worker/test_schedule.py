"""Due times and durations: the same for everybody, without drift."""

from __future__ import annotations

import json
from itertools import islice
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.scenario.model import Job, LogNormal
from harness.worker.schedule import (
    Due,
    due_between,
    due_times,
    job_from_json,
    job_line,
    run_time,
)


def test_due_times_of_all_jobs_come_in_order_of_time() -> None:
    jobs = [Job("slow", every=1.0, first=0.5), Job("fast", every=0.4, first=0.4)]
    assert list(islice(due_times(jobs), 6)) == [
        Due("fast", 0.4),
        Due("slow", 0.5),
        Due("fast", 0.8),
        Due("fast", 1.2),
        Due("slow", 1.5),
        Due("fast", 1.6),
    ]


def test_jobs_due_at_the_same_moment_come_in_the_order_of_the_scenario() -> None:
    jobs = [Job("b", every=1.0, first=1.0), Job("a", every=1.0, first=1.0)]
    assert [due.job for due in islice(due_times(jobs), 4)] == ["b", "a", "b", "a"]


@given(st.floats(0.0, 50.0), st.sampled_from([0.1, 0.25, 0.7, 3.0]))
def test_due_times_from_a_moment_on_are_the_ones_that_are_left(after: float, every: float) -> None:
    jobs = [Job("a", every=every, first=0.3), Job("b", every=2 * every, first=0.3)]
    left = [due for due in islice(due_times(jobs), 2000) if due.at >= after][:5]
    assert list(islice(due_times(jobs, after), 5)) == left


def test_due_times_do_not_drift() -> None:
    thousandth = next(islice(due_times([Job("tick", every=0.1, first=0.1)]), 999, None))
    assert thousandth.at == 100.0


def test_no_jobs_are_never_due() -> None:
    assert list(due_times([])) == []


def test_a_job_is_due_no_more_from_its_end_on() -> None:
    jobs = [Job("short", 1.0, 1.0, until=3.0), Job("none", 5.0, 5.0, until=5.5), Job("long", 2.0)]
    assert [(due.job, due.at) for due in islice(due_times(jobs), 6)] == [
        ("short", 1.0),
        ("short", 2.0),
        ("long", 2.0),
        ("long", 4.0),
        ("none", 5.0),
        ("long", 6.0),
    ]
    assert [due.job for due in islice(due_times(jobs, 7.0), 2)] == ["long", "long"]
    assert list(due_times(jobs[:2], 5.1)) == []
    assert [due.at for due in due_between(jobs[0], 0.0, 10.0)] == [1.0, 2.0]


def test_what_is_due_as_its_job_ends_is_not_due_whatever_the_rounding() -> None:
    job = Job("third", every=0.333333, first=10.0, until=11.0)
    assert [due.at for due in due_times([job])] == [10.0, 10.333333, 10.666666]


def test_a_job_with_an_end_comes_through_the_trial_line() -> None:
    job = Job("spike-1", 1.0, 5.0, until=9.0)
    assert job_line(job).as_json()["until"] == 9.0
    assert job_from_json(json.loads(json.dumps(job_line(job).as_json()))) == job
    assert "until" not in job_line(Job("report", 1.0)).as_json()


def test_due_between_leaves_out_its_start_and_includes_its_end() -> None:
    job = Job("report", every=0.5, first=0.5)
    assert [due.at for due in due_between(job, 1.0, 2.0)] == [1.5, 2.0]
    assert due_between(job, 1.0, 1.4) == []
    assert [due.at for due in due_between(job, -1.0, 1.0)] == [0.5, 1.0]


@given(
    every=st.integers(1, 5000).map(lambda n: n / 1000),
    first=st.integers(0, 5000).map(lambda n: n / 1000),
    after=st.floats(0, 20),
    length=st.floats(0, 5),
)
def test_due_between_finds_what_due_times_finds(
    every: float, first: float, after: float, length: float
) -> None:
    job = Job("report", every=every, first=first)
    expected = []
    for due in due_times([job]):
        if due.at > after + length:
            break
        if due.at > after:
            expected.append(due)
    assert due_between(job, after, after + length) == expected


def test_a_fixed_duration_is_that_duration() -> None:
    assert run_time(Job("report", every=1.0, first=1.0, takes=0.2), 7, 1.0) == 0.2


def test_a_drawn_duration_depends_on_seed_job_and_due_time_alone() -> None:
    job = Job("report", every=1.0, first=1.0, takes=LogNormal(0.2, 0.5))
    other = Job("billing", every=1.0, first=1.0, takes=LogNormal(0.2, 0.5))
    assert run_time(job, 7, 1.0) == run_time(job, 7, 1.0)
    drawn = {run_time(job, 7, 1.0), run_time(job, 8, 1.0), run_time(job, 7, 2.0)}
    assert len({*drawn, run_time(other, 7, 1.0)}) == 4


def test_drawn_durations_have_the_median_they_were_given() -> None:
    job = Job("report", every=1.0, first=1.0, takes=LogNormal(0.2, 0.5))
    drawn = [run_time(job, 7, float(due)) for due in range(1000)]
    assert median(drawn) == pytest.approx(0.2, rel=0.1)
    assert min(drawn) > 0


def test_a_log_normal_without_spread_is_its_median() -> None:
    job = Job("report", every=1.0, first=1.0, takes=LogNormal(0.2, 0.0))
    assert run_time(job, 7, 1.0) == pytest.approx(0.2)


def test_a_due_time_as_text_tells_due_times_apart() -> None:
    assert str(Due("report", 1.5)) == "report/1.500000"


@pytest.mark.parametrize("takes", [0.25, {"median": 0.2, "sigma": 0.4}])
def test_a_job_is_read_from_the_line_of_a_history(takes: object) -> None:
    row = json.loads(json.dumps({"name": "report", "every": 1.0, "first": 0.5, "takes": takes}))
    expected = LogNormal(0.2, 0.4) if isinstance(takes, dict) else takes
    assert job_from_json(row) == Job("report", 1.0, 0.5, expected)  # type: ignore[arg-type]
