"""Names that try to be more than names: shown as text, whatever has them."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import pytest
from playwright.sync_api import Page, expect

from harness.report.charts.all import charts
from harness.report.page.entry import Entry
from harness.report.page.rendering import overview
from harness.report.page.rendering import page as html
from harness.report.phrases import clean
from tests.browser.conftest import OpenPage
from tests.browser.hostile import NAMES, hostile, write_pages
from tests.browser.looking import fits, named, settled, timeline, unfold
from tests.browser.reports import Report

pytestmark = pytest.mark.browser

SIZES = [{"width": 1280, "height": 900}, {"width": 400, "height": 800}]
WIDTHS = ["wide", "narrow"]
# What the page is made of; a name that became an element would be of another kind, or beside it.
ODD = """() => [...document.querySelectorAll(
  "main script, main style, img, b b, iframe, object, [onclick], [onerror], a[href^=javascript]"
)].map((one) => one.outerHTML.slice(0, 100))"""


@pytest.fixture(scope="module")
def pages(gc_pause: Report, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    directory = tmp_path_factory.mktemp("hostile")
    histories = sorted((gc_pause.path.parent / "histories").glob("*-1.jsonl"))
    return write_pages(hostile(directory, histories), directory)


def harmless(page: Page) -> None:
    """Nothing of a name became more than text, and the page is as wide as its window."""
    assert page.evaluate(ODD) == []
    assert page.locator("body > script:not([type])").count() == 1
    assert page.evaluate("Object.keys(Object.prototype)") == []
    assert fits(page)


def opened(page: OpenPage, path: Path, fragment: str = "", **settings: object) -> Page:
    shown = page(path, fragment, reduced_motion="reduce", **settings)
    shown.on("dialog", lambda dialog: pytest.fail(dialog.message))
    return shown


@pytest.mark.parametrize("size", SIZES, ids=WIDTHS)
def test_hostile_names_are_text_wherever_they_stand(
    page: OpenPage, pages: tuple[Path, Path], size: dict[str, int]
) -> None:
    shown = opened(page, pages[0], viewport=size)
    unfold(shown)
    for figure in shown.locator("figure.timeline").all():
        figure.scroll_into_view_if_needed()
        settled(figure)
        figure.get_by_role("button", name="next violation").or_(
            figure.locator(".tl-main")
        ).first.click()
    harmless(shown)
    shown.locator("figure.timeline .tl-main").first.focus()
    shown.keyboard.press(".")
    expect(shown.locator(".tl-card").first).to_be_visible()
    harmless(shown)
    said = " ".join(shown.locator("main").inner_text().split())
    for name in NAMES:
        assert " ".join(clean(name)[:40].split()) in said, name
    # What turns the direction of all that follows is not let through.
    assert "\u202e" not in shown.content()


def test_rows_are_sorted_filtered_and_explained_under_any_name(
    page: OpenPage, pages: tuple[Path, Path]
) -> None:
    shown = opened(page, pages[0], viewport=SIZES[0])
    rows = shown.locator("table.scoreboard tbody tr:visible")
    for name in NAMES:
        shown.fill("#filter", clean(name))
        found = rows.evaluate_all("rows => rows.map((row) => row.dataset.approach)")
        assert clean(name) in found
        assert all(clean(name).strip().lower() in one.lower() for one in found)
        named(rows, clean(name)).locator("td[title]").first.click()
        expect(shown.locator("#told")).to_contain_text(clean(name)[:100])
    shown.fill("#filter", "")
    expect(rows).to_have_count(len(NAMES))
    shown.locator("th[data-column=approach] button").click()
    expect(rows).to_have_count(len(NAMES))
    harmless(shown)


def test_links_with_hostile_names_lead_to_what_they_name(
    page: OpenPage, pages: tuple[Path, Path]
) -> None:
    shown = opened(page, pages[0], viewport=SIZES[0])
    for name in map(clean, NAMES):
        row = named(shown.locator("table.scoreboard tbody tr"), name)
        row.locator("th a").click()
        here = shown.locator(".here")
        expect(here).to_have_class(re.compile("verdict"))
        assert here.get_attribute("data-approach") == name
        slug, approach = urlsplit(shown.url).fragment.split("/")
        assert unquote(approach) == name
        shown.evaluate("hash => { location.hash = hash; }", f"#{slug}/{approach}/7.5-12")
        expect(here).to_have_class(re.compile("timeline"))
        assert here.get_attribute("data-approach") == name
        assert settled(here) == pytest.approx((7.5, 12), abs=0.02)
    timeline(shown, name).get_by_role("button", name="zoom in").click()
    shown.wait_for_function("hash => location.hash !== hash", arg=f"#{slug}/{approach}/7.5-12")
    assert urlsplit(shown.url).fragment.split("/")[:2] == [slug, approach]


def test_an_address_alone_finds_a_hostile_name(page: OpenPage, pages: tuple[Path, Path]) -> None:
    scenario = clean(NAMES[0] + NAMES[14])
    for name in (NAMES[7], NAMES[14]):
        route = f"#{quote(scenario, safe='')}/{quote(clean(name), safe='')}/7.5-12"
        here = opened(page, pages[0], route).locator(".here")
        expect(here).to_have_class(re.compile("timeline"))
        assert here.get_attribute("data-approach") == clean(name)


# What the page's own parts are called.
OURS = ("overview", "pack-0", "details", "charts", "heatmap", "scenario_charts")


@pytest.fixture(scope="module")
def namesakes(gc_pause: Report, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page on a scenario of each of these names, whose approaches are called so as well."""
    directory = tmp_path_factory.mktemp("namesakes")
    known = gc_pause.comparison
    names = dict(zip(gc_pause.approaches, OURS, strict=False))
    kept = [one for one in known.results if one.approach in names]
    one = replace(
        known,
        results=tuple(replace(result, approach=names[result.approach]) for result in kept),
        tallies={new: known.tallies[old] for old, new in names.items()},
        verdicts={new: known.verdicts[old] for old, new in names.items()},
    )
    entries = [Entry(name, replace(one, scenario=name), directory) for name in OURS]
    path = directory / "index.html"
    path.write_text(overview("Namesakes", entries, directory, charts(one)[:1]), "utf-8")
    for name in OURS:
        text = html(replace(one, scenario=name), directory)
        (directory / f"{name}.html").write_text(text, "utf-8")
    return directory


