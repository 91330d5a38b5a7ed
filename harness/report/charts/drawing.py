"""The drawing board all charts share: a figure in pixels, and its ways out as SVG and PNG.

Ink is the text colour of the page around it, the ground is transparent: one drawing serves a light
and a dark page. Text stays text.
"""

from __future__ import annotations

import re
import textwrap
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import escape
from io import BytesIO, StringIO
from typing import Any

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter
from matplotlib.transforms import Bbox

from harness.report.charts.chart import Chart
from harness.report.palette import Look
from harness.report.phrases import clean

# Stands for the page's text colour while matplotlib draws; nothing else may use it.
INK = "#010203"
WIDTH = 960
LABELS = 200
SMALL = 11.0
# How long a name may get before it would run into the chart.
NAME_LENGTH = 26

# Of a file that stands alone: the colours, and in pixels its margin and its lines of text.
_PAPER, _BLACK = "#ffffff", "#1b1f24"
_MARGIN = 16
_TITLE, _LINE = 26, 16
_CAPTION = 150
_PIXELS = 144

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
    style = {**_STYLE, "svg.hashsalt": clean(name)}
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


def heading(axes: Axes, text: str, over: float = 9.0) -> None:
    """A title `over` pixels above a panel, at its left edge."""
    axes.set_title(text, loc="left", fontsize=12, fontweight="bold", pad=over)


def unit(axes: Axes, text: str) -> None:
    """The numbers along the foot of a panel with their unit behind them, `s` or `%`."""
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} {text}"))


def row_lines(axes: Axes, rows: int) -> None:
    """A faint line through each row, to lead the eye from its name."""
    for row in range(rows):
        axes.axhline(row, color=INK, alpha=0.1, linewidth=0.8, zorder=1)


def name_rows(axes: Axes, names: Sequence[str], looks: Mapping[str, Look], left: float) -> None:
    """Write approaches at the rows 0, 1, … of a panel that begins `left` pixels into the sheet.

    Each with its line and marker: the legend of whatever else is drawn beside the panel.
    """
    width = axes.get_position().width * WIDTH
    place = axes.get_yaxis_transform()
    for row, name in enumerate(names):
        look = looks[name]
        ends = [(3 - left) / width, (13 - left) / width, (23 - left) / width]
        line = Line2D(
            ends, [row] * 3, transform=place, clip_on=False, markevery=[1], **stroke(look)
        )
        axes.add_line(line)
        label = clean(name, NAME_LENGTH)
        axes.text((30 - left) / width, row, label, transform=place, va="center", fontsize=11)


def stroke(look: Look, size: float = 7.0) -> dict[str, Any]:
    """The settings of a line in the look of an approach; `size` is that of its markers."""
    return {
        "color": look.colour,
        "linestyle": (0, look.dash) if look.dash else "-",
        "linewidth": 2.0,
        "marker": look.marker,
        "markersize": size,
        "markeredgewidth": 0.0,
        "solid_capstyle": "butt",
    }


def finish(
    figure: Figure,
    name: str,
    title: str,
    caption: str,
    tips: Mapping[str, str] | None = None,
) -> Chart:
    """Take a figure off the board. To be called inside of `drawing`.

    `tips` are texts shown over artists, by the gid that the artist was given.
    """
    svg = as_svg(figure, title, tips)
    return Chart(
        name=name,
        title=title,
        caption=caption,
        svg=svg,
        standalone=_standalone(svg, figure, title, caption),
        paint=lambda: _painted(figure, title, caption),
    )


def as_svg(figure: Figure, label: str, tips: Mapping[str, str] | None = None) -> str:
    """The figure as an `<svg>` element for an HTML page.

    `label` says what it shows to those who cannot see it.
    """
    target = StringIO()
    figure.savefig(target, format="svg", metadata={"Date": None})
    text = target.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", text, flags=re.DOTALL)
    opening = f'<svg viewBox="0 0 {WIDTH} {_height(figure):g}" role="img">'
    opening += f"<title>{escape(clean(label))}</title>"
    text = re.sub(r"<svg\b.*?>", lambda _: opening, text, count=1, flags=re.DOTALL)
    text = _group_tips(text, tips or {})
    text = re.sub(r"font-family: [^;\"]*", "font-family: inherit", text)
    text = re.sub(r"(font: [^;\"]*?px) [^;\"]*", r"\1 inherit", text)
    text = text.replace("xlink:href", "href").replace(INK, "currentColor")
    text = re.sub(r"<(?:path|use|text)\b[^>]*>", _shortened, text)
    return re.sub(r"\s*\n\s*", "\n", text)


