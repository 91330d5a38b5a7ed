"""A story as a sequence of steps between workers, the coordinator and the sink."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from math import isinf

from harness.history.event import Event
from harness.report.stories import wording as say
from harness.report.stories.record import Record
from harness.report.stories.stretch import following, stretch, under_way
from harness.report.stories.violations import Violation
from harness.verdict.model import Ending, Run

MOST_STEPS = 20
MOST_WORKERS = 5
# Of a story that has too many steps, so many are kept at its end.
_CLOSING = 6

LEASE, SINK = "L", "S"

# At one moment: what heals comes first, then what breaks, leases, runs, and what is wrong with it.
_HEALS, _BREAKS, _GRANTS, _HAPPENS, _WRONG = range(5)


class Shape(StrEnum):
    """How a step is drawn: an arrow, an answer, something a worker does itself, or a note."""

    MESSAGE = "message"
    REPLY = "reply"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Participant:
    """A column: `key` is ours and harmless, `label` a name from outside."""

    key: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A row. A note stands over `source` and, if given, up to `target`.

    `opens` and `closes` begin and end an activation: a run in progress. `stills` and `wakes` do so
    for a worker that a fault keeps from doing anything. `until` is how long something wrong lasts.
    """

    at: float
    shape: Shape
    source: str
    text: str
    target: str | None = None
    bad: bool = False
    opens: str | None = None
    closes: str | None = None
    stills: tuple[str, ...] = ()
    wakes: tuple[str, ...] = ()
    until: float | None = None
    minor: bool = False
    order: int = _HAPPENS


@dataclass(frozen=True, slots=True)
class Course:
    """The steps of a story in order of time, and who takes part."""

    participants: tuple[Participant, ...]
    steps: tuple[Step, ...]


def course(violation: Violation, record: Record) -> Course:
    """The steps worth showing, at most `MOST_STEPS`."""
    ending = following(violation, record)
    _, end = stretch(violation, record)
    runs = [run for run in violation.runs if run.started <= end]
    runs += under_way(violation, record, runs)
    runs += [ending] if ending and ending not in runs else []
    keys = _workers(violation, record, runs)
    steps = list(_Steps(violation, record, runs, keys).all())
    steps.sort(key=lambda step: (step.at, step.order))
    kept = _balanced(_short(steps, next(iter(keys.values()), LEASE)))
    used = {step.source for step in kept} | {step.target for step in kept}
    resources = {hold.resource for run in runs if (hold := record.tenure(run)) is not None} | {
        double.what for double in violation.double_holds
    }
    label = say.name(next(iter(resources))) if len(resources) == 1 else "leases"
    participants = [Participant(key, say.name(worker)) for worker, key in keys.items()]
    participants += [Participant(LEASE, label)] if LEASE in used else []
    participants += [Participant(SINK, "sink")] if SINK in used else []
    return Course(tuple(participants), tuple(kept))


def _workers(violation: Violation, record: Record, runs: Sequence[Run]) -> dict[str, str]:
    """Those that take part, the most important ones if they are too many, and their keys."""
    weight: Counter[str] = Counter()
    for place, run in enumerate(runs):
        weight[run.worker] += 100 - min(place, 90)
    for victim in violation.blow.victims if violation.blow else ():
        weight[victim] += 1000
    names = {name for double in violation.double_holds[:1] for name in double.who}
    for hold in record.holds:
        if hold.lease in names:
            weight[hold.worker] += 10
    known = [*record.verdict.trial.workers, *weight]
    kept = [worker for worker, _ in weight.most_common(MOST_WORKERS)]
    ordered = sorted(kept, key=known.index)
    return {worker: f"W{place}" for place, worker in enumerate(ordered, 1)}


