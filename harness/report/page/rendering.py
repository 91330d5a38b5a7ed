"""Rendering pages from their templates, styles and scripts: one scenario, or several."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from harness.report import phrases
from harness.report.charts.chart import Chart
from harness.report.model import Comparison
from harness.report.page.article import Bounds, article
from harness.report.page.entry import Entry, encoded, slugs
from harness.report.page.heatmap import heatmap
from harness.report.page.packing import packed

_HERE = Path(__file__).parent
_STYLES = ("page.css", "timeline.css")
_SCRIPTS = ("d3.min.js", "timeline.js", "page.js")
# Of a page with many scenarios, each must be content with less.
_MANY = 6
_FEW = Bounds(trials=1, stories=1, packed=4_000)


def page(comparison: Comparison, directory: Path, drawn: Sequence[Chart] | None = None) -> str:
    """The text of index.html for one scenario. Histories below `directory` are linked to.

    `drawn` are its charts, where they were drawn before and lie beside the page, as
    charts/NAME.svg and .png: they are linked to then.
    """
    store = _Store()
    name = comparison.scenario
    place = (directory, directory)
    shown = article(
        name, encoded(name), comparison, place, store, Bounds(), drawn, drawn is not None
    )
    return _render("page.html.j2", store, title=f"{name}: approaches compared", article=shown)


def overview(
    title: str, entries: Sequence[Entry], directory: Path, charts: Sequence[Chart] = ()
) -> str:
    """The text of a page on several scenarios: a heat map first, each scenario behind its cells.

    `charts` are those of all of them together. Files below `directory` are linked to.
    """
    store = _Store()
    bounds = Bounds(2, 2) if len(entries) <= _MANY else _FEW
    articles = [
        article(
            entry.label,
            slug,
            entry.comparison,
            (directory, entry.directory),
            store,
            bounds,
            None,
            (entry.directory / "charts").is_dir(),
        )
        for entry, slug in zip(entries, slugs(entries), strict=True)
    ]
    environment = _environment()
    template = environment.get_template("article.html.j2")
    packs = [(one.slug, store(template.render(article=one, several=True))) for one in articles]
    return _render(
        "overview.html.j2",
        store,
        title=title,
        heatmap=heatmap([(one.label, one.slug, one.safeties) for one in articles]),
        packs=packs,
        charts=charts,
        entries=entries,
        variations=len({entry.comparison.scenario for entry in entries}) == 1,
    )


class _Store:
    """The packed texts of a page, by name."""

    def __init__(self) -> None:
        self.texts: list[tuple[str, str]] = []

    def __call__(self, text: str) -> str:
        name = f"{len(self.texts)}"
        self.texts.append((name, packed(text)))
        return name


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["clean"] = phrases.clean
    environment.filters["encoded"] = encoded
    return environment


def _render(template: str, store: _Store, **values: Any) -> str:
    script = "\n".join(_asset(name) for name in _SCRIPTS)
    digest = b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    return (
        _environment()
        .get_template(template)
        .render(
            style="\n".join(_asset(name) for name in _STYLES),
            script=script,
            script_hash=f"sha256-{digest}",
            stored=store.texts,
            **values,
        )
    )


def _asset(name: str) -> str:
    # What a page holds of a line's end is a newline alone, and its hash is taken of that.
    return (_HERE / "assets" / name).read_text("utf-8").replace("\r\n", "\n")
