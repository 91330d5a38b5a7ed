"""A trial's tally as JSON, and back."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping
from enum import StrEnum
from math import isfinite
from reprlib import repr as shortened
from typing import Any, TypeVar

from harness.history.event import DIGITS, is_number
from harness.verdict.model import Extra, Outcome
from harness.verdict.tally import Samples, Stretches, Tally

_SAMPLES = ("failover", "takeover", "outage")
_TIMES = ("lateness", "lease_wait")
_FLAGS = ("partial", "plans_faults", "flawless")
_COUNTS = ("late", "suppressed", "concurrency", "calls", "errors")
_PLAIN = (
    "seed duration partial late suppressed concurrency calls errors plans_faults flawless checksum"
).split()
_LISTED = ("invalid", "outcomes", "extras", "overlaps", "double_hold", "mechanisms")
_FIELDS = (*_PLAIN, *_LISTED, *_SAMPLES, *_TIMES)

# Checksums and what is packed have four bytes.
_TOO_MANY = 2**32
_KINDS = {
    "text": "text",
    "number": "a number",
    "flag": "true or false",
    "whole": "a whole number",
    "count": "a count",
}

_Kind = TypeVar("_Kind", bound=StrEnum)


def tally_as_json(one: Tally) -> dict[str, Any]:
    """The tally as one JSON object. Times in seconds, to the microsecond."""
    return {
        **{name: getattr(one, name) for name in _PLAIN},
        "invalid": list(one.invalid),
        "outcomes": {outcome.value: count for outcome, count in one.outcomes.items()},
        "extras": {extra.value: count for extra, count in one.extras.items()},
        "overlaps": [
            [what, _rounded(start), _rounded(end), most] for what, start, end, most in one.overlaps
        ],
        "double_hold": [one.double_hold_count, _rounded(one.double_hold_seconds)],
        **{
            name: [
                [s.fault, s.what, _rounded(s.at), _rounded(s.seconds), int(s.censored)]
                for s in getattr(one, name)
            ]
            for name in _SAMPLES
        },
        **{name: [_rounded(value) for value in getattr(one, name)] for name in _TIMES},
        "mechanisms": list(one.mechanisms),
    }


def tally_from_json(row: Mapping[str, Any]) -> Tally:
    """Read such an object. Raises ValueError, in one line, where it is none."""
    lacking = [name for name in _FIELDS if name not in row]
    if lacking:
        raise ValueError(f"no '{lacking[0]}' in it")
    whats, starts, ends, most = _columns(row, "overlaps", "text number number count")
    stretches = Stretches(tuple(whats), array("d", starts), array("d", ends), array("I", most))
    held = row["double_hold"]
    if not isinstance(held, list) or len(held) != 2:
        raise _wrong("double_hold", held, "a count and seconds")
    return Tally(
        seed=_checked("seed", row["seed"], "whole"),
        duration=_checked("duration", row["duration"], "number"),
        **{name: _checked(name, row[name], "flag") for name in _FLAGS},
        **{name: _checked(name, row[name], "count") for name in _COUNTS},
        checksum=None
        if row["checksum"] is None
        else _checked("checksum", row["checksum"], "count"),
        invalid=_texts(row, "invalid"),
        outcomes=_counted(row, "outcomes", Outcome),
        extras=_counted(row, "extras", Extra),
        overlaps=stretches,
        overlap_count=len(stretches.whats),
        overlap_seconds=sum(end - start for _, start, end, _ in stretches),
        double_hold_count=_checked("double_hold", held[0], "count"),
        double_hold_seconds=_checked("double_hold", held[1], "number"),
        failover=_samples(row, "failover"),
        takeover=_samples(row, "takeover"),
        outage=_samples(row, "outage"),
        lateness=_times(row, "lateness"),
        lease_wait=_times(row, "lease_wait"),
        mechanisms=_texts(row, "mechanisms"),
    )


def _samples(row: Mapping[str, Any], name: str) -> Samples:
    faults, whats, at, seconds, censored = _columns(row, name, "text text number number flag")
    return Samples(
        tuple(faults), tuple(whats), array("d", at), array("d", seconds), bytes(censored)
    )


def _columns(row: Mapping[str, Any], name: str, kinds: str) -> list[list[Any]]:
    """The columns of a list of rows, each of which has a value of each kind."""
    expected = kinds.split()
    for one in _listed(row, name):
        if not isinstance(one, list) or len(one) != len(expected):
            raise _wrong(name, one, f"{len(expected)} values each")
        for value, kind in zip(one, expected, strict=True):
            _checked(name, value, kind)
    return [list(column) for column in zip(*row[name], strict=True)] or [[] for _ in expected]


def _times(row: Mapping[str, Any], name: str) -> array[float]:
    try:
        found = array("d", _listed(row, name))
    except (TypeError, OverflowError):
        raise _wrong(name, row[name], "numbers") from None
    if not all(map(isfinite, found)):
        raise _wrong(name, row[name], "finite numbers")
    return found


def _texts(row: Mapping[str, Any], name: str) -> tuple[str, ...]:
    return tuple(_checked(name, one, "text") for one in _listed(row, name))


def _counted(row: Mapping[str, Any], name: str, kind: type[_Kind]) -> Counter[_Kind]:
    found = row[name]
    if not isinstance(found, dict):
        raise _wrong(name, found, "counts by name")
    return Counter({kind(what): _checked(name, count, "count") for what, count in found.items()})


def _listed(row: Mapping[str, Any], name: str) -> list[Any]:
    found = row[name]
    if not isinstance(found, list):
        raise _wrong(name, found, "a list")
    return found


def _checked(name: str, value: Any, kind: str) -> Any:
    """The value, where it is of that kind."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    match kind:
        case "text":
            fits = isinstance(value, str)
        case "number":
            fits = is_number(value)
        case "flag":
            fits = isinstance(value, bool) or (whole and value in (0, 1))
        case "whole":
            fits = whole
        case _:
            fits = whole and 0 <= value < _TOO_MANY
    if not fits:
        raise _wrong(name, value, _KINDS[kind])
    return value


def _wrong(name: str, value: Any, wanted: str) -> ValueError:
    return ValueError(f"'{name}' must be {wanted}, not {shortened(value)}")


def _rounded(value: float) -> float:
    return round(value, DIGITS)
