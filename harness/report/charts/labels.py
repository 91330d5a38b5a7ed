"""Names beside points, so that they hide neither each other nor what is drawn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

# Pixels from a point to its name, and from which on a line is needed to tell whose it is.
_NEAR = 12.0
_STEP = 17.0
_RINGS = 9
# What it costs to cover a pixel of another name, of a mark, of a bar; and to be a pixel away.
_NAME, _MARK, _BAR, _AWAY, _OUTSIDE = 10.0, 8.0, 2.0, 1.2, 50.0
# What it costs to stand over or under another mark, so near that it seems to be meant.
_MISTAKEN, _REACH = 8.0, 30.0
_HALF_MARK = 9.0


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels, y upwards."""

    left: float
    bottom: float
    right: float
    top: float

    def shared(self, other: Box) -> float:
        """The area that both cover, in square pixels."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.top, other.top) - max(self.bottom, other.bottom)
        return max(0.0, width) * max(0.0, height)

    @property
    def area(self) -> float:
        """In square pixels."""
        return (self.right - self.left) * (self.top - self.bottom)


@dataclass(frozen=True, slots=True)
class Label:
    """Where a name goes; `far` if a line has to lead from its point to it."""

    box: Box
    far: bool


def place_labels(
    points: Sequence[tuple[float, float]],
    sizes: Sequence[tuple[float, float]],
    bars: Sequence[Box],
    room: Box,
) -> list[Label]:
    """A place for the name of each point: the cheapest of some dozens, one after the other.

    `sizes` are width and height of the names, `bars` what else is drawn. Those with least room
    around them, the lowest on the left, go first. The same points give the same places.
    """
    marks = [Box(x - _HALF_MARK, y - _HALF_MARK, x + _HALF_MARK, y + _HALF_MARK) for x, y in points]
    placed: dict[int, Label] = {}
    for place in sorted(range(len(points)), key=lambda one: (points[one], one)):
        others = [label.box for label in placed.values()]
        best = min(
            _candidates(points[place], sizes[place]),
            key=lambda one: _cost(one, others, marks, bars, room),
        )
        placed[place] = Label(best[0], best[1] > _NEAR + 1)
    return [placed[place] for place in range(len(points))]


def _candidates(
    point: tuple[float, float], size: tuple[float, float]
) -> Iterator[tuple[Box, float]]:
    """Boxes right, left, above and below of the point, nearer ones first, with their distance."""
    (x, y), (width, height) = point, size
    for ring in range(_RINGS):
        for sign in (1, -1) if ring else (1,):
            middle = y + sign * ring * _STEP
            away = _NEAR if not ring else ring * _STEP
            for left in (x + _NEAR, x - _NEAR - width, x - width / 2):
                if ring or left != x - width / 2:
                    yield Box(left, middle - height / 2, left + width, middle + height / 2), away


def _cost(
    candidate: tuple[Box, float],
    names: Sequence[Box],
    marks: Sequence[Box],
    bars: Sequence[Box],
    room: Box,
) -> float:
    box, away = candidate
    cost = _AWAY * away
    cost += _NAME * sum(box.shared(other) for other in names)
    cost += _MARK * sum(box.shared(other) for other in marks)
    cost += _MISTAKEN * sum(_seems_meant(box, mark) for mark in marks)
    cost += _BAR * sum(box.shared(other) for other in bars)
    # Rounded: among equals the first one wins, not the last digit.
    return round(cost + _OUTSIDE * (box.area - box.shared(room)), 6)


def _seems_meant(box: Box, mark: Box) -> bool:
    middle = (mark.left + mark.right) / 2
    gap = max(mark.bottom - box.top, box.bottom - mark.top)
    return box.left <= middle <= box.right and gap < _REACH
