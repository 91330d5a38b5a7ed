"""The violations of a trial; those that belong together are one.

What broke exclusion around one fault is one violation, and so is what nobody ran because of one;
without a fault, what shares a run, a lease or a due time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from harness.report.stories.record import Blow, Record, outline_of
from harness.report.stories.story import Kind
from harness.verdict.model import Expected, Extra, Outcome, Run, Sample, Together, Verdict

# How far apart a crash and the end of a run that it ended may be recorded, in seconds.
_TOGETHER = 1.0
# What a worker does this soon after a fault on it was healed may be its consequence, in seconds.
_JUST_BEFORE = 0.5
# Runs that nobody should have started, whatever became of their effects.
TOO_MANY = (Extra.OVERLAPPING, Extra.REPEATED)

_What = TypeVar("_What", Expected, Together, Sample)


@dataclass(frozen=True, slots=True)
class Place:
    """One thing that went wrong, when in seconds, and the fault that led to it, if one did."""

    kind: Kind
    at: float
    blow: Blow | None
    what: Expected | Together | Sample | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """What went wrong around one fault, or on its own where `blow` is None.

    `runs` are those that had a part in it, by start; `start` and `end` are in seconds. `places` are
    all that it is made of, by time.
    """

    kind: Kind
    start: float
    end: float
    blow: Blow | None = None
    runs: tuple[Run, ...] = ()
    twice: tuple[Expected, ...] = ()
    overlaps: tuple[Together, ...] = ()
    double_holds: tuple[Together, ...] = ()
    missed: tuple[Expected, ...] = ()
    unrecovered: tuple[Sample, ...] = ()
    places: tuple[Place, ...] = ()

    @property
    def never(self) -> bool:
        """Whether it is about what nobody ran."""
        return bool(self.missed or self.unrecovered)


@dataclass(slots=True)
class _Atom:
    """One thing that went wrong, and what ties it to others."""

    start: float
    end: float
    keys: list[Hashable]
    blow: Blow | None
    runs: tuple[Run, ...] = ()
    what: Expected | Together | Sample | None = None
    kind: Kind = Kind.OVERLAP


def violations(verdict: Verdict) -> tuple[Violation, ...]:
    """All violations, in the order in which to tell them: of each kind the first, then by time."""
    return violations_in(outline_of(verdict))


def violations_in(record: Record) -> tuple[Violation, ...]:
    """The same of a trial whose faults were read before."""
    exclusion = _Exclusion(record)
    found = [_violation(group) for group in _grouped(exclusion.atoms())]
    found += [_violation(group) for group in _grouped(_never(record))]
    found.sort(key=lambda one: (one.start, one.end, one.kind))
    first = {kind: next((one for one in found if one.kind is kind), None) for kind in Kind}
    leading = [one for one in first.values() if one is not None]
    chosen = set(map(id, leading))
    return (*leading, *(one for one in found if id(one) not in chosen))


@dataclass(slots=True)
class _Exclusion:
    """Finds what should have been exclusive and was not."""

    record: Record
    _runs: dict[str, list[Run]] = field(default_factory=lambda: defaultdict(list))
    _blows: dict[str, list[Blow]] = field(default_factory=lambda: defaultdict(list))

    def atoms(self) -> Iterator[_Atom]:
        """Due times that ran twice, overlaps and double holds."""
        verdict = self.record.verdict
        for run in verdict.runs:
            self._runs[run.run].append(run)
        for blow in self.record.blows:
            for victim in blow.victims:
                self._blows[victim].append(blow)
        for one in verdict.expected:
            if ran_twice(one):
                # Effects may be known of runs that nobody saw start.
                start = [*(run.started for run in one.runs[:2]), one.due][min(1, len(one.runs))]
                yield self._atom(start, one.runs, Kind.DUPLICATE, one)
        for overlap in verdict.overlaps:
            yield self._atom(overlap.start, self._met(overlap), Kind.OVERLAP, overlap)
        holds = {hold.lease: hold for hold in self.record.holds}
        for double in verdict.double_holds:
            met = [holds[name] for name in double.who if name in holds]
            hits = [self._hit(one.worker, one.granted, one.ended, double.start) for one in met]
            hit = next(filter(None, hits), None)
            keys: list[Hashable] = [("holds", frozenset(double.who))]
            keys += [("fault", hit.fault)] if hit else []
            keys += [] if self.record.known else self._beside(double)
            yield _Atom(double.start, double.end, keys, hit, (), double, Kind.DOUBLE_HOLD)

    def _atom(
        self, start: float, runs: Sequence[Run], kind: Kind, what: Expected | Together
    ) -> _Atom:
        runs = sorted(runs, key=lambda run: (run.started, run.run))
        end = what.end if isinstance(what, Together) else max([start, *(run.ended for run in runs)])
        if self.record.known and not self.record.leased:
            # Whoever asks nobody needs no fault to run twice: each due time is a violation.
            latest = max((run.due or 0.0 for run in runs), default=start)
            job = runs[0].job if runs else ""
            return _Atom(start, end, [("due", job, latest)], None, tuple(runs), what, kind)
        keys: list[Hashable] = [("run", run.run) for run in runs]
        keys += [("due", run.job, run.due) for run in runs if run.due is not None]
        tenures: list[str] = []
        blow: Blow | None = None
        for run in runs:
            tenure = self.record.tenure(run)
            tenures += [tenure.lease] if tenure else []
            begun = run.started if tenure is None else min(run.started, tenure.granted)
            over = run.ended if tenure is None else max(run.ended, tenure.ended)
            hit = self._hit(run.worker, begun, over, start, run.started)
            if hit is not None and (blow is None or hit.at > blow.at):
                blow = hit
        keys += [("holds", frozenset(tenures))] if len(tenures) > 1 else []
        keys += [("fault", blow.fault)] if blow else []
        return _Atom(start, end, keys, blow, tuple(runs), what, kind)

    def _beside(self, double: Together) -> list[Hashable]:
        """Without a history nobody knows who ran under which lease: what met then, met by it."""
        for overlap in self.record.verdict.overlaps:
            if overlap.start < double.end and double.start < overlap.end and overlap.who:
                return [("run", overlap.who[0])]
        return []

    def _met(self, overlap: Together) -> list[Run]:
        return [
            run
            for name in overlap.who
            for run in self._runs[name]
            if run.job == overlap.what and run.started <= overlap.end and run.ended >= overlap.start
        ]

    def _hit(
        self, worker: str, begun: float, over: float, trouble: float, started: float | None = None
    ) -> Blow | None:
        """The last fault that hit the worker in this time, before the trouble.

        It must not have been over for long; what a momentary one did lasts as long as the lease.
        """
        near = self.record.verdict.trial.grace
        for blow in reversed(self._blows[worker]):
            if blow.at > min(over, trouble) + 1e-6:
                continue
            if blow.at < begun and blow.healed + _JUST_BEFORE < begun:
                continue
            moment = trouble if started is None else started
            if blow.momentary or moment <= blow.healed + near:
                return blow
        return None


def ran_twice(expected: Expected) -> bool:
    """Whether a due time got two effects, or a run too many whose effect was refused."""
    return expected.outcome is Outcome.DUPLICATE or any(
        run.extra in TOO_MANY for run in expected.runs
    )


def wrong_runs(verdict: Verdict) -> frozenset[tuple[str, str]]:
    """The runs that had a part in a duplicate or an overlap, as (worker, run)."""
    found = {(run.worker, run.run) for run in verdict.runs if run.extra in TOO_MANY}
    for expected in verdict.expected:
        if expected.outcome is Outcome.DUPLICATE:
            found.update((run.worker, run.run) for run in expected.runs if run.applied)
    names = {name for overlap in verdict.overlaps for name in overlap.who}
    found.update((run.worker, run.run) for run in verdict.runs if run.run in names)
    return frozenset(found)


def _never(record: Record) -> Iterator[_Atom]:
    """Due times that nobody ran, and jobs that nobody took up again."""
    verdict = record.verdict
    blows = {blow.fault: blow for blow in record.blows}
    samples: defaultdict[str, list[Sample]] = defaultdict(list)
    for sample in verdict.failover:
        samples[sample.what].append(sample)
        if sample.censored:
            blow = blows.get(sample.fault)
            end = sample.at + sample.seconds
            keys = [("fault", sample.fault)]
            yield _Atom(sample.at, end, [*keys], blow, (), sample, Kind.UNRECOVERED)
    gap, last = 0, ("", 0.0)
    every = {job.name: job.every for job in verdict.trial.jobs}
    for one in verdict.expected:
        if not one.outcome.missed:
            continue
        blow = _behind(record, one, blows, samples[one.job])
        follows = last[0] == one.job and one.due - last[1] < 1.5 * every.get(one.job, 0.0)
        gap, last = gap + (not follows), (one.job, one.due)
        key: Hashable = ("gap", gap) if blow is None else ("fault", blow.fault)
        start = one.due if not one.runs else min(one.due, one.runs[0].started)
        end = max([one.due, *(run.ended for run in one.runs)])
        yield _Atom(start, end, [key], blow, one.runs, one, Kind.MISSED)


def _behind(
    record: Record, missed: Expected, blows: dict[str, Blow], samples: Sequence[Sample]
) -> Blow | None:
    """The fault behind a missed due time.

    It ended its run, or it hit the worker in charge of the job, which nobody had taken up again by
    then, or which the fault still held.
    """
    for run in missed.runs:
        for blow in record.blows:
            if run.worker in blow.victims and abs(blow.at - run.ended) <= _TOGETHER:
                return blow
    found = None
    for sample in samples:
        hit = blows.get(sample.fault)
        if hit is None or hit.at > missed.due + 1e-6:
            continue
        back = sample.at + sample.seconds
        until = back if hit.healed == float("inf") else max(back, hit.healed)
        if missed.due <= until and (found is None or hit.at > found.at):
            found = hit
    return found


def _grouped(atoms: Iterable[_Atom]) -> list[list[_Atom]]:
    """The atoms that share a key, directly or through others."""
    parents: list[int] = []
    owner: dict[Hashable, int] = {}
    all_atoms = list(atoms)

    def root(place: int) -> int:
        while parents[place] != place:
            parents[place] = parents[parents[place]]
            place = parents[place]
        return place

    for place, atom in enumerate(all_atoms):
        parents.append(place)
        for key in atom.keys:
            first = owner.setdefault(key, place)
            parents[root(place)] = root(first)
    groups: defaultdict[int, list[_Atom]] = defaultdict(list)
    for place, atom in enumerate(all_atoms):
        groups[root(place)].append(atom)
    return list(groups.values())


def _violation(atoms: list[_Atom]) -> Violation:
    atoms.sort(key=lambda atom: (atom.start, atom.end))
    runs = {(run.run, run.started): run for atom in atoms for run in atom.runs}
    kinds = {atom.kind for atom in atoms}
    kind = next(kind for kind in Kind if kind in kinds)
    # What came later did not cause what came first.
    blow = next((atom.blow for atom in atoms if atom.blow and _led(atom.blow, atoms[0])), None)
    return Violation(
        kind=kind,
        start=atoms[0].start,
        end=max(atom.end for atom in atoms),
        blow=blow,
        runs=tuple(sorted(runs.values(), key=lambda run: (run.started, run.run))),
        twice=tuple(_all(atoms, Kind.DUPLICATE, Expected)),
        overlaps=tuple(_all(atoms, Kind.OVERLAP, Together)),
        double_holds=tuple(_all(atoms, Kind.DOUBLE_HOLD, Together)),
        missed=tuple(_all(atoms, Kind.MISSED, Expected)),
        unrecovered=tuple(_all(atoms, Kind.UNRECOVERED, Sample)),
        places=tuple(Place(atom.kind, atom.start, atom.blow or blow, atom.what) for atom in atoms),
    )


def _led(blow: Blow, first: _Atom) -> bool:
    return first.kind in (Kind.MISSED, Kind.UNRECOVERED) or blow.at <= first.start + 1e-6


def _all(atoms: Iterable[_Atom], kind: Kind, what: type[_What]) -> Iterator[_What]:
    for atom in atoms:
        if atom.kind is kind and isinstance(atom.what, what):
            yield atom.what
