"""What is wrong with a scenario, and where."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

Where = tuple[str | int, ...]
"""A place in a document: keys of mappings and positions in lists, from the top."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake. `path` is like `jobs[0].every`, empty for the whole; `line` counts from 1."""

    source: str
    line: int | None
    path: str
    message: str

    def __str__(self) -> str:
        place = self.source if self.line is None else f"{self.source}:{self.line}"
        return ": ".join(part for part in (place, self.path, self.message) if part)


class ScenarioError(ValueError):
    """A scenario that cannot be used. Its text is all its problems, a line each."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


def path_of(where: Where) -> str:
    """A place as people write it: `jobs[0].every`."""
    text = ""
    for step in where:
        text += f"[{step}]" if isinstance(step, int) else f".{step}"
    return text.removeprefix(".")
