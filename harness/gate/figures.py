"""What the gate knows of a report: each trial's own figures, which a baseline file can hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any

from harness.report.configuration import Configuration
from harness.report.model import Comparison
from harness.report.reading import read_report
from harness.verdict.model import Extra, Outcome, Sample
from harness.verdict.tally import Tally

TRIALS = "trials"
"""What is counted once in each trial."""

# Enough for what the gate can tell apart, and small in a file: a tenth of a millisecond.
_DIGITS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One approach: how it was set up, and what each of its valid trials came to.

    `counts` holds a number for each trial, `times` seconds: all its samples, infinite where
    censored, or its own quantile of them. `checksums` is empty where a history has none.
    """

    approach: str
    configuration: Configuration
    mechanisms: tuple[str, ...]
    seeds: tuple[int, ...]
    checksums: tuple[int, ...]
    counts: Mapping[str, tuple[float, ...]]
    times: Mapping[str, tuple[tuple[float, ...], ...]]

    def counted(self, name: str) -> tuple[float, ...]:
        """A number for each trial; 1 each for the trials themselves."""
        return (1.0,) * len(self.seeds) if name == TRIALS else self.counts[name]

    def total(self, name: str) -> float:
        """The sum over all trials."""
        return sum(self.counted(name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One report, boiled down to what two of them are compared by."""

    scenario: str
    runtime: str
    setting: Mapping[str, Any]
    about: Mapping[str, str]
    approaches: tuple[Figures, ...]

    @property
    def by_name(self) -> dict[str, Figures]:
        """The approaches that have figures."""
        return {one.approach: one for one in self.approaches}

    @property
    def title(self) -> str:
        """The scenario and where it ran."""
        return f"{self.scenario} ({self.runtime})"


@dataclass(frozen=True, slots=True)
class Report:
    """A report's directory, what is in it, and the record of that."""

    directory: Path
    comparison: Comparison
    record: Record


def read(directory: Path) -> Report:
    """Read a report's directory. Raises ReportError."""
    comparison = read_report(directory, closely=False)
    return Report(directory, comparison, record(comparison))


def record(comparison: Comparison) -> Record:
    """The record of a comparison."""
    return Record(
        scenario=comparison.scenario,
        runtime=comparison.runtime,
        setting=comparison.setting,
        about=comparison.about,
        approaches=tuple(
            figures(
                result.approach,
                comparison.valid_tallies(result.approach),
                comparison.configuration(result.approach),
            )
            for result in comparison.measured
        ),
    )


def figures(approach: str, tallies: Sequence[Tally], configuration: Configuration) -> Figures:
    """The figures of an approach's valid trials."""
    counts = [_counts(one) for one in tallies]
    times = [_times(one) for one in tallies]
    sums = [one.checksum for one in tallies if one.checksum is not None]
    return Figures(
        approach=approach,
        configuration=configuration,
        mechanisms=tuple(sorted({name for one in tallies for name in one.mechanisms})),
        seeds=tuple(one.seed for one in tallies),
        checksums=tuple(sums) if len(sums) == len(tallies) else (),
        counts={name: tuple(row[name] for row in counts) for name in (counts[0] if counts else ())},
        times={name: tuple(row[name] for row in times) for name in (times[0] if times else ())},
    )


def _counts(one: Tally) -> dict[str, float]:
    outcomes, extras = one.outcomes, one.extras
    return {
        "expected": sum(outcomes.values()),
        "duplicate": outcomes.get(Outcome.DUPLICATE, 0),
        "missed": sum(count for outcome, count in outcomes.items() if outcome.missed),
        "overrun": outcomes.get(Outcome.OVERRUN, 0),
        "late": one.late,
        "overlap": one.overlap_count,
        "overlap_seconds": round(one.overlap_seconds, _DIGITS),
        "concurrency": one.concurrency,
        "overlapping": extras.get(Extra.OVERLAPPING, 0),
        "repeated": extras.get(Extra.REPEATED, 0),
        "failovers": sum(1 for _ in one.failover),
        "unrecovered": sum(sample.censored for sample in one.failover),
        "calls": one.calls,
    }


def _times(one: Tally) -> dict[str, tuple[float, ...]]:
    return {
        "failover": _seconds(one.failover),
        "takeover": _seconds(one.takeover),
        "outage": _seconds(one.outage),
        "lateness_p50": _ranked(one.lateness, 50),
        "lateness_p95": _ranked(one.lateness, 95),
        "lease_wait_p50": _ranked(one.lease_wait, 50),
        "lease_wait_p95": _ranked(one.lease_wait, 95),
    }


def _seconds(samples: Iterable[Sample]) -> tuple[float, ...]:
    return tuple(inf if one.censored else round(one.seconds, _DIGITS) for one in samples)


def _ranked(values: Sequence[float], percent: int) -> tuple[float, ...]:
    if not values:
        return ()
    return (round(sorted(values)[-(-percent * len(values) // 100) - 1], _DIGITS),)
