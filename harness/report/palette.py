"""Colours. An approach has the same one everywhere; red is for violations alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from zlib import crc32

from harness.approaches import APPROACHES
from harness.verdict.model import Result

VIOLATION = "#d55e00"
# Muted, told apart by lightness as well, and none of them near the red of a violation.
JOBS = ("#4477aa", "#9fc5e8", "#44aa99", "#b8b5d6", "#2f4b6e", "#a8d8c8")

Dash = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Look:
    """How an approach is drawn: three ways to tell it, for those who do not see colours.

    `marker` is one of matplotlib's, `dash` is ink, gap, ink, … in line widths; empty: unbroken.
    """

    colour: str
    marker: str
    dash: Dash = ()


_LONG: Dash = (6.0, 1.6)
_SHORT: Dash = (2.4, 1.2)
_DOTTED: Dash = (1.0, 1.2)
_MIXED: Dash = (6.0, 1.4, 1.2, 1.4)

# Found by search: each has a contrast of 3:1 on a white page and on a dark one, and both the pairs
# and the distances to VIOLATION stay wide in all of Machado's simulations (2009) of colour
# blindness; what is nearer than the others has another marker. One coordinator's approaches are
# kin: pinks and violets, greens, blues. All leaders have one marker, and all queues.
_KNOWN: Mapping[str, Look] = {
    "uncoordinated": Look("#606c48", "X", _DOTTED),
    "redis-setnx": Look("#cc6cc0", "s", _LONG),
    "redis-lock": Look("#a83c84", "o"),
    "redis-watchdog": Look("#907890", "^", _SHORT),
    "zookeeper-lock": Look("#18903c", "D"),
    "zookeeper-leader": Look("#849c6c", "v", _LONG),
    "postgres-advisory-lock": Look("#5460c0", "p"),
    "postgres-queue": Look("#0c9ce4", "P", _MIXED),
    "redis-leader": Look("#9c3cb4", "v", _MIXED),
    "redis-fenced": Look("#fc30e4", "h", _SHORT),
    "redis-pubsub": Look("#cc0c9c", "d", _DOTTED),
    "redlock": Look("#a86cfc", "8", _LONG),
    "redis-streams": Look("#9c60b4", "P", _SHORT),
    "postgres-row-lock": Look("#3c78cc", "d", _SHORT),
    "postgres-leader": Look("#5490b4", "v", _DOTTED),
    "shedlock": Look("#78609c", "s", _DOTTED),
    "quartz-cluster": Look("#8430f0", "H"),
    "consistent-hash": Look("#3c6c6c", "*", _MIXED),
}
# What is left for names that a scenario gives, its own tunings of an approach, say.
_COLOURS = (
    *("#6c78e4", "#609c9c", "#84549c", "#6c846c", "#6078a8", "#a860c0"),
    *(look.colour for look in _KNOWN.values()),
)
_MARKERS = tuple(dict.fromkeys(("*", "d", "<", *(look.marker for look in _KNOWN.values()))))
_DASHES: tuple[Dash, ...] = ((), _LONG, _SHORT, _MIXED, _DOTTED)


def approach_looks(results: Iterable[Result | str]) -> dict[str, Look]:
    """How each approach is drawn, whatever its place among the others.

    Registered approaches always look the same. Other names look as their checksum says, and step
    aside for those that are here with them while there is another colour or marker to be had.
    """
    names = dict.fromkeys(one if isinstance(one, str) else one.approach for one in results)
    looks = {name: _KNOWN[name] for name in names if name in _KNOWN and name in APPROACHES}
    for name in sorted(names.keys() - looks.keys()):
        looks[name] = _spare(name, looks.values())
    return {name: looks[name] for name in names}


def approach_colours(results: Iterable[Result | str]) -> dict[str, str]:
    """The colour of each approach, by the rules of `approach_looks`."""
    return {name: look.colour for name, look in approach_looks(results).items()}


def job_colours(jobs: Iterable[str]) -> dict[str, str]:
    """A colour for each job, by its place."""
    names = dict.fromkeys(jobs)
    return {name: JOBS[place % len(JOBS)] for place, name in enumerate(names)}


def _spare(name: str, others: Iterable[Look]) -> Look:
    present = list(others)
    number = crc32(name.encode("utf-8", "replace"))
    colour = _free(_COLOURS, number, [look.colour for look in present])
    # Of those in the same colour, none should have the same marker.
    near = [look.marker for look in present if look.colour == colour]
    marker = _free(_MARKERS, number // len(_COLOURS), near or [look.marker for look in present])
    return Look(colour, marker, _DASHES[number // 7 % len(_DASHES)])


def _free(choices: tuple[str, ...], start: int, taken: list[str]) -> str:
    """From `start` on, the first choice that is taken least."""
    turned = [choices[(start + step) % len(choices)] for step in range(len(choices))]
    return min(turned, key=taken.count)