@dataclass(slots=True)
class _Steps:
    """Makes steps of events."""

    violation: Violation
    record: Record
    runs: Sequence[Run]
    keys: dict[str, str]

    def all(self) -> Iterator[Step]:
        yield from self._faults()
        yield from self._wrongs()
        for run in self.runs[:40]:
            if run.worker in self.keys:
                yield from self._run(run)
        yield from self._leases()
        yield from self._denials()

    def _faults(self) -> Iterator[Step]:
        blow = self.violation.blow
        if blow is None:
            return
        hit = [self.keys[victim] for victim in blow.victims if victim in self.keys]
        first, last = (hit[0], hit[-1]) if hit else (LEASE, LEASE)
        last_or_none = None if last == first else last
        what, over = _FAULTS.get(blow.type, (f"fault {say.name(blow.type)}", "fault over"))
        yield Step(
            at=blow.at,
            shape=Shape.NOTE,
            source=first,
            target=last_or_none,
            text=what,
            order=_BREAKS,
            stills=tuple(hit) if blow.type in ("pause", "crash", "stop") else (),
            closes=first if blow.type == "crash" else None,
        )
        if not isinf(blow.healed) and not blow.momentary and self._shown(blow.healed):
            yield Step(
                at=blow.healed,
                shape=Shape.NOTE,
                source=first,
                target=last_or_none,
                text=over,
                order=_HEALS,
                wakes=tuple(hit),
            )

    def _shown(self, at: float) -> bool:
        start, end = stretch(self.violation, self.record)
        return start <= at <= end

    def _run(self, run: Run) -> Iterator[Step]:
        key = self.keys[run.worker]
        what = _brief(run)
        yield Step(at=run.started, shape=Shape.NOTE, source=key, text=f"starts {what}", opens=key)
        crash = self.violation.blow is not None and self.violation.blow.type == "crash"
        hit = (
            crash and self.violation.blow is not None and run.worker in self.violation.blow.victims
        )
        if run.applied:
            again = any(
                other is not run
                and other.applied
                and other.job == run.job
                and other.due == run.due
                and other.ended <= run.ended
                for other in self.violation.runs
            )
            yield Step(
                at=run.ended,
                shape=Shape.MESSAGE,
                source=key,
                target=SINK,
                text=f"effect of {what}" + (" again" if again else ""),
                bad=again,
                closes=key,
            )
        elif run.rejected:
            yield Step(
                at=run.ended,
                shape=Shape.MESSAGE,
                source=key,
                target=SINK,
                text=f"effect of {what}, refused",
                closes=key,
            )
        elif run.ending is not Ending.DIED or not hit:
            yield Step(
                at=run.ended, shape=Shape.NOTE, source=key, text=_ENDS[run.ending], closes=key
            )

    def _leases(self) -> Iterator[Step]:
        tenures = {
            id(hold): hold for run in self.runs if (hold := self.record.tenure(run)) is not None
        }
        doubled = {name for double in self.violation.double_holds for name in double.who}
        tenures |= {id(hold): hold for hold in self.record.holds if hold.lease in doubled}
        blow = self.violation.blow
        if blow is not None:
            for victim in blow.victims:
                tenures |= {id(hold): hold for hold in self.record.held(victim, blow.at)}
        start, end = stretch(self.violation, self.record)
        for hold in tenures.values():
            key = self.keys.get(hold.worker)
            if key is None or hold.granted > end:
                continue
            before = hold.granted < start
            yield Step(
                at=start if before else hold.granted,
                shape=Shape.REPLY,
                source=LEASE,
                target=key,
                text=f"granted {'at ' + say.moment(hold.granted) if before else ''}".strip(),
                order=_GRANTS,
            )
            if hold.released and hold.ended <= end:
                yield Step(
                    at=hold.ended,
                    shape=Shape.MESSAGE,
                    source=key,
                    target=LEASE,
                    text="releases",
                    minor=True,
                )
            elif not hold.released:
                yield from self._lost(hold.worker, hold.lease, key, start, end)

    def _lost(self, worker: str, lease: str, key: str, start: float, end: float) -> Iterator[Step]:
        for event in self.record.between(start, end):
            if (event.kind, event.worker, event.lease) == ("lease.lost", worker, lease):
                yield Step(
                    at=event.at, shape=Shape.NOTE, source=key, text="learns that its lease is lost"
                )

    def _denials(self) -> Iterator[Step]:
        """Attempts that were denied, as one step as long as nothing else happened."""
        jobs = {run.job for run in self.runs} | {one.job for one in self.violation.missed}
        start, end = stretch(self.violation, self.record)
        ending = following(self.violation, self.record)
        if ending is not None:
            end = ending.started
        moments = sorted(
            [run.started for run in self.runs] + [one.due for one in self.violation.missed]
        )
        batch: list[Event] = []
        for event in self.record.between(start, end):
            if event.kind != "lease.denied" or event.job not in (None, *jobs):
                continue
            if batch and any(batch[-1].at < moment <= event.at for moment in moments):
                yield _denied(batch, self.violation.never)
                batch = []
            batch.append(event)
        if batch:
            yield _denied(batch, self.violation.never)

    def _wrongs(self) -> Iterator[Step]:
        ordered = list(self.keys.values())
        _, end = stretch(self.violation, self.record)
        shown = [one for one in self.violation.overlaps[:10] if one.start <= end]
        for place, overlap in enumerate(shown):
            met = {
                self.keys[run.worker]
                for run in self.violation.runs
                if run.run in overlap.who and run.worker in self.keys
            }
            over = [key for key in ordered if key in met] or ordered[:1]
            yield Step(
                at=overlap.start,
                shape=Shape.NOTE,
                source=over[0] if over else LEASE,
                target=over[-1] if len(over) > 1 else None,
                text=f"{overlap.most} runs at the same time",
                bad=True,
                until=overlap.end,
                minor=place > 0,
                order=_WRONG,
            )
        for double in [] if self.violation.overlaps else self.violation.double_holds[:3]:
            yield Step(
                at=double.start,
                shape=Shape.NOTE,
                source=LEASE,
                text=f"held by {double.most} workers",
                bad=True,
                until=double.end,
                order=_WRONG,
            )
        over = ordered or [LEASE]
        for one in self.violation.missed[:12]:
            if not one.runs:
                yield Step(
                    at=one.due,
                    shape=Shape.NOTE,
                    source=over[0],
                    target=over[-1] if len(over) > 1 else None,
                    text=f"nobody starts {say.name(one.job)} due {one.due:.2f}",
                    bad=True,
                    order=_WRONG,
                )


