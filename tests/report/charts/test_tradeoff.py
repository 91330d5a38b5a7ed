from __future__ import annotations

import math
from itertools import combinations
from types import SimpleNamespace

from harness.report.charts.labels import Box, place_labels
from harness.report.charts.tradeoff import pareto, tradeoff_chart
from harness.verdict.model import Latency, Quantiles

ROOM = Box(0, 0, 860, 370)


def test_the_front_is_what_nothing_else_beats() -> None:
    assert pareto([(1.0, 0.5), (2.0, 0.1), (3.0, 0.0), (2.5, 0.2), (1.5, 0.6)]) == [0, 1, 2]


def test_who_is_as_good_in_one_and_worse_in_the_other_is_beaten() -> None:
    assert pareto([(1.0, 0.0), (2.0, 0.0), (1.0, 0.1)]) == [0]


def test_equals_are_on_the_front_together() -> None:
    assert pareto([(1.0, 0.0), (1.0, 0.0)]) == [0, 1]
    # A millisecond does not outweigh running everything twice.
    assert pareto([(0.700, 1.0), (0.701, 0.0)]) == [1]


def test_who_never_recovers_is_on_the_front_only_by_fewer_duplicates() -> None:
    assert pareto([(math.inf, 0.0), (1.0, 0.1)]) == [0, 1]
    assert pareto([(math.inf, 0.1), (1.0, 0.1)]) == [1]
    assert pareto([]) == []


def test_labels_of_a_crowd_hide_neither_each_other_nor_a_mark() -> None:
    points = [(300.0 + 12 * place, 30.0) for place in range(6)] + [(820.0, 355.0), (3.0, 30.0)]
    labels = place_labels(points, [(120.0, 15.0)] * len(points), [], ROOM)
    boxes = [label.box for label in labels]
    assert all(one.shared(other) == 0 for one, other in combinations(boxes, 2))
    marks = [Box(x - 6, y - 6, x + 6, y + 6) for x, y in points]
    assert all(box.shared(mark) == 0 for box in boxes for mark in marks)
    assert all(box.shared(ROOM) == box.area for box in boxes)


def test_labels_of_neighbours_do_not_change_places() -> None:
    points = [(400.0, 30.0), (416.0, 30.0)]
    line = Box(0, 29, 860, 31)
    one, two = (label.box for label in place_labels(points, [(90.0, 15.0)] * 2, [line], ROOM))
    assert one.right <= 400 < 416 <= two.left
    assert one.shared(line) == two.shared(line) == 0


def test_a_label_goes_beside_its_point_if_nothing_is_there() -> None:
    label = place_labels([(100.0, 100.0)], [(50.0, 15.0)], [], ROOM)[0]
    assert label.box == Box(112.0, 92.5, 162.0, 107.5)
    assert not label.far


def test_points_name_their_figures_and_the_front_is_bold(make: SimpleNamespace) -> None:
    chart = tradeoff_chart(make.comparison(make.result(), make.clean_result()))
    assert chart is not None
    assert "redis-lock: p95 1.00 s, duplicates 3 % (up to 5.2 %), ran beside itself" in chart.svg
    assert "postgres-queue: p95 0.80 s, duplicates 0 % (up to 0.95 %)" in chart.svg
    bold = [line for line in chart.svg.splitlines() if "700" in line and "postgres-queue" in line]
    assert len(bold) == 1
    assert not [x for x in chart.svg.splitlines() if "700" in x and ">redis-lock<" in x]
    assert "Red rings" in chart.caption
    assert "side by side" not in chart.caption


def test_beyond_the_end_has_a_place_of_its_own(make: SimpleNamespace) -> None:
    stuck = make.result("stuck", failover=Latency(14, 5, Quantiles(0.85, None, None, None)))
    chart = tradeoff_chart(make.comparison(stuck, make.clean_result()))
    assert chart is not None
    assert ">beyond the end</text>" in chart.svg
    assert "stuck: p95 beyond the end" in chart.svg


def test_marks_in_one_place_are_set_side_by_side(make: SimpleNamespace) -> None:
    same = [make.clean_result(name) for name in ("one", "two", "three")]
    chart = tradeoff_chart(make.comparison(*same))
    assert chart is not None
    assert "Red rings" not in chart.caption
    assert "Marks in one place are set side by side." in chart.caption


def test_one_approach_has_nothing_to_trade(make: SimpleNamespace) -> None:
    assert tradeoff_chart(make.comparison(make.result())) is None


def test_who_had_no_failover_is_named_and_not_drawn(make: SimpleNamespace) -> None:
    quiet = make.result("quiet", failover=Latency(0, 0, Quantiles()))
    chart = tradeoff_chart(make.comparison(make.result(), make.clean_result(), quiet))
    assert chart is not None
    assert "Without a failover: quiet." in chart.caption
