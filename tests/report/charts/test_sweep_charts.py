from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest

from harness.report.charts.quantities import axis_of, number_of
from harness.report.charts.scaling import scaling_charts
from harness.report.charts.sweep import sweep_charts
from harness.report.model import Comparison
from harness.scenario.variation import Parameter
from harness.verdict.model import Latency, Quantiles
from tests.report.conftest import HOSTILE

TTL = Parameter("redis-lock.ttl", ("500ms", "1s", "20s"))
WORKERS = Parameter("workers", ("3", "10"))
MORE = Parameter("pause.for", ("1s", "2s"))


@pytest.fixture
def compared(make: SimpleNamespace) -> Any:
    def compared(*approaches: str, **changes: Any) -> Comparison:
        results = [make.result(name, **changes) for name in approaches]
        comparison: Comparison = make.comparison(*results)
        return comparison

    return compared


def texts(svg: str) -> list[str]:
    return [text for text in ElementTree.fromstring(svg).itertext() if text.strip()]


def test_numbers_are_seconds_percent_or_plain() -> None:
    assert [number_of(text) for text in ("500ms", "3", "50%", "2m")] == [0.5, 3.0, 50.0, 120.0]
    assert [number_of(text) for text in ("running", "nan", "{median: 1s}")] == [None] * 3


def test_an_axis_is_in_order_and_logarithmic_beyond_a_decade() -> None:
    axis = axis_of("ttl", ("20s", "500ms", "1s"))
    assert (axis.values, axis.places, axis.log) == (("500ms", "1s", "20s"), (0.5, 1.0, 20.0), True)
    assert not axis_of("ttl", ("1s", "10s")).log
    assert not axis_of("ttl", ("0s", "100s")).log


def test_an_axis_of_words_keeps_their_order() -> None:
    assert axis_of("target", ("running", "holder", "3")).places == (0.0, 1.0, 2.0)


def test_one_parameter_gets_lines_and_level_ones_for_those_it_does_not_concern(
    compared: Any,
) -> None:
    points: list[Any] = [({}, compared("postgres-queue"))]
    points += [({TTL.name: value}, compared("redis-lock")) for value in TTL.values]
    charts = sweep_charts([TTL], points)
    assert [c.name for c in charts] == ["sweep-violations", "sweep-overlap", "sweep-recovery"]
    for chart in charts:
        shown = texts(chart.svg)
        assert {"redis-lock", "postgres-queue", "500ms", "1s", "20s"} <= set(shown)
        assert "redis-lock.ttl (log scale)" in shown
        assert "does not concern" in chart.caption
        assert chart.png.startswith(b"\x89PNG")
    assert "redis-lock, redis-lock.ttl 1s: 3 %" in texts(charts[0].svg)
    assert "postgres-queue: 3 %" in texts(charts[0].svg)


def test_what_lies_beyond_the_end_of_the_trials_is_marked(compared: Any) -> None:
    beyond = Latency(3, 3, Quantiles())
    points = [
        ({"workers": "3"}, compared("redis-lock")),
        ({"workers": "10"}, compared("redis-lock", failover=beyond)),
    ]
    chart = sweep_charts([WORKERS], points)[-1]
    assert "redis-lock, workers 10: beyond the end of the trials" in texts(chart.svg)
    assert "open triangle" in chart.caption


def test_two_parameters_get_a_heat_map_a_measure_with_the_value_in_each_cell(
    compared: Any,
) -> None:
    points: list[Any] = [({"workers": w}, compared("postgres-queue")) for w in WORKERS.values]
    for place, ttl in enumerate(TTL.values):
        for workers in WORKERS.values:
            tried = compared("redis-lock", calls_per_run=10.0 * place + int(workers))
            points.append(({TTL.name: ttl, "workers": workers}, tried))
    charts = {chart.name: chart for chart in sweep_charts([TTL, WORKERS], points)}
    assert list(charts)[-1] == "sweep-calls"
    shown = texts(charts["sweep-calls"].svg)
    cells = {"3.0", "10.0", "13.0", "20.0", "23.0", "30.0"}
    assert cells <= set(shown)
    assert "redis-lock, redis-lock.ttl 20s, workers 10: 30.0" in shown
    assert "postgres-queue, workers 10: 6.2" in shown


