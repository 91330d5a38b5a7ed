"""The baseline file: what earlier reports came to, small enough to be kept with the code.

JSON, one line for each figure of an approach, so that a change of it reads well. Of a figure with
the same value in each trial, that value stands for all; null is a time beyond the trial's end.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from math import inf, isfinite
from pathlib import Path
from typing import Any

from harness.gate.figures import Figures, Record
from harness.report.configuration import from_json

VERSION = 1


class BaselineError(Exception):
    """A file that is no baseline, or cannot be read; says why in one line."""


def baseline_json(records: Sequence[Record]) -> str:
    """The text of a baseline file. Times in seconds, to a tenth of a millisecond."""
    reports = [
        _lines(
            [
                ("scenario", _compact(one.scenario)),
                ("runtime", _compact(one.runtime)),
                ("about", _lines((name, _compact(text)) for name, text in one.about.items())),
                ("setting", _lines((name, _compact(value)) for name, value in one.setting.items())),
                ("approaches", _list(_approach(figures) for figures in one.approaches)),
            ]
        )
        for one in records
    ]
    return _lines([("version", str(VERSION)), ("reports", _list(reports))]) + "\n"


def read_baseline(path: Path) -> tuple[Record, ...]:
    """The records of a baseline file. Raises BaselineError."""
    try:
        document = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise BaselineError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise BaselineError(f"{path}: not JSON: {error}") from None
    version = document.get("version") if isinstance(document, dict) else None
    if version != VERSION or "reports" not in document:
        raise BaselineError(
            f"{path}: not a baseline of version {VERSION}; `harness baseline DIR` writes one"
        )
    try:
        return tuple(_record(row) for row in document["reports"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        reason = f"no '{error.args[0]}' in it" if isinstance(error, KeyError) else str(error)
        raise BaselineError(f"{path}: not a baseline that can be read: {reason}") from None


def merged(before: Sequence[Record], new: Sequence[Record]) -> tuple[Record, ...]:
    """All records, by name; a new one takes the place of that of its scenario and runtime."""
    found = {(one.runtime, one.scenario): one for one in (*before, *new)}
    return tuple(found[key] for key in sorted(found))


def _approach(one: Figures) -> str:
    return _lines(
        [
            ("approach", _compact(one.approach)),
            *((name, _compact(value)) for name, value in one.configuration.as_json().items()),
            ("mechanisms", _compact(one.mechanisms)),
            ("seeds", _compact(_seeds(one.seeds))),
            ("checksums", _compact(one.checksums)),
            ("counts", _lines((name, _compact(_short(row))) for name, row in one.counts.items())),
            (
                "times",
                _lines(
                    (name, _compact([[_time(value) for value in trial] for trial in trials]))
                    for name, trials in one.times.items()
                ),
            ),
        ]
    )


def _seeds(seeds: tuple[int, ...]) -> list[int] | str:
    """Those that follow each other as `1-60`."""
    if seeds and list(seeds) == list(range(seeds[0], seeds[0] + len(seeds))):
        return f"{seeds[0]}-{seeds[-1]}"
    return list(seeds)


def _short(row: tuple[float, ...]) -> float | tuple[float, ...]:
    return row[0] if len(set(row)) == 1 else row


def _time(value: float) -> float | None:
    return value if isfinite(value) else None


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _lines(pairs: Iterable[tuple[str, str]]) -> str:
    return "{\n" + ",\n".join(f"{_compact(name)}: {text}" for name, text in pairs) + "\n}"


def _list(texts: Iterable[str]) -> str:
    return "[\n" + ",\n".join(texts) + "\n]"


def _record(row: Mapping[str, Any]) -> Record:
    return Record(
        scenario=row["scenario"],
        runtime=row["runtime"],
        setting=dict(row["setting"]),
        about=dict(row["about"]),
        approaches=tuple(_figures(one) for one in row["approaches"]),
    )


def _figures(row: Mapping[str, Any]) -> Figures:
    seeds = _read_seeds(row["seeds"])
    counts = {name: _read_counts(given, len(seeds)) for name, given in row["counts"].items()}
    times = {
        name: tuple(tuple(inf if value is None else float(value) for value in t) for t in trials)
        for name, trials in row["times"].items()
    }
    for name, trials in (*counts.items(), *times.items()):
        if len(trials) != len(seeds):
            raise ValueError(f"{row['approach']}: {name} has {len(trials)} of {len(seeds)} trials")
    return Figures(
        approach=row["approach"],
        configuration=from_json(row),
        mechanisms=tuple(row["mechanisms"]),
        seeds=seeds,
        checksums=tuple(row["checksums"]),
        counts=counts,
        times=times,
    )


def _read_seeds(given: list[int] | str) -> tuple[int, ...]:
    if isinstance(given, str):
        # A seed may be negative: the second number is behind the last dash but its own sign.
        first, last = given[0] + given[1:].partition("-")[0], given[1:].partition("-")[2]
        return tuple(range(int(first), int(last) + 1))
    return tuple(given)


def _read_counts(given: float | list[float], count: int) -> tuple[float, ...]:
    return tuple(given) if isinstance(given, list) else (given,) * count