_FAULTS = {
    "pause": ("paused", "goes on"),
    "crash": ("killed", "started again"),
    "stop": ("told to stop", "started again"),
    "partition": ("cut off from the coordinator", "reaches it again"),
    "delay": ("slowed on its way to the coordinator", "as fast as before"),
    "jitter": ("delayed at random on its way to the coordinator", "as fast as before"),
    "loss": ("loses part of what it sends", "loses nothing any more"),
    "reset": ("its connections are reset", ""),
    "refuse": ("refused new connections", "may connect again"),
    "expire": ("its lease is forgotten by the coordinator", ""),
    "clock-skew": ("its clock is moved", "its clock is set right"),
    "thundering-herd": ("held back with all others", "let go with all others"),
    "failing-job": ("its runs are made to fail", "its runs may succeed again"),
    "coordinator-restart": ("killed and started again", ""),
    "coordinator-outage": ("killed", "started again"),
    "coordinator-pause": ("paused", "goes on"),
    "coordinator-failover": ("killed; another one takes over", ""),
}
_ENDS = {
    Ending.FINISHED: "done",
    Ending.FAILED: "run failed",
    Ending.DIED: "dies in its run",
    Ending.UNFINISHED: "still in its run",
}


def _brief(run: Run) -> str:
    due = "" if run.due is None else f" due {run.due:.2f}"
    return f"{say.name(run.job)}{due}"


def _denied(batch: Sequence[Event], major: bool) -> Step:
    many = len(batch)
    text = "1 attempt denied" if many == 1 else f"… {many} attempts denied …"
    return Step(at=batch[0].at, shape=Shape.NOTE, source=LEASE, text=text, minor=not major)


def _short(steps: Sequence[Step], anchor: str) -> list[Step]:
    """At most so many steps; what is left out is counted where it was."""
    kept = list(steps)
    for index in range(len(kept) - 1, -1, -1):
        if len(kept) <= MOST_STEPS:
            return kept
        if kept[index].minor:
            del kept[index]
    if len(kept) <= MOST_STEPS:
        return kept
    opening = MOST_STEPS - _CLOSING - 1
    left = kept[opening:-_CLOSING]
    gap = Step(at=left[0].at, shape=Shape.NOTE, source=anchor, text=f"… {len(left)} more steps …")
    # Whoever wakes in what is left out is awake after it.
    gap = replace(gap, wakes=tuple(key for step in left for key in step.wakes))
    return [*kept[:opening], gap, *kept[-_CLOSING:]]


def _balanced(steps: Iterable[Step]) -> list[Step]:
    """The same steps; only what was opened is closed."""
    opened: Counter[str] = Counter()
    found = []
    for step in steps:
        if step.opens is not None:
            opened[step.opens] += 1
        if step.closes is not None:
            if opened[step.closes]:
                opened[step.closes] -= 1
            else:
                step = replace(step, closes=None)
        found.append(step)
    return found