def test_a_measure_that_is_nought_everywhere_is_left_out(make: SimpleNamespace) -> None:
    clean = make.comparison(make.clean_result())
    points = [
        ({"workers": workers, "pause.for": length}, clean)
        for workers in WORKERS.values
        for length in MORE.values
    ]
    names = [chart.name for chart in sweep_charts([WORKERS, MORE], points)]
    assert names == ["sweep-failover", "sweep-outage", "sweep-calls"]


def test_a_third_parameter_gets_a_chart_for_each_of_its_values(compared: Any) -> None:
    grace = Parameter("grace", tuple(f"{number}s" for number in range(1, 7)))
    points = [
        ({"workers": w, "pause.for": length, "grace": g}, compared("redis-lock"))
        for w in WORKERS.values
        for length in MORE.values
        for g in grace.values
    ]
    charts = [c for c in sweep_charts([WORKERS, MORE, grace], points) if "calls" in c.name]
    assert [chart.name for chart in charts] == [f"sweep-calls-{n}" for n in range(1, 5)]
    assert charts[1].title == "Coordinator calls per run with grace 2s"
    assert "2 more combinations are in results.csv alone" in charts[0].caption


def test_two_approaches_own_parameters_get_lines_each(compared: Any) -> None:
    other = Parameter("redis-watchdog.ttl", ("1s", "2s"))
    points = [({TTL.name: value}, compared("redis-lock")) for value in TTL.values]
    points += [({other.name: value}, compared("redis-watchdog")) for value in other.values]
    charts = {chart.name: chart for chart in sweep_charts([TTL, other], points)}
    first = texts(charts["sweep-redis-lock-ttl-violations"].svg)
    assert "redis-lock" in first
    assert "redis-watchdog" not in first


def test_a_sweep_without_figures_has_no_charts(make: SimpleNamespace) -> None:
    skipped = make.comparison(make.result(trials=0, skipped="no Redis here"))
    assert sweep_charts([WORKERS], [({"workers": "3"}, skipped)]) == []


def test_hostile_names_are_text(make: SimpleNamespace) -> None:
    hostile = make.comparison(make.result(HOSTILE), make.result("redis-lock"))
    one = Parameter(HOSTILE, (HOSTILE, "b"))
    charts = sweep_charts([one], [({HOSTILE: value}, hostile) for value in one.values])
    two = sweep_charts(
        [one, WORKERS], [({HOSTILE: v, "workers": "3"}, hostile) for v in one.values]
    )
    assert charts
    assert two
    for chart in (*charts, *two):
        assert "<script>" not in chart.svg + chart.standalone
        ElementTree.fromstring(chart.svg)
        ElementTree.fromstring(chart.standalone)
        assert chart.png
        assert chart.name.replace("-", "").isalnum()


JOB = {"name": "report", "every": 1.0, "first": 1.0, "takes": 0.1}


def scaled(make: SimpleNamespace, workers: int, jobs: int, **changes: Any) -> Comparison:
    several = [{**JOB, "name": f"job-{n}", "first": 1.0 + n / 10} for n in range(jobs)]
    comparison: Comparison = make.comparison(
        make.result("redis-lock", calls_per_run=2.0 * workers),
        setting={"workers": workers, "jobs": several},
        **changes,
    )
    return comparison


def test_calls_are_drawn_against_workers_where_just_they_differ(make: SimpleNamespace) -> None:
    charts = scaling_charts([scaled(make, 3, 1), scaled(make, 10, 1), scaled(make, 50, 1)])
    assert [chart.name for chart in charts] == ["calls-workers"]
    assert charts[0].title == "worker-crash: coordination against workers, with 1 job"
    assert "redis-lock, workers 50: 100.0" in texts(charts[0].svg)


def test_calls_are_drawn_against_jobs_where_just_their_number_differs(
    make: SimpleNamespace,
) -> None:
    charts = scaling_charts([scaled(make, 3, 1), scaled(make, 3, 20)])
    assert [chart.name for chart in charts] == ["calls-jobs"]


def test_nothing_is_drawn_where_more_than_that_differs(make: SimpleNamespace) -> None:
    one = scaled(make, 3, 1)
    assert scaling_charts([one]) == []
    assert scaling_charts([one, scaled(make, 3, 1, seed=8)]) == []
    assert scaling_charts([one, scaled(make, 10, 5)]) == []
    assert scaling_charts([one, scaled(make, 10, 1, runtime="sim")]) == []
    assert scaling_charts([one, scaled(make, 10, 1, scenario="other")]) == []
