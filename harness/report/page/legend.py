"""What the signs of a timeline mean, and what the reader is told of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

# Kinds of moments: how each is drawn, and what it is.
GLYPHS: Mapping[str, tuple[str, str]] = {
    "extra": ("▼", "one run too many"),
    "missed": ("○", "missed due time"),
    "unrecovered": ("▷", "not recovered"),
    "crash": ("×", "crash"),  # noqa: RUF001
    "restart": ("↑", "started again"),
    "lost": ("◇", "lease lost"),
    "dropped": ("⊘", "due time let pass"),
}
# Which way a partition cuts.
DIRECTIONS: Mapping[str, tuple[str, str]] = {
    "both": ("⇄", "both ways"),
    "requests": ("→", "requests: the coordinator hears nothing"),
    "replies": ("←", "replies: the worker hears nothing"),
}

Lines = Sequence[Sequence[str]]

_FAULT: Lines = (
    ("", "text", "type"),
    ("fault", "text", "id"),
    ("hit", "text", "targets"),
    ("direction", "direction", "direction"),
    ("mechanism", "text", "mechanism"),
    ("injected", "seconds", "from"),
    ("healed", "seconds", "healed"),
    ("healed", "text", "unhealed"),
    ("lasted", "between", "from", "healed"),
)
_TITLE = ("", "text", "title")
_WORKER = ("worker", "worker", "lane")
# What is told of each kind or layer, a line each: term, format, and the columns that it is made
# from; the first one is the title.
CARDS: Mapping[str, Lines] = {
    "runs": (
        ("", "job", "job"),
        _WORKER,
        ("due", "seconds", "due"),
        ("started", "seconds", "from"),
        ("lateness", "between", "due", "from"),
        ("ended", "seconds", "to"),
        ("took", "between", "from", "to"),
        ("ending", "text", "ending"),
        ("effect", "name", "effect"),
        ("lease", "name", "resource"),
        ("fence", "text", "fence"),
        ("one too many", "text", "extra"),
    ),
    "strips": (_TITLE, _WORKER, ("within", "stretch", "from", "to")),
    "leases": (
        ("lease", "name", "resource"),
        _WORKER,
        ("fence", "text", "fence"),
        ("held", "stretch", "from", "to"),
        ("ending", "text", "ending"),
    ),
    "doubled": (
        ("held twice:", "name", "resource"),
        _WORKER,
        ("fence", "text", "fence"),
        ("twice", "stretch", "from", "to"),
    ),
    "faults": _FAULT,
    "bands": _FAULT,
    "crash": (_TITLE, _WORKER, ("at", "seconds", "from"), ("how", "name", "detail")),
    "restart": (_TITLE, _WORKER, ("at", "seconds", "from")),
    "lost": (_TITLE, ("lease", "name", "detail"), _WORKER, ("noticed", "seconds", "from")),
    "dropped": (
        _TITLE,
        ("job", "job", "job"),
        ("due", "seconds", "from"),
        _WORKER,
        ("noticed", "seconds", "noticed"),
        ("reason", "name", "detail"),
    ),
    "missed": (_TITLE, ("due", "seconds", "from"), ("who", "text", "detail")),
    "violations": (_TITLE, ("when", "stretch", "from", "to"), ("who", "text", "detail")),
}
_MOST_JOBS = 12

Item = tuple[str, str, str, str]


def legend(data: Mapping[str, Any], kinds: set[str]) -> list[Item]:
    """Lines of the legend for these data: class of the sign, glyph, text, colour.

    `kinds` are those of the violations and moments that occur.
    """
    items = [("tl-swatch", "", name, colour) for name, colour in data["jobs"]]
    if len(items) > _MOST_JOBS:
        items[_MOST_JOBS:] = [("", "", f"and {len(items) - _MOST_JOBS} more jobs", "")]
    column = {name: place for place, name in enumerate(data["columns"]["runs"])}

    def add(occurs: bool, sign: str, text: str, glyph: str = "") -> None:
        if occurs:
            items.append((sign, glyph, text, ""))

    runs = data["runs"]
    add(any(run[column["wrong"]] for run in runs), "tl-swatch tl-wrong", "twice, or beside itself")
    unfinished = any(run[column["ending"]] != "finished" for run in runs)
    add(unfinished, "tl-swatch tl-pale", "run that did not finish")
    add(bool(data["strips"]), "tl-swatch tl-strip", "many runs")
    add("overlap" in kinds, "tl-line tl-red tl-thick", "overlap")
    add("held" in kinds, "tl-line tl-red", "lease held twice")
    for kind, (glyph, text) in GLYPHS.items():
        add(kind in kinds, f"tl-glyph tl-{kind}", text, glyph)
    add(bool(data["leases"]), "tl-line", "lease")
    add(bool(data["faults"]), "tl-swatch tl-fault", "fault")
    place = data["columns"]["faults"].index("direction")
    ways = {fault[place] for fault in data["faults"]}
    for way, (glyph, text) in DIRECTIONS.items():
        add(way in ways, "tl-glyph", f"cut off, {text}", glyph)
    add(bool(data["up"]), "tl-swatch tl-life", "worker up")
    return items
