"""A page of many approaches and scenarios: real trials, each of them under several names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from harness.report.model import Comparison
from harness.verdict.model import Verdict
from harness.verdict.result import summarize
from harness.verdict.tally import tally

_TUNINGS = ("", ", ttl 1 s", ", ttl 5 s")


def crowd(
    found: Mapping[str, Comparison], approaches: int, scenarios: int
) -> list[tuple[str, Comparison]]:
    """So many scenarios, each with so many approaches; all trials are those of `found`.

    What an approach did differs from one scenario to the next, as its trials are others' too.
    """
    sources = list(found.items())
    made = []
    for place in range(scenarios):
        name, source = sources[place % len(sources)]
        made.append((f"{name}, {3 + place} workers", _crowded(source, name, approaches, place)))
    return made


def _crowded(source: Comparison, name: str, approaches: int, place: int) -> Comparison:
    known = [result.approach for result in source.results]
    names = [f"{one}{tuning}" for tuning in _TUNINGS for one in known][:approaches]
    assert len(names) == approaches
    verdicts = {
        # Each has the trials of its own approach, and those for each tuning are others.
        given: _renamed(source.verdicts[known[(number + place // 2) % len(known)]], given)
        for number, given in enumerate(names)
    }
    tallies = {given: [tally(one) for one in trials] for given, trials in verdicts.items()}
    return replace(
        source,
        scenario=name,
        results=tuple(summarize(given, trials) for given, trials in tallies.items()),
        tallies=tallies,
        verdicts=verdicts,
    )


def _renamed(trials: Sequence[Verdict], approach: str) -> tuple[Verdict, ...]:
    return tuple(replace(one, trial=replace(one.trial, approach=approach)) for one in trials)
