"""A chart as it leaves the drawing board: for a page, as a file of its own, and as pixels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property


@dataclass(frozen=True)
class Chart:
    """One chart. `name` is that of its files; `caption` says in one line how it is read.

    `svg` is an element for a page: its ink is the page's text colour, its ground transparent, and
    title and caption are left to the page. `standalone` is the text of an SVG file with both, on
    white. `paint` makes the PNG; it is asked once, and only if someone wants it.
    """

    name: str
    title: str
    caption: str
    svg: str
    standalone: str
    paint: Callable[[], bytes] = field(repr=False, compare=False)

    @cached_property
    def png(self) -> bytes:
        """The same as `standalone`, as a PNG with two pixels to one: the same bytes each time."""
        return self.paint()
