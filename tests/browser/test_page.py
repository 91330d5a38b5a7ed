"""The page in a real browser; the fixture `page` fails on any complaint or request."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from harness.report.model import Comparison
from harness.report.page.entry import Entry
from harness.report.page.rendering import overview
from harness.report.page.rendering import page as rendered
from tests.browser.conftest import OpenPage
from tests.report.conftest import (
    make_clean_result,
    make_comparison,
    make_result,
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


def test_dark_readers_get_a_dark_page(page: OpenPage, written: Path) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    assert page(written, color_scheme="light").evaluate(ground) == "rgb(255, 255, 255)"
    assert page(written, color_scheme="dark").evaluate(ground) == "rgb(20, 23, 27)"


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
