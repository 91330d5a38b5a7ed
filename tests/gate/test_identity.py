"""What must be the same for two reports to be compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from harness.gate.figures import Record
from harness.gate.identity import Across, differences
from tests.fidelity.building import make_tally
from tests.gate.reports import comparison, recorded

ABOUT = {"machine": "A", "versions": "harness 1, Python 3.11", "redis": "Redis 7"}
IMITATED = {**ABOUT, "calibrated on": "cores 2"}


def one(
    parameters: Mapping[str, Any] | None = None, mechanism: str = "signal", **changes: Any
) -> Record:
    given = {"about": ABOUT, **changes}
    tallies = {"a": [make_tally(mechanisms=(mechanism,))]}
    return recorded(comparison(tallies, **given), parameters or {"ttl": 1.0})


def told(old: Record, new: Record) -> list[tuple[Across, str, str, str]]:
    return [(d.across, d.what, d.old, d.new) for d in differences(old, new)]


def test_the_same_thing_with_other_seeds_and_other_code_differs_in_nothing() -> None:
    about = {**ABOUT, "versions": "harness 2, Python 3.11", "command": "x", "when": "later"}
    assert told(one(), one(seed=9, about=about)) == []


@pytest.mark.parametrize(
    ("new", "difference"),
    [
        (one(runtime="netns"), (Across.RUNTIME, "runtime", "process", "netns")),
        (one({"ttl": 2.0}), (Across.PARAMETERS, "ttl", "1.0", "2.0")),
        (one({"ttl": 1.0, "key": "run"}), (Across.PARAMETERS, "key", "nothing", "run")),
        (one(mechanism="x"), (Across.MECHANISM, "how faults are made", "signal", "x")),
        (one(about={**ABOUT, "machine": "B"}), (Across.MACHINE, "machine", "A", "B")),
        (
            one(about={**ABOUT, "versions": "harness 1, Python 3.12"}),
            (Across.MACHINE, "versions", "Python 3.11", "Python 3.12"),
        ),
        (one(about={**ABOUT, "redis": "6"}), (Across.COORDINATOR, "redis", "Redis 7", "6")),
        (
            one(setting={"workers": 3, "jobs": [{"name": "report", "every": 2.0}]}),
            (Across.SCENARIO, "jobs[0].every", "1.0", "2.0"),
        ),
        (
            one(setting={"jobs": [{"name": "report", "every": 1.0}]}),
            (Across.SCENARIO, "workers", "3", "nothing"),
        ),
    ],
)
def test_each_difference_is_told_with_the_option_that_allows_it(
    new: Record, difference: tuple[Across, str, str, str]
) -> None:
    assert told(one(), new) == [difference]
    (line,) = map(str, differences(one(), new))
    assert line.endswith(f"--across {difference[0]}")
    assert f"{difference[1]} was {difference[2]}, is {difference[3]};" in line


def test_in_virtual_time_the_machine_does_not_matter_but_what_is_imitated_does() -> None:
    old = one(runtime="sim", about=IMITATED)
    assert told(old, one(runtime="sim", about={**IMITATED, "machine": "B"})) == []
    other = one(runtime="sim", about={**IMITATED, "calibrated on": "cores 8", "redis": "6"})
    assert [each[:2] for each in told(old, other)] == [
        (Across.CALIBRATION, "calibrated on"),
        (Across.CALIBRATION, "redis"),
    ]


def test_a_coordinator_that_only_one_side_needed_is_no_difference() -> None:
    assert told(one(), one(about={**ABOUT, "postgres": "15"})) == []


def test_settings_nested_deeper_than_calls_can_be_are_compared() -> None:
    deep: dict[str, Any] = {"bottom": 1}
    for _ in range(5000):
        deep = {"more": deep}
    assert [each[1].count(".") for each in told(one(), one(setting=deep))] == [0, 1, 1, 5000]
