"""The scoreboard of a real report: sorted by its raw figures, filtered, and all of it back."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Locator, Page, expect

from harness.report.columns import all_columns
from tests.browser.conftest import OpenPage
from tests.browser.reports import Report

pytestmark = pytest.mark.browser

WIDE = {"width": 1400, "height": 900}


def order(page: Page) -> list[str]:
    """The rows that can be seen, from the top."""
    found: list[str] = page.locator("table.scoreboard tbody tr:visible").evaluate_all(
        "rows => rows.map((row) => row.dataset.approach)"
    )
    return found


def figures(page: Page, head: Locator) -> list[float | None]:
    """The raw figures of a column, from the top."""
    place = head.evaluate("head => head.cellIndex")
    texts = page.locator("table.scoreboard tbody tr").evaluate_all(
        "(rows, place) => rows.map((row) => row.cells[place].dataset.value)", place
    )
    return [float(text.replace("inf", "Infinity")) if text else None for text in texts]


def test_every_column_is_sorted_both_ways_by_its_raw_figures(
    page: OpenPage, gc_pause: Report
) -> None:
    shown = page(gc_pause.path, viewport=WIDE)
    given = order(shown)
    assert given == gc_pause.approaches
    heads = shown.locator("table.scoreboard th[data-column]")
    for place in range(1, heads.count()):
        head = heads.nth(place)
        for way, step in (("descending", -1), ("ascending", 1)):
            head.get_by_role("button").click()
            expect(head).to_have_attribute("aria-sort", way)
            assert shown.locator("th[aria-sort]:not([aria-sort=none])").count() == 1
            found = figures(shown, head)
            known = [one for one in found if one is not None]
            assert known == sorted(known, reverse=step < 0), (head.text_content(), way)
            assert found[len(known) :] == [None] * (len(found) - len(known))
            assert sorted(order(shown)) == sorted(given)
        head.get_by_role("button").click()
        expect(head).to_have_attribute("aria-sort", "none")
        assert order(shown) == given


def test_a_raw_figure_is_that_of_the_results(page: OpenPage, gc_pause: Report) -> None:
    shown = page(gc_pause.path, viewport=WIDE)
    for column in all_columns(gc_pause.comparison):
        head = shown.locator(f'th[data-column="{column.key}"]')
        if head.count():
            known = [column.value(result) for result in gc_pause.comparison.results]
            assert figures(shown, head) == known, column.key


def test_names_are_sorted_from_a_to_z_and_back(page: OpenPage, gc_pause: Report) -> None:
    shown = page(gc_pause.path, viewport=WIDE)
    head = shown.locator('th[data-column="approach"]')
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "ascending")
    assert order(shown) == sorted(gc_pause.approaches)
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "descending")
    assert order(shown) == sorted(gc_pause.approaches, reverse=True)


@pytest.mark.parametrize("key", ["Enter", "Space"])
def test_the_keyboard_alone_can_sort(page: OpenPage, gc_pause: Report, key: str) -> None:
    shown = page(gc_pause.path, viewport=WIDE)
    # From the filter on, the headers are among what Tab comes to.
    shown.locator("#filter").focus()
    for _ in range(12):
        shown.keyboard.press("Tab")
        if shown.evaluate("document.activeElement.closest('[data-column=duplicate]') !== null"):
            break
    head = shown.locator('th[data-column="duplicate"]')
    expect(head.get_by_role("button")).to_be_focused()
    for way in ("descending", "ascending", "none"):
        shown.keyboard.press(key)
        expect(head).to_have_attribute("aria-sort", way)
        expect(head.get_by_role("button")).to_be_focused()


def test_names_filter_whatever_their_case_and_all_rows_come_back(
    page: OpenPage, gc_pause: Report
) -> None:
    shown = page(gc_pause.path, viewport=WIDE)
    shown.fill("#filter", "REDIS-")
    assert order(shown) == [name for name in gc_pause.approaches if "redis-" in name]
    shown.fill("#filter", "no such approach")
    assert order(shown) == []
    shown.fill("#filter", "")
    assert order(shown) == gc_pause.approaches


def test_every_standing_filters_and_all_rows_come_back(page: OpenPage, gc_pause: Report) -> None:
    shown = page(gc_pause.path, viewport=WIDE)
    standings = json.loads(
        shown.locator("#standing").evaluate(
            "select => JSON.stringify([...select.options].map((option) => option.value))"
        )
    )
    assert standings[0] == ""
    assert "unsafe" in standings
    badges = {
        row.get_attribute("data-approach"): (row.get_attribute("data-standing") or "").split()
        for row in shown.locator("table.scoreboard tbody tr").all()
    }
    for standing in standings[1:]:
        shown.select_option("#standing", standing)
        assert order(shown) == [name for name, known in badges.items() if standing in known]
    shown.select_option("#standing", "")
    assert order(shown) == gc_pause.approaches


def test_what_is_filtered_stays_so_when_it_is_sorted(page: OpenPage, gc_pause: Report) -> None:
    shown = page(gc_pause.path, viewport=WIDE)
    shown.fill("#filter", "redis")
    shown.select_option("#standing", "unsafe")
    few = order(shown)
    assert few
    shown.locator('th[data-column="approach"] button').click()
    assert order(shown) == sorted(few)
    shown.fill("#filter", "")
    shown.select_option("#standing", "")
    assert order(shown) == sorted(gc_pause.approaches)
