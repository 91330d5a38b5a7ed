"""All charts of one comparison."""

from __future__ import annotations

from harness.report.charts.calls import calls_chart
from harness.report.charts.chart import Chart
from harness.report.charts.latency import latency_chart
from harness.report.charts.lateness import lateness_chart
from harness.report.charts.outcomes import outcomes_chart
from harness.report.charts.overlap import overlap_chart
from harness.report.charts.tradeoff import tradeoff_chart
from harness.report.model import Comparison


def charts(comparison: Comparison) -> list[Chart]:
    """Those of them for which there is something to draw, in the order in which they are read."""
    drawn = (
        outcomes_chart(comparison),
        tradeoff_chart(comparison),
        latency_chart(comparison, "failover"),
        latency_chart(comparison, "outage"),
        overlap_chart(comparison),
        lateness_chart(comparison),
        calls_chart(comparison),
    )
    return [chart for chart in drawn if chart is not None]
