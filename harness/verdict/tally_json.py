"""A trial's tally as JSON, and back."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from harness.history.event import DIGITS
from harness.verdict.model import Extra, Outcome
from harness.verdict.tally import Samples, Stretches, Tally

_SAMPLES = ("failover", "takeover", "outage")
_TIMES = ("lateness", "lease_wait")
_PLAIN = (
    "seed duration partial late suppressed concurrency calls errors plans_faults flawless checksum"
).split()


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
    """Read such an object. Raises KeyError, TypeError or ValueError where it is none."""
    overlaps = _columns(row["overlaps"], 4)
    stretches = Stretches(
        tuple(overlaps[0]),
        array("d", overlaps[1]),
        array("d", overlaps[2]),
        array("I", overlaps[3]),
    )
    return Tally(
        **{name: row[name] for name in _PLAIN},
        invalid=tuple(row["invalid"]),
        outcomes=Counter({Outcome(name): count for name, count in row["outcomes"].items()}),
        extras=Counter({Extra(name): count for name, count in row["extras"].items()}),
        overlaps=stretches,
        overlap_count=len(stretches.whats),
        overlap_seconds=sum(end - start for _, start, end, _ in stretches),
        double_hold_count=row["double_hold"][0],
        double_hold_seconds=row["double_hold"][1],
        failover=_samples(row["failover"]),
        takeover=_samples(row["takeover"]),
        outage=_samples(row["outage"]),
        lateness=array("d", row["lateness"]),
        lease_wait=array("d", row["lease_wait"]),
        mechanisms=tuple(row["mechanisms"]),
    )


def _samples(rows: Sequence[Sequence[Any]]) -> Samples:
    faults, whats, at, seconds, censored = _columns(rows, 5)
    return Samples(
        tuple(faults), tuple(whats), array("d", at), array("d", seconds), bytes(censored)
    )


def _columns(rows: Sequence[Sequence[Any]], width: int) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(width)]


def _rounded(value: float) -> float:
    return round(value, DIGITS)
