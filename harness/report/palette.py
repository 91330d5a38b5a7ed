"""Colours. An approach has the same one everywhere; red is for violations alone."""

from __future__ import annotations

from collections.abc import Iterable

from harness.verdict.model import Result

# Okabe and Ito's set, safe for the colour-blind. Its black would vanish on a dark page and its
# vermillion marks violations here: grey and a brown stand in for them.
APPROACHES = (
    "#8c8c8c",
    "#e69f00",
    "#56b4e9",
    "#009e73",
    "#cc79a7",
    "#0072b2",
    "#f0e442",
    "#8b6f47",
)
VIOLATION = "#d55e00"
# Muted, told apart by lightness as well, and none of them near the red of a violation.
JOBS = ("#4477aa", "#9fc5e8", "#44aa99", "#b8b5d6", "#2f4b6e", "#a8d8c8")


def approach_colours(results: Iterable[Result]) -> dict[str, str]:
    """A colour for each approach, by its place; after the last one they start again."""
    names = dict.fromkeys(result.approach for result in results)
    return {name: APPROACHES[place % len(APPROACHES)] for place, name in enumerate(names)}


def job_colours(jobs: Iterable[str]) -> dict[str, str]:
    """A colour for each job, by its place."""
    names = dict.fromkeys(jobs)
    return {name: JOBS[place % len(JOBS)] for place, name in enumerate(names)}
