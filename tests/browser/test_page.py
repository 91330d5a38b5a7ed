"""The page in a real browser; the fixture `page` fails on any complaint or request."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from harness.report.charts.all import charts
from harness.report.model import Comparison
from harness.report.page import article
from harness.report.page.entry import Entry
from harness.report.page.rendering import overview
from harness.report.page.rendering import page as rendered
from tests.browser.conftest import OpenPage
from tests.report.conftest import (
    HOSTILE,
    make_clean_result,
    make_comparison,
    make_result,
    make_verdict,
    trial_line,
)

pytestmark = pytest.mark.browser

NAMES = ("redis-lock", "postgres-queue", "zookeeper-leader")


def compared(**changes: Any) -> Comparison:
    """One approach that ran twice, one that was calm, one between, one skipped."""
    return make_comparison(
        make_result(NAMES[0]),
        make_clean_result(NAMES[1]),
        make_result(NAMES[2], duplicate=3),
        make_result("zookeeper-lock", trials=0, skipped="no ZooKeeper here"),
        **changes,
    )


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "index.html"
    path.write_text(rendered(compared(), path.parent), "utf-8")
    return path


def rows(page: Page) -> list[str | None]:
    found = page.locator("table.scoreboard tbody tr:visible")
    return [row.get_attribute("data-approach") for row in found.all()]


def sideways(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth > innerWidth"))


def test_the_scoreboard_is_sorted_by_clicking_and_by_keyboard(
    page: OpenPage, written: Path
) -> None:
    shown = page(written)
    given = [*NAMES, "zookeeper-lock"]
    head = shown.locator('th[data-column="duplicate"]')
    head.locator("button").click()
    expect(head).to_have_attribute("aria-sort", "descending")
    assert rows(shown) == ["redis-lock", "zookeeper-leader", "postgres-queue", "zookeeper-lock"]
    head.locator("button").press("Enter")
    expect(head).to_have_attribute("aria-sort", "ascending")
    # What was not measured stays last.
    assert rows(shown) == ["postgres-queue", "zookeeper-leader", "redis-lock", "zookeeper-lock"]
    head.locator("button").press("Enter")
    assert rows(shown) == given
    shown.locator('th[data-column="approach"] button').click()
    assert rows(shown) == sorted(given)


def test_the_scoreboard_is_filtered_by_name_and_by_standing(page: OpenPage, written: Path) -> None:
    shown = page(written)
    shown.fill("#filter", "ZOO")
    assert rows(shown) == ["zookeeper-leader", "zookeeper-lock"]
    shown.select_option("#standing", "unsafe")
    assert rows(shown) == ["zookeeper-leader"]
    shown.fill("#filter", "")
    assert rows(shown) == ["redis-lock", "zookeeper-leader"]


def test_a_group_of_columns_can_be_hidden_and_a_figure_explains_itself(
    page: OpenPage, written: Path
) -> None:
    shown = page(written)
    shown.locator('input[data-group="1"]').uncheck()
    expect(shown.locator('th[data-column="failover_p50"]')).to_be_hidden()
    expect(shown.locator('th[data-column="duplicate"]')).to_be_visible()
    shown.locator("tr[data-approach=redis-lock] td.warn").first.click()
    expect(shown.locator("#told")).to_contain_text("redis-lock, duplicate: 12 (3 %, 1.8-5.2)")
    expect(shown.locator("#told")).to_contain_text("a violation that nothing forbids")


@pytest.mark.parametrize("width", [1400, 1280, 1024, 400])
def test_nothing_scrolls_the_page_sideways(page: OpenPage, written: Path, width: int) -> None:
    shown = page(written, viewport={"width": width, "height": 900})
    assert not sideways(shown)


def test_dark_readers_get_a_dark_page(page: OpenPage, written: Path) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    assert page(written, color_scheme="light").evaluate(ground) == "rgb(255, 255, 255)"
    assert page(written, color_scheme="dark").evaluate(ground) == "rgb(20, 23, 27)"


def test_an_address_leads_to_its_approach_and_its_stretch(page: OpenPage, written: Path) -> None:
    shown = page(written, "#worker-crash/redis-lock/1.50-3.50")
    figure = shown.locator("figure.timeline[data-approach=redis-lock]")
    expect(figure.locator("svg").first).to_be_visible()
    expect(figure).to_be_in_viewport()
    shown.evaluate("location.hash = '#worker-crash/zookeeper-leader'")
    verdict = shown.locator("li.verdict[data-approach=zookeeper-leader]")
    expect(verdict).to_have_class(re.compile("here"))
    expect(verdict).to_be_in_viewport()


def test_why_leads_to_the_stretch_and_the_address_follows_the_reader(
    page: OpenPage, written: Path
) -> None:
    shown = page(written)
    link = shown.locator("li.verdict[data-approach=redis-lock] .why a")
    link.click()
    figure = shown.locator("figure.timeline[data-approach=redis-lock]")
    expect(figure.locator("svg").first).to_be_visible()
    assert shown.url.endswith(link.get_attribute("href") or "?")
    before = shown.url
    figure.get_by_role("button", name="zoom in").click()
    shown.wait_for_function("before => location.href !== before", arg=before)
    assert re.search(r"#worker-crash/redis-lock/\d+\.\d\d-\d+\.\d\d$", shown.url)


@pytest.mark.parametrize("fragment", ["#", "#nothing", "#%E0%A4%A/x/1-2", "#worker-crash/no/9-1"])
def test_an_address_of_nothing_is_no_error(page: OpenPage, written: Path, fragment: str) -> None:
    expect(page(written, fragment).locator("h1")).to_be_visible()


def test_without_script_everything_but_timelines_can_be_read(page: OpenPage, written: Path) -> None:
    shown = page(written, java_script_enabled=False)
    expect(shown.locator("li.verdict").first).to_be_visible()
    expect(shown.locator("figure.chart svg").first).to_be_visible()


@pytest.mark.parametrize("width", [1280, 400])
def test_hostile_names_are_shown_as_text_and_break_nothing(
    page: OpenPage, tmp_path: Path, width: int
) -> None:
    names = (HOSTILE, "<script>alert(1)</script>", "x" * 300, "\u05e9\u05dc\u05d5\u05dd '\"")
    verdicts = {
        name: (make_verdict(name, trial=trial_line(name, 6.0, workers=(name, "w"))),)
        for name in names
    }
    hostile = make_comparison(
        *(make_result(name) for name in names), verdicts=verdicts, scenario=HOSTILE
    )
    path = tmp_path / "index.html"
    path.write_text(rendered(hostile, tmp_path), "utf-8")
    shown = page(path, viewport={"width": width, "height": 900})
    expect(shown.locator("body")).to_contain_text("<script>alert(1)</script>")
    assert shown.locator("main script").count() == 0
    for figure in shown.locator("figure.timeline").all():
        figure.scroll_into_view_if_needed()
        expect(figure.locator("svg").first).to_be_visible()
    assert not sideways(shown)
    both = tmp_path / "overview.html"
    both.write_text(overview(HOSTILE, [Entry(HOSTILE, hostile, tmp_path)], tmp_path), "utf-8")
    shown = page(both, viewport={"width": width, "height": 900})
    shown.locator("table.heatmap td a").first.click()
    expect(shown.locator("article.scenario")).to_be_visible()
    assert not sideways(shown)


def test_a_cell_of_the_heat_map_opens_its_scenario_and_back(page: OpenPage, tmp_path: Path) -> None:
    entries = [
        Entry(label, compared(scenario=label), tmp_path) for label in ("worker-crash", "gc, pause")
    ]
    path = tmp_path / "index.html"
    path.write_text(overview("Both", entries, tmp_path), "utf-8")
    shown = page(path)
    shown.select_option("#heatmap-order", "bad")
    shown.click("#transpose")
    shown.locator("table.heatmap td a[href*='gc'][href$='redis-lock']").click()
    expect(shown.locator("article.scenario h1")).to_have_text("gc, pause")
    expect(shown.locator("#overview")).to_be_hidden()
    figure = shown.locator("figure.timeline[data-approach=redis-lock]")
    figure.scroll_into_view_if_needed()
    expect(figure.locator("svg").first).to_be_visible()
    shown.get_by_text("← overview").click()
    expect(shown.locator("table.heatmap")).to_be_visible()
    shown.go_back()
    expect(shown.locator("article.scenario")).to_be_visible()
    # The address alone is enough.
    again = page(path, "#worker-crash/redis-lock/1.50-3.50")
    expect(again.locator("figure.timeline[data-approach=redis-lock] svg").first).to_be_in_viewport()


def test_twenty_scenarios_of_twenty_approaches_are_small_and_quick(
    page: OpenPage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = [replace(make_result(), approach=f"redis-lock-{n}") for n in range(20)]
    one = make_comparison(*results)
    # All have the same figures here: they are drawn once.
    drawn = lru_cache(lambda: charts(one))
    monkeypatch.setattr(article, "charts", lambda _: drawn())
    entries = [Entry(f"scenario {n}", one, tmp_path) for n in range(20)]
    path = tmp_path / "index.html"
    path.write_text(overview("All", entries, tmp_path), "utf-8")
    assert path.stat().st_size < 5_000_000
    began = monotonic()
    shown = page(path, viewport={"width": 1400, "height": 900})
    shown.locator("table.heatmap td a").last.click()
    expect(shown.locator("article.scenario")).to_be_visible()
    assert monotonic() - began < 2
