from __future__ import annotations

import base64
import gzip
import re
from html import unescape
from pathlib import Path
from types import SimpleNamespace

from harness.report.model import Comparison
from harness.report.page.entry import Entry, slugs
from harness.report.page.heatmap import heatmap
from harness.report.page.rendering import overview
from harness.report.safety import Badge, Safety


def unpacked(text: str, slug: str) -> str:
    """The fragment of a scenario, as it lies packed in a page."""
    name = re.search(rf'data-slug="{re.escape(slug)}" data-pack="(\d+)"', text)
    assert name is not None
    data = re.search(rf'id="pack-{name[1]}">([^<]*)<', text)
    assert data is not None
    return gzip.decompress(base64.b64decode(data[1])).decode()


def test_each_cell_leads_to_the_details_that_are_packed(
    make: SimpleNamespace, comparison: Comparison, tmp_path: Path
) -> None:
    other = make.comparison(make.clean_result("redis-lock"), scenario="gc pause")
    entries = [
        Entry("worker-crash", comparison, tmp_path / "a"),
        Entry("gc pause, 30 workers", other, tmp_path / "b"),
    ]
    text = overview("All", entries, tmp_path)
    links = re.findall(r'<td class="(\w+)"><a href="([^"]+)"', text)
    assert ("unsafe", "#worker-crash/redis-lock") in links
    assert ("not_measured", "#worker-crash/zookeeper-lock") in links
    assert any(link == "#gc%20pause%2C%2030%20workers/redis-lock" for _, link in links)
    assert '<article class="scenario"' not in text
    first = unpacked(text, "worker-crash")
    assert '<article class="scenario" id="scenario_worker-crash" data-slug="worker-crash">' in first
    assert "← overview" in first
    # A fragment holds no script: what it needs lies beside it.
    assert "<script" not in first
    for pack in re.findall(r'<option value="(\d+)"', first):
        assert f'id="pack-{pack}"' in text


def test_labels_that_are_the_same_are_told_apart(make: SimpleNamespace, tmp_path: Path) -> None:
    one = make.comparison()
    entries = [Entry(label, one, tmp_path) for label in ("a", "a", "b/c")]
    assert slugs(entries) == ["a", "a~2", "b%2Fc"]


def test_files_of_each_scenario_are_linked_from_the_page(
    make: SimpleNamespace, tmp_path: Path
) -> None:
    (tmp_path / "one" / "charts").mkdir(parents=True)
    path = make.history(tmp_path / "one" / "h.jsonl", [])
    compared = make.comparison(make.result(), verdicts={"redis-lock": (make.verdict(path=path),)})
    text = unpacked(overview("All", [Entry("x", compared, tmp_path / "one")], tmp_path), "x")
    assert 'href="./one/h.jsonl"' in text
    assert 'href="./one/charts/' in text


def test_hostile_texts_stay_texts_in_the_heat_map(hostile: Comparison, tmp_path: Path) -> None:
    text = overview("<script>", [Entry(hostile.scenario, hostile, tmp_path)], tmp_path)
    assert "<script>alert" not in text
    assert "<script>alert(1)</script>" in unescape(text)
    slug = re.search(r'data-slug="([^"]+)"', text)
    assert slug is not None
    assert "<script>" not in unpacked(text, slug[1])


def test_a_heat_map_has_a_spot_for_each_pair_and_knows_how_bad_they_are() -> None:
    def safe(name: str, badge: Badge, figure: str) -> Safety:
        return Safety(name, badge, ("",), "", "", figure)

    found = heatmap(
        [
            (
                "one",
                "one",
                [safe("a", Badge.UNSAFE, "3 % twice"), safe("b", Badge.HELD, "0 (< 1 %)")],
            ),
            ("two", "two", [safe("b", Badge.GAPS, "out at the end")]),
        ]
    )
    assert found.approaches == ("a", "b")
    assert [line.badness for line in found.lines] == [5, 3]
    assert [found.badness(name) for name in found.approaches] == [4, 4]
    first, second = found.lines
    assert [spot.figure for spot in first.spots] == [("3 %", "twice"), ("0", "< 1 %")]
    assert second.spots[0].safety is None
