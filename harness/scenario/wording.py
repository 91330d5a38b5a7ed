"""How messages show values and name what was probably meant."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable

_LONGEST = 60


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that `name` was probably meant to be; None where none comes close."""
    by_lower = {other.lower(): other for other in known}
    found = difflib.get_close_matches(name.lower(), by_lower, n=1)
    return by_lower[found[0]] if found else None


def hint(name: str, known: Iterable[str]) -> str:
    """The end of a message on an unknown name: the nearest one, else all that there are."""
    names = sorted(known)
    close = nearest(name, names)
    if close is not None:
        return f"did you mean '{close}'?"
    return f"known: {', '.join(names)}" if names else "there is none to choose from"


def shown(value: object) -> str:
    """A value as the file would write it, cut where it gets long."""
    if value is None:
        return "nothing"
    text = repr(value) if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
