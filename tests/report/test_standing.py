from __future__ import annotations

from types import SimpleNamespace

import pytest

from harness.report.standing import Level, mark, unmet
from harness.scenario.model import Expectation


@pytest.mark.parametrize(
    ("expect", "level", "text"),
    [
        ((), Level.WARN, "a violation that nothing forbids"),
        (
            (Expectation("redis-lock", "duplicate", maximum=0),),
            Level.BAD,
            "duplicate is 12, expected at most 0",
        ),
        (
            (Expectation("all", "duplicate", minimum=1),),
            Level.WARN,
            "as expected: duplicate is 12, expected at least 1",
        ),
        (
            (Expectation("all", "duplicate", maximum=20),),
            Level.WARN,
            "allowed: duplicate is 12, expected at most 20",
        ),
    ],
)
def test_a_violation_stands_as_the_scenario_expects(
    make: SimpleNamespace, expect: tuple[Expectation, ...], level: Level, text: str
) -> None:
    comparison = make.comparison(make.result(), expect=expect)
    found = mark(comparison, comparison.results[0], "duplicate")
    assert found is not None
    assert (found.level, found.text) == (level, text)


def test_none_seen_is_good_and_a_figure_without_expectation_is_neither(
    make: SimpleNamespace,
) -> None:
    comparison = make.comparison(make.clean_result())
    result = comparison.results[0]
    none = mark(comparison, result, "duplicate")
    assert none is not None
    assert (none.level, none.sign, none.text) == (Level.GOOD, "✓", "none seen")
    assert mark(comparison, result, "failover_p50") is None
    assert mark(comparison, result, "no such measure") is None


def test_a_time_within_its_bound_is_good_and_one_beyond_is_bad(make: SimpleNamespace) -> None:
    expect = (
        Expectation("all", "failover_p50", maximum=1.0),
        Expectation("all", "outage_max", maximum=1.0),
    )
    comparison = make.comparison(make.result(), expect=expect)
    result = comparison.results[0]
    good, bad = (mark(comparison, result, name) for name in ("failover_p50", "outage_max"))
    assert good is not None
    assert good.level is Level.GOOD
    assert bad is not None
    assert (bad.level, bad.sign) == (Level.BAD, "✗")
    assert [one.measure for one in unmet(comparison, result.approach)] == ["outage_max"]


def test_what_could_not_be_measured_is_not_marked(make: SimpleNamespace) -> None:
    expect = (Expectation("all", "takeover_p50", maximum=1.0),)
    comparison = make.comparison(make.result(), expect=expect)
    assert mark(comparison, comparison.results[0], "takeover_p50") is None
