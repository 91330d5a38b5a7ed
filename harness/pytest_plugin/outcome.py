"""What a run came to, and what a test may assert of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from harness.pytest_plugin.errors import Inconclusive, Violation
from harness.pytest_plugin.failure import Place, violation_text
from harness.report.model import Comparison
from harness.scenario.duration import parse_duration
from harness.scenario.model import Expectation
from harness.scenario.wording import hint
from harness.verdict.expectations import Check, Standing, check_expectations
from harness.verdict.measures import MEASURES
from harness.verdict.model import Result

Bound = float | str
"""A number, or a duration such as `3s`."""


@dataclass(slots=True, repr=False)
class Outcome:
    """A scenario's approaches, judged. Every trial in it is valid.

    `directory` holds the histories, and the report once there is one; `reports` is where this
    session's directories lie. Each assertion is about all approaches that ran, or about the one
    named, and gives the outcome again. It raises Violation where it does not hold, Inconclusive
    where there was nothing to measure, UsageError where it makes no sense.
    """

    comparison: Comparison
    directory: Path
    reports: Path
    command: Sequence[str]
    _reported: Callable[[Outcome], None]
    _line: str | None = field(default=None)

    def __repr__(self) -> str:
        return f"<outcome of {self.scenario} in {self.directory}>"

    @property
    def scenario(self) -> str:
        """The scenario's name."""
        return self.comparison.scenario

    @property
    def results(self) -> tuple[Result, ...]:
        """The results in the scenario's order, with approaches that make no sense in it."""
        return self.comparison.results

    @property
    def trials(self) -> int:
        """How many trials were run."""
        return sum(result.trials for result in self.results)

    def result(self, approach: str | None = None) -> Result:
        """The result of an approach; of the only one, if none is named."""
        __tracebackhide__ = True
        found = self._asked(approach)
        if len(found) != 1:
            names = ", ".join(one.approach for one in found)
            raise pytest.UsageError(f"which result is meant? there are {names or 'none'}")
        return found[0]

    def assert_no_duplicates(self, approach: str | None = None) -> Outcome:
        """No due time had its effect twice."""
        __tracebackhide__ = True
        return self.assert_measure("duplicate", at_most=0, approach=approach)

    def assert_no_overlap(self, approach: str | None = None) -> Outcome:
        """No job ran beside itself."""
        __tracebackhide__ = True
        return self.assert_measure("overlap", at_most=0, approach=approach)

    def assert_none_missed(self, at_most: float = 0, approach: str | None = None) -> Outcome:
        """No due time went by without an effect; or at most so many, or (0.05) such a share."""
        __tracebackhide__ = True
        if isinstance(at_most, float) and 0 < at_most < 1:
            for one in self._asked(approach):
                self._assert(one, "missed", None, at_most * one.expected)
            return self
        return self.assert_measure("missed", at_most=at_most, approach=approach)

    def assert_recovers_within(
        self, within: Bound, quantile: str = "max", approach: str | None = None
    ) -> Outcome:
        """After a fault, its jobs start again in time; `quantile` is p50, p95, p99 or max."""
        __tracebackhide__ = True
        return self.assert_measure(f"failover_{quantile}", at_most=within, approach=approach)

    def assert_measure(
        self,
        measure: str,
        *,
        at_most: Bound | None = None,
        at_least: Bound | None = None,
        approach: str | None = None,
    ) -> Outcome:
        """A measure, by the name that `expect` has for it, lies within these bounds."""
        __tracebackhide__ = True
        if measure not in MEASURES:
            raise pytest.UsageError(f"unknown measure '{measure}'; {hint(measure, MEASURES)}")
        if at_most is None and at_least is None:
            raise pytest.UsageError(f"{measure}: give at_most, at_least or both")
        low, high = _number("at_least", at_least), _number("at_most", at_most)
        for one in self._asked(approach):
            self._assert(one, measure, low, high)
        return self

    def assert_expectations(self) -> Outcome:
        """What the scenario expects of the approaches that ran is met."""
        __tracebackhide__ = True
        if not self.comparison.checks:
            raise pytest.UsageError(
                f"{self.scenario} expects nothing of what ran here; its key is expect"
            )
        return self._judge(self.comparison.checks)

    def write_report(self) -> Path:
        """Write the report, if it is not there yet; its page. Raises OSError."""
        page = self.directory / "index.html"
        if not page.exists():
            # Not above: the charts' libraries take a second to load.
            from harness.report.writing import write_report

            write_report(self.comparison, self.directory)
            self._reported(self)
        return page

    def report_line(self) -> str:
        """Where the report is, which is written if need be; or why there is none."""
        if self._line is None:
            try:
                self._line = f"report: {self.write_report()}"
            except Exception as error:
                # What a test failed of counts, not what became of its report.
                self._line = f"the report could not be written: {type(error).__name__}: {error}"
        return self._line

    def _asked(self, approach: str | None) -> tuple[Result, ...]:
        """Those that ran, or the one that is named."""
        __tracebackhide__ = True
        ran = [result for result in self.results if result.skipped is None]
        found = tuple(one for one in ran if approach in (None, one.approach))
        if not found:
            known = [one.approach for one in ran]
            raise pytest.UsageError(f"'{approach}' did not run; {hint(approach or '', known)}")
        return found

    def _assert(self, result: Result, measure: str, low: float | None, high: float | None) -> None:
        __tracebackhide__ = True
        asserted = Expectation(result.approach, measure, low, high)
        self._judge(check_expectations([asserted], [result]))

    def _judge(self, checks: Sequence[Check]) -> Outcome:
        __tracebackhide__ = True
        unmet = [one for one in checks if one.standing is Standing.UNMET]
        if unmet:
            place = Place(self.comparison, self.directory, self.command)
            texts = [violation_text(place, one) for one in unmet]
            raise Violation("\n\n".join([*texts, self.report_line()]))
        ran = {one.approach: one for one in self.results if one.skipped is None}
        nothing = [
            one.text
            for one in checks
            if one.standing is Standing.UNMEASURED or not ran[one.approach].expected
        ]
        if nothing:
            why = "nothing was measured that could prove it"
            raise Inconclusive("\n".join([*nothing, why, self.report_line()]))
        return self


def _number(name: str, bound: Bound | None) -> float | None:
    """A bound as a number, durations in seconds. Raises UsageError."""
    __tracebackhide__ = True
    if bound is None or not isinstance(bound, str):
        if bound is not None and not bound >= 0:
            raise pytest.UsageError(f"{name} must be 0 or more, not {bound}")
        return bound
    try:
        return parse_duration(bound)
    except ValueError as error:
        raise pytest.UsageError(f"{name} {error}") from None
