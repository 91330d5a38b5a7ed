"""The comparison as Markdown, short enough for a comment on a pull request.

A comment holds 65,536 characters. What matters comes first; what is long is folded away, and left
out where it does not fit.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from html import escape

from harness.report import phrases, standing
from harness.report.circumstances import circumstances
from harness.report.columns import Column, tables
from harness.report.model import Comparison, unmeasured, warnings
from harness.report.safety import SIGNS, Badge, Safety, safety
from harness.report.stories import Kind, Story, stories, violations
from harness.verdict.expectations import Check
from harness.verdict.expectations import Standing as Stands
from harness.verdict.model import Result, Verdict

# Characters; well below what a comment holds, for others may add to it.
LIMIT = 50_000
_NAME = 60
_LINE = 400
# Lines of a list: of what is not met, of notes, of how it was run.
_LINES = 40
_NOTHING_RUN = "No approach was run."
_LEFT_OUT = "Left out for its length: results.json has it all."
_LEGEND = (
    "✗ an expectation is not met, or the approach is unsafe · ! a violation that none forbids, or "
    "gaps · ✓ as it should be"
)
# Scenarios side by side; more are only found below.
_COLUMNS = 24

_HEADS = {
    Badge.UNSAFE: "unsafe",
    Badge.GAPS: "with gaps",
    Badge.OVERLAPS: "overlapping as they may",
    Badge.HELD: "held",
    Badge.NOT_MEASURED: "not measured",
}


def summary(comparison: Comparison) -> str:
    """The text of summary.md."""
    parts = [f"## {prose(comparison.scenario, _LINE)}"]
    if not comparison.results:
        parts += [*_about(comparison), _NOTHING_RUN]
        return _joined(parts)
    badges = [safety(comparison, result) for result in comparison.results]
    parts += [_headline(Counter(one.badge for one in badges)), *_about(comparison)]
    bases = {one.basis for one in badges if one.basis}
    if len(bases) == 1:
        parts.append(prose(f"Each: {bases.pop()}.", _LINE))
    parts += [_scores(comparison), _LEGEND, *_unmet(comparison.checks)]
    told = _worst(comparison)
    parts += [] if told is None else [_story(*told)]
    parts += _repeat(comparison)
    return _joined(parts, _details(comparison))


def summary_of_several(comparisons: Sequence[Comparison]) -> str:
    """Several scenarios side by side: how each approach did in each of them."""
    if not comparisons:
        return "## Comparison\n\nNothing was compared.\n"
    if len(comparisons) == 1:
        return summary(comparisons[0])
    names = list(dict.fromkeys(one.approach for each in comparisons for one in each.results))
    parts = [f"## {len(comparisons)} scenarios, {len(names)} approaches"]
    rows, worst = [], Counter[Badge]()
    for name in names:
        known = [_badge_of(comparison, name) for comparison in comparisons]
        badges = [one.badge for one in known if one is not None]
        worst[next(badge for badge in Badge if badge in badges)] += 1
        cells = ["" if one is None else f"{one.sign} {prose(one.figure, 40)}" for one in known]
        rows.append([code(name, _NAME), *cells[:_COLUMNS]])
    heads = [prose(one.scenario, _NAME) for one in comparisons[:_COLUMNS]]
    parts += [f"{_headline(worst)}, each approach at its worst", _grid(["approach", *heads], rows)]
    more = len(comparisons) - _COLUMNS
    parts += [f"{more} more scenarios found no place in the table."] if more > 0 else []
    parts.append(_LEGEND)
    checks = [
        (comparison.scenario, check) for comparison in comparisons for check in comparison.checks
    ]
    lines = [
        f"{prose(scenario, _NAME)}: {prose(check.text, _LINE)}"
        for scenario, check in checks
        if check.standing is Stands.UNMET
    ]
    parts += ["### Expectations not met", _bullets(lines)] if lines else []
    folds = [
        _folded(
            one.scenario,
            _joined([_scores(one), *_repeat(one)]).rstrip() if one.results else _NOTHING_RUN,
        )
        for one in comparisons
    ]
    return _joined(parts, folds)


def prose(text: str, limit: int | None = None) -> str:
    """Text from outside as Markdown that means just itself; nobody is mentioned by it."""
    escaped = re.sub(r"([\\`*_\[\]<>|~&$])", r"\\\1", phrases.clean(text, limit).strip())
    # What would open a heading or a list at the beginning of a line.
    escaped = re.sub(r"^(\d+(?=[.)](?:\s|$))|(?=[-+=#]))", r"\1\\", escaped)
    # A zero-width space keeps the sign and takes its meaning; and so for bare addresses.
    return escaped.replace("@", "@\u200b").replace("://", ":\u200b//").replace("www.", "www\u200b.")


def code(text: str, limit: int | None = None) -> str:
    """A name as a code span that holds in a table too."""
    name = phrases.clean(text, limit).replace("`", "'").replace("|", "\\|").strip()
    return f"`{name or ' '}`"


def _badge_of(comparison: Comparison, approach: str) -> Safety | None:
    result = next((one for one in comparison.results if one.approach == approach), None)
    return None if result is None else safety(comparison, result)


def _headline(badges: Counter[Badge]) -> str:
    """How many approaches are unsafe, have gaps, held."""
    said = [f"{SIGNS[badge]} {badges[badge]} {_HEADS[badge]}" for badge in Badge if badges[badge]]
    total = badges.total()
    return f"**{', '.join(said)}** of {total} approach{'' if total == 1 else 'es'}"


def _about(comparison: Comparison) -> Iterator[str]:
    if comparison.description:
        yield prose(comparison.description, 600)
    yield f"Runtime {prose(comparison.runtime, _NAME)}, seed {comparison.seed}."


def _scores(comparison: Comparison) -> str:
    """One row an approach, with what matters most."""
    heads = ["approach", "verdict", *(title for title, _, _ in _FIGURES)]
    rows = []
    for result in comparison.results:
        known = safety(comparison, result)
        row = [code(result.approach, _NAME)]
        reason = phrases.why_not(result)
        if reason is not None:
            row += [f"{known.sign} {prose(reason, 160)}", *([""] * len(_FIGURES))]
        else:
            row.append(f"{known.sign} {known.badge}")
            for _, measures, text in _FIGURES:
                row.append(f"{_signs(comparison, result, measures)}{text(result)}")
        rows.append(row)
    return _grid(heads, rows)


def _signs(comparison: Comparison, result: Result, measures: Iterable[str]) -> str:
    """The sign of the worst of these measures, where they have one."""
    levels = [
        one.level
        for name in measures
        if (one := standing.mark(comparison, result, name)) is not None
        # That a job went on at all does not make it good how long it took.
        and (name != "unrecovered" or one.level is not standing.Level.GOOD)
    ]
    order = (standing.Level.BAD, standing.Level.WARN, standing.Level.GOOD)
    found = next((level for level in order if level in levels), None)
    return "" if found is None else f"{standing.SIGNS[found]} "


def _failover(result: Result) -> str:
    if result.failover.samples == 0:
        return phrases.NOTHING
    texts = [phrases.quantile(result.failover, name) for name in ("p50", "p95")]
    return " / ".join(texts)


def _calls(result: Result) -> str:
    return phrases.NOTHING if result.calls_per_run is None else f"{result.calls_per_run:.1f}"


_FIGURES: tuple[tuple[str, tuple[str, ...], Callable[[Result], str]], ...] = (
    ("duplicates", ("duplicate",), lambda r: phrases.share(r.duplicate, r.expected)),
    ("missed", ("missed",), lambda r: phrases.share(r.missed, r.expected)),
    ("overlap", ("overlap",), lambda r: phrases.times(r.overlap_count, r.overlap_seconds)),
    ("failover p50 / p95", ("failover_p50", "failover_p95", "unrecovered"), _failover),
    ("outage max", ("outage_max",), lambda r: phrases.quantile(r.outage, "max")),
    ("calls/run", ("calls_per_run",), _calls),
)


def _unmet(checks: Sequence[Check]) -> list[str]:
    lines = [prose(one.text, _LINE) for one in checks if one.standing is Stands.UNMET]
    return ["### Expectations not met", _bullets(lines)] if lines else []


def _worst(comparison: Comparison) -> tuple[str, Story] | None:
    """The story to tell first: of an expectation not met, if any, and one with a cause."""
    unmet = {one.approach for one in comparison.checks if one.standing is Stands.UNMET}
    found: list[tuple[tuple[bool, bool, int], str, Verdict]] = []
    for result in comparison.measured:
        for verdict in comparison.valid_verdicts(result.approach):
            first = next(iter(violations(verdict)), None)
            if first is not None:
                rank = (
                    result.approach not in unmet,
                    first.blow is None,
                    list(Kind).index(first.kind),
                )
                found.append((rank, result.approach, verdict))
                break
    if not found:
        return None
    _, approach, verdict = min(found, key=lambda one: one[0])
    return approach, stories(verdict, 1)[0]


def _story(approach: str, story: Story) -> str:
    lines = [prose(sentence, _LINE) for sentence in story.sentences]
    text = "\n\n".join([" ".join(lines), f"```mermaid\n{story.mermaid}```"])
    return _folded(f"What happened: {phrases.clean(approach, _NAME)}, {story.title}", text)


def _repeat(comparison: Comparison) -> list[str]:
    command = comparison.about.get("command")
    if not command:
        return []
    return [f"Repeat it (seed {comparison.seed}): {code(command, _LINE)}"]


def _details(comparison: Comparison) -> Iterator[str]:
    """What is folded away."""
    sentences = [
        f"{code(result.approach, _NAME)} {_in_words(result, comparison)}"
        for result in comparison.results
    ]
    yield _folded("In words", _bullets(sentences))
    yield _folded(
        "All figures", "\n\n".join(_table(columns, comparison) for columns in tables(comparison))
    )
    remarks = warnings(comparison)
    if remarks:
        yield _folded("Notes", _bullets([prose(line, _LINE) for line in remarks]))
    about = [
        f"{prose(name, _NAME)}: {prose(value, _LINE)}" for name, value in circumstances(comparison)
    ]
    if about:
        yield _folded("How it was run", _bullets(about))


def _in_words(result: Result, comparison: Comparison) -> str:
    known = safety(comparison, result)
    return prose(f"{known.badge}: {known.sentence}.", 3 * _LINE)


def _folded(title: str, text: str) -> str:
    # What stands in a line of markup is no Markdown.
    shown = escape(phrases.clean(title, 300)).replace("@", "@\u200b")
    return f"<details><summary>{shown}</summary>\n\n{text}\n\n</details>"


def _joined(parts: Sequence[str], folds: Iterable[str] = ()) -> str:
    """The parts, and as many of the rest as there is room for."""
    text, left = "", False
    for part in (*parts, *folds):
        if len(text) + len(part) + len(_LEFT_OUT) < LIMIT:
            text += f"{part}\n\n"
        else:
            left = True
    return (text + _LEFT_OUT if left else text.rstrip()) + "\n"


def _bullets(lines: Sequence[str]) -> str:
    shown = list(lines[:_LINES])
    if len(lines) > _LINES:
        shown.append(f"and {len(lines) - _LINES} more")
    return "\n".join(f"- {line}" for line in shown)


def _grid(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(heads)} |", "| --- |" + " ---: |" * (len(heads) - 1)]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join(lines)


def _table(columns: Sequence[Column], comparison: Comparison) -> str:
    rows = []
    for result in comparison.results:
        reason = unmeasured(result)
        cells = (
            [prose(reason, 160)] + [""] * (len(columns) - 1)
            if reason
            else [column.text(result) for column in columns]
        )
        rows.append([code(result.approach, _NAME), *cells])
    return _grid(["approach", *(column.title for column in columns)], rows)
