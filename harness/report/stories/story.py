"""What a story is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What went wrong, the worst first: `duplicate` is one due time that ran twice."""

    DUPLICATE = "duplicate"
    OVERLAP = "overlap"
    UNRECOVERED = "unrecovered"
    MISSED = "missed"
    DOUBLE_HOLD = "double_hold"


@dataclass(frozen=True, slots=True)
class Story:
    """One violation, told. `start` and `end` are the stretch to show of it, in seconds.

    `title` and `sentences` are plain text, which whoever shows it has to escape; `mermaid` is a
    sequence diagram as Mermaid text, `svg` the same drawn, fit to stand in a page as it is.
    """

    kind: Kind
    title: str
    start: float
    end: float
    sentences: tuple[str, ...]
    mermaid: str
    svg: str
