"""What a gate finds: one case for each thing that it looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class Status(StrEnum):
    """How a case ended.

    failed: a violation or a regression. error: an invalid trial, or nothing there to judge.
    """

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    SKIPPED = "skipped"


class Kind(StrEnum):
    """What a case is about: the trials themselves, an expectation, or the baseline."""

    TRIALS = "trials"
    EXPECTATION = "expectation"
    BASELINE = "baseline"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One thing that a gate looked at.

    `name` says what is asked, such as `duplicate at most 0`; `text` in one line what was found, by
    how much, and how sure. `look_at` is where to look, such as a history's path, `page` the link to
    it on the report's page; `figures` are the numbers behind the text, by name. `notable` says that
    a person wants to read it even though it did not fail.
    """

    scenario: str
    runtime: str
    approach: str
    kind: Kind
    measure: str
    name: str
    status: Status
    text: str
    look_at: str | None = None
    page: str | None = None
    figures: Mapping[str, float | None] = field(default_factory=dict)
    notable: bool = False


def worst(cases: Sequence[Case]) -> Status:
    """The status of all cases together: failed before error, and skipped only if all are."""
    found = {case.status for case in cases}
    if Status.FAILED in found:
        return Status.FAILED
    if Status.ERROR in found or not found:
        return Status.ERROR
    return Status.PASSED if Status.PASSED in found else Status.SKIPPED