@pytest.mark.parametrize("name", OURS)
def test_names_that_are_our_own_are_as_good_as_others(
    page: OpenPage, namesakes: Path, name: str
) -> None:
    alone, several = namesakes / f"{name}.html", namesakes / "index.html"
    for path in (alone, several):
        shown = opened(page, path, f"#{name}/{name}/7.5-12", viewport=SIZES[0])
        here = shown.locator("figure.timeline.here")
        expect(here).to_have_attribute("data-approach", name)
        assert settled(here) == pytest.approx((7.5, 12), abs=0.02)
        ids = shown.locator("article.scenario").evaluate_all("all => all.map((one) => one.id)")
        assert ids == [f"scenario_{name}"]
        assert (
            shown.evaluate("id => document.querySelectorAll(id).length", f"#scenario_{name}") == 1
        )
    shown = opened(page, several, f"#{name}", viewport=SIZES[0])
    expect(shown.locator("article.scenario h1")).to_be_in_viewport()
    assert shown.locator("article.scenario h1").inner_text() == name
    expect(shown.locator("#overview")).to_be_hidden()
    shown.get_by_text("← overview").click()
    expect(shown.locator("table.heatmap")).to_be_visible()


@pytest.mark.parametrize("size", SIZES, ids=WIDTHS)
def test_a_heat_map_of_hostile_names_leads_to_each_of_them(
    page: OpenPage, pages: tuple[Path, Path], size: dict[str, int]
) -> None:
    shown = opened(page, pages[1], viewport=size)
    harmless(shown)
    links = shown.locator("table.heatmap tbody th a, table.heatmap thead th a")
    expect(links).to_have_count(len(NAMES))
    for link in links.all() if size is SIZES[0] else links.all()[:2]:
        text = link.inner_text()
        link.click()
        heading = shown.locator("article.scenario h1")
        expect(heading).to_be_visible()
        assert heading.inner_text()[:50].split() == text[:50].split()
        harmless(shown)
        shown.get_by_text("← overview").click()
    for cell in shown.locator("table.heatmap td a").all()[:: len(NAMES) + 1]:
        cell.click()
        expect(shown.locator("li.verdict.here")).to_be_in_viewport()
        shown.get_by_text("← overview").click()
    shown.select_option("#heatmap-order", "name")
    shown.click("#transpose")
    harmless(shown)
