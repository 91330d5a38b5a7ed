"""Collects every problem of a document, rather than stop at the first."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from harness.scenario.document import Document
from harness.scenario.mistakes import Mistakes, checked
from harness.scenario.problem import Problem, Where, path_of
from harness.scenario.wording import hint, nearest, shown


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of the document's data and where it stands."""

    data: Any
    where: Where

    def at(self, step: str | int) -> Part:
        """The part within this one under a key or at a position."""
        return Part(self.data[step], (*self.where, step))


class Checker:
    """The problems of one document so far, and the checks that add to them."""

    def __init__(self, document: Document, source: str) -> None:
        self.problems: list[Problem] = []
        self._document = document
        self._source = source
        for where, line in document.repeated:
            self._add(where, line, "stands twice here")

    def report(self, where: Where, message: str) -> None:
        """Add a problem."""
        self._add(where, self._document.line(where), message)

    def value(self, kind: Any, part: Part, also: Collection[str] = ()) -> Any:
        """The part as an instance of the type `kind`; None, and problems, where it is none."""
        try:
            return checked(kind, part.data, also)
        except Mistakes as mistakes:
            for inside, message in mistakes.found.items():
                self.report((*part.where, *inside), message)
            return None

    def mapping(self, part: Part, what: str) -> dict[str, Part]:
        """The parts of a mapping by key; a problem that says `what` it should be if it is none."""
        if not isinstance(part.data, dict):
            self.report(part.where, f"must be {what}, not {shown(part.data)}")
            return {}
        return {key: part.at(key) for key in part.data}

    def items(self, part: Part, what: str) -> list[Part]:
        """The parts of a list; a problem that says `what` it should be if it is none."""
        if not isinstance(part.data, list):
            self.report(part.where, f"must be {what}, not {shown(part.data)}")
            return []
        return [part.at(position) for position in range(len(part.data))]

    def sections(self, part: Part, known: Collection[str]) -> dict[str, Part]:
        """The parts of a mapping by known key.

        An unknown key is a problem. What stands under it is checked as what was probably meant,
        so that one misspelt key hides no other mistake.
        """
        given = self.mapping(part, f"a mapping with the keys {', '.join(sorted(known))}")
        sections = {key: inner for key, inner in given.items() if key in known}
        for key, inner in given.items():
            if key in known:
                continue
            self.report(inner.where, f"unknown key; {hint(key, known)}")
            meant = nearest(key, known)
            if meant is not None:
                sections.setdefault(meant, inner)
        return sections

    def single(self, part: Part, what: str) -> tuple[str, Part] | None:
        """A name and its parameters, from `name` or `name: {…}`; None, and a problem, else."""
        if isinstance(part.data, str):
            return part.data, Part({}, part.where)
        if not isinstance(part.data, dict) or len(part.data) != 1:
            self.report(
                part.where,
                f"must be the name of {what}, or `name: {{key: value}}`, not {shown(part.data)}",
            )
            return None
        [name] = part.data
        inner = part.at(name)
        return name, inner if inner.data is not None else Part({}, inner.where)

    def _add(self, where: Where, line: int | None, message: str) -> None:
        self.problems.append(Problem(self._source, line, path_of(where), message))
