"""Results against what the scenario expects of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from harness.scenario.model import ALL, Expectation, expected_of
from harness.verdict.measures import measured, never_ended, shown
from harness.verdict.model import Result


class Standing(StrEnum):
    """How a result stands to an expectation.

    `unmeasured`: there was nothing to measure, which proves nothing, neither way.
    """

    MET = "met"
    UNMET = "unmet"
    UNMEASURED = "unmeasured"


@dataclass(frozen=True, slots=True)
class Check:
    """One expectation of one approach, and how its result stands to it; `text` in one line."""

    approach: str
    expectation: Expectation
    standing: Standing
    text: str

    @property
    def measure(self) -> str:
        """What is bounded."""
        return self.expectation.measure


def check_expectations(expect: Sequence[Expectation], results: Iterable[Result]) -> list[Check]:
    """Every expectation of every result, met or not.

    What is expected of `all` is not asked of an approach that did not run.
    """
    return [
        check
        for result in results
        for expectation in expected_of(expect, result.approach)
        if (check := _check(expectation, result)) is not None
    ]


def bounds(expectation: Expectation) -> str:
    """What is expected, in words: `at most 3s`."""
    name, low, high = expectation.measure, expectation.minimum, expectation.maximum
    least = None if low is None else f"at least {shown(name, low)}"
    most = None if high is None else f"at most {shown(name, high)}"
    return " and ".join(filter(None, (least, most)))


def _check(expectation: Expectation, result: Result) -> Check | None:
    name = expectation.measure
    if result.trials > result.invalid_trials:
        standing, text = _stands(expectation, result)
    elif expectation.approach == ALL:
        return None
    else:
        standing, text = Standing.UNMEASURED, f"no valid trial to see its {name} in"
    return Check(result.approach, expectation, standing, f"{result.approach}: {text}")


def _stands(expectation: Expectation, result: Result) -> tuple[Standing, str]:
    name, low, high = expectation.measure, expectation.minimum, expectation.maximum
    value = measured(name, result)
    if value is None:
        if not never_ended(name, result):
            return Standing.UNMEASURED, f"there was no {name} to measure"
        # Whatever lies beyond the end is at least as much as is asked for.
        beyond = Standing.MET if high is None else Standing.UNMET
        return beyond, f"{name} lies beyond the end of the trial"
    text = f"{name} is {shown(name, value)}, expected "
    if high is not None and value > high:
        return Standing.UNMET, text + f"at most {shown(name, high)}"
    if low is not None and value < low:
        return Standing.UNMET, text + f"at least {shown(name, low)}"
    return Standing.MET, text + bounds(expectation)
