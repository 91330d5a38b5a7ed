"""Durations: numbers with a unit in a file, floats in seconds everywhere else.

A field annotated `Seconds` is a plain float to the code; where pydantic fills it from a file, it
takes `500ms`, `2s`, `1.5m`, and no number without a unit. Code that builds the same object hands
it seconds.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from harness.scenario.wording import shown

if TYPE_CHECKING:
    from pydantic_core.core_schema import CoreSchema

_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_NUMBER = r"([0-9]+(?:\.[0-9]+)?)"
_DURATION = re.compile(rf"(-?){_NUMBER}\s*({'|'.join(_UNITS)})")
_BARE = re.compile(rf"-?{_NUMBER}")


def parse_duration(written: object, signed: bool = False) -> float:
    """Seconds from `50us`, `500ms`, `2s`, `1.5m`, `1h`, or a bare 0; `-2s` too where `signed`.

    Raises ValueError, in one line, on anything else.
    """
    text = str(written).strip() if _is_text_or_number(written) else ""
    match = _DURATION.fullmatch(text)
    if match is None:
        if _BARE.fullmatch(text):
            if float(text) == 0:
                return 0.0
            raise ValueError(f"must be a duration, and {text} has no unit: give a unit, e.g. 2s")
        raise ValueError(
            f"must be a duration such as 2s (units: {', '.join(_UNITS)}), not {shown(written)}"
        )
    sign, number, unit = match.groups()
    if sign and not signed:
        raise ValueError(f"must not be negative, but is {text}")
    # Divided where the unit is a fraction: 300 / 1000 is 0.3, while 300 * 0.001 is a bit off.
    seconds = float(number) * _UNITS[unit] if unit in "smh" else float(number) / _PER_SECOND[unit]
    if not math.isfinite(seconds):
        raise ValueError(f"is too long: {shown(written)}")
    return -seconds if sign else seconds


_PER_SECOND = {"us": 1_000_000, "ms": 1_000}


def format_duration(seconds: float) -> str:
    """A duration as a scenario would write it: `0s`, `150ms`, `1.5s`, `90s`, `2m`, `1h`."""
    size = abs(seconds)
    if size == 0:
        return "0s"
    if size < 1e-3:
        return f"{_trimmed(seconds * 1e6)}us"
    if size < 1:
        return f"{_trimmed(seconds * 1e3)}ms"
    for unit in ("h", "m"):
        if seconds % _UNITS[unit] == 0:
            return f"{_trimmed(seconds / _UNITS[unit])}{unit}"
    return f"{_trimmed(seconds)}s"


def _trimmed(number: float) -> str:
    return f"{number:.6f}".rstrip("0").rstrip(".")


def _is_text_or_number(value: object) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


@dataclass(frozen=True)
class _DurationField:
    """Tells pydantic how a float field is written. Pydantic is loaded only if it asks."""

    positive: bool = False
    signed: bool = False

    def __get_pydantic_core_schema__(self, _source: Any, _handler: Any) -> CoreSchema:
        from pydantic_core import core_schema

        return core_schema.json_or_python_schema(
            json_schema=core_schema.no_info_plain_validator_function(self._from_file),
            python_schema=core_schema.no_info_plain_validator_function(self._from_code),
        )

    def _from_file(self, written: object) -> float:
        return self._checked(parse_duration(written, self.signed))

    def _from_code(self, given: object) -> float:
        if isinstance(given, str) or not _is_text_or_number(given):
            return self._from_file(given)
        return self._checked(float(given))  # type: ignore[arg-type]

    def _checked(self, seconds: float) -> float:
        if self.signed and math.isfinite(seconds):
            return seconds
        if not 0 <= seconds < math.inf:
            raise ValueError(f"must be 0s or more, not {seconds}s")
        if self.positive and seconds == 0:
            raise ValueError("must be more than 0s")
        return seconds


Seconds = Annotated[float, _DurationField()]
"""A duration, 0 or more."""

PositiveSeconds = Annotated[float, _DurationField(positive=True)]
"""A duration of more than 0."""

SignedSeconds = Annotated[float, _DurationField(signed=True)]
"""A duration, forwards or, less than 0, backwards."""
