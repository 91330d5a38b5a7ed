"""The drawing board all charts share: a figure in pixels, and its way into a page as SVG.

Ink is the text colour of the page around it, the ground is transparent: one drawing serves a light
and a dark page. Text stays text.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import escape
from io import StringIO

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from harness.report.phrases import clean

# Stands for the page's text colour while matplotlib draws; nothing else may use it.
INK = "#010203"
WIDTH = 960
LABELS = 200
SMALL = 11.0
# How long a name may get before it would run into the chart.
NAME_LENGTH = 26

_STYLE = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "figure.dpi": 72,
    "font.size": SMALL,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": INK,
    "grid.alpha": 0.15,
    "grid.linewidth": 0.8,
    "hatch.color": INK,
    "hatch.linewidth": 0.8,
}


@contextmanager
def drawing(name: str) -> Iterator[None]:
    """Draw inside of this: settings that are ours alone, and ids made from `name`."""
    style = {**_STYLE, "svg.hashsalt": name}
    with warnings.catch_warnings(), matplotlib.style.context(style, after_reset=True):
        # The reader's browser sets the text, and has glyphs that the measuring font lacks.
        warnings.filterwarnings("ignore", message=r"Glyph \d+")
        yield


def sheet(height: float) -> Figure:
    """An empty figure, `WIDTH` by `height` pixels."""
    return Figure(figsize=(WIDTH / 72, height / 72), dpi=72)


def panel(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """A plot area at a place given in pixels from the top left corner, with no frame but a foot."""
    total = figure.get_figheight() * 72
    axes = figure.add_axes(
        (left / WIDTH, 1 - (top + height) / total, width / WIDTH, height / total)
    )
    for side in ("top", "left", "right"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_alpha(0.4)
    axes.tick_params(axis="x", length=3, width=0.8)
    axes.set_yticks([])
    axes.set_axisbelow(True)
    return axes


def heading(axes: Axes, text: str) -> None:
    """A title over a panel, at its left edge."""
    axes.set_title(text, loc="left", fontsize=12, fontweight="bold", pad=9)


def row_lines(axes: Axes, rows: int) -> None:
    """A faint line through each row, to lead the eye from its name."""
    for row in range(rows):
        axes.axhline(row, color=INK, alpha=0.1, linewidth=0.8, zorder=1)


def name_rows(axes: Axes, names: Sequence[str], colours: Mapping[str, str], left: float) -> None:
    """Write approaches at the rows 0, 1, … of a panel that begins `left` pixels into the sheet."""
    width = axes.get_position().width * WIDTH
    place = axes.get_yaxis_transform()
    for row, name in enumerate(names):
        swatch = Line2D(
            [(6 - left) / width],
            [row],
            marker="s",
            markersize=9,
            color=colours[name],
            transform=place,
            clip_on=False,
        )
        axes.add_line(swatch)
        label = clean(name, NAME_LENGTH)
        axes.text((18 - left) / width, row, label, transform=place, va="center", fontsize=12)


def as_svg(figure: Figure, label: str, tips: Mapping[str, str] | None = None) -> str:
    """The figure as an `<svg>` element for an HTML page.

    `label` says what it shows to those who cannot see it. `tips` are texts shown over artists, by
    the gid that the artist was given.
    """
    target = StringIO()
    figure.savefig(target, format="svg", metadata={"Date": None})
    text = target.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", text, flags=re.DOTALL)
    opening = f'<svg viewBox="0 0 {WIDTH} {figure.get_figheight() * 72:g}" role="img">'
    opening += f"<title>{escape(clean(label))}</title>"
    text = re.sub(r"<svg\b.*?>", lambda _: opening, text, count=1, flags=re.DOTALL)
    text = _group_tips(text, tips or {})
    text = re.sub(r"font-family: [^;\"]*", "font-family: inherit", text)
    text = text.replace("xlink:href", "href").replace(INK, "currentColor")
    return re.sub(r"\s*\n\s*", "\n", text)


def _group_tips(text: str, tips: Mapping[str, str]) -> str:
    def opened(match: re.Match[str]) -> str:
        tip = tips.get(match.group(1))
        return "<g>" if tip is None else f"<g><title>{escape(clean(tip))}</title>"

    # Without their ids: two charts of one page would use the same ones.
    text = re.sub(r'<g id="[^"]*"\s*/>', "", text)
    return re.sub(r'<g id="([^"]*)">', opened, text)
