from __future__ import annotations

import re
from types import SimpleNamespace
from xml.etree import ElementTree

import matplotlib as mpl

from harness.report.charts.drawing import as_svg, drawing, sheet
from harness.report.charts.latency import draw_latencies
from harness.report.charts.outcomes import draw_outcomes
from harness.report.charts.scene import scene_of
from harness.report.charts.timeline import draw_timeline
from harness.report.palette import APPROACHES, VIOLATION, approach_colours
from harness.verdict.model import Latency, Quantiles, Sample

COLOURS = {"redis-lock": "#e69f00", "postgres-queue": "#56b4e9"}


def titles(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter("title")]


def test_outcomes_draw_each_kind_with_its_count(make: SimpleNamespace) -> None:
    svg = draw_outcomes([make.result(), make.clean_result()], COLOURS)
    texts = titles(svg)
    assert "redis-lock: duplicate 12 (3 %)" in texts
    assert "redis-lock: never started 3 (0.75 %)" in texts
    assert "postgres-queue: duplicate 0 (< 0.95 %) of 400" in texts
    assert VIOLATION in svg


def test_outcomes_without_expected_runs_are_not_drawn(make: SimpleNamespace) -> None:
    assert draw_outcomes([make.result(expected=0)], COLOURS) == ""


def test_every_sample_is_drawn_and_censored_ones_say_so(make: SimpleNamespace) -> None:
    verdict = make.verdict()
    svg = draw_latencies([make.result()], {"redis-lock": (verdict,)}, COLOURS)
    texts = titles(svg)
    assert "crash#1 at 2.1 s, report: 0.85 s" in texts
    assert "crash#2 at 5.0 s, report: 1.00 s; not before the end" in texts
    assert "p50 0.85 s" in texts


def test_all_null_quantiles_leave_the_samples(make: SimpleNamespace) -> None:
    censored = (Sample("crash#1", "report", 2.0, 4.0, censored=True),)
    verdict = make.verdict(failover=censored, outage=())
    result = make.result(failover=Latency(1, 1, Quantiles()), outage=Latency(0, 0, Quantiles()))
    texts = titles(draw_latencies([result], {"redis-lock": (verdict,)}, COLOURS))
    assert sum("not before the end" in text for text in texts) == 1
    assert not any(text.startswith("p50") for text in texts)


def test_samples_left_out_are_counted(make: SimpleNamespace) -> None:
    many = tuple(Sample("crash#1", "report", 1.0, place / 1000) for place in range(5000))
    svg = draw_latencies([make.result()], {"redis-lock": (make.verdict(failover=many),)}, COLOURS)
    assert "Failover latency (300 of 5000 samples)" in svg
    assert "report: 0 ms" in svg
    assert "report: 5.00 s" in svg


def test_no_samples_draw_nothing(make: SimpleNamespace) -> None:
    verdict = make.verdict(failover=(), outage=())
    assert draw_latencies([make.result()], {"redis-lock": (verdict,)}, COLOURS) == ""


def test_the_timeline_shows_what_went_wrong(make: SimpleNamespace) -> None:
    texts = titles(draw_timeline(scene_of(make.verdict()), "t", {"report": "#4477aa"}))
    assert any(text.startswith("one run too many: report due 2 s on worker-2") for text in texts)
    assert "report: 2 runs at once, 2.10 to 2.20 s" in texts
    assert "report due 3 s: never_started" in texts


def test_a_timeline_of_nothing_can_be_drawn(make: SimpleNamespace) -> None:
    empty = make.verdict(
        trial=make.trial("a", 0.0, workers=()), end=0.0, runs=(), overlaps=(), expected=()
    )
    ElementTree.fromstring(draw_timeline(scene_of(empty), "t", {}))


def test_mathematics_in_a_name_is_just_a_name(make: SimpleNamespace) -> None:
    name = r"$\frac{1$"
    svg = draw_outcomes([make.result(name)], {name: "#e69f00"})
    assert name in svg


def test_drawing_leaves_no_setting_behind() -> None:
    before = dict(mpl.rcParams)
    with drawing("x"):
        as_svg(sheet(100), "nothing")
    assert dict(mpl.rcParams) == before


def test_the_settings_of_the_user_do_not_show(make: SimpleNamespace) -> None:
    plain = draw_outcomes([make.result()], COLOURS)
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "red", "axes.grid": True}):
        assert draw_outcomes([make.result()], COLOURS) == plain


def test_text_stays_text_and_ids_differ_between_charts(make: SimpleNamespace) -> None:
    one = draw_timeline(scene_of(make.verdict()), "t1", {"report": "#4477aa"})
    two = draw_timeline(scene_of(make.verdict()), "t2", {"report": "#4477aa"})
    assert ">worker-1</text>" in one
    ids = [set(re.findall(r'\bid="([^"]+)"', svg)) for svg in (one, two)]
    assert ids[0]
    assert not ids[0] & ids[1]


def test_an_approach_keeps_its_colour_and_none_has_that_of_a_violation(
    make: SimpleNamespace,
) -> None:
    results = [make.result(f"approach-{place}") for place in range(10)]
    colours = approach_colours(results)
    assert len(set(colours.values())) == len(APPROACHES)
    assert colours["approach-0"] == colours["approach-8"]
    assert VIOLATION not in colours.values()
