"""A story's steps drawn: an SVG for a page, in its ink and on its ground."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape

from harness.report import phrases
from harness.report.palette import VIOLATION
from harness.report.stories.sequence import Course, Shape, Step

_WIDTH = 640
_LEFT = 62
_COLUMN = 112
_HEAD = 44
_ROW = 34
_SIZE = 12
# The width of a letter, on average, as a share of the size of the type; and of a bold one.
_LETTER = 0.53
_BOLD = 0.61
_BAR = 5
_RED = f'fill="{VIOLATION}"'
# Letters stand before lines: the page's ground shows around them.
_HALO = "paint-order:stroke;stroke:var(--ground,Canvas);stroke-width:4px;stroke-linejoin:round"


@dataclass(slots=True)
class _Sheet:
    """Where things are: columns by key, rows by number; `parts` is what was drawn."""

    width: float
    columns: Mapping[str, float]
    rows: int
    parts: list[str] = field(default_factory=list)

    @property
    def height(self) -> int:
        return _HEAD + _ROW * self.rows + 18

    def y(self, row: float) -> float:
        return _HEAD + _ROW * row + 23

    def add(self, markup: str) -> None:
        self.parts.append(markup)


def drawn(course: Course, title: str) -> str:
    """The drawing; `title` is what a screen reader says, followed by the steps in words."""
    count = max(1, len(course.participants))
    width = max(_WIDTH, _LEFT + _COLUMN * count)
    column = (width - _LEFT) / count
    columns = {
        one.key: round(_LEFT + column * (place + 0.5), 1)
        for place, one in enumerate(course.participants)
    }
    sheet = _Sheet(width, columns, len(course.steps))
    _bands(sheet, course)
    _lifelines(sheet, course)
    _activations(sheet, course)
    for row, step in enumerate(course.steps):
        _time(sheet, course, row)
        if step.shape is Shape.NOTE:
            _note(sheet, step, row)
        else:
            _arrow(sheet, step, row)
    for one in course.participants:
        _head(sheet, columns[one.key], one.label, column)
    body = "".join(sheet.parts)
    # A drawing that shrinks is not readable any more: its box scrolls.
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {sheet.height}" '
        f'width="{width:g}" height="{sheet.height}" role="img" '
        f'aria-label="{_text(_spoken(course, title), 3000)}" style="max-width:none" '
        f'font-family="system-ui, sans-serif" font-size="{_SIZE}" fill="currentColor">'
        f"<title>{_text(title, 200)}</title>{body}</svg>"
    )


def _text(text: str, limit: int) -> str:
    return escape(phrases.clean(text, limit))


def _spoken(course: Course, title: str) -> str:
    labels = {one.key: one.label for one in course.participants}
    lines = []
    for step in course.steps:
        who = labels.get(step.source, "")
        whom = (
            f" to {labels.get(step.target, '')}"
            if step.target and step.shape is not Shape.NOTE
            else ""
        )
        lines.append(f"{step.at:.2f} s {who}{whom}: {step.text}")
    return f"{title}. {'; '.join(lines)}."


def _bands(sheet: _Sheet, course: Course) -> None:
    """A red ground for as long as something is wrong."""
    for row, step in enumerate(course.steps):
        if not step.bad or step.until is None:
            continue
        rows = [
            place for place, one in enumerate(course.steps) if row <= place and one.at <= step.until
        ]
        top, bottom = sheet.y(row) - 22, sheet.y(max(rows, default=row)) + 12
        sheet.add(
            f'<rect x="{_LEFT}" y="{top:g}" width="{sheet.width - _LEFT:g}" '
            f'height="{bottom - top:g}" {_RED} opacity=".1"/>'
        )


def _lifelines(sheet: _Sheet, course: Course) -> None:
    bottom = sheet.y(sheet.rows) - 18
    for one in course.participants:
        x = sheet.columns[one.key]
        since: float | None = None
        above = float(_HEAD)
        for row, step in enumerate(course.steps):
            if one.key in step.stills and since is None:
                since = sheet.y(row)
                _line(sheet, x, above, since, "")
            if one.key in step.wakes and since is not None:
                _line(sheet, x, since, sheet.y(row), "1 5")
                above, since = sheet.y(row), None
        if since is None:
            _line(sheet, x, above, bottom, "")
        else:
            _line(sheet, x, since, bottom, "1 5")


def _line(sheet: _Sheet, x: float, top: float, bottom: float, dashes: str) -> None:
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    sheet.add(
        f'<line x1="{x:g}" x2="{x:g}" y1="{top:g}" y2="{bottom:g}" stroke="currentColor" '
        f'opacity=".35"{dashed}/>'
    )


def _activations(sheet: _Sheet, course: Course) -> None:
    """A bar for every run in progress; hollow where its worker stands still."""
    opened: dict[str, list[int]] = {}
    for row, step in enumerate(course.steps):
        if step.closes and opened.get(step.closes):
            since = opened[step.closes].pop()
            _bar(sheet, course, step.closes, (since, row), sheet.y(row))
        if step.opens:
            opened.setdefault(step.opens, []).append(row)
    for key, rows in opened.items():
        for since in rows:
            _bar(sheet, course, key, (since, sheet.rows), sheet.y(sheet.rows) - 18)


def _bar(sheet: _Sheet, course: Course, key: str, rows: tuple[int, int], bottom: float) -> None:
    since, until = rows
    between = enumerate(course.steps[since + 1 : until], since + 1)
    changes = [since, *(row for row, step in between if key in (*step.stills, *step.wakes))]
    hollow = False
    for place, row in enumerate(changes):
        hollow = key in course.steps[row].stills or (hollow and key not in course.steps[row].wakes)
        end = sheet.y(changes[place + 1]) if place + 1 < len(changes) else bottom
        ink = 'fill-opacity=".04" stroke-dasharray="3 3"' if hollow else 'fill-opacity=".25"'
        sheet.add(
            f'<rect x="{sheet.columns[key] - _BAR:g}" y="{sheet.y(row):g}" width="{2 * _BAR}" '
            f'height="{end - sheet.y(row):g}" stroke="currentColor" stroke-opacity=".6" '
            f'fill="currentColor" {ink}/>'
        )


def _time(sheet: _Sheet, course: Course, row: int) -> None:
    at = f"{course.steps[row].at:.2f} s"
    if row and f"{course.steps[row - 1].at:.2f} s" == at:
        return
    sheet.add(
        f'<text x="{_LEFT - 10}" y="{sheet.y(row) + 4:g}" text-anchor="end" opacity=".75" '
        f'font-variant-numeric="tabular-nums">{at}</text>'
    )


def _arrow(sheet: _Sheet, step: Step, row: int) -> None:
    y = sheet.y(row) + 4
    source, target = sheet.columns[step.source], sheet.columns[step.target or step.source]
    way = 1 if target > source else -1
    ink = f'stroke="{VIOLATION}"' if step.bad else 'stroke="currentColor"'
    dashes = ' stroke-dasharray="5 3"' if step.shape is Shape.REPLY else ""
    tip = target - way * (_BAR + 1)
    sheet.add(
        f'<path d="M{source + way * _BAR:g} {y:g}H{tip:g}" fill="none" {ink} '
        f'stroke-width="1.4"{dashes}/>'
        f'<path d="M{tip - way * 7:g} {y - 4:g}L{tip:g} {y:g}L{tip - way * 7:g} {y + 4:g}" '
        f'fill="none" {ink} stroke-width="1.4"/>'
    )
    _words(sheet, step, (source + target) / 2, y - 6)


def _note(sheet: _Sheet, step: Step, row: int) -> None:
    y = sheet.y(row)
    left = sheet.columns[step.source]
    right = left if step.target is None else sheet.columns[step.target]
    width = max(abs(right - left) + 40, _wide(step) + 14)
    width = min(width, sheet.width - _LEFT - 8)
    x = _held((left + right) / 2 - width / 2, _LEFT + 2, sheet.width - width - 4)
    ink = f'stroke="{VIOLATION}"' if step.bad else 'stroke="currentColor" stroke-opacity=".45"'
    sheet.add(
        f'<rect x="{x:g}" y="{y - 10:g}" width="{width:g}" height="21" rx="3" {ink} '
        f'style="fill:var(--ground,Canvas)"/>'
    )
    _words(sheet, step, x + width / 2, y + 5)


def _words(sheet: _Sheet, step: Step, middle: float, y: float) -> None:
    room = sheet.width - _LEFT - 12
    text = phrases.clean(_said(step), int(room / _letter(step)))
    half = min(room, len(text) * _letter(step)) / 2
    x = _held(middle, _LEFT + 4 + half, sheet.width - 6 - half)
    bold = ' font-weight="600"' if step.bad else ""
    sheet.add(
        f'<text x="{x:g}" y="{y:g}" text-anchor="middle"{bold} style="{_HALO}">'
        f"{escape(text)}</text>"
    )


def _said(step: Step) -> str:
    return f"✗ {step.text}" if step.bad else step.text


def _wide(step: Step) -> float:
    return len(_said(step)) * _letter(step)


def _letter(step: Step) -> float:
    return _SIZE * (_BOLD if step.bad else _LETTER)


def _held(value: float, low: float, high: float) -> float:
    return round(max(low, min(value, high)), 1)


def _head(sheet: _Sheet, x: float, label: str, column: float) -> None:
    letters = int((column - 14) / (_SIZE * 0.6))
    full, short = phrases.clean(label), phrases.clean(label, letters)
    told = f"<title>{escape(phrases.clean(full, 200))}</title>" if full != short else ""
    width = column - 8
    sheet.add(
        f'<g>{told}<rect x="{x - width / 2:g}" y="8" width="{width:g}" height="26" rx="4" '
        f'fill="none" stroke="currentColor" stroke-opacity=".6"/>'
        f'<text x="{x:g}" y="25" text-anchor="middle" font-weight="600">{escape(short)}</text></g>'
    )
