from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.report.charts.all import charts
from harness.report.model import Comparison
from harness.report.page.rendering import page
from harness.scenario.model import Expectation
from harness.verdict.model import Latency, Quantiles

VOID = {"meta", "link", "br", "input"}


class Reading(HTMLParser):
    """Tags, their attributes and the text of a page; fails where tags do not match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("script", "style"):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def sections(text: str) -> list[str]:
    return re.findall(r'<section id="(\w+)">', text)


def packs(text: str) -> dict[str, str]:
    """What is packed in a page, by name."""
    found = re.findall(r'<script type="application/octet-stream" id="pack-(\d+)">([^<]*)<', text)
    return {name: gzip.decompress(base64.b64decode(data)).decode() for name, data in found}


def test_the_page_has_its_parts_in_order(comparison: Comparison, tmp_path: Path) -> None:
    text = page(comparison, tmp_path)
    Reading(text)
    assert sections(text) == [
        "verdicts",
        "scoreboard",
        "charts",
        "stories",
        "timelines",
        "faults",
        "about",
    ]


def test_figures_and_reasons_are_there(comparison: Comparison, tmp_path: Path) -> None:
    text = Reading(page(comparison, tmp_path)).text
    for part in (
        "ran 3 % of runs twice",
        "(12 of 400; 95 %: 1.8-5.2 %)",
        "! 3 % 1.8-5.2 %",
        "✓ 0 < 0.95 %",
        "skipped: no ZooKeeper here",
        "no valid trial: worker-1 was never ready (in 1 of 2 trials)",
        "! 1 of 3 trials invalid, left out: crash#1 did not land (seed 9)",
        "The machine was noisy.",
        "harness run worker-crash",
    ):
        assert part in text


def test_the_unsafe_come_first_and_what_was_not_measured_last(
    comparison: Comparison, tmp_path: Path
) -> None:
    text = page(comparison, tmp_path)
    found = re.findall(r'<li class="verdict" data-approach="([^"]+)">', text)
    assert found == ["redis-lock", "half", "postgres-queue", "zookeeper-lock", "none"]
    rows = re.findall(r'<tr data-approach="([^"]+)"', text)
    assert rows == [result.approach for result in comparison.results]


def test_a_cell_says_what_was_expected_of_it(make: SimpleNamespace, tmp_path: Path) -> None:
    expect = (
        Expectation("all", "duplicate", maximum=0),
        Expectation("all", "failover_p95", maximum=3),
    )
    text = page(make.comparison(make.result(), expect=expect), tmp_path)
    cell = re.search(r'<td class="([^"]+)" data-value="0.03" title="([^"]+)">', text)
    assert cell is not None
    assert cell[1].split()[-1] == "bad"
    assert "duplicate is 12, expected at most 0" in cell[2]
    # What has no column otherwise has one where something is expected of it.
    assert 'data-column="failover_p95"' in text
    assert 'data-standing="unsafe unmet"' in text


def test_what_is_zero_for_all_is_named_and_not_shown(make: SimpleNamespace, tmp_path: Path) -> None:
    text = page(make.comparison(make.result()), tmp_path)
    assert "Zero for all, not shown: overrun, late." in text
    assert 'data-column="late"' not in text
    assert 'data-column="late"' in page(make.comparison(make.result(late=1)), tmp_path)


def test_every_measured_approach_has_a_timeline_of_its_own_trials(
    comparison: Comparison, tmp_path: Path
) -> None:
    text = page(comparison, tmp_path)
    names = re.findall(r'<figure class="timeline" data-approach="([^"]+)"', text)
    assert sorted(names) == sorted(result.approach for result in comparison.measured)
    kept = packs(text)
    for name, pack, seed in re.findall(
        r'data-approach="([^"]+)" data-link=.*?<option value="(\d+)" data-seed="(\d+)"',
        text,
        flags=re.DOTALL,
    ):
        data = json.loads(kept[pack])
        assert (data["approach"], data["seed"]) == (name, int(seed))


def test_the_trial_in_which_something_ran_twice_is_shown_first(
    make: SimpleNamespace, tmp_path: Path
) -> None:
    calm = make.verdict(runs=(), overlaps=(), double_holds=(), expected=(), failover=())
    twice = make.verdict(trial=make.trial("redis-lock", 6.0, seed=9))
    compared = make.comparison(make.result(), verdicts={"redis-lock": (calm, twice)})
    labels = re.findall(r"<option value=.*?>(seed [^<]*)<", page(compared, tmp_path))
    assert labels == ["seed 9: 1 twice, 1 overlaps, 1 missed", "seed 7: nothing went wrong"]


def test_stories_say_why_and_lead_to_their_stretch(make: SimpleNamespace, tmp_path: Path) -> None:
    text = page(make.comparison(make.result()), tmp_path)
    why = re.search(r'<p class="why"><b>Why:</b> (.*?) <a href="([^"]+)">', text)
    assert why is not None
    assert re.fullmatch(r"#worker-crash/redis-lock/\d+\.\d\d-\d+\.\d\d", why[2])
    assert text.count(f'href="{why[2]}"') >= 2
    assert '<article class="story"' in text


def test_the_page_needs_nothing_from_elsewhere(comparison: Comparison, tmp_path: Path) -> None:
    text = page(comparison, tmp_path)
    reading = Reading(text)
    assert "@import" not in text
    assert not {"iframe", "img", "object"} & set(reading.tags)
    for name, value in reading.attributes:
        if name in ("src", "href"):
            assert value.startswith(("#", "data:,"))


def test_only_our_own_script_may_run(comparison: Comparison, tmp_path: Path) -> None:
    text = page(comparison, tmp_path)
    scripts = re.findall(r"<script>(.*?)</script>", text, flags=re.DOTALL)
    assert len(scripts) == 1
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)
    assert policy is not None
    assert f"script-src &#39;sha256-{digest}&#39;" in policy[1] or digest in policy[1]
    assert "default-src" in policy[1]


def test_texts_from_outside_stay_texts(hostile: Comparison, tmp_path: Path) -> None:
    text = page(hostile, tmp_path)
    reading = Reading(text)
    # Our own script, the packed data, and nothing else.
    assert reading.tags.count("script") == 1 + len(packs(text))
    assert not any(name.startswith("on") for name, _ in reading.attributes)
    assert "<script>alert(1)</script>" in reading.text
    assert "\x00" not in text
    assert text.encode()


def test_it_says_what_needs_a_script(comparison: Comparison, tmp_path: Path) -> None:
    text = page(comparison, tmp_path)
    assert re.search(r"<noscript><p[^>]*>The timelines are drawn by JavaScript", text)


def test_ids_are_unique(comparison: Comparison, tmp_path: Path) -> None:
    ids = re.findall(r'<[^>]*\bid="([^"]+)"', page(comparison, tmp_path))
    assert len(ids) == len(set(ids))


def test_histories_beside_the_page_are_linked(make: SimpleNamespace, tmp_path: Path) -> None:
    near, far = tmp_path / "out" / "a b#1.jsonl", tmp_path / "elsewhere.jsonl"
    (tmp_path / "out").mkdir()
    for path in (near, far):
        make.history(path, [])
    verdicts = {"a": (make.verdict("a", path=near),), "b": (make.verdict("b", path=far),)}
    compared = make.comparison(make.result("a"), make.result("b"), verdicts=verdicts)
    text = page(compared, tmp_path / "out")
    assert 'href="./a%20b%231.jsonl"' in text
    assert "elsewhere.jsonl" not in text


def test_charts_that_lie_beside_the_page_are_linked(comparison: Comparison, tmp_path: Path) -> None:
    drawn = charts(comparison)
    assert 'href="./charts/' not in page(comparison, tmp_path)
    text = page(comparison, tmp_path, drawn)
    for chart in drawn:
        assert f'href="./charts/{chart.name}.svg"' in text
        assert f'href="./charts/{chart.name}.png"' in text
        assert f'<figure class="chart" data-chart="{chart.name}">' in text


@pytest.mark.parametrize("trials", [0, 1])
def test_a_page_without_figures_says_so(make: SimpleNamespace, tmp_path: Path, trials: int) -> None:
    results = [make.result(trials=0, skipped="no Redis")][:trials]
    text = page(make.comparison(*results), tmp_path)
    Reading(text)
    assert "<svg" not in text
    assert ("skipped: no Redis" if trials else "No approach was run.") in text


def test_of_faults_nothing_is_said_where_none_was_planned(
    make: SimpleNamespace, tmp_path: Path
) -> None:
    empty = Latency(0, 0, Quantiles())
    result = make.result(failover=empty, outage=empty, mechanisms=())
    calm = make.verdict(trial=make.trial("a", 6.0, faults=()), failover=(), outage=())
    text = page(make.comparison(result, verdicts={"redis-lock": (calm,)}), tmp_path)
    assert "faults" not in sections(text)
    assert "hit a worker" not in text
    assert "1 trial, no fault planned" in text


def test_faults_lead_to_their_stretch_and_say_where_they_did_not_land(
    make: SimpleNamespace, tmp_path: Path
) -> None:
    text = page(make.comparison(make.result()), tmp_path)
    assert '<a href="#worker-crash/redis-lock/1.15-7.15">crash#1</a>' in text
    calm = make.verdict(failover=(), outage=())
    text = page(make.comparison(make.result(), verdicts={"redis-lock": (calm,)}), tmp_path)
    assert "crash#1 did not land" in text


def test_results_without_their_trials_still_make_a_page(
    make: SimpleNamespace, tmp_path: Path
) -> None:
    text = page(make.comparison(make.result(), verdicts={}), tmp_path)
    assert "12 of 400; 95 %: 1.8-5.2 %" in text
    assert '<figure class="timeline"' not in text


def test_the_same_comparison_gives_the_same_page(comparison: Comparison, tmp_path: Path) -> None:
    assert page(comparison, tmp_path) == page(comparison, tmp_path)


def test_it_says_what_its_bounds_and_quantiles_take_for_granted(
    comparison: Comparison, tmp_path: Path
) -> None:
    text = Reading(page(comparison, tmp_path)).text
    assert "its 95 % interval, of none or all seen as if runs were independent" in text
    assert "The strokes count these as longer than all others, the curve as unknown" in text
    assert "what was not over by the end is longer than all" in text


def test_ids_made_of_names_are_none_of_our_own(make: SimpleNamespace, tmp_path: Path) -> None:
    for name in ("pack-0", "charts", "overview"):
        text = page(make.comparison(make.result(name), scenario=name), tmp_path)
        ids = re.findall(r'<[^>]*\bid="([^"]+)"', text)
        assert len(ids) == len(set(ids))
        assert f"scenario_{name}" in ids
