"""Chart: one stretch of one trial, a lane a worker."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter

from harness.report import phrases
from harness.report.charts.drawing import INK, SMALL, WIDTH, as_svg, drawing, panel, sheet
from harness.report.charts.scene import Scene, Span
from harness.report.palette import VIOLATION
from harness.verdict.model import Ending, Run

_LANE = 34
_LEFT = 118
_TOP = 22
_FOOT = 26
_NAME = 16
# Jobs share a lane's height; more of them than this share rows as well.
_MOST_ROWS = 4
# Fault names closer than this, in pixels, would run into each other.
_APART = 70

_FAULT: Mapping[str, Any] = {
    "facecolor": "none",
    "edgecolor": INK,
    "hatch": "////",
    "alpha": 0.5,
    "linewidth": 0,
}
_CRASH: Mapping[str, Any] = {
    "color": INK,
    "marker": "x",
    "markersize": 8,
    "markeredgewidth": 2.2,
    "zorder": 4,
    "clip_on": False,
}
_TOO_MANY: Mapping[str, Any] = {
    "color": VIOLATION,
    "marker": "v",
    "markersize": 6.5,
    "linestyle": "none",
}
_MISSED: Mapping[str, Any] = {
    "color": INK,
    "marker": "o",
    "markersize": 6,
    "fillstyle": "none",
    "markeredgewidth": 1.6,
    "linestyle": "none",
}


class _Board:
    """A panel under construction: the lanes' places, and the tips of what was drawn."""

    def __init__(self, axes: Axes, scene: Scene, name: str) -> None:
        self.axes = axes
        self.name = name
        self.scene = scene
        self.lane = {worker: place for place, worker in enumerate(scene.workers)}
        self.tips: dict[str, str] = {}

    def tip(self, text: str) -> str:
        """A gid for an artist, over which the text shows."""
        gid = f"{self.name}-{len(self.tips)}"
        self.tips[gid] = text
        return gid

    def box(self, start: float, end: float, top: float, height: float, **look: Any) -> None:
        """A rectangle, cut to the stretch shown."""
        start, end = max(start, self.scene.start), min(end, self.scene.end)
        self.axes.add_patch(Rectangle((start, top), end - start, height, **look))


def draw_timeline(scene: Scene, name: str, colours: Mapping[str, str]) -> str:
    """Runs as bars in their job's colour, what is wrong in red, faults hatched, crashes crossed.

    `name` tells this chart from the others of its page; `colours` are those of the jobs.
    """
    # Above the lanes, a strip for what was wrong.
    height = (len(scene.workers) + 1) * _LANE
    with drawing(name):
        figure = sheet(_TOP + height + _FOOT)
        axes = panel(figure, _LEFT, _TOP, WIDTH - _LEFT - 14, height)
        axes.set_xlim(scene.start, scene.end)
        axes.set_ylim(len(scene.workers), -1)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} s"))
        board = _Board(axes, scene, name)
        _names(board)
        _lives_and_leases(board)
        _faults(board)
        _runs(board, colours)
        _violations(board)
        label = f"Timeline of {scene.verdict.trial.approach}, seed {scene.verdict.trial.seed}"
        return as_svg(figure, label, board.tips)


def _names(board: _Board) -> None:
    place = board.axes.get_yaxis_transform()
    for row, text in enumerate(("violations", *board.scene.workers), start=-1):
        board.axes.text(
            -0.008,
            row + 0.5,
            phrases.clean(text, _NAME),
            transform=place,
            ha="right",
            va="center",
            fontsize=SMALL,
            alpha=0.65 if row < 0 else 1,
        )


def _lives_and_leases(board: _Board) -> None:
    for span in board.scene.up:
        if span.worker in board.lane:
            row = board.lane[span.worker]
            board.box(span.start, span.end, row + 0.06, 0.88, color=INK, alpha=0.06, linewidth=0)
    for lease in board.scene.leases:
        tip = f"{lease.worker} holds {lease.name}, {_stretch(lease.start, lease.end)}"
        _line(board, lease, 0.85, tip, color=INK, alpha=0.6, linewidth=1.6)
    owner = {lease.name: lease.worker for lease in board.scene.leases}
    for hold in board.scene.double_holds:
        tip = f"{hold.what} held by {hold.most} at once, {_stretch(hold.start, hold.end)}"
        for name in hold.who:
            both = Span(hold.start, hold.end, name, owner.get(name))
            _line(board, both, 0.85, tip, color=VIOLATION, linewidth=2.4)


