"""Twenty approaches in twenty scenarios: how large their page is, and how soon it can be used."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from harness.report.charts.all import charts
from harness.report.charts.chart import Chart
from harness.report.model import Comparison
from harness.report.page import article
from harness.report.page.entry import Entry
from harness.report.page.rendering import overview
from tests.browser.conftest import OpenPage, watch
from tests.browser.looking import fits, stretch
from tests.browser.reports import Report
from tests.browser.synthetic import crowd

pytestmark = pytest.mark.browser

MANY = 20
LARGEST = 5_000_000
SOONEST = 2000.0
TRIES = 3

# Frame by frame, as a reader would see it: once the heat map is there, its last cell is clicked on;
# the clock stops when what it leads to can be seen. Both in milliseconds since navigation.
_CLOCK = """(() => {
  let clicked = null;
  const shows = (one) => one && one.getBoundingClientRect().height > 0;
  const look = () => {
    const cells = document.querySelectorAll("table.heatmap td a");
    if (clicked === null && document.readyState !== "loading" && shows(cells[cells.length - 1])) {
      clicked = performance.now();
      cells[cells.length - 1].click();
    }
    const here = document.querySelector("#details li.verdict.here");
    if (clicked !== null && shows(here)) {
      window.readings = [clicked, performance.now()];
      return;
    }
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})()"""


@pytest.fixture(scope="module")
def large(both: Report, tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = both.comparisons
    path = tmp_path_factory.mktemp("large") / "index.html"
    entries = [Entry(name, one, path.parent) for name, one in crowd(found, MANY, MANY)]
    # Drawing takes most of the time: a scenario's charts are those of the first of its kind.
    drawn: dict[str, list[Chart]] = {}

    def once(comparison: Comparison) -> list[Chart]:
        if comparison.scenario not in drawn:
            drawn[comparison.scenario] = charts(comparison)
        return drawn[comparison.scenario]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(article, "charts", once)
        path.write_text(overview("All of it", entries, path.parent), "utf-8")
    return path


def test_a_page_of_twenty_by_twenty_is_below_five_megabytes(large: Path) -> None:
    assert large.stat().st_size < LARGEST


def test_it_can_be_used_within_two_seconds(browser: Browser, large: Path) -> None:
    readings = []
    for _ in range(TRIES):
        complaints: list[str] = []
        with browser.new_context(viewport={"width": 1400, "height": 900}) as context:
            context.add_init_script(_CLOCK)
            page = context.new_page()
            watch(page, complaints)
            page.goto(large.as_uri())
            page.wait_for_function("() => window.readings !== undefined")
            readings.append(page.evaluate("window.readings"))
        assert complaints == []
    assert min(details for _, details in readings) < SOONEST, readings


def test_its_heat_map_has_all_cells_and_they_lead_on(page: OpenPage, large: Path) -> None:
    shown = page(large, viewport={"width": 1400, "height": 900}, reduced_motion="reduce")
    cells = shown.locator("table.heatmap td a")
    expect(cells).to_have_count(MANY * MANY)
    for place in (0, 57, 399):
        href = cells.nth(place).get_attribute("href")
        cells.nth(place).click()
        assert shown.url.endswith(href or "?")
        expect(shown.locator("li.verdict.here")).to_be_in_viewport()
        expect(shown.locator("li.verdict")).to_have_count(MANY)
        figure = shown.locator("figure.timeline").nth(3)
        figure.scroll_into_view_if_needed()
        stretch(figure)
        assert shown.locator("#stories article.story").count() >= 5
        shown.get_by_text("← overview").click()


@pytest.mark.parametrize("width", [1400, 768, 400])
def test_it_does_not_scroll_sideways(page: OpenPage, large: Path, width: int) -> None:
    shown = page(large, viewport={"width": width, "height": 800})
    assert fits(shown)
    shown.click("#transpose")
    assert fits(shown)
