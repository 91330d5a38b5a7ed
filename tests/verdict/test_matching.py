"""Runs of workers that do not know their due times."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_bipartite_matching

from harness.verdict.judge import judge
from harness.verdict.matching import match
from harness.verdict.model import Extra
from tests.verdict.building import history, judged, life, ran, started, well

BEFORE, AFTER = 0.25, 1.5
moments = st.lists(st.integers(0, 40).map(lambda quarter: quarter / 4), max_size=25).map(sorted)


@settings(deadline=None)
@given(starts=moments, dues=moments.map(lambda values: sorted(set(values))))
def test_no_matching_serves_more_due_times(starts: list[float], dues: list[float]) -> None:
    matched = match(starts, dues, BEFORE, AFTER)
    given_out = [index for index in matched if index is not None]
    assert len(given_out) == len(set(given_out))
    for start, index in zip(starts, matched, strict=True):
        assert index is None or dues[index] - BEFORE <= start <= dues[index] + AFTER
    if starts and dues:
        allowed = np.array([[due - BEFORE <= at <= due + AFTER for due in dues] for at in starts])
        best = maximum_bipartite_matching(csr_matrix(allowed), perm_type="column")
        assert len(given_out) == (best >= 0).sum()


def test_runs_are_given_the_due_times_in_whose_windows_they_started() -> None:
    verdict = judged(ran(0.96, "w1", "1"), ran(2.5, "w1", "2"), ran(3.9, "w1", "3"))
    assert [run.due for run in verdict.runs] == [1, 2, 3]
    assert [one.outcome for one in verdict.expected] == ["once", "once", "once"]


def test_a_run_outside_of_all_windows_has_no_due_time() -> None:
    verdict = judged(ran(0.9, "w1", "1"), well(1, 2, 3))
    assert verdict.runs[0].due is None
    assert verdict.runs[0].extra is None


def test_a_run_too_many_is_a_duplicate_of_the_latest_due_time() -> None:
    verdict = judged(ran(1, "w1", "1"), ran(1.01, "w2", "1"), ran(2, "w1", "2"), ran(3, "w1", "3"))
    assert [one.outcome for one in verdict.expected] == ["duplicate", "once", "once"]
    assert [run.extra for run in verdict.runs] == [None, Extra.OVERLAPPING, None, None]


def test_a_run_too_many_may_be_early_too() -> None:
    verdict = judged(ran(0.96, "w1", "1"), ran(0.97, "w2", "1"))
    assert [run.due for run in verdict.runs] == [1, 1]


def test_as_many_due_times_as_possible_are_served() -> None:
    # Nearest first would give both runs to 2 and leave 1 without.
    verdict = judged(ran(1.96, "w1", "1"), ran(2, "w2", "1"), well(3))
    assert [run.due for run in verdict.runs] == [1, 2, 3]


def test_due_times_that_have_a_run_of_their_own_are_taken() -> None:
    verdict = judged(ran(1.5, "w1", "1", due=1), ran(1.97, "w2", "1"), well(3))
    assert [run.due for run in verdict.runs] == [1, 2, 3]


def test_a_retry_is_seen_as_one() -> None:
    verdict = judged(started(1, "w1", "1"), life(1.1, "exited", "w1"), ran(1.5, "w2", "1"))
    assert [run.extra for run in verdict.runs] == [None, Extra.RETRIED]
    assert verdict.expected[0].outcome == "once"


def test_the_tolerance_is_a_parameter() -> None:
    early = history(ran(0.9, "w1", "1"))
    assert judge(early).runs[0].due is None
    assert judge(early, tolerance=0.2).runs[0].due == 1
