from __future__ import annotations

import dataclasses
import re
from array import array
from collections.abc import Callable
from io import BytesIO
from types import SimpleNamespace
from unittest.mock import Mock
from xml.etree import ElementTree

import matplotlib as mpl
import pytest
from PIL import Image

from harness.report.charts.all import charts
from harness.report.charts.calls import calls_chart
from harness.report.charts.chart import Chart
from harness.report.charts.drawing import as_svg, drawing, sheet
from harness.report.charts.latency import latency_chart
from harness.report.charts.lateness import lateness_chart
from harness.report.charts.outcomes import outcomes_chart
from harness.report.model import Comparison
from harness.report.palette import VIOLATION
from harness.verdict.model import Latency, Quantiles, Sample
from harness.verdict.tally import Tally, tally


def there(chart: Chart | None) -> Chart:
    assert chart is not None
    return chart


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter() if element.text]


def trial(make: SimpleNamespace, **changes: object) -> Tally:
    return dataclasses.replace(tally(make.verdict()), **changes)  # type: ignore[arg-type]


def late(make: SimpleNamespace) -> Comparison:
    """Two approaches of which everything is known that can be drawn."""
    tallies = {
        name: [trial(make, lateness=array("d", [0.0, 0.002, 0.3]), calls=calls)]
        for name, calls in (("redis-lock", 6), ("postgres-queue", 9))
    }
    quantiles = Quantiles(0.002, 0.3, 0.3, 0.3)
    results = (make.result(lateness=quantiles), make.clean_result())
    found: Comparison = make.comparison(*results, tallies=tallies)
    return found


def test_a_full_comparison_has_all_charts_in_the_order_in_which_they_are_read(
    make: SimpleNamespace,
) -> None:
    names = [chart.name for chart in charts(late(make))]
    assert names == "outcomes tradeoff failover outage overlap lateness calls".split()


def test_what_was_not_measured_is_not_drawn(make: SimpleNamespace) -> None:
    skipped = make.result("zookeeper-lock", trials=0, skipped="none here")
    assert charts(make.comparison(skipped)) == []


def test_every_chart_is_well_formed_and_says_how_it_is_read(
    comparison: Comparison, hostile: Comparison
) -> None:
    for chart in (*charts(comparison), *charts(hostile)):
        for text in (chart.svg, chart.standalone.encode()):
            root = ElementTree.fromstring(text)
            assert not [one for one in root.iter() if "script" in one.tag]
        assert chart.title
        assert chart.caption.endswith(".")
        assert "\n" not in chart.caption


def test_the_same_comparison_gives_the_same_bytes(make: SimpleNamespace) -> None:
    assert charts(late(make)) == charts(late(make))
    one, two = (there(latency_chart(late(make), "failover")) for _ in range(2))
    assert one.png == two.png


def test_a_chart_for_a_page_has_its_ink_and_a_file_is_black_on_white(
    make: SimpleNamespace,
) -> None:
    chart = there(outcomes_chart(late(make)))
    assert "currentColor" in chart.svg
    assert "#ffffff" not in chart.svg
    assert "currentColor" not in chart.standalone
    assert 'fill="#ffffff"' in chart.standalone
    assert chart.title in texts(chart.standalone.split("\n", 1)[1])


def test_a_png_is_white_and_has_two_pixels_to_one(make: SimpleNamespace) -> None:
    chart = there(calls_chart(late(make)))
    with Image.open(BytesIO(chart.png)) as image:
        assert image.width == 2 * (960 + 32)
        assert image.convert("RGB").getpixel((0, 0)) == (255, 255, 255)
        assert image.info.get("Software") is None


def test_a_png_is_made_only_for_those_who_want_it() -> None:
    paint = Mock(return_value=b"png")
    chart = Chart("a", "b", "c", "<svg/>", "<svg/>", paint)
    paint.assert_not_called()
    assert chart.png == chart.png == b"png"
    paint.assert_called_once()


def test_outcomes_draw_each_kind_with_its_count(make: SimpleNamespace) -> None:
    comparison = make.comparison(make.result(), make.clean_result())
    svg = there(outcomes_chart(comparison)).svg
    assert "redis-lock: duplicate 12 (3 %)" in texts(svg)
    assert "redis-lock: never started 3 (0.75 %)" in texts(svg)
    assert "postgres-queue: duplicate 0 (< 0.95 %) of 400" in texts(svg)
    assert VIOLATION in svg


def test_outcomes_name_in_their_legend_what_happened_and_nothing_else(
    make: SimpleNamespace,
) -> None:
    shown = texts(there(outcomes_chart(make.comparison(make.result()))).svg)
    assert {"once", "duplicate", "lost", "never started"} <= set(shown)
    assert "overrun" not in shown


def test_outcomes_without_expected_runs_are_not_drawn(make: SimpleNamespace) -> None:
    assert outcomes_chart(make.comparison(make.result(expected=0))) is None


