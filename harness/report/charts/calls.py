"""Chart: what an expected run costs in requests to the coordinator."""

from __future__ import annotations

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
    row_lines,
    sheet,
    unit,
)
from harness.report.model import Comparison
from harness.report.palette import approach_looks
from harness.verdict.tally import Tally

_ROW = 30
_TOP = 8
_FOOT = 26
_RIGHT = 120
# A difference between trials is written only from this share of the value on.
_SPREAD = 0.05


def calls_chart(comparison: Comparison) -> Chart | None:
    """One bar an approach, with its value; None where no approach asked a coordinator."""
    rows = [(r, r.calls_per_run) for r in comparison.measured if r.calls_per_run is not None]
    if not any(value for _, value in rows):
        return None
    looks = approach_looks(comparison.results)
    height = len(rows) * _ROW
    with drawing(f"{comparison.scenario} calls"):
        figure = sheet(_TOP + height + _FOOT)
        axes = panel(figure, LABELS, _TOP, WIDTH - LABELS - _RIGHT, height)
        name_rows(axes, [result.approach for result, _ in rows], looks, LABELS)
        row_lines(axes, len(rows))
        most = 0.0
        for row, (result, value) in enumerate(rows):
            trials = [
                one
                for tally in comparison.valid_tallies(result.approach)
                if (one := _per_run(tally)) is not None
            ]
            low, high = min(trials, default=value), max(trials, default=value)
            axes.barh(row, value, 0.5, color=looks[result.approach].colour, linewidth=0)
            axes.plot([low, high], [row] * 2, color=INK, linewidth=1.4)
            spread = f"  ({low:.3g} to {high:.3g})" if high - low > _SPREAD * value else ""
            axes.annotate(
                f"{value:.3g}{spread}",
                (max(value, high), row),
                xytext=(6, 0),
                textcoords="offset points",
                va="center",
                fontsize=SMALL,
                annotation_clip=False,
            )
            most = max(most, value, high)
        axes.set_xlim(0, most * 1.02)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.grid(axis="x")
        unit(axes, "calls")
        caption = (
            "Requests to the coordinator for each expected run, idle ones included; thin line and "
            "brackets: the least and the most of any trial."
        )
        return finish(figure, "calls", "Coordinator calls per run", caption)


def _per_run(tally: Tally) -> float | None:
    expected = sum(tally.outcomes.values())
    return tally.calls / expected if expected else None
