"""Every link of real reports leads to what it says, and so does its address alone."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.looking import address, named, settled, stretch, timeline, unfold
from tests.browser.reports import Report

pytestmark = pytest.mark.browser

WIDE = {"width": 1400, "height": 900}
# Nothing moves on its way: a click is followed at once by what it led to.
STILL = {"viewport": WIDE, "reduced_motion": "reduce"}
LINKS = "a[href^='#']"


def destination(page: Page) -> Locator:
    """What the page's address leads to, which can be seen."""
    told = address(page.url)
    article = page.locator("article.scenario")
    expect(article).to_be_visible()
    assert unquote(article.get_attribute("data-slug") or "") == told.scenario
    if told.approach is None:
        return article
    here = page.locator(".here")
    expect(here).to_have_count(1)
    expect(here).to_be_in_viewport()
    assert here.get_attribute("data-approach") == told.approach
    expect(here).to_have_class(re.compile(r"\bverdict\b" if told.stretch is None else "timeline"))
    return here


def within(shown: tuple[float, float], wanted: tuple[float, float]) -> bool:
    """Whether a range is the wanted one, or as much of it as the trial has."""
    apart = [abs(a - b) for a, b in zip(shown, wanted, strict=True)]
    return max(apart) < 0.011 or (apart[0] < 0.011 and shown[1] < wanted[1])


def follow(page: Page, links: Locator) -> int:
    """Click on each of the links, and look where one is then. Returns how many of them differ."""
    seen = set()
    for link in links.all():
        href = link.get_attribute("href") or ""
        if href in seen or href == "#":
            continue
        seen.add(href)
        link.click()
        # What moves a timeline afterwards may write its own address: that comes a little later.
        assert urlsplit(page.url).fragment == href[1:]
        there = destination(page)
        if (told := address(href).stretch) is not None:
            assert within(settled(there), told), (href, stretch(there))
    return len(seen)


def test_every_link_within_a_page_leads_to_what_can_be_seen(
    page: OpenPage, gc_pause: Report
) -> None:
    shown = page(gc_pause.path, **STILL)
    unfold(shown)
    for place, least in (
        ("#verdicts .why a", 5),
        ("table.scoreboard tbody a", len(gc_pause.approaches)),
        ("#stories p > a", 5),
        ("#faults a", 2 * len(gc_pause.approaches)),
    ):
        links = shown.locator(place)
        assert links.count() >= least, place
        assert follow(shown, links) > 0


def test_every_cell_of_the_heat_map_leads_to_its_scenario_and_approach(
    page: OpenPage, both: Report
) -> None:
    shown = page(both.path, **STILL)
    cells = {(name, one) for name in both.comparisons for one in both.approaches}
    links = shown.locator("table.heatmap a")
    hrefs = links.evaluate_all("all => all.map((one) => one.getAttribute('href'))")
    found = [address(href) for href in hrefs]
    assert {(one.scenario, one.approach) for one in found if one.approach} == cells
    assert {one.scenario for one in found if not one.approach} == set(both.comparisons)
    for place, href in enumerate(hrefs):
        links.nth(place).click()
        assert urlsplit(shown.url).fragment == href[1:]
        destination(shown)
        expect(shown.locator("#overview")).to_be_hidden()
        shown.get_by_text("← overview").click()
        expect(shown.locator("table.heatmap")).to_be_visible()
        expect(shown.locator("article.scenario")).to_be_hidden()


def test_links_within_the_details_behind_the_heat_map_work_as_well(
    page: OpenPage, both: Report
) -> None:
    shown = page(both.path, "#worker-crash", **STILL)
    destination(shown)
    unfold(shown)
    assert follow(shown, shown.locator("#stories p > a, #faults tr:first-child a")) > 5


@pytest.mark.parametrize("several", [False, True])
def test_an_address_alone_shows_its_stretch_of_its_timeline(
    page: OpenPage, gc_pause: Report, both: Report, several: bool
) -> None:
    path = both.path if several else gc_pause.path
    shown = page(path, "#gc-pause/zookeeper-lock/7.50-12.00", **STILL)
    there = destination(shown)
    assert settled(there) == pytest.approx((7.5, 12.0), abs=0.011)
    # Another address, typed by hand, is followed as well; and back again.
    shown.evaluate("location.hash = '#gc-pause/redis%2Dlock/3-4.25'")
    expect(named(shown.locator("figure.timeline"), "redis-lock")).to_have_class(re.compile("here"))
    assert settled(destination(shown)) == pytest.approx((3, 4.25), abs=0.011)
    shown.go_back()
    expect(there).to_have_class(re.compile("here"))
    assert settled(destination(shown)) == pytest.approx((7.5, 12.0), abs=0.011)


