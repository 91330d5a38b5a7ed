"""What a history is made of: the trial's description and its events."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

VERSION = 1

# Times are written with microseconds: finer than any clock we compare across processes.
DIGITS = 6


# Not frozen, as that makes it four times as slow to make, and simulations make millions.
@dataclass(slots=True, kw_only=True)
class Event:
    """One thing that happened, never changed. Only the fields that apply to its `kind` are set.

    `at` is in seconds since the trial's start and may be negative during set-up. `extra` keeps
    fields that this version does not know.
    """

    at: float
    kind: str
    worker: str | None = None
    job: str | None = None
    due: float | None = None
    run: str | None = None
    resource: str | None = None
    lease: str | None = None
    fence: int | None = None
    fault: str | None = None
    type: str | None = None
    mechanism: str | None = None
    targets: tuple[str, ...] | None = None
    reason: str | None = None
    error: str | None = None
    operation: str | None = None
    calls: Mapping[str, int] | None = None
    code: int | None = None
    signal: int | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The event as one flat JSON object; fields that are not set are left out."""
        row: dict[str, Any] = {"at": round(self.at, DIGITS), "kind": self.kind}
        for name in OPTIONAL:
            value = getattr(self, name)
            if value is not None:
                row[name] = list(value) if name == "targets" else value
        row.update(self.extra)
        return row


OPTIONAL = tuple(f.name for f in dataclasses.fields(Event) if f.name not in ("at", "kind", "extra"))
_KNOWN = frozenset(OPTIONAL)

_TEXT = frozenset(
    "worker job run resource lease fault type mechanism reason error operation".split()
)
_WHOLE = frozenset("fence code signal".split())


def event_from_json(row: Mapping[str, Any], at: float | None = None) -> Event:
    """Build an event from a JSON object; `at` serves where the row has none.

    Raises ValueError, in one line, where a field is missing or has the wrong type.
    """
    kind = row.get("kind")
    if not isinstance(kind, str) or not kind:
        raise ValueError("an event needs a 'kind', a text")
    moment = row.get("at", at)
    if moment is None or not is_number(moment):
        raise ValueError(f"{kind}: needs 'at', a number of seconds")
    known: dict[str, Any] = {}
    extra: dict[str, Any] = {}
    for name, value in row.items():
        if name in ("at", "kind"):
            continue
        if name not in _KNOWN:
            extra[name] = value
        elif value is not None:
            known[name] = _checked(kind, name, value)
    return Event(at=float(moment), kind=kind, extra=extra, **known)


def _checked(kind: str, name: str, value: Any) -> Any:
    if name in _TEXT and not isinstance(value, str):
        raise ValueError(f"{kind}: '{name}' must be a text, not {value!r}")
    if name in _WHOLE and (not isinstance(value, int) or isinstance(value, bool)):
        raise ValueError(f"{kind}: '{name}' must be a whole number, not {value!r}")
    if name == "due":
        if not is_number(value):
            raise ValueError(f"{kind}: 'due' must be a number of seconds, not {value!r}")
        return float(value)
    if name == "targets":
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise ValueError(f"{kind}: 'targets' must be a list of texts, not {value!r}")
        return tuple(value)
    if name == "calls" and not (
        isinstance(value, dict) and all(isinstance(count, int) for count in value.values())
    ):
        raise ValueError(f"{kind}: 'calls' must map operations to counts, not {value!r}")
    return value


def is_number(value: object) -> bool:
    """Whether it is a number as JSON knows it, of a size that a clock may show."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15
