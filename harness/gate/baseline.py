"""The baseline file: what earlier reports came to, small enough to be kept with the code.

JSON, one line for each figure of an approach, so that a change of it reads well. Of a figure with
the same value in each trial, that value stands for all; null is a time beyond the trial's end.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from math import isfinite
from pathlib import Path
from typing import Any

from harness.gate.figures import Figures, Record
from harness.gate.rows import Unreadable, read_records
from harness.report.documents import ReportError, read_json
from harness.report.phrases import clean

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
        document = read_json(path)
    except ReportError as error:
        raise BaselineError(str(error)) from None
    version = document.get("version") if isinstance(document, dict) else None
    if version != VERSION or "reports" not in document:
        raise BaselineError(
            f"{path}: not a baseline of version {VERSION}; `harness baseline DIR` writes one"
        )
    try:
        return read_records(document["reports"])
    except Unreadable as error:
        raise BaselineError(clean(f"{path}: not a baseline that can be read: {error}")) from None


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
