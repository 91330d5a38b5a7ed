"""Chart: what an approach pays in duplicates for a quick failover, and the other way round."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes

from harness.report import phrases
from harness.report.charts.chart import Chart
from harness.report.charts.drawing import (
    INK,
    NAME_LENGTH,
    SMALL,
    WIDTH,
    drawing,
    finish,
    heading,
    panel,
    sheet,
)
from harness.report.charts.labels import Box, place_labels
from harness.report.model import Comparison
from harness.report.palette import VIOLATION, Look, approach_looks
from harness.verdict.model import Result

_TOP = 34
_LEFT = 74
_RIGHT = 24
_HEIGHT = 370
_HEADROOM = 14
_FOOT = 48
# Pixels set apart for rates of which none was seen, and for latencies beyond the trial's end.
_NONE = 58
_BEYOND = 110
# Marks closer than this are set beside each other, so far apart.
_HIDDEN = 8.0
_BESIDE = 16.0


@dataclass(frozen=True, slots=True)
class _Point:
    """One approach: seconds to fail over (infinite: beyond the end), share of duplicates.

    `overlap` says that a job ran beside itself, which no share of duplicates tells.
    """

    name: str
    seconds: float
    share: float
    low: float
    high: float
    overlap: bool


_SAME = 1.02


def pareto(points: Sequence[tuple[float, float]]) -> list[int]:
    """The places of the points that no other one beats: less is better in both.

    Beaten is a point where another is no worse in both and better in one; equals stay together.
    Latencies that are within 2 % of each other are the same, or milliseconds would outweigh all.
    """
    return [
        place
        for place, (x, y) in enumerate(points)
        if not any(u <= x * _SAME and v <= y and (u * _SAME < x or v < y) for u, v in points)
    ]


def tradeoff_chart(comparison: Comparison) -> Chart | None:
    """p95 of the failover latency against the share of duplicates; None with less than two."""
    points = [point for r in comparison.measured if (point := _point(r)) is not None]
    if len(points) < 2:
        return None
    looks = approach_looks(comparison.results)
    with drawing(f"{comparison.scenario} tradeoff"):
        figure = sheet(_TOP + _HEIGHT + _FOOT)
        axes = panel(figure, _LEFT, _TOP, WIDTH - _LEFT - _RIGHT, _HEIGHT)
        board = _Board(axes, points)
        board.draw_scales()
        best = pareto([(point.seconds, point.share) for point in points])
        board.draw_front([points[place] for place in best])
        for point in points:
            board.draw_point(point, looks[point.name])
        board.draw_labels({points[place].name for place in best})
        heading(axes, "Duplicates, share of expected runs (log scale)")
        caption = _caption(comparison, points, board.moved)
        title = "Trade-off: failover latency against duplicates"
        return finish(figure, "tradeoff", title, caption, board.tips)


def _caption(comparison: Comparison, points: Sequence[_Point], moved: bool) -> str:
    text = (
        "Lower left is better. Bars are 95 % intervals, also where none was seen. Bold, on the "
        "dashed line: the Pareto front, approaches that no other one beats in both."
    )
    if any(point.overlap for point in points):
        text += " Red rings: a job ran beside itself."
    if moved:
        text += " Marks in one place are set side by side."
    there = {point.name for point in points}
    missing = [
        phrases.clean(r.approach, NAME_LENGTH)
        for r in comparison.measured
        if r.approach not in there
    ]
    return text + (f" Without a failover: {', '.join(missing)}." if missing else "")


def _point(result: Result) -> _Point | None:
    if not result.expected or not result.failover.samples:
        return None
    p95 = result.failover.quantiles.p95
    share = result.duplicate / result.expected
    low, high = result.intervals.get("duplicate") or (None, None)
    return _Point(
        result.approach,
        math.inf if p95 is None else p95,
        share,
        share if low is None else low,
        share if high is None else high,
        result.overlap_count > 0,
    )


class _Board:
    """The panel under construction: its axes are pixels, its scales are drawn by hand.

    Both scales have a part that no number line has: zero below a logarithmic scale, and "beyond
    the end" behind a linear one. Both are set apart by a line.
    """

    def __init__(self, axes: Axes, points: Sequence[_Point]) -> None:
        self.axes = axes
        self.points = points
        self.tips: dict[str, str] = {}
        self.width = float(WIDTH - _LEFT - _RIGHT)
        axes.set_xlim(0, self.width)
        axes.set_ylim(0, _HEIGHT)
        known = [point.seconds for point in points if math.isfinite(point.seconds)]
        self.beyond = len(known) < len(points)
        self.span = self.width - (_BEYOND if self.beyond else 0)
        self.longest = max(known, default=1.0) * 1.2 or 1.0
        seen = [one for p in points for one in (p.low, p.share, p.high) if one > 0]
        self.least = math.floor(math.log10(min(seen, default=0.01)))
        self.most = math.ceil(math.log10(max(seen, default=1.0)) - 1e-9)
        self.most = min(0, max(self.most, self.least + 1))
        self.at = self._places()
        self.drawn: list[Box] = []
        self.moved = any(self.at[p.name][0] != self.x(p.seconds) for p in points)

    def _places(self) -> dict[str, tuple[float, float]]:
        """Where the marks lie; those that would hide each other are set side by side."""
        groups: list[list[_Point]] = []
        for point in sorted(self.points, key=lambda one: (self.x(one.seconds), one.name)):
            x, y = self.x(point.seconds), self.y(point.share)
            for group in groups:
                if abs(self.x(group[0].seconds) - x) + abs(self.y(group[0].share) - y) < _HIDDEN:
                    group.append(point)
                    break
            else:
                groups.append([point])
        return {
            point.name: (
                self.x(group[0].seconds) + _BESIDE * (place - (len(group) - 1) / 2)
                if len(group) > 1
                else self.x(point.seconds),
                self.y(point.share),
            )
            for group in groups
            for place, point in enumerate(group)
        }

    def x(self, seconds: float) -> float:
        """Where a latency lies."""
        if math.isinf(seconds):
            return self.width - _BEYOND / 2
        return self.span * seconds / self.longest

    def y(self, share: float) -> float:
        """Where a rate lies."""
        if share <= 0:
            return _NONE / 2
        part = (math.log10(share) - self.least) / (self.most - self.least)
        return _NONE + (_HEIGHT - _HEADROOM - _NONE) * max(0.0, part)

    def draw_scales(self) -> None:
        """Ticks, grid, and the two parts set apart."""
        decades = range(self.least, self.most + 1)
        places = [_NONE / 2, *(self.y(10.0**decade) for decade in decades)]
        texts = ["none seen", *(f"{100 * 10.0**decade:g} %" for decade in decades)]
        self.axes.set_yticks(places, texts)
        self.axes.tick_params(axis="y", length=0)
        step = _step(self.longest)
        marks = [step * place for place in range(int(self.longest / step) + 1)]
        labels = [f"{mark:g} s" for mark in marks]
        xs = [self.x(mark) for mark in marks]
        if self.beyond:
            xs, labels = [*xs, self.x(math.inf)], [*labels, "beyond the end"]
        self.axes.set_xticks(xs, labels)
        self.axes.set_xlabel("failover latency, p95", fontsize=SMALL, labelpad=4)
        for decade in decades:
            self.axes.axhline(self.y(10.0**decade), color=INK, alpha=0.12, linewidth=0.8)
        for mark in marks:
            self.axes.axvline(self.x(mark), color=INK, alpha=0.12, linewidth=0.8)
        self.axes.axhspan(0, _NONE - 5, color=INK, alpha=0.05, linewidth=0)
        if self.beyond:
            self.axes.axvspan(self.span + 5, self.width, color=INK, alpha=0.05, linewidth=0)

    def draw_front(self, best: Sequence[_Point]) -> None:
        """The front as steps: what lies beyond them is beaten."""
        places = sorted(self.at[point.name] for point in best)
        xs, ys = [places[0][0]], [_HEIGHT * 1.0]
        for x, y in places:
            xs += [x, x]
            ys += [ys[-1], y]
        xs.append(self.width)
        ys.append(ys[-1])
        for x, y, u, v in zip(xs, ys, xs[1:], ys[1:], strict=False):
            self.drawn.append(Box(min(x, u) - 1, min(y, v) - 1, max(x, u) + 1, max(y, v) + 1))
        self.axes.plot(xs, ys, color=INK, alpha=0.55, linewidth=1.2, dashes=(5, 3), zorder=1.6)

    def draw_point(self, point: _Point, look: Look) -> None:
        """The mark, and the interval upwards and downwards of it."""
        (x, middle), low, high = self.at[point.name], self.y(point.low), self.y(point.high)
        gid = f"point-{len(self.tips)}"
        # Through a rate of zero, the bar begins at the mark.
        low = min(low, middle) if point.share else middle
        self.drawn.append(Box(x - 4, low, x + 4, high))
        self.axes.plot([x, x], [low, high], color=look.colour, linewidth=1.6, zorder=2)
        self.axes.plot([x - 4, x + 4], [high, high], color=look.colour, linewidth=1.6, zorder=2)
        self.axes.plot(
            [x],
            [middle],
            look.marker,
            color=look.colour,
            markersize=10,
            markeredgecolor=INK,
            markeredgewidth=0.6,
            gid=gid,
            zorder=3,
            clip_on=False,
        )
        if point.overlap:
            self.axes.plot(
                [x],
                [middle],
                "o",
                color=VIOLATION,
                fillstyle="none",
                markersize=17,
                markeredgewidth=1.6,
                zorder=2.8,
                clip_on=False,
            )
        late = "beyond the end" if math.isinf(point.seconds) else phrases.seconds(point.seconds)
        share = phrases.percent(point.share)
        to = phrases.percent(point.high)
        beside = ", ran beside itself" if point.overlap else ""
        text = f"p95 {late}, duplicates {share} % (up to {to} %)"
        self.tips[gid] = f"{point.name}: {text}{beside}"

    def draw_labels(self, best: set[str]) -> None:
        """Names beside the marks, where they hide neither each other nor a mark."""
        anchors = [self.at[point.name] for point in self.points]
        names = [phrases.clean(point.name, NAME_LENGTH) for point in self.points]
        sizes = [(6.8 * len(name) + 4, 15.0) for name in names]
        room = Box(2, 2, self.width - 2, _HEIGHT - 2)
        for point, name, (x, y), label in zip(
            self.points, names, anchors, place_labels(anchors, sizes, self.drawn, room), strict=True
        ):
            if label.far:
                end = min(max(x, label.box.left), label.box.right)
                foot = min(max(y, label.box.bottom), label.box.top)
                self.axes.plot([x, end], [y, foot], color=INK, alpha=0.4, linewidth=0.8, zorder=1.7)
            before = label.box.right <= x
            self.axes.text(
                label.box.right - 2 if before else label.box.left + 2,
                (label.box.bottom + label.box.top) / 2,
                name,
                ha="right" if before else "left",
                va="center_baseline",
                fontsize=SMALL + 0.5,
                fontweight="bold" if point.name in best else "normal",
                zorder=4,
            )


def _step(longest: float) -> float:
    """A round step that gives four to ten ticks."""
    size = 10.0 ** math.floor(math.log10(longest))
    return next(
        (size * part for part in (0.1, 0.2, 0.5, 1.0) if longest / (size * part) <= 10), size
    )
