"""What to call comparisons on one page: the scenario's name, and what sets them apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.report.model import Comparison
from harness.report.phrases import clean
from harness.scenario.duration import format_duration

# What has a fraction and is no time, by where it stands.
NUMBERS = frozenset({"share", "drift", "factor", "sigma", "retry.jitter"})

# So many differences are named; where there are more, two scenarios share no more than a name.
_MOST = 4


def labels(comparisons: Sequence[Comparison], directories: Sequence[Path]) -> list[str]:
    """A name for each, no two the same: by scenario, then by what differs among those of one.

    That is the runtime, what happens in it, its approaches' parameters; if nothing of these does,
    the seed, and the date; and the directory where all of it is the same.
    """
    found: list[str] = [clean(one.scenario, 100) for one in comparisons]
    for name in dict.fromkeys(found):
        places = [place for place, other in enumerate(found) if other == name]
        if len(places) == 1:
            continue
        telling = _telling([_facts(comparisons[place]) for place in places])
        for place, facts in zip(places, telling, strict=True):
            found[place] = f"{name} ({', '.join(facts)})" if facts else name
    return _different(found, directories)


def _telling(rows: Sequence[Mapping[str, str]]) -> list[list[str]]:
    """Of each row of facts those that are not the same in all; the last ones only if need be."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    differing = [name for name in names if len({row.get(name) for row in rows}) > 1]
    kept = [name for name in differing if name not in ("seed", "when")][:_MOST]
    for last in ("seed", "when"):
        said = {tuple(row.get(name) for name in kept) for row in rows}
        if len(said) < len(rows) and last in differing:
            kept.append(last)
    return [[f"{name} {row[name]}" for name in kept if name in row] for row in rows]


def _facts(comparison: Comparison) -> dict[str, str]:
    facts = {"runtime": comparison.runtime, **dict(_flat(comparison.setting))}
    for result in comparison.results:
        given = comparison.configuration(result.approach).parameters
        facts |= dict(_flat(given, f"{result.approach}."))
    facts["approaches"] = " ".join(result.approach for result in comparison.results)
    facts |= {"seed": str(comparison.seed), "when": comparison.about.get("when", "")}
    return {name: clean(text, 60) for name, text in facts.items()}


def _flat(setting: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    for name, value in setting.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name}.")
        elif isinstance(value, list | tuple) and all(isinstance(one, Mapping) for one in value):
            # Faults go by their type, jobs by their name.
            yield before + name, str(len(value))
            for one in value:
                owner = str(one.get("type", one.get("name", name)))
                rest = {key: inner for key, inner in one.items() if key not in ("type", "name")}
                yield from _flat(rest, f"{owner}.")
        else:
            yield before + name, _text(value, before + name)


def _text(value: Any, place: str) -> str:
    """A setting's value as its scenario would write it."""
    if not isinstance(value, float):
        return str(value)
    known = (place.rpartition(".")[2], ".".join(place.split(".")[-2:]))
    return f"{value:g}" if not NUMBERS.isdisjoint(known) else format_duration(value)


def _different(names: Sequence[str], directories: Sequence[Path]) -> list[str]:
    """The same, with the directory's name where one stands twice, and a number if that does."""
    found: list[str] = []
    for name, directory in zip(names, directories, strict=True):
        label = name
        if names.count(name) > 1:
            label = f"{name} [{clean(directory.resolve().name, 60)}]"
        stem, count = label, 2
        while label in found:
            label, count = f"{stem} {count}", count + 1
        found.append(label)
    return found
