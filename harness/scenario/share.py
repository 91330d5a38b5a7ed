"""Shares: numbers or percentages in a file, 0.3 or 30%, plain floats everywhere else.

A field annotated `Share`, or with bounds of its own, is a float to the code; where pydantic fills
it from a file, it takes both.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

from harness.scenario.wording import shown

if TYPE_CHECKING:
    from pydantic_core.core_schema import CoreSchema

_PERCENTAGE = re.compile(r"(-?[0-9]+(?:\.[0-9]+)?)\s*%")


def percentage(written: str) -> float | None:
    """The share that a text such as `30%` means; None where it is no percentage."""
    match = _PERCENTAGE.fullmatch(written.strip())
    # Exactly what the number would be: 0.1 / 100 is a bit off.
    return None if match is None else float(Decimal(match[1]) / 100)


@dataclass(frozen=True)
class ShareField:
    """The bounds of a share, and how pydantic reads it. It is loaded only if it asks.

    `least` and `most` are allowed themselves; `over` and `below` are not.
    """

    least: float = -math.inf
    over: float = -math.inf
    most: float = math.inf
    below: float = math.inf

    def __get_pydantic_core_schema__(self, _source: Any, _handler: Any) -> CoreSchema:
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(self._read)

    def __get_pydantic_json_schema__(self, _core: Any, _handler: Any) -> dict[str, Any]:
        bounds = {
            "minimum": self.least,
            "exclusiveMinimum": self.over,
            "maximum": self.most,
            "exclusiveMaximum": self.below,
        }
        given = {name: bound for name, bound in bounds.items() if math.isfinite(bound)}
        sign = "-?" if max(self.least, self.over) < 0 else ""
        pattern = rf"^\s*{sign}[0-9]+(\.[0-9]+)?\s*%\s*$"
        return {"anyOf": [{"type": "number", **given}, {"type": "string", "pattern": pattern}]}

    def _read(self, written: object) -> float:
        share = percentage(written) if isinstance(written, str) else written
        if isinstance(share, bool) or not isinstance(share, int | float) or math.isnan(share):
            raise ValueError(f"must be a share such as 0.3 or 30%, not {shown(written)}")
        bound = self._broken(share)
        if bound is not None:
            raise ValueError(f"must be {bound}, not {str(written).strip()}")
        return float(share)

    def _broken(self, share: float) -> str | None:
        """The bound that it breaks; None where it breaks none."""
        if share < self.least:
            return f"at least {_both(self.least)}"
        if share <= self.over:
            return f"more than {_both(self.over)}"
        if share > self.most:
            return f"at most {_both(self.most)}"
        if share >= self.below:
            return f"less than {_both(self.below)}"
        return None


def _both(bound: float) -> str:
    return f"{bound:g} ({100 * bound:g}%)" if bound else "0"


Share = Annotated[float, ShareField(least=0, most=1)]
"""A part of a whole: from none of it to all of it."""
