"""The comparison as Markdown, short enough for a comment on a pull request."""

from __future__ import annotations

import re
from collections.abc import Sequence

from harness.report import phrases
from harness.report.circumstances import circumstances
from harness.report.columns import Column, tables
from harness.report.model import Comparison, unmeasured, warnings
from harness.verdict.model import Result


def summary(comparison: Comparison) -> str:
    """The text of summary.md."""
    parts = [f"## {prose(comparison.scenario)}"]
    if comparison.description:
        parts.append(prose(comparison.description))
    parts.append(f"Runtime {prose(comparison.runtime)}, seed {comparison.seed}.")
    if not comparison.results:
        parts.append("No approach was run.")
    else:
        parts.append(
            _bullets([f"{code(r.approach)} {_verdict(r, comparison)}" for r in comparison.results])
        )
        parts += [_table(columns, comparison) for columns in tables(comparison)]
    remarks = warnings(comparison)
    if remarks:
        parts += ["### Notes", _bullets([prose(line) for line in remarks])]
    about = [f"{prose(name)}: {prose(value)}" for name, value in circumstances(comparison)]
    if about:
        parts += ["### How it was run", _bullets(about)]
    return "\n\n".join(parts) + "\n"


def prose(text: str) -> str:
    """Text from outside as Markdown that means just itself; nobody is mentioned by it."""
    escaped = re.sub(r"([\\`*_\[\]<>|~&$])", r"\\\1", phrases.clean(text).strip())
    # What would open a heading or a list at the beginning of a line.
    escaped = re.sub(r"^(\d+(?=[.)](?:\s|$))|(?=[-+=#]))", r"\1\\", escaped)
    # A zero-width space keeps the sign and takes its meaning; and so for bare addresses.
    return escaped.replace("@", "@\u200b").replace("://", ":\u200b//").replace("www.", "www\u200b.")


def code(text: str) -> str:
    """A name as a code span that holds in a table too."""
    name = phrases.clean(text).replace("`", "'").replace("|", "\\|").strip()
    return f"`{name or ' '}`"


def _verdict(result: Result, comparison: Comparison) -> str:
    text = phrases.sentence(result, comparison.plans_faults(result.approach))
    # A reason comes from outside; a sentence of figures is ours.
    return text + "." if unmeasured(result) is None else prose(text)


def _bullets(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _table(columns: Sequence[Column], comparison: Comparison) -> str:
    lines = ["| approach | " + " | ".join(column.title for column in columns) + " |"]
    lines.append("| --- |" + " ---: |" * len(columns))
    for result in comparison.results:
        reason = unmeasured(result)
        cells = (
            [prose(reason)] + [""] * (len(columns) - 1)
            if reason
            else [column.text(result) for column in columns]
        )
        lines.append(f"| {code(result.approach)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