def test_another_trial_has_an_address_of_its_own(page: OpenPage, gc_pause: Report) -> None:
    shown = page(gc_pause.path, "#gc-pause/redis-lock/7.50-12.00", **STILL)
    figure = destination(shown)
    seeds = figure.locator("option").evaluate_all("all => all.map((one) => one.dataset.seed)")
    assert sorted(seeds) == ["1", "2", "3"]
    figure.locator("select").select_option(index=1)
    expect(figure.locator("a.history")).to_have_attribute("href", re.compile(f"-{seeds[1]}.jsonl$"))
    figure.get_by_role("button", name="zoom in").click()
    shown.wait_for_function("seed => location.hash.endsWith(`@${seed}`)", arg=seeds[1])
    range_then = settled(figure)
    again = page(gc_pause.path, "#" + urlsplit(shown.url).fragment, **STILL)
    figure = destination(again)
    expect(figure.locator("select")).to_have_value(
        figure.locator("option").nth(1).get_attribute("value") or "?"
    )
    assert settled(figure) == pytest.approx(range_then, abs=0.011)


def test_zooming_and_moving_in_the_page_keep_the_address_in_step(
    page: OpenPage, gc_pause: Report
) -> None:
    shown = page(gc_pause.path, "#gc-pause/redis-lock", **STILL)
    figure = timeline(shown, "redis-lock")
    figure.scroll_into_view_if_needed()
    whole = stretch(figure)

    def told() -> tuple[float, float] | None:
        shown.wait_for_function("before => location.href !== before", arg=before)
        now = address(shown.url)
        assert (now.scenario, now.approach) == ("gc-pause", "redis-lock")
        return now.stretch

    before = shown.url
    figure.get_by_role("button", name="zoom in").click()
    near = settled(figure)
    assert near[1] - near[0] == pytest.approx((whole[1] - whole[0]) / 2, rel=0.01)
    assert told() == pytest.approx(near, abs=0.011)

    before = shown.url
    box = figure.locator(".tl-main").bounding_box()
    assert box is not None
    shown.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    shown.keyboard.down("Control")
    shown.mouse.wheel(0, -200)
    shown.keyboard.up("Control")
    assert told() == pytest.approx(settled(figure), abs=0.011)
    nearer = settled(figure)
    assert nearer[1] - nearer[0] < near[1] - near[0]

    before = shown.url
    shown.mouse.down()
    shown.mouse.move(box["x"] + box["width"] / 2 + 150, box["y"] + box["height"] / 2, steps=4)
    shown.mouse.up()
    assert told() == pytest.approx(settled(figure), abs=0.011)
    moved = settled(figure)
    assert moved[0] < nearer[0]
    assert moved[1] - moved[0] == pytest.approx(nearer[1] - nearer[0], rel=0.01)

    before = shown.url
    figure.get_by_role("button", name="next violation").click()
    expect(figure.locator(".tl-status")).to_have_text(re.compile(r"^\d of \d+: "))
    assert told() == pytest.approx(settled(figure), abs=0.011)
    assert figure.locator(".tl-stop rect").count() == 1
    # The reader is still in the same place of the page, and may share where that is.
    expect(figure.locator(".tl-main")).to_be_in_viewport()
    again = page(gc_pause.path, "#" + urlsplit(shown.url).fragment, **STILL)
    assert settled(destination(again)) == pytest.approx(settled(figure), abs=0.011)


def files_of(page: Page) -> list[Path]:
    """The files that a page links to, where they should lie."""
    found = page.evaluate(
        """() => [
          ...[...document.querySelectorAll("a[href]")].map((one) => one.getAttribute("href")),
          ...[...document.querySelectorAll("[data-history]")].map((one) => one.dataset.history),
        ].filter((href) => !href.startsWith("#"))"""
    )
    return [Path(unquote(urlsplit(urljoin(page.url, one)).path)) for one in found]


@pytest.mark.parametrize("several", [False, True])
def test_the_files_that_are_linked_to_lie_beside_the_page(
    page: OpenPage, gc_pause: Report, both: Report, several: bool
) -> None:
    path = both.path if several else gc_pause.path
    shown = page(path, "#worker-crash" if several else "", **STILL)
    expect(shown.locator("article.scenario")).to_be_visible()
    found = files_of(shown)
    assert [path for path in found if not path.is_file()] == []
    kinds = {path.suffix for path in found}
    assert kinds == {".jsonl", ".svg", ".png"}