def test_censored_samples_end_the_curve_below_all_and_say_so(make: SimpleNamespace) -> None:
    chart = there(latency_chart(make.comparison(make.result()), "failover"))
    assert "50 %" in texts(chart.svg)
    assert "Red: not over before the trial's end" in chart.caption
    assert VIOLATION in chart.svg
    calm = make.result(outage=Latency(1, 0, Quantiles(0.5, 0.5, 0.5, 0.5)))
    whole = there(latency_chart(make.comparison(calm), "outage"))
    assert "trial's end" not in whole.caption
    assert VIOLATION not in whole.svg


def test_where_every_sample_is_censored_there_are_no_quantiles(make: SimpleNamespace) -> None:
    censored = (Sample("crash#1", "report", 2.0, 4.0, censored=True),)
    verdict = make.verdict(failover=censored, outage=())
    result = make.result(failover=Latency(1, 1, Quantiles()), outage=Latency(0, 0, Quantiles()))
    comparison = make.comparison(result, verdicts={"redis-lock": (verdict,)})
    shown = texts(there(latency_chart(comparison, "failover")).svg)
    assert not any(text.startswith("p50") for text in shown)
    assert latency_chart(comparison, "outage") is None


def test_samples_left_out_are_counted(make: SimpleNamespace) -> None:
    many = tuple(Sample("crash#1", "report", 1.0, place / 1000) for place in range(5000))
    verdicts = {"redis-lock": (make.verdict(failover=many),)}
    chart = there(latency_chart(make.comparison(make.result(), verdicts=verdicts), "failover"))
    assert "Every sample (2400 of 5000 drawn, evenly)" in texts(chart.svg)


def test_who_had_no_failover_is_named(make: SimpleNamespace) -> None:
    none = make.result("quiet", failover=Latency(0, 0, Quantiles()))
    verdicts = {
        "redis-lock": (make.verdict(),),
        "quiet": (make.verdict("quiet", failover=(), outage=()),),
    }
    comparison = make.comparison(make.result(), none, verdicts=verdicts)
    assert "Without samples: quiet." in there(latency_chart(comparison, "failover")).caption


def test_lateness_of_nothing_at_all_has_a_place_on_a_logarithmic_scale(
    make: SimpleNamespace,
) -> None:
    shown = texts(there(lateness_chart(late(make))).svg)
    assert "redis-lock: p50, p95 2 ms, 0.30 s; most 0.30 s" in shown


def test_calls_show_their_value_and_how_far_trials_differ(make: SimpleNamespace) -> None:
    comparison = late(make)
    tallies = {**comparison.tallies, "redis-lock": [trial(make, calls=6), trial(make, calls=30)]}
    shown = texts(there(calls_chart(dataclasses.replace(comparison, tallies=tallies))).svg)
    assert "6.25  (2 to 10)" in shown


def test_without_any_calls_there_is_nothing_to_draw(make: SimpleNamespace) -> None:
    assert calls_chart(make.comparison(make.result(calls_per_run=0.0))) is None


def test_mathematics_in_a_name_is_just_a_name(make: SimpleNamespace) -> None:
    name = r"$\frac{1$"
    for chart in charts(make.comparison(make.result(name), make.clean_result())):
        assert name in chart.svg


def test_twenty_approaches_get_a_row_each_and_no_spaghetti(make: SimpleNamespace) -> None:
    results = [make.result(f"approach-{place}") for place in range(20)]
    chart = there(latency_chart(make.comparison(*results), "failover"))
    assert "Done within (each row 0 to 100 %)" in texts(chart.svg)
    assert "approach-19" in texts(chart.svg)


def test_drawing_leaves_no_setting_behind(make: SimpleNamespace) -> None:
    before = dict(mpl.rcParams)
    with drawing("x"):
        as_svg(sheet(100), "nothing")
    assert there(calls_chart(late(make))).png
    assert dict(mpl.rcParams) == before


def test_the_settings_of_the_user_do_not_show(make: SimpleNamespace) -> None:
    plain = there(outcomes_chart(late(make)))
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "red", "axes.grid": True}):
        loud = there(outcomes_chart(late(make)))
        assert loud == plain
        assert loud.png == plain.png


@pytest.mark.parametrize("draw", [outcomes_chart, lateness_chart])
def test_text_stays_text_and_ids_differ_between_comparisons(
    make: SimpleNamespace, draw: Callable[[Comparison], Chart | None]
) -> None:
    found = [
        there(draw(one)).svg
        for one in (late(make), dataclasses.replace(late(make), scenario="other"))
    ]
    assert ">redis-lock</text>" in found[0]
    ids = [set(re.findall(r'\bid="([^"]+)"', svg)) for svg in found]
    assert ids[0]
    assert not ids[0] & ids[1]
