"""Real reports as they are read: dark and light, wide and narrow, on paper, without a script."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.looking import faint, fits, stretch, unfold
from tests.browser.reports import Report

pytestmark = pytest.mark.browser

TEXT, MARK = 4.5, 3.0
WIDE = {"width": 1400, "height": 900}
WIDTHS = [1400, 1280, 1024, 768, 400]
SCHEMES = ["light", "dark"]
# Of a chart, what carries a figure; a grid is there to be overlooked.
LETTERS = "body :is(h1, h2, h3, h4, p, b, strong, a, span, small, td, th, dt, dd, li, label, "
LETTERS += "button, select, summary, pre, i):not(.sign, [aria-hidden]):not(button:disabled)"


def drawn(page: Page) -> None:
    """All of a page, opened and drawn, whatever is in sight."""
    unfold(page)
    for figure in page.locator("figure.timeline").all():
        figure.scroll_into_view_if_needed()
        stretch(figure)


def test_what_is_faint_or_too_wide_is_noticed(page: OpenPage, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(
        """<!doctype html><body style="background: #fff"><p style="color: #767676">good</p>
        <p style="color: #777">grey</p><p style="opacity: .5">half</p><svg style="width: 3000px">
        <text y="9" style="fill: #d55e00">red</text><rect width="9" height="9" fill="#ccc"/></svg>
        <div style="background: #000"><p>black</p></div></body>""",
        "utf-8",
    )
    shown = page(path)
    assert sorted(one[1] for one in faint(shown, "p, text", TEXT)) == [
        "black",
        "grey",
        "half",
        "red",
    ]
    assert [round(one[0], 1) for one in faint(shown, "rect", MARK, "fill")] == [1.6]
    assert not fits(shown)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_all_text_stands_out_from_its_ground(
    page: OpenPage, gc_pause: Report, both: Report, scheme: str
) -> None:
    shown = page(gc_pause.path, color_scheme=scheme, viewport=WIDE)
    drawn(shown)
    assert faint(shown, ".badge", TEXT) == []
    assert faint(shown, "table.scoreboard :is(td, small, button, th a)", TEXT) == []
    assert faint(shown, LETTERS, TEXT) == []
    # Where the pointer rests, the ground is another.
    shown.locator("table.scoreboard tbody tr").nth(2).hover()
    assert faint(shown, "table.scoreboard tbody tr:hover :is(td, small, a)", TEXT) == []
    shown = page(both.path, color_scheme=scheme, viewport=WIDE)
    assert faint(shown, "table.heatmap :is(a, b, small)", TEXT) == []
    assert faint(shown, LETTERS, TEXT) == []


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_writing_of_charts_and_timelines_stands_out(
    page: OpenPage, gc_pause: Report, scheme: str
) -> None:
    shown = page(gc_pause.path, color_scheme=scheme, viewport=WIDE)
    drawn(shown)
    assert faint(shown, "figure.chart svg text", TEXT) == []
    assert faint(shown, "article.story svg text", TEXT) == []
    assert faint(shown, ".tl-names text, .tl-axis text, .tl-faults text", TEXT) == []


@pytest.mark.parametrize("scheme", SCHEMES)
def test_marks_and_signs_stand_out_from_their_ground(
    page: OpenPage, gc_pause: Report, scheme: str
) -> None:
    shown = page(gc_pause.path, color_scheme=scheme, viewport=WIDE)
    drawn(shown)
    assert faint(shown, ".sign, .tl-moments text, .tl-violations text", MARK) == []
    assert faint(shown, ".swatch", MARK, "backgroundColor") == []
    assert faint(shown, ".tl-violations rect, .tl-runs rect:not(.tl-pale)", MARK, "fill") == []
    assert faint(shown, ".tl-runs rect", MARK, "stroke") == []


@pytest.mark.parametrize("scheme", SCHEMES)
def test_what_approaches_are_drawn_in_stands_out_in_every_chart(
    page: OpenPage, gc_pause: Report, scheme: str
) -> None:
    shown = page(gc_pause.path, color_scheme=scheme, viewport=WIDE)
    found = shown.locator("figure.chart").evaluate_all(
        """(all, colours) => all.map((figure) => colours.filter((colour) =>
          [...figure.querySelectorAll("svg *")].some((one) => {
            const { fill, stroke } = getComputedStyle(one);
            return fill === colour || stroke === colour;
          })).length)""",
        shown.locator(".who .swatch").evaluate_all(
            "all => all.map((one) => getComputedStyle(one).backgroundColor)"
        ),
    )
    # The swatches' own contrast is looked at above: charts have the same colours.
    assert sum(count > 0 for count in found) >= len(found) - 1, found
    ink = shown.evaluate("getComputedStyle(document.body).color")
    texts = shown.locator("figure.chart svg text").evaluate_all(
        "(all, ink) => all.filter((one) => getComputedStyle(one).fill === ink).length", ink
    )
    assert texts > 20


@pytest.mark.parametrize("width", WIDTHS)
def test_no_page_scrolls_sideways(
    page: OpenPage, gc_pause: Report, both: Report, width: int
) -> None:
    size = {"width": width, "height": 900}
    shown = page(gc_pause.path, viewport=size)
    assert fits(shown)
    drawn(shown)
    assert fits(shown)
    shown = page(both.path, viewport=size)
    assert fits(shown)
    shown.locator("table.heatmap td a").last.click()
    expect(shown.locator("article.scenario")).to_be_visible()
    drawn(shown)
    assert fits(shown)


def test_on_a_phone_every_text_is_within_the_screen_or_a_scroller(
    page: OpenPage, gc_pause: Report
) -> None:
    shown = page(gc_pause.path, viewport={"width": 400, "height": 800}, is_mobile=True)
    drawn(shown)
    outside = shown.evaluate(
        """() => [...document.querySelectorAll("main *")].filter((one) => {
          if (one.closest(".wide, svg, pre") || !one.checkVisibility()) return false;
          const { left, right, width } = one.getBoundingClientRect();
          return width > 0 && (left < -0.5 || right > innerWidth + 0.5);
        }).map((one) => one.outerHTML.slice(0, 100))"""
    )
    assert outside == []


def test_paper_has_verdicts_scoreboard_charts_and_stories(page: OpenPage, gc_pause: Report) -> None:
    shown = page(gc_pause.path, viewport=WIDE)
    folded = shown.locator("details:not([open])").count()
    assert folded
    shown.evaluate("dispatchEvent(new Event('beforeprint'))")
    shown.emulate_media(media="print")
    expect(shown.locator("li.verdict:visible")).to_have_count(len(gc_pause.approaches))
    rows = shown.locator("table.scoreboard tbody tr:visible")
    expect(rows).to_have_count(len(gc_pause.approaches))
    charts = shown.locator("figure.chart svg")
    assert charts.count() > 4
    # What else went wrong in the same way is left to the screen.
    stories = shown.locator(".told > article.story")
    assert stories.count() > 4
    for place in (charts, stories.locator("> p"), stories.locator("svg")):
        for one in place.all():
            expect(one).to_be_visible()
    # So have timelines that nobody looked at.
    expect(shown.locator("figure.timeline:visible .tl-main")).to_have_count(
        len(gc_pause.approaches)
    )
    for hidden in (".tools", ".copied button"):
        expect(shown.locator(hidden).first).to_be_hidden()
    shown.evaluate("dispatchEvent(new Event('afterprint'))")
    expect(shown.locator("details:not([open])")).to_have_count(folded)


def test_paper_gets_all_of_it_and_none_is_cut_off_at_its_edge(
    page: OpenPage, gc_pause: Report
) -> None:
    shown = page(gc_pause.path, viewport={"width": 720, "height": 1000})
    assert shown.pdf(format="A4").count(b"/Type /Page\n") > 3
    shown.emulate_media(media="print")
    cut = shown.evaluate(
        """() => [...document.querySelectorAll(".wide")].filter((one) => one.checkVisibility()
          && one.scrollWidth > one.clientWidth + 1).map((one) => one.innerText.slice(0, 60))"""
    )
    assert cut == []


def test_without_a_script_a_report_can_be_read(page: OpenPage, gc_pause: Report) -> None:
    shown = page(gc_pause.path, viewport=WIDE, java_script_enabled=False)
    for name in gc_pause.approaches:
        expect(shown.locator(f"li.verdict[data-approach={name}]")).to_be_visible()
        row = shown.locator(f"table.scoreboard tr[data-approach={name}]")
        expect(row).to_be_visible()
        assert row.locator("td").first.inner_text()
    for chart in shown.locator("figure.chart svg").all():
        expect(chart).to_be_visible()
    stories = shown.locator("article.story")
    expect(stories.first.locator("p")).to_be_visible()
    expect(stories.first.locator("svg")).to_be_visible()
    # What is folded away opens by itself.
    shown.locator(".told > details > summary").first.click()
    expect(stories.nth(1).locator("p")).to_be_visible()
    expect(shown.locator("noscript p")).to_have_text(
        re.compile("timelines are drawn by JavaScript")
    )


def test_without_a_script_an_overview_has_its_heat_map(page: OpenPage, both: Report) -> None:
    shown = page(both.path, viewport=WIDE, java_script_enabled=False)
    expect(shown.locator("table.heatmap td a:visible")).to_have_count(2 * len(both.approaches))
    expect(shown.locator("noscript p")).to_be_visible()
    expect(shown.locator("noscript p")).to_have_text(re.compile("unpacking them needs JavaScript"))
