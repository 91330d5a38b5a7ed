from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest

from harness.report.model import Comparison
from harness.report.page.rendering import page
from harness.verdict.model import Latency, Quantiles
from harness.verdict.tally import tally

VOID = {"meta", "link", "br"}


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
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def sections(text: str) -> list[str]:
    return re.findall(r'<section id="(\w+)">', text)


def test_the_page_has_its_parts_in_order(comparison: Comparison, tmp_path: Path) -> None:
    text = page(comparison, tmp_path)
    Reading(text)
    assert sections(text) == [
        "verdicts",
        "figures",
        "outcomes",
        "latency",
        "timelines",
        "notes",
        "about",
    ]


def test_figures_and_reasons_are_there(comparison: Comparison, tmp_path: Path) -> None:
    text = Reading(page(comparison, tmp_path)).text
    for part in (
        "12 (3 %, 1.8-5.2)",
        "0 (< 0.95 %)",
        "skipped: no ZooKeeper here",
        "no valid trial: seed 7: worker-1 was never ready",
        "1 of 3 trials invalid, left out: seed 9: crash#1 did not land",
        "The machine was noisy.",
        "harness run worker-crash",
    ):
        assert part in text


def test_every_measured_approach_has_a_timeline(comparison: Comparison, tmp_path: Path) -> None:
    text = page(comparison, tmp_path)
    assert text.count("<figure>") == len(comparison.measured)


def test_the_page_needs_nothing_from_elsewhere(comparison: Comparison, tmp_path: Path) -> None:
    text = page(comparison, tmp_path)
    reading = Reading(text)
    assert "http:" not in text
    assert "https:" not in text
    assert "@import" not in text
    assert not {"script", "iframe", "img", "object"} & set(reading.tags)
    for name, value in reading.attributes:
        if name in ("src", "href"):
            assert value.startswith(("#", "data:,"))


def test_charts_take_the_ink_of_the_page(comparison: Comparison, tmp_path: Path) -> None:
    text = page(comparison, tmp_path)
    assert "prefers-color-scheme: dark" in text
    drawings = re.findall(r"<svg.*?</svg>", text, flags=re.DOTALL)
    assert drawings
    for drawing in drawings:
        assert "currentColor" in drawing
        assert "#000000" not in drawing
        assert "#ffffff" not in drawing


def test_texts_from_outside_stay_texts(hostile: Comparison, tmp_path: Path) -> None:
    text = page(hostile, tmp_path)
    reading = Reading(text)
    assert "script" not in reading.tags
    assert not any(name.startswith("on") for name, _ in reading.attributes)
    assert "<script>alert(1)</script>" in reading.text
    assert "\x00" not in text
    assert text.encode()


def test_drawings_are_well_formed(hostile: Comparison, tmp_path: Path) -> None:
    drawings = re.findall(r"<svg.*?</svg>", page(hostile, tmp_path), flags=re.DOTALL)
    assert len(drawings) == 3
    for drawing in drawings:
        ElementTree.fromstring(drawing)


def test_ids_are_unique(comparison: Comparison, tmp_path: Path) -> None:
    ids = re.findall(r'\bid="([^"]+)"', page(comparison, tmp_path))
    assert len(ids) == len(set(ids))


def test_histories_beside_the_page_are_linked(make: SimpleNamespace, tmp_path: Path) -> None:
    near, far = tmp_path / "out" / "a b#1.jsonl", tmp_path / "elsewhere.jsonl"
    (tmp_path / "out").mkdir()
    verdicts = {"a": (make.verdict("a", path=near),), "b": (make.verdict("b", path=far),)}
    compared = make.comparison(make.result("a"), make.result("b"), verdicts=verdicts)
    text = page(compared, tmp_path / "out")
    assert 'href="./a%20b%231.jsonl"' in text
    assert "elsewhere" not in text


@pytest.mark.parametrize("trials", [0, 1])
def test_a_page_without_figures_says_so(make: SimpleNamespace, tmp_path: Path, trials: int) -> None:
    results = [make.result(trials=0, skipped="no Redis")][:trials]
    text = page(make.comparison(*results), tmp_path)
    Reading(text)
    assert "<svg" not in text
    assert ("skipped: no Redis" if trials else "No approach was run.") in text


def test_nothing_measured_is_said_instead_of_drawn(make: SimpleNamespace, tmp_path: Path) -> None:
    empty = Latency(0, 0, Quantiles())
    result = make.result(expected=0, failover=empty, outage=empty, takeover=empty, intervals={})
    verdicts = {"redis-lock": (make.verdict(failover=(), outage=()),)}
    text = page(make.comparison(result, verdicts=verdicts), tmp_path)
    assert "No run was expected: nothing to draw." in text
    assert "No crash, pause or partition hit a worker in charge: nothing to measure." in text


def test_of_faults_nothing_is_said_where_none_was_planned(
    make: SimpleNamespace, tmp_path: Path
) -> None:
    empty = Latency(0, 0, Quantiles())
    result = make.result(failover=empty, outage=empty, mechanisms=())
    calm = make.verdict(trial=make.trial("a", 6.0, faults=()), failover=(), outage=())
    text = page(make.comparison(result, verdicts={"redis-lock": (calm,)}), tmp_path)
    assert "latency" not in sections(text)
    assert "hit a worker" not in text


def test_a_caption_says_why_this_trial_of_several_is_shown(
    make: SimpleNamespace, tmp_path: Path
) -> None:
    def text(*verdicts: object) -> str:
        return page(make.comparison(make.result(), verdicts={"redis-lock": verdicts}), tmp_path)

    calm = make.verdict(runs=(), overlaps=(), expected=(), failover=())
    assert "seed 7 (of 2 trials the first in which something went wrong), 0 to 6 s" in text(
        calm, make.verdict()
    )
    assert "(the first of 2 trials; nothing went wrong in any)" in text(calm, calm)
    assert "seed 7, 0 to 6 s" in text(make.verdict())


def test_results_without_their_trials_still_make_a_page(
    make: SimpleNamespace, tmp_path: Path
) -> None:
    text = page(make.comparison(make.result(), verdicts={}), tmp_path)
    assert "12 (3 %, 1.8-5.2)" in text
    assert "<figure>" not in text


def test_a_caption_counts_all_trials_not_only_those_at_hand(
    make: SimpleNamespace, tmp_path: Path
) -> None:
    calm = make.verdict(runs=(), overlaps=(), expected=(), failover=())
    lost = tally(make.verdict())

    def text(*tallies: object) -> str:
        compared = make.comparison(
            make.result(), verdicts={"redis-lock": (calm,)}, tallies={"redis-lock": tallies}
        )
        return page(compared, tmp_path)

    assert "(the first of 3 trials; nothing went wrong in any)" in text(*[tally(calm)] * 3)
    assert "(the first of 2 trials), 0 to 6 s" in text(tally(calm), lost)