def _line(board: _Board, span: Span, depth: float, tip: str, **look: Any) -> None:
    if span.worker in board.lane:
        height = board.lane[span.worker] + depth
        gid = board.tip(tip)
        ends = (max(span.start, board.scene.start), min(span.end, board.scene.end))
        board.axes.plot(ends, [height] * 2, gid=gid, solid_capstyle="butt", **look)


def _faults(board: _Board) -> None:
    scene = board.scene
    labelled = -float(_APART)
    a_pixel = (scene.end - scene.start) / (WIDTH - _LEFT - 14)
    for fault in sorted(scene.faults, key=lambda span: span.start):
        top, height = 0.0, float(len(scene.workers))
        if fault.worker is not None:
            if fault.worker not in board.lane:
                continue
            top, height = board.lane[fault.worker] + 0.06, 0.88
        tip = f"{fault.name} {fault.worker or ''} {_stretch(fault.start, fault.end)}"
        board.box(fault.start, fault.end, top, height, gid=board.tip(tip), **_FAULT)
        place = (fault.start - scene.start) / a_pixel
        if place - labelled >= _APART:
            labelled = place
            board.axes.text(
                fault.start, -1.12, phrases.clean(fault.name, 14), fontsize=SMALL - 1, alpha=0.8
            )
            if fault.start > scene.start:
                upright = [fault.start] * 2
                board.axes.plot(upright, [-1, top], color=INK, alpha=0.35, linewidth=0.8)
    for crash in scene.crashes:
        if crash.worker in board.lane:
            middle = board.lane[crash.worker] + 0.5
            gid = board.tip(f"{crash.worker} died, {crash.name}, at {crash.start:.2f} s")
            board.axes.plot([crash.start], [middle], gid=gid, **_CRASH)


def _runs(board: _Board, colours: Mapping[str, str]) -> None:
    jobs = {job: place for place, job in enumerate(colours)}
    rows = max(1, min(len(jobs), _MOST_ROWS))
    thickness = 0.64 / rows
    for run in board.scene.runs:
        if run.worker not in board.lane:
            continue
        top = board.lane[run.worker] + 0.1 + thickness * (jobs.get(run.job, 0) % rows)
        wrong = run.run in board.scene.wrong
        board.box(
            run.started,
            run.ended,
            top + 0.02,
            thickness - 0.04,
            facecolor=colours.get(run.job, INK),
            edgecolor=VIOLATION if wrong else "none",
            linewidth=1.5 if wrong else 0,
            alpha=None if run.ending is Ending.FINISHED else 0.5,
            zorder=3 if wrong else 2.5,
            gid=board.tip(_described(run)),
        )


def _described(run: Run) -> str:
    due = "" if run.due is None else f" due {run.due:g} s"
    extra = "" if run.extra is None else f", {run.extra}"
    return (
        f"{run.job}{due} on {run.worker}, {_stretch(run.started, run.ended)}, {run.ending}{extra}"
    )


def _violations(board: _Board) -> None:
    for overlap in board.scene.overlaps:
        tip = f"{overlap.what}: {overlap.most} runs at once, {_stretch(overlap.start, overlap.end)}"
        board.box(
            overlap.start,
            overlap.end,
            -0.28,
            0.16,
            color=VIOLATION,
            linewidth=1,
            gid=board.tip(tip),
        )
    for run in board.scene.extra:
        gid = board.tip(f"one run too many: {_described(run)}")
        board.axes.plot([run.started], [-0.52], gid=gid, **_TOO_MANY)
    for expected in board.scene.missed:
        gid = board.tip(f"{expected.job} due {expected.due:g} s: {expected.outcome}")
        board.axes.plot([expected.due], [-0.52], gid=gid, **_MISSED)


def _stretch(start: float, end: float) -> str:
    return f"{start:.2f} to {end:.2f} s"
