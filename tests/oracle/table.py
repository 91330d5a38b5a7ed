"""What theory says must come out, whatever the runtime: scenario, approach, measure and sign."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Sign(StrEnum):
    """What can be said of a count."""

    NONE = "none"
    SOME = "some"
    EVERY = "every"

    def holds(self, count: int, expected: int) -> bool:
        """Whether the count is as it should be, of `expected` runs."""
        match self:
            case Sign.NONE:
                return count == 0
            case Sign.SOME:
                return count > 0
        return count == expected > 0


@dataclass(frozen=True, slots=True)
class Row:
    """One statement: under this scenario, this approach has so much of this measure.

    `measure` is a path into a result of results.json, its keys joined by dots; `source` a key of
    SOURCES in `tests/oracle/rows.py`.
    """

    scenario: str
    approach: str
    measure: str
    sign: Sign
    source: str

    def __str__(self) -> str:
        return f"{self.scenario} {self.approach} {self.measure} {self.sign}"

    def holds(self, result: Mapping[str, Any]) -> bool:
        """Whether a result bears it out. Who was not hit did not recover either."""
        *above, last = self.measure.split(".")
        if last == "unrecovered" and not measured(result, ".".join([*above, "samples"])):
            return False
        return self.sign.holds(measured(result, self.measure), result["expected"])


@dataclass(frozen=True, slots=True)
class Bound:
    """One closed form: a quantile lies between two durations, in seconds.

    `source` gives the formula. What the machine adds is allowed for by whoever checks.
    """

    scenario: str
    approach: str
    measure: str
    low: float
    high: float
    source: str

    def __str__(self) -> str:
        return f"{self.scenario} {self.approach} {self.measure} {self.low:g}..{self.high:g}"


def measured(result: Mapping[str, Any], measure: str) -> Any:
    """What a result has at the path."""
    value: Any = result
    for key in measure.split("."):
        value = value[key]
    return value
