"""The heat map: approaches against scenarios, a badge and its figure a cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.report.page.entry import encoded
from harness.report.safety import Badge, Safety

# How bad a badge is, to sort by.
BADNESS = {
    Badge.UNSAFE: 4,
    Badge.GAPS: 3,
    Badge.OVERLAPS: 2,
    Badge.HELD: 1,
    Badge.NOT_MEASURED: 0,
}


@dataclass(frozen=True, slots=True)
class Spot:
    """One approach in one scenario; no safety where it was not part of it."""

    scenario: str
    approach: str
    link: str
    safety: Safety | None

    @property
    def figure(self) -> tuple[str, str]:
        """The figure in two parts: the number, and what it counts, or what it may yet be."""
        text = self.safety.figure if self.safety else ""
        if text.endswith(")"):
            number, _, bound = text[:-1].partition(" (")
            return number, bound
        number, _, word = text.rpartition(" ")
        return (number, word) if word.isalpha() else (text, "")


@dataclass(frozen=True, slots=True)
class Line:
    """One scenario: its label, its address, what became of each approach in it."""

    label: str
    slug: str
    spots: tuple[Spot, ...]

    @property
    def badness(self) -> int:
        """How bad it is in all."""
        return sum(BADNESS[one.safety.badge] for one in self.spots if one.safety)


@dataclass(frozen=True, slots=True)
class HeatMap:
    """All of it: one line a scenario, one spot an approach in each."""

    approaches: tuple[str, ...]
    lines: tuple[Line, ...]

    def badness(self, approach: str) -> int:
        """How bad an approach is in all."""
        return sum(
            BADNESS[spot.safety.badge]
            for line in self.lines
            for spot in line.spots
            if spot.approach == approach and spot.safety
        )


def heatmap(scenarios: Sequence[tuple[str, str, Sequence[Safety]]]) -> HeatMap:
    """The heat map of (label, slug, what became of each approach)."""
    approaches = tuple(dict.fromkeys(s.approach for _, _, found in scenarios for s in found))
    lines = []
    for label, slug, found in scenarios:
        known = {one.approach: one for one in found}
        spots = tuple(
            Spot(label, name, f"#{slug}/{encoded(name)}", known.get(name)) for name in approaches
        )
        lines.append(Line(label, slug, spots))
    return HeatMap(approaches, tuple(lines))
