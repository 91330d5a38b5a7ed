"""A story's steps as the text of a Mermaid sequence diagram."""

from __future__ import annotations

import re

from harness.report import phrases
from harness.report.stories.sequence import Course, Shape, Step

_TEXT = 90
_LABEL = 32

# All that means nothing to Mermaid. Everything else is written by its number, as `#35;`.
_PLAIN = re.compile(r"[^\w .,/()'…✗-]")
# A word that ends a block, wherever it stands.
_END = re.compile(r"\b(e)(nd)\b", re.IGNORECASE)

_ARROWS = {Shape.MESSAGE: "->>", Shape.REPLY: "-->>"}
_RED = "rgba(213, 94, 0, 0.18)"


def mermaid(course: Course) -> str:
    """The text; whatever the names in it are, it is a diagram of these steps and nothing else."""
    lines = ["sequenceDiagram"]
    lines += [
        f"    participant {one.key} as {escape(one.label, _LABEL)}" for one in course.participants
    ]
    for step in course.steps:
        lines += [f"    {line}" for line in _step(step)]
    return "\n".join(lines) + "\n"


def escape(text: str, limit: int = _TEXT) -> str:
    """Text from outside as text of a diagram: one line in which nothing is syntax."""
    line = phrases.clean(text, limit).strip() or "?"
    numbered = _PLAIN.sub(lambda found: f"#{ord(found.group())};", line)
    return _END.sub(lambda found: f"#{ord(found.group(1))};{found.group(2)}", numbered)


def _step(step: Step) -> list[str]:
    text = escape(f"{'✗ ' if step.bad else ''}{step.at:.2f} s {step.text}")
    if step.shape is Shape.NOTE:
        over = step.source if step.target is None else f"{step.source},{step.target}"
        line = f"Note over {over}: {text}"
    else:
        line = f"{step.source}{_ARROWS[step.shape]}{step.target}: {text}"
    lines = [f"rect {_RED}", line, "end"] if step.bad else [line]
    # After the start and before the end of what it stands for.
    lines += [f"activate {step.opens}"] if step.opens else []
    lines += [f"deactivate {step.closes}"] if step.closes else []
    return lines
