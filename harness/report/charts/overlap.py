"""Chart: when in a trial a job ran beside itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from harness.report import phrases
from harness.report.charts.chart import Chart
from harness.report.charts.drawing import (
    INK,
    LABELS,
    SMALL,
    WIDTH,
    drawing,
    finish,
    name_rows,
    panel,
    sheet,
    unit,
)
from harness.report.model import Comparison
from harness.report.palette import VIOLATION, approach_looks
from harness.verdict.statistics import rate_interval
from harness.verdict.tally import Tally

_ROW = 34
_TOP = 24
_FOOT = 26
_RIGHT = 150
# The height of a row at 100 %.
_FULL = 0.78
# Fault names closer than this, in pixels, would run into each other.
_APART = 62
# Time is cut into columns of this many pixels.
_COLUMN = 0.5


def overlap_chart(comparison: Comparison) -> Chart | None:
    """A band an approach: the share of its trials in which a job ran beside itself just then.

    None where no job did in any trial.
    """
    trials = {r.approach: comparison.valid_tallies(r.approach) for r in comparison.measured}
    if not any(one.overlap_count for found in trials.values() for one in found):
        return None
    looks = approach_looks(comparison.results)
    names = list(trials)
    end = max(one.duration for found in trials.values() for one in found)
    width = WIDTH - LABELS - _RIGHT
    height = len(names) * _ROW
    with drawing(f"{comparison.scenario} overlap"):
        figure = sheet(_TOP + height + _FOOT)
        axes = panel(figure, LABELS, _TOP, width, height)
        axes.set_xlim(0, end)
        axes.set_ylim(len(names) - 0.5, -0.5)
        name_rows(axes, names, looks, LABELS)
        banded = _faults(axes, faults(comparison), width / end)
        for row, name in enumerate(names):
            _band(axes, row, trials[name], end)
        unit(axes, "s")
        axes.annotate(
            "trials with overlap: mean time",
            (1, 1),
            xycoords="axes fraction",
            xytext=(8, 5),
            textcoords="offset points",
            fontsize=SMALL - 1.5,
            alpha=0.8,
        )
        caption = (
            "Share of trials in which a job ran beside itself at that moment: a row's line is 0 %, "
            "its full height 100 %."
        )
        caption += " Grey: faults, the same in every trial." if banded else ""
        return finish(figure, "overlap", "Overlap over time", caption)


def shares(trials: Sequence[Tally]) -> list[tuple[float, float]]:
    """Steps (from when, share of the trials) of those in which some job overlaps itself."""
    changes: dict[float, int] = {}
    for trial in trials:
        for start, end in _merged(trial):
            changes[start] = changes.get(start, 0) + 1
            changes[end] = changes.get(end, 0) - 1
    steps: list[tuple[float, float]] = []
    count = 0
    for moment in sorted(changes):
        count += changes[moment]
        if changes[moment]:
            steps.append((moment, count / len(trials)))
    return steps


def in_columns(
    steps: Sequence[tuple[float, float]], end: float, columns: int
) -> list[tuple[float, float]]:
    """The steps as columns of equal width, each as high as the highest of what falls into it.

    A peak too narrow to see is widened to a column, never lost.
    """
    moments = np.array([moment for moment, _ in steps])
    values = np.array([0.0, *(share for _, share in steps)])
    width = end / columns
    starts = np.arange(columns) * width
    peaks = values[np.searchsorted(moments, starts, side="right")]
    falls = np.clip((moments / width).astype(int), 0, columns - 1)
    np.maximum.at(peaks, falls, values[1:])
    changed = np.flatnonzero(np.diff(peaks, prepend=0.0))
    return [(float(starts[place]), float(peaks[place])) for place in changed]


def faults(comparison: Comparison) -> list[tuple[float, float | None, str]]:
    """The faults (start, end, type) that were planned for the same times in every trial.

    Known from the trials that are looked at more closely; the end only where it is a plain stretch.
    """
    lines = [
        {fault.fault: fault for fault in verdict.trial.faults}
        for result in comparison.measured
        for verdict in comparison.valid_verdicts(result.approach)
    ]
    jitter = any(row.get("jitter") for row in comparison.setting.get("faults", ()))
    if not lines or jitter or any(one != lines[0] for one in lines):
        return []
    return [
        (fault.at, _until(fault.at, fault.type, comparison.setting), fault.type)
        for fault in sorted(lines[0].values(), key=lambda one: one.at or 0.0)
        if fault.at is not None
    ]


def _until(at: float, kind: str, setting: Any) -> float | None:
    rows = [row for row in setting.get("faults", ()) if row.get("type") == kind]
    lengths = {row.get("for") or row.get("restart_after") for row in rows}
    length = lengths.pop() if len(lengths) == 1 else None
    return at + length if isinstance(length, int | float) else None


def _faults(axes: Axes, found: Sequence[tuple[float, float | None, str]], scale: float) -> bool:
    labelled = -float(_APART)
    for start, end, kind in found:
        if end is not None:
            axes.axvspan(start, end, color=INK, alpha=0.07, linewidth=0, zorder=0.5)
        axes.axvline(start, color=INK, alpha=0.3, linewidth=0.8, zorder=0.6)
        if start * scale - labelled >= _APART:
            labelled = start * scale
            label = phrases.clean(kind, 14)
            axes.annotate(
                label,
                (start, 1),
                xycoords=("data", "axes fraction"),
                xytext=(1, 5),
                textcoords="offset points",
                fontsize=SMALL - 1,
                alpha=0.8,
            )
    return bool(found)


def _band(axes: Axes, row: int, trials: Sequence[Tally], end: float) -> None:
    foot = row + _FULL / 2
    axes.axhline(foot, color=INK, alpha=0.25, linewidth=0.8, zorder=1)
    columns = round((WIDTH - LABELS - _RIGHT) / _COLUMN)
    steps = in_columns(shares(trials), end, columns)
    if steps:
        xs, ys = [0.0], [foot]
        for moment, share in steps:
            xs += [moment, moment]
            ys += [ys[-1], foot - _FULL * share]
        xs.append(end)
        ys.append(ys[-1])
        axes.fill_between(xs, ys, foot, color=VIOLATION, linewidth=0, zorder=2)
    axes.annotate(
        _remark(trials),
        (1, row),
        xycoords=("axes fraction", "data"),
        xytext=(8, 0),
        textcoords="offset points",
        va="center",
        fontsize=SMALL - 1,
        color=INK,
        alpha=1.0 if steps else 0.75,
        annotation_clip=False,
    )


def _remark(trials: Sequence[Tally]) -> str:
    count = sum(bool(one.overlap_count) for one in trials)
    if not count:
        high = rate_interval([(0, len(trials))])[1]
        bound = "" if high is None else f" (< {phrases.percent(high)} %)"
        return f"none in {len(trials)}{bound}"
    seconds = sum(one.overlap_seconds for one in trials) / count
    return f"{count} of {len(trials)}: {phrases.seconds(seconds)}"


def _merged(trial: Tally) -> list[tuple[float, float]]:
    """The stretches in which any job overlapped itself, none touching another."""
    merged: list[tuple[float, float]] = []
    for start, end in sorted((start, end) for _, start, end, _ in trial.overlaps):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
