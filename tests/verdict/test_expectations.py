"""What a scenario expects, against what was measured."""

from __future__ import annotations

from dataclasses import replace
from operator import attrgetter

import pytest

from harness.scenario.model import ALL, Expectation
from harness.verdict.expectations import Check, Standing, bounds, check_expectations
from harness.verdict.measures import MEASURES
from harness.verdict.model import Latency, Quantiles, Result
from harness.verdict.result import skipped

RESULT = Result(approach="redis-lock", trials=2, invalid_trials=0, expected=20, once=20)


def violations(result: Result, *expect: Expectation) -> list[str]:
    checks = check_expectations(expect, [result])
    return [one.text for one in checks if one.standing is not Standing.MET]


def the_check(result: Result, expectation: Expectation) -> Check:
    [check] = check_expectations([expectation], [result])
    return check


def at_most(measure: str, bound: float, approach: str = ALL) -> Expectation:
    return Expectation(approach, measure, maximum=bound)


def at_least(measure: str, bound: float, approach: str = ALL) -> Expectation:
    return Expectation(approach, measure, minimum=bound)


@pytest.mark.parametrize("measure", MEASURES)
def test_every_measure_is_one_that_a_result_has(measure: str) -> None:
    value = attrgetter(MEASURES[measure])(RESULT)
    assert value is None or isinstance(value, int | float)


@pytest.mark.parametrize("measure", ["double_hold", "double_hold_seconds"])
def test_without_a_lease_there_is_nothing_to_hold_twice(measure: str) -> None:
    expected = at_most(measure, 0)
    assert the_check(RESULT, expected).standing is Standing.UNMEASURED
    granted = replace(RESULT, lease_wait=Quantiles(0.1, 0.1, 0.1, 0.1))
    assert the_check(granted, expected).standing is Standing.MET
    # Of others' histories, some have grants alone.
    unasked = replace(RESULT, double_hold_count=1, double_hold_seconds=0.5)
    assert the_check(unasked, expected).standing is Standing.UNMET


def test_bounds_are_inclusive() -> None:
    result = replace(RESULT, duplicate=3)
    assert violations(result, at_most("duplicate", 3), at_least("duplicate", 3)) == []


def test_more_than_allowed_is_a_violation() -> None:
    assert violations(replace(RESULT, duplicate=3), at_most("duplicate", 2)) == [
        "redis-lock: duplicate is 3, expected at most 2"
    ]


def test_less_than_asked_for_is_a_violation() -> None:
    assert violations(replace(RESULT, once=19), at_least("once", 20)) == [
        "redis-lock: once is 19, expected at least 20"
    ]


def test_a_violation_names_approach_and_measure() -> None:
    expectation = at_most("missed", 0)
    text = "redis-lock: missed is 2, expected at most 0"
    assert the_check(replace(RESULT, lost=1, failed=1), expectation) == Check(
        "redis-lock", expectation, Standing.UNMET, text
    )


def test_times_are_told_with_their_units() -> None:
    slow = Latency(9, 0, Quantiles(p95=3.25))
    result = replace(RESULT, failover=slow, overlap_seconds=0.15)
    assert violations(result, at_most("failover_p95", 3.0), at_most("overlap_seconds", 0.0)) == [
        "redis-lock: failover_p95 is 3.25s, expected at most 3s",
        "redis-lock: overlap_seconds is 150ms, expected at most 0s",
    ]


def test_unrecovered_is_that_of_failover() -> None:
    result = replace(RESULT, failover=Latency(9, 2, Quantiles()))
    assert violations(result, at_most("unrecovered", 0)) == [
        "redis-lock: unrecovered is 2, expected at most 0"
    ]


def test_a_quantile_beyond_the_end_is_a_violation_of_any_upper_bound() -> None:
    result = replace(RESULT, failover=Latency(9, 2, Quantiles(p50=1.0)))
    assert violations(result, at_most("failover_p95", 60.0)) == [
        "redis-lock: failover_p95 lies beyond the end of the trial"
    ]


def test_a_quantile_beyond_the_end_is_no_violation_of_a_lower_bound() -> None:
    result = replace(RESULT, outage=Latency(9, 2, Quantiles()))
    assert violations(result, at_least("outage_p95", 1.0)) == []


@pytest.mark.parametrize("measure", ["failover_p95", "lateness_p99", "calls_per_run"])
def test_what_was_not_measured_proves_nothing_neither_way(measure: str) -> None:
    for bound in (at_most(measure, 0.0), at_least(measure, 9.0)):
        check = the_check(RESULT, bound)
        assert check.standing is Standing.UNMEASURED
        assert check.text == f"redis-lock: there was no {measure} to measure"


def test_what_is_said_of_an_approach_goes_before_what_is_said_of_all() -> None:
    expect = (at_most("duplicate", 0), at_most("duplicate", 5, "redis-setnx"))
    results = [
        replace(RESULT, approach=name, duplicate=3) for name in ("redis-lock", "redis-setnx")
    ]
    assert [(one.approach, one.standing) for one in check_expectations(expect, results)] == [
        ("redis-lock", Standing.UNMET),
        ("redis-setnx", Standing.MET),
    ]


def test_what_is_expected_of_all_is_not_asked_of_what_was_not_run() -> None:
    expectation = at_least("once", 1)
    invalid = Result(approach="redis-lock", trials=2, invalid_trials=2)
    assert violations(skipped("redis-lock", "no redis"), expectation) == []
    assert violations(invalid, expectation) == []
    assert len(violations(replace(invalid, trials=3), expectation)) == 1


def test_what_is_expected_of_it_by_name_is_not_passed_by_not_running() -> None:
    check = the_check(skipped("redis-lock", "no redis"), at_least("once", 1, "redis-lock"))
    assert check.standing is Standing.UNMEASURED
    assert check.text == "redis-lock: no valid trial to see its once in"


def test_where_no_fault_hit_anybody_nobody_recovered() -> None:
    check = the_check(RESULT, at_most("unrecovered", 0))
    assert check.standing is Standing.UNMEASURED


def test_what_is_met_says_what_was_seen_and_what_was_expected() -> None:
    check = the_check(replace(RESULT, duplicate=1), at_most("duplicate", 2))
    assert check.standing is Standing.MET
    assert check.text == "redis-lock: duplicate is 1, expected at most 2"


def test_bounds_are_told_as_a_scenario_writes_them() -> None:
    assert bounds(Expectation(ALL, "failover_p95", 0.5, 3.0)) == "at least 500ms and at most 3s"


def test_without_expectations_there_is_nothing_to_violate() -> None:
    assert violations(replace(RESULT, duplicate=20)) == []
