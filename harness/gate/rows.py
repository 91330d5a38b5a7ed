"""What a baseline file holds, checked as it is read: what is wrong with it can be told.

A measure that is not in it, or that is not known here, is no mistake: versions differ in them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from math import inf
from typing import Any, TypeVar

from harness.gate.figures import Figures, Record
from harness.report.configuration import from_json

ValueT = TypeVar("ValueT")

# Beyond these nothing was measured: it is a slip, or somebody's try to make the reader choke.
_MOST = 2.0**53
_TRIALS = 100_000

# A seed may be negative: the second number is behind the last dash but its own sign.
_RANGE = re.compile(r"(-?[0-9]{1,30})-(-?[0-9]{1,30})")
_KINDS: Mapping[type, str] = {str: "text", dict: "an object", list: "a list", bool: "yes or no"}


class Unreadable(Exception):
    """Something in the file is not what it must be; says what, and where."""


def read_records(given: Any) -> tuple[Record, ...]:
    """The records. Raises Unreadable."""
    rows = _typed(given, list, "'reports'")
    records = tuple(_record(_typed(row, dict, f"report {n}")) for n, row in enumerate(rows, 1))
    _once([one.title for one in records], "the file")
    return records


def _record(row: Mapping[str, Any]) -> Record:
    scenario = _field(row, "scenario", str, "a report")
    about = _field(row, "about", dict, scenario)
    for name, text in about.items():
        _typed(text, str, f"{scenario}: {name} in 'about'")
    approaches = [
        _figures(_typed(one, dict, f"{scenario}: an approach"), scenario)
        for one in _field(row, "approaches", list, scenario)
    ]
    _once([one.approach for one in approaches], scenario)
    return Record(
        scenario=scenario,
        runtime=_field(row, "runtime", str, scenario),
        setting=_field(row, "setting", dict, scenario),
        about=about,
        approaches=tuple(approaches),
    )


def _figures(row: Mapping[str, Any], scenario: str) -> Figures:
    name = _field(row, "approach", str, scenario)
    where = f"{scenario}, {name}"
    counts, times = (_field(row, kind, dict, where) for kind in ("counts", "times"))
    lists = {key: value for key, value in counts.items() if isinstance(value, list)}
    lengths = {
        key: len(_typed(value, list, f"{where}: {key}")) for key, value in (lists | times).items()
    }
    # How many seeds there are is known before they are made: a range may stand for billions.
    seeds = _seeds(_there(row, "seeds", where), lengths, where)
    checksums = _whole(_field(row, "checksums", list, where), f"{where}: a checksum")
    if len(checksums) not in (0, len(seeds)):
        raise Unreadable(f"{where}: {len(checksums)} checksums of {len(seeds)} trials")
    mechanisms = _field(row, "mechanisms", list, where)
    return Figures(
        approach=name,
        configuration=from_json(_configuration(row, where)),
        mechanisms=tuple(_typed(one, str, f"{where}: a mechanism") for one in mechanisms),
        seeds=seeds,
        checksums=checksums,
        counts={key: _counts(one, len(seeds), f"{where}: {key}") for key, one in counts.items()},
        times={
            key: tuple(_times(one, f"{where}: {key}") for one in trials)
            for key, trials in times.items()
        },
    )


def _configuration(row: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    _field(row, "algorithm", str, where)
    _field(row, "parameters", dict, where)
    if row.get("sink") is not None:
        _field(row, "sink", str, where)
    if "exclusive" in row:
        _field(row, "exclusive", bool, where)
    return row


def _seeds(given: Any, lengths: Mapping[str, int], where: str) -> tuple[int, ...]:
    if isinstance(given, str):
        ends = _RANGE.fullmatch(given)
        if ends is None:
            raise Unreadable(f"{where}: seeds are {given!r}, and not two numbers as in '1-60'")
        first, last = map(int, ends.groups())
        count = last - first + 1
    else:
        count = len(_typed(given, list, f"{where}: 'seeds'"))
    if not 0 < count <= _TRIALS:
        raise Unreadable(f"{where}: {count} seeds; it must be 1 to {_TRIALS}")
    for name, length in lengths.items():
        if length != count:
            raise Unreadable(f"{where}: {name} has {length} of {count} trials")
    if isinstance(given, str):
        return tuple(range(first, last + 1))
    seeds = _whole(given, f"{where}: a seed")
    _once([str(seed) for seed in seeds], f"the seeds of {where}")
    return seeds


def _counts(given: Any, count: int, where: str) -> tuple[float, ...]:
    """A number for each trial; one number is that of all of them."""
    if not isinstance(given, list):
        return (_number(given, 0, where),) * count
    return tuple(_number(one, 0, where) for one in given)


def _times(given: Any, where: str) -> tuple[float, ...]:
    trial = _typed(given, list, f"a trial of {where}")
    return tuple(inf if one is None else float(_number(one, -_MOST, where)) for one in trial)


def _number(value: Any, least: float, where: str) -> float:
    # Not a number is within no bounds; and to Python yes and no are numbers.
    if isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= _MOST:
        return value
    raise Unreadable(f"{where}: {_shown(value)} is no such number")


def _whole(given: Sequence[Any], where: str) -> tuple[int, ...]:
    for one in given:
        if not isinstance(one, int) or isinstance(one, bool):
            raise Unreadable(f"{where}: {_shown(one)} is no whole number")
    return tuple(given)


def _field(row: Mapping[str, Any], name: str, kind: type[ValueT], where: str) -> ValueT:
    return _typed(_there(row, name, where), kind, f"{where}: '{name}'")


def _there(row: Mapping[str, Any], name: str, where: str) -> Any:
    if name not in row:
        raise Unreadable(f"{where}: no '{name}' in it")
    return row[name]


def _typed(value: Any, kind: type[ValueT], where: str) -> ValueT:
    if not isinstance(value, kind):
        raise Unreadable(f"{where} is {_shown(value)}, and not {_KINDS[kind]}")
    return value


def _once(names: Sequence[str], where: str) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise Unreadable(f"{twice[0]} is in {where} more than once")


def _shown(value: Any) -> str:
    """A value in a few words: it may be of any size and depth."""
    if isinstance(value, dict | list):
        return _KINDS[type(value)]
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}..."
