"""What a test session ran, in one line."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

from harness.pytest_plugin.errors import Inconclusive, Violation


@dataclass(slots=True)
class Account:
    """Runs and trials so far, the tests that failed of them, and where there are reports."""

    scenarios: set[str] = field(default_factory=set)
    runs: int = 0
    trials: int = 0
    violations: int = 0
    inconclusive: int = 0
    reports: set[str] = field(default_factory=set)

    def add(self, scenario: str, trials: int) -> None:
        """Count a run."""
        self.scenarios.add(scenario)
        self.runs += 1
        self.trials += trials

    def failed(self, error: BaseException | None) -> None:
        """Count what a test failed of, where it is ours."""
        self.violations += isinstance(error, Violation)
        self.inconclusive += isinstance(error, Inconclusive)

    def as_data(self) -> dict[str, Any]:
        """What another process can merge."""
        return {
            "scenarios": sorted(self.scenarios),
            "runs": self.runs,
            "trials": self.trials,
            "violations": self.violations,
            "inconclusive": self.inconclusive,
            "reports": sorted(self.reports),
        }

    def merge(self, data: dict[str, Any]) -> None:
        """Add what another process counted."""
        self.scenarios.update(data["scenarios"])
        self.runs += data["runs"]
        self.trials += data["trials"]
        self.violations += data["violations"]
        self.inconclusive += data["inconclusive"]
        self.reports.update(data["reports"])

    def line(self) -> str:
        """`chaos: 4 scenarios, 120 trials, 1 violation; reports in DIR`."""
        counts = [
            _counted(len(self.scenarios), "scenario"),
            _counted(self.trials, "trial"),
            _counted(self.violations, "violation"),
        ]
        if self.inconclusive:
            counts.append(f"{self.inconclusive} inconclusive")
        where = f"; reports in {os.path.commonpath(self.reports)}" if self.reports else ""
        return f"chaos: {', '.join(counts)}{where}"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
