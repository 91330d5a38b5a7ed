"""A real browser, and pages that may neither complain nor reach for the network."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Error, Page, Request, sync_playwright

from tests.browser.reports import SCENARIOS, Report, simulated, together

OpenPage = Callable[..., Page]

_OFFLINE = ("file:", "data:", "blob:", "about:")
_QUIET = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")


# Playwright's loop counts as running for as long as it is there: no longer than these tests need.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, the machine's own or playwright's."""
    with sync_playwright() as playwright:
        path = shutil.which("chromium") or shutil.which("google-chrome")
        if path is None and not Path(playwright.chromium.executable_path).exists():
            pytest.skip("no chromium on this machine; to get it: playwright install chromium")
        found = playwright.chromium.launch(executable_path=path, args=_QUIET)
        yield found
        found.close()


def watch(page: Page, complaints: list[str]) -> None:
    """Note everything that a page complains of, and every request that leaves the machine."""

    def heard(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(f"console: {message.text}")

    def broke(error: Error) -> None:
        complaints.append(f"error: {error.message}")

    def asked(request: Request) -> None:
        if not request.url.startswith(_OFFLINE):
            complaints.append(f"request: {request.url}")

    page.on("console", heard)
    page.on("pageerror", broke)
    page.on("request", asked)


@pytest.fixture
def page(browser: Browser) -> Iterator[OpenPage]:
    """Open a file in a page of its own; keywords are those of `Browser.new_context`.

    At the end, the test fails on what the pages complained of or asked the network for.
    """
    complaints: list[str] = []
    contexts = []

    def opened(path: Path, fragment: str = "", **settings: Any) -> Page:
        context = browser.new_context(**settings)
        contexts.append(context)
        one = context.new_page()
        watch(one, complaints)
        one.goto(path.resolve().as_uri() + fragment)
        return one

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture(scope="session")
def reports(tmp_path_factory: pytest.TempPathFactory) -> list[Report]:
    """A report of each of the scenarios, below one directory."""
    directory = tmp_path_factory.mktemp("reports")
    # Each is a process of its own: they need not wait for each other.
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda scenario: simulated(scenario, directory), SCENARIOS))


@pytest.fixture(scope="session")
def gc_pause(reports: list[Report]) -> Report:
    """The report of one scenario."""
    return reports[SCENARIOS.index("gc-pause")]


@pytest.fixture(scope="session")
def both(reports: list[Report]) -> Report:
    """The page on all of them."""
    return together(reports, reports[0].path.parent.parent)
