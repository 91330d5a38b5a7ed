"""What a case is about, and where a person finds it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.comparison.request import Runtime, history_path
from harness.gate.model import Case, Kind, Status
from harness.report.page.entry import encoded
from harness.scenario.model import ALL


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An approach in a report; `seeds` are those of its valid trials."""

    directory: Path
    scenario: str
    runtime: str
    approach: str = ALL
    seeds: tuple[int, ...] = ()

    @property
    def simulated(self) -> bool:
        """Whether it ran in virtual time."""
        return self.runtime == Runtime.SIM

    @property
    def page(self) -> str:
        """The link to it on the report's page."""
        parts = [self.scenario] if self.approach == ALL else [self.scenario, self.approach]
        route = "/".join(map(encoded, parts))
        return f"{self.directory / 'index.html'}#{route}"

    def case(
        self,
        kind: Kind,
        measure: str,
        name: str,
        status: Status,
        text: str,
        *,
        seed: int | None = None,
        figures: Mapping[str, float | None] | None = None,
        notable: bool = False,
    ) -> Case:
        """A case; of a trial, its seed is told, and its history is where to look if it was kept."""
        look_at = self.page
        if seed is not None:
            text = f"{text}; see seed {seed}"
            history = history_path(self.directory, self.approach, seed)
            look_at = str(history) if history.exists() else look_at
        return Case(
            scenario=self.scenario,
            runtime=self.runtime,
            approach=self.approach,
            kind=kind,
            measure=measure,
            name=name,
            status=status,
            text=text,
            look_at=look_at,
            page=self.page,
            figures=figures or {},
            notable=notable,
        )
