"""Reports as users have them, each made once a session: where they lie, and what is in them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.report.model import Comparison
from harness.report.page.entry import Entry
from harness.report.reading import read_report
from harness.report.several import write_several
from tests.command import run_scenario

SCENARIOS = ("gc-pause", "worker-crash")
_OPTIONS = ("--runtime", "sim", "--repeat", "3", "--histories", "all")


@dataclass(frozen=True, slots=True)
class Report:
    """A page, and the comparisons that it shows, by their addresses."""

    path: Path
    comparisons: dict[str, Comparison]

    @property
    def comparison(self) -> Comparison:
        """The only comparison, or the first."""
        return next(iter(self.comparisons.values()))

    @property
    def approaches(self) -> list[str]:
        """Those of the first comparison, in its order."""
        return [result.approach for result in self.comparison.results]


def simulated(scenario: str, directory: Path) -> Report:
    """The report of three simulated trials an approach, as `harness run` writes it."""
    ran = run_scenario(scenario, directory / scenario, *_OPTIONS)
    assert ran.code in (0, 1), ran.err
    return Report(ran.directory / "index.html", {scenario: read_report(ran.directory)})


def together(reports: list[Report], directory: Path) -> Report:
    """One page on several reports that lie below `directory`, under the names that they have."""
    found = {name: one for report in reports for name, one in report.comparisons.items()}
    entries = [Entry(name, one, directory / name) for name, one in found.items()]
    write_several("Both scenarios", entries, directory)
    return Report(directory / "index.html", found)
