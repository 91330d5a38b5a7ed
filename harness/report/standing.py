"""How a figure stands: good, to be noticed, or bad, against what the scenario expects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from harness.report.model import Comparison
from harness.verdict.expectations import Check, Standing
from harness.verdict.measures import MEASURES, measured
from harness.verdict.model import Result

# What is a violation wherever it is more than nothing.
VIOLATIONS = ("duplicate", "overlap", "missed", "unrecovered")
# Zero is good news of these too, but more is none: they have their explanation.
_GOOD_AT_ZERO = frozenset({*VIOLATIONS, "never_started", "lost", "failed", "overlapping"})


class Level(StrEnum):
    """What a reader should make of a figure.

    bad: an expectation is not met. warn: a violation that no expectation forbids, or that the
    scenario expects. good: an expectation is met without a violation, or none was seen.
    """

    GOOD = "good"
    WARN = "warn"
    BAD = "bad"


SIGNS = {Level.GOOD: "✓", Level.WARN: "!", Level.BAD: "✗"}


@dataclass(frozen=True, slots=True)
class Mark:
    """The level of a figure, and why; the text is one line without the approach's name."""

    level: Level
    text: str

    @property
    def sign(self) -> str:
        """So that colour is not alone."""
        return SIGNS[self.level]


def mark(comparison: Comparison, result: Result, measure: str) -> Mark | None:
    """How a measure of a result stands; None where it is neither good nor bad."""
    if measure not in MEASURES:
        return None
    checks = [
        one
        for one in comparison.checks
        if one.approach == result.approach and one.measure == measure
    ]
    violated = measure in VIOLATIONS and (measured(measure, result) or 0) > 0
    known = [one for one in checks if one.standing is not Standing.UNMEASURED]
    unmet = [one for one in known if one.standing is Standing.UNMET]
    if unmet:
        return Mark(Level.BAD, _texts(unmet))
    if violated:
        return Mark(Level.WARN, _allowed(known) if known else "a violation that nothing forbids")
    if known:
        return Mark(Level.GOOD, _texts(known))
    if measure in _GOOD_AT_ZERO and measured(measure, result) == 0:
        return Mark(Level.GOOD, "none seen")
    return None


def unmet(comparison: Comparison, approach: str) -> tuple[Check, ...]:
    """The expectations of an approach that are not met."""
    return tuple(
        one
        for one in comparison.checks
        if one.approach == approach and one.standing is Standing.UNMET
    )


def _allowed(checks: Sequence[Check]) -> str:
    wanted = any(one.expectation.minimum for one in checks)
    return f"{'as expected' if wanted else 'allowed'}: {_texts(checks)}"


def _texts(checks: Sequence[Check]) -> str:
    return "; ".join(one.text.removeprefix(f"{one.approach}: ") for one in checks)
