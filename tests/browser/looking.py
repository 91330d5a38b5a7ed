"""What a test sees of a page: boxes, ranges of timelines, contrast, what lies under a link."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from playwright.sync_api import Locator, Page

# Of two ticks of the axis, d3 knows the values; the clip is as wide as what is shown.
_RANGE = """figure => {
  const [a, b] = [...figure.querySelectorAll(".tl-axis .tick")].map((tick) =>
    [tick.__data__, tick.transform.baseVal.consolidate().matrix.e]);
  const clip = figure.querySelector("clipPath rect");
  const [left, wide] = ["x", "width"].map((name) => Number(clip.getAttribute(name)));
  const at = (x) => a[0] + (x - a[1]) * (b[0] - a[0]) / (b[1] - a[1]);
  return [at(left), at(left + wide)];
}"""
_FRAMES = """() => new Promise((done) => {
  requestAnimationFrame(() => requestAnimationFrame(() => requestAnimationFrame(done)));
})"""
_DRAWN = "figure => figure.querySelectorAll('.tl-axis .tick').length > 1"


@dataclass(frozen=True, slots=True)
class Address:
    """A hash, taken apart: names as they are, a stretch in seconds."""

    scenario: str
    approach: str | None = None
    stretch: tuple[float, float] | None = None


def address(text: str) -> Address:
    """The parts of a page's address, or of a link's."""
    parts = urlsplit(text).fragment.split("/")
    assert len(parts) <= 3, text
    approach = unquote(parts[1]) if len(parts) > 1 else None
    if len(parts) < 3:
        return Address(unquote(parts[0]), approach)
    start, end = (float(one) for one in parts[2].split("@")[0].split("-"))
    return Address(unquote(parts[0]), approach, (start, end))


def timeline(page: Page, approach: str) -> Locator:
    """The figure of an approach's timeline."""
    return named(page.locator("figure.timeline"), approach)


def named(among: Locator, approach: str) -> Locator:
    """That of an approach; its name may hold anything, so that no selector has to."""
    names = among.evaluate_all("all => all.map((one) => one.dataset.approach)")
    return among.nth(names.index(approach))


def stretch(figure: Locator) -> tuple[float, float]:
    """What a timeline shows, in seconds, once it is drawn."""
    figure.page.wait_for_function(_DRAWN, arg=figure.element_handle())
    start, end = figure.evaluate(_RANGE)
    return start, end


def settled(figure: Locator) -> tuple[float, float]:
    """What a timeline shows when it has come to rest."""
    before = stretch(figure)
    while True:
        figure.page.evaluate(_FRAMES)
        now = stretch(figure)
        if math.dist(before, now) < 1e-6:
            return now
        before = now


def fits(page: Page) -> bool:
    """Whether the page does not scroll sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def unfold(page: Page) -> None:
    """Open all that is folded away."""
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")


# Colours as a browser computes them, those beneath mixed in; `rgb(…)` or `color(srgb …)`.
_CONTRAST = """([selector, kind]) => {
  const parsed = (text) => {
    const numbers = (text.match(/-?[\\d.]+(e-?\\d+)?/g) || ["0", "0", "0", "0"]).map(Number);
    const scale = text.startsWith("color(") ? 255 : 1;
    const [r, g, b, a = 1] = numbers;
    return { rgb: [r, g, b].map((one) => one * scale), a };
  };
  const over = (above, below, a) => above.map((one, place) => one * a + below[place] * (1 - a));
  const opacity = (element) => {
    let found = 1;
    for (let one = element; one; one = one.parentElement) found *= getComputedStyle(one).opacity;
    return found;
  };
  const ground = (element) => {
    const layers = [];
    for (let one = element; one; one = one.parentElement) {
      const { rgb, a } = parsed(getComputedStyle(one).backgroundColor);
      if (a > 0) layers.push([rgb, a]);
      if (a === 1) break;
    }
    return layers.reverse().reduce((below, [rgb, a]) => over(rgb, below, a), [255, 255, 255]);
  };
  const light = (rgb) => {
    const [r, g, b] = rgb.map((one) => one / 255)
      .map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => {
    const [high, low] = [light(a), light(b)].sort((x, y) => y - x);
    return (high + 0.05) / (low + 0.05);
  };
  const found = [];
  for (const element of document.querySelectorAll(selector)) {
    const style = getComputedStyle(element);
    const said = [...element.childNodes].filter((one) => one.nodeType === Node.TEXT_NODE)
      .map((one) => one.data).join(" ").trim();
    if (kind === "text" && !said) continue;
    if (!element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
    const drawn = element instanceof SVGElement;
    const name = kind === "text" ? (drawn ? "fill" : "color") : kind;
    if (style[name] === "none" || style[name].startsWith("url")) continue;
    const ink = parsed(style[name]);
    const more = name === "fill" ? style.fillOpacity : name === "stroke" ? style.strokeOpacity : 1;
    const below = ground(kind === "backgroundColor" ? element.parentElement : element);
    const seen = over(ink.rgb, below, ink.a * opacity(element) * more);
    const what = element.getAttribute("class") || element.localName;
    found.push([contrast(seen, below), said || element.outerHTML.slice(0, 120), what]);
  }
  return found;
}"""


def faint(page: Page, selector: str, least: float, kind: str = "text") -> list[Any]:
    """What is seen with less contrast than `least`, once each; there must be something to look at.

    `kind` is "text", or the property that holds the colour: fill, stroke, backgroundColor.
    """
    found = page.evaluate(_CONTRAST, [selector, kind])
    assert found, f"nothing to look at: {selector}"
    return _once(one for one in found if one[0] < least)


def _once(found: Iterable[Any]) -> list[Any]:
    unlike = {(round(one[0], 2), one[2]): one for one in found}
    return sorted(unlike.values())