def _shortened(shape: re.Match[str]) -> str:
    """A shape's coordinates to a hundredth of a pixel, which halves a page."""
    text = re.sub(r' transform="rotate\(-0 [^"]*"', "", shape[0])
    return re.sub(r"\d+\.\d{3,}", lambda number: f"{float(number[0]):.2f}", text)


def _group_tips(text: str, tips: Mapping[str, str]) -> str:
    def opened(match: re.Match[str]) -> str:
        tip = tips.get(match.group(1))
        return "<g>" if tip is None else f"<g><title>{escape(clean(tip))}</title>"

    # Without their ids: two charts of one page would use the same ones.
    text = re.sub(r'<g id="[^"]*"\s*/>', "", text)
    return re.sub(r'<g id="([^"]*)">', opened, text)


def _height(figure: Figure) -> float:
    return float(figure.get_figheight() * 72)


def _lines(caption: str) -> list[str]:
    return textwrap.wrap(clean(caption), _CAPTION)


def _standalone(svg: str, figure: Figure, title: str, caption: str) -> str:
    """The drawing as a file: with title and caption, in black on white."""
    lines = _lines(caption)
    top = _MARGIN + _TITLE
    width = WIDTH + 2 * _MARGIN
    height = top + _height(figure) + len(lines) * _LINE + _MARGIN
    body = svg[svg.index("</title>") + len("</title>") : svg.rindex("</svg>")]
    texts = [f'<text x="0" y="{-_TITLE + 12}" font-size="15" font-weight="bold">']
    texts[0] += f"{escape(clean(title))}</text>"
    for row, line in enumerate(lines):
        y = _height(figure) + (row + 1) * _LINE - 4
        texts.append(f'<text x="0" y="{y:g}" font-size="11">{escape(line)}</text>')
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height:g}" '
        f'viewBox="{-_MARGIN} {-top} {width} {height:g}" role="img" '
        f'font-family="DejaVu Sans, Verdana, sans-serif" fill="{_BLACK}">'
        f"<title>{escape(clean(title))}</title>\n"
        f'<rect x="{-_MARGIN}" y="{-top}" width="{width}" height="{height:g}" fill="{_PAPER}"/>\n'
        + "\n".join(texts)
        + body.replace("currentColor", _BLACK)
        .replace("font-family: inherit", "font-family: DejaVu Sans, Verdana, sans-serif")
        .replace("px inherit", "px DejaVu Sans, Verdana, sans-serif")
        + "</svg>\n"
    )


def _painted(figure: Figure, title: str, caption: str) -> bytes:
    """The drawing as PNG, with title and caption on paper that reaches beyond the figure."""
    lines = _lines(caption)
    total = _height(figure)
    foot = len(lines) * _LINE + _MARGIN
    texts = [
        figure.text(0, 1 + (_TITLE - 12) / total, clean(title), fontsize=15, fontweight="bold")
    ]
    for row, line in enumerate(lines):
        y = (4 - (row + 1) * _LINE) / total
        texts.append(figure.text(0, y, line, fontsize=SMALL))
    paper = Bbox(
        [
            [-_MARGIN / 72, -foot / 72],
            [(WIDTH + _MARGIN) / 72, (total + _TITLE + _MARGIN) / 72],
        ]
    )
    target = BytesIO()
    with drawing(title):
        figure.savefig(
            target,
            format="png",
            dpi=_PIXELS,
            facecolor=_PAPER,
            bbox_inches=paper,
            metadata={"Software": None},
            pil_kwargs={"compress_level": 4},
        )
    for text in texts:
        text.remove()
    return target.getvalue()
