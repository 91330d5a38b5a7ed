"""One trial's verdict, boiled down to what `summarize` needs: thousands of them fit in memory."""

from __future__ import annotations

import sys
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from harness.history.event import DIGITS
from harness.verdict.model import Extra, Outcome, Sample, Together, Verdict


@dataclass(frozen=True, slots=True)
class Samples:
    """Samples, packed: the same as a sequence of Sample in a tenth of the memory."""

    faults: tuple[str, ...]
    whats: tuple[str, ...]
    at: array[float]
    seconds: array[float]
    censored: bytes

    def __iter__(self) -> Iterator[Sample]:
        for fault, what, at, seconds, censored in zip(
            self.faults, self.whats, self.at, self.seconds, self.censored, strict=True
        ):
            yield Sample(fault, what, at, seconds, bool(censored))


@dataclass(frozen=True, slots=True)
class Stretches:
    """Stretches of overlap, packed: of which job, from when to when, how many runs at once."""

    whats: tuple[str, ...] = ()
    starts: array[float] = field(default_factory=lambda: array("d"))
    ends: array[float] = field(default_factory=lambda: array("d"))
    most: array[int] = field(default_factory=lambda: array("I"))

    def __iter__(self) -> Iterator[tuple[str, float, float, int]]:
        return zip(self.whats, self.starts, self.ends, self.most, strict=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What one trial adds to its approach's result. Times in seconds.

    `duration` is how long it was to be, `concurrency` the most runs of one job at once. `checksum`
    is the CRC-32 of the history's lines, None where a history is not the same each time.
    """

    seed: int
    duration: float
    invalid: tuple[str, ...]
    partial: bool
    outcomes: Mapping[Outcome, int]
    extras: Mapping[Extra, int]
    late: int
    suppressed: int
    overlap_count: int
    overlap_seconds: float
    concurrency: int
    overlaps: Stretches
    double_hold_count: int
    double_hold_seconds: float
    failover: Samples
    takeover: Samples
    outage: Samples
    lateness: array[float]
    lease_wait: array[float]
    calls: int
    errors: int
    mechanisms: tuple[str, ...]
    plans_faults: bool
    flawless: bool
    checksum: int | None = None

    @property
    def valid(self) -> bool:
        """Whether the trial counts."""
        return not self.invalid


def tally(verdict: Verdict, checksum: int | None = None) -> Tally:
    """Boil a verdict down."""
    outcomes = Counter(one.outcome for one in verdict.expected)
    extras = Counter(run.extra for run in verdict.runs if run.extra is not None)
    return Tally(
        seed=verdict.trial.seed,
        duration=verdict.trial.duration,
        invalid=verdict.invalid,
        partial=verdict.partial,
        outcomes=outcomes,
        extras=extras,
        late=sum(one.late for one in verdict.expected),
        suppressed=verdict.suppressed,
        overlap_count=len(verdict.overlaps),
        overlap_seconds=sum(stretch.seconds for stretch in verdict.overlaps),
        concurrency=_concurrency(verdict),
        overlaps=_stretches(verdict.overlaps),
        double_hold_count=len(verdict.double_holds),
        double_hold_seconds=_rounded(sum(stretch.seconds for stretch in verdict.double_holds)),
        failover=_packed(verdict.failover),
        takeover=_packed(verdict.takeover),
        outage=_packed(verdict.outage),
        lateness=array("d", map(_rounded, verdict.lateness)),
        lease_wait=array("d", map(_rounded, verdict.lease_wait)),
        calls=verdict.calls,
        errors=verdict.errors,
        mechanisms=verdict.mechanisms,
        plans_faults=bool(verdict.trial.faults),
        flawless=verdict.flawless,
        checksum=checksum,
    )


def _rounded(seconds: float) -> float:
    """As a history has its times, so that a file holds all there is to say."""
    return round(seconds, DIGITS)


def _packed(samples: Iterable[Sample]) -> Samples:
    found = tuple(samples)
    return Samples(
        # One text for all trials, not one a trial.
        tuple(sys.intern(sample.fault) for sample in found),
        tuple(sys.intern(sample.what) for sample in found),
        array("d", [sample.at for sample in found]),
        array("d", [_rounded(sample.seconds) for sample in found]),
        bytes(sample.censored for sample in found),
    )


def _stretches(found: Sequence[Together]) -> Stretches:
    return Stretches(
        tuple(sys.intern(one.what) for one in found),
        array("d", [one.start for one in found]),
        array("d", [one.end for one in found]),
        array("I", [one.most for one in found]),
    )


def _concurrency(verdict: Verdict) -> int:
    """The most runs of one job at once; 1 where there was no overlap."""
    if verdict.overlaps:
        return max(stretch.most for stretch in verdict.overlaps)
    return 1 if verdict.runs else 0
