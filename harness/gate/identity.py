"""Whether two reports may be compared: all that differs between them but the code and the seeds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from harness.approaches import APPROACHES
from harness.comparison.request import Runtime
from harness.gate.figures import Figures, Record

_SYSTEMS = sorted({one.coordinator for one in APPROACHES.values() if one.coordinator})
_NOTHING = "nothing"


class Across(StrEnum):
    """What may differ between two reports that are compared all the same, if told so.

    `trials`: fewer than half as many. `missing`: approaches and scenarios of the baseline that were
    not run are not asked for.
    """

    RUNTIME = "runtime"
    SCENARIO = "scenario"
    PARAMETERS = "parameters"
    MECHANISM = "mechanism"
    MACHINE = "machine"
    COORDINATOR = "coordinator"
    CALIBRATION = "calibration"
    TRIALS = "trials"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that was otherwise, and the option under which that is allowed."""

    across: Across
    where: str
    what: str
    old: str
    new: str

    def __str__(self) -> str:
        return (
            f"{self.where}: {self.what} was {self.old}, is {self.new}; "
            f"to compare all the same: --across {self.across}"
        )


def differences(old: Record, new: Record) -> Iterator[Difference]:
    """All that differs, of what must not."""
    where = new.title
    if old.runtime != new.runtime:
        yield Difference(Across.RUNTIME, where, "runtime", old.runtime, new.runtime)
    for key, was, now in _changed(old.setting, new.setting):
        yield Difference(Across.SCENARIO, where, key, was, now)
    yield from _surroundings(old, new)
    former = old.by_name
    for one in new.approaches:
        if one.approach in former:
            yield from _set_up(former[one.approach], one, f"{where}, {one.approach}")


def _surroundings(old: Record, new: Record) -> Iterator[Difference]:
    """What it ran on. In virtual time that is what was imitated, and no machine matters."""
    imitated = Runtime.SIM in (old.runtime, new.runtime)
    names = ["calibrated on"] if imitated else ["machine", "versions"]
    kinds = dict.fromkeys(names, Across.CALIBRATION if imitated else Across.MACHINE)
    kinds |= dict.fromkeys(_SYSTEMS, Across.CALIBRATION if imitated else Across.COORDINATOR)
    for name, across in kinds.items():
        was, now = (_without_ours(name, one.about.get(name)) for one in (old, new))
        # A coordinator that no approach needed says nothing of the others.
        if was is not None and now is not None and was != now:
            yield Difference(across, new.title, name, was, now)


def _without_ours(name: str, text: str | None) -> str | None:
    """Our own version may change: what it does to the figures is what the gate is asked."""
    if name != "versions" or text is None:
        return text
    return ", ".join(part for part in text.split(", ") if not part.startswith("harness "))


def _set_up(old: Figures, new: Figures, where: str) -> Iterator[Difference]:
    for key, was, now in _changed(*(one.configuration.as_json() for one in (old, new))):
        what = key.removeprefix("parameters.")
        yield Difference(Across.PARAMETERS, where, what, was, now)
    if old.mechanisms and new.mechanisms and old.mechanisms != new.mechanisms:
        was, now = (", ".join(one.mechanisms) for one in (old, new))
        yield Difference(Across.MECHANISM, where, "how faults are made", was, now)


def _changed(old: Any, new: Any) -> Iterator[tuple[str, str, str]]:
    was, now = dict(_flat(old)), dict(_flat(new))
    for key in dict.fromkeys((*was, *now)):
        one, other = was.get(key, _NOTHING), now.get(key, _NOTHING)
        if one != other:
            yield key, str(one), str(other)


def _flat(data: Any) -> Iterator[tuple[str, Any]]:
    """The single values in data, each with where it stands: `faults[0].for`."""
    # Not by recursion: data from outside may be nested deeper than calls can be.
    left = [("", data)]
    while left:
        name, value = left.pop()
        inner: list[tuple[str, Any]] = []
        if isinstance(value, Mapping):
            inner = [(f"{name}.{key}" if name else str(key), one) for key, one in value.items()]
        elif isinstance(value, list | tuple):
            inner = [(f"{name}[{place}]", one) for place, one in enumerate(value)]
        else:
            yield name, value
        left += reversed(inner)
