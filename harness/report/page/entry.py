"""One scenario's comparison among the several that a page holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from harness.report.model import Comparison
from harness.report.phrases import clean


@dataclass(frozen=True)
class Entry:
    """A comparison as one of several; `directory` is its report's, whose files are linked to.

    `label` tells it apart from entries of the same scenario: with 30 workers, live.
    """

    label: str
    comparison: Comparison
    directory: Path


def slugs(entries: Sequence[Entry]) -> list[str]:
    """The name of each entry in addresses: its label, with a number where two have the same."""
    seen: Counter[str] = Counter()
    found = []
    for entry in entries:
        name = encoded(entry.label)
        seen[name] += 1
        found.append(name if seen[name] == 1 else f"{name}~{seen[name]}")
    return found


def encoded(name: str) -> str:
    """A name as a part of an address, as encodeURIComponent has it."""
    return quote(clean(name), safe="!*'()~")
