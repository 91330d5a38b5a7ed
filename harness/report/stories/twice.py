"""A job that ran beside itself or twice, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isinf

from harness.history.event import Event
from harness.report import phrases
from harness.report.stories import wording as say
from harness.report.stories.circumstance import beginning
from harness.report.stories.record import Blow, Record
from harness.report.stories.release import released
from harness.report.stories.violations import Violation
from harness.verdict.model import Ending, Held, Outcome, Run

# Their leases end by nothing but their time to live, which nothing renews.
_NEVER_RENEWED = frozenset({"redis-setnx", "redis-lock"})
# Runs told one by one; the others are counted.
_TOLD = 2
# What follows this soon needs no time of its own, in seconds.
_AT_ONCE = 0.02


@dataclass(frozen=True)
class _Meeting:
    """The runs that met first, the one that should have been alone before them."""

    stale: Run
    fresh: tuple[Run, ...]
    later: tuple[Run, ...]


def title(violation: Violation) -> str:
    """What went wrong, in one line."""
    if violation.twice:
        one = violation.twice[0]
        how = f"ran {_times(len(one.runs))}" if len(one.runs) > 1 else "took effect more than once"
        more = len(violation.twice) - 1
        also = f", and {say.counted(more, 'more due time')}" if more else ""
        beside = " at the same time" if _beside(one.runs) else ""
        return f"{say.quoted(one.job)} due at {say.moment(one.due)} {how}{beside}{also}"
    if violation.overlaps:
        overlap = violation.overlaps[0]
        return f"{_number(overlap.most)} runs of {say.quoted(overlap.what)} at the same time"
    double = violation.double_holds[0]
    return f"{_number(double.most)} workers held {say.quoted(double.what)} at the same time"


def sentences(violation: Violation, record: Record) -> list[str]:
    """The story, cause first."""
    told = beginning(violation, record)
    if not violation.runs:
        holds = _held_twice(violation, record) if violation.double_holds else ()
        return [*told, *holds, *_together(violation), *_effects(violation)]
    meeting = _meeting(violation, record)
    told += _stale(meeting.stale, violation.blow, record)
    told += _ran_out(meeting, violation.blow, record)
    told += _fresh(meeting, record)
    told += _went_on(meeting.stale, violation.blow)
    told += released(violation, record)
    told += _together(violation)
    told += _unaware(meeting, record)
    late = _late_effect(meeting, record)
    told += _effects(violation)
    if late is not None:
        told.append(
            f"The effect of {say.name(meeting.stale.worker)}'s run landed at "
            f"{say.moment(late)}, after that of a run under a newer lease."
        )
    help_ = _remedy(violation, meeting, record, late is not None)
    return [*told, *([f"What would have helped: {help_}."] if help_ else [])]


def _since(run: Run, record: Record) -> float:
    tenure = record.tenure(run)
    return run.started if tenure is None else tenure.granted


def _meeting(violation: Violation, record: Record) -> _Meeting:
    names: Sequence[Run] = violation.runs
    first_twice = violation.twice[0].runs if violation.twice else ()
    if len(first_twice) > 1 and first_twice[1].started <= violation.start + 1e-9:
        names = first_twice
    elif violation.overlaps:
        who = set(violation.overlaps[0].who)
        names = [run for run in violation.runs if run.run in who] or violation.runs
    ordered = sorted(names, key=lambda run: (run.started, run.run))
    stale = min(ordered, key=lambda run: _since(run, record))
    fresh = [run for run in ordered if run is not stale]
    met = set(map(id, ordered))
    later = [run for run in violation.runs if id(run) not in met]
    return _Meeting(stale, tuple(fresh), tuple(later))


def _stale(run: Run, blow: Blow | None, record: Record) -> Iterator[str]:
    """The run that was not to be joined, unless the fault's sentence told of it."""
    if _told_of(run, blow):
        if blow is not None and blow.type != "pause":
            yield f"That run was over at {say.moment(run.ended)}."
        return
    yield f"{_started(run, record)}{_until(run)}."


def _told_of(run: Run, blow: Blow | None) -> bool:
    if blow is None or blow.victims != (run.worker,):
        return False
    return run.started < blow.at <= run.ended


def _started(run: Run, record: Record) -> str:
    tenure = record.tenure(run)
    under = f", holding {say.lease(tenure, record.verdict.trial)}" if tenure else ""
    return f"{say.name(run.worker)} started {say.run_of(run)} at {say.moment(run.started)}{under}"


def _until(run: Run) -> str:
    match run.ending:
        case Ending.FINISHED:
            return f" and was done at {say.moment(run.ended)}"
        case Ending.FAILED:
            return f" and failed at {say.moment(run.ended)}"
        case Ending.DIED:
            return f" and died in it at {say.moment(run.ended)}"
        case Ending.UNFINISHED:
            return " and had not finished by the end"


def _ran_out(meeting: _Meeting, blow: Blow | None, record: Record) -> Iterator[str]:
    """That the lease was over, where the history and the approach leave no doubt."""
    mine, taken = record.tenure(meeting.stale), _taken(meeting, record)
    known = say.lifetime(record.verdict.trial)
    if mine is None or taken is None or known is None:
        return
    trial = record.verdict.trial
    algorithm = trial.extra.get("algorithm", trial.approach)
    over = mine.granted + known[1]
    who = say.name(meeting.stale.worker)
    if algorithm in _NEVER_RENEWED and taken.granted >= over - 0.05:
        yield (
            f"The lease of {who} ran out at about {say.moment(over)}, {known[1]:g} s after it was "
            f"granted at {say.moment(mine.granted)}."
        )
    elif blow is not None and blow.type == "pause" and taken.granted <= blow.healed:
        yield f"Standing still, {who} kept no lease alive."


def _taken(meeting: _Meeting, record: Record) -> Held | None:
    """The lease that somebody else got on the same while the first one still counted on its own."""
    mine = record.tenure(meeting.stale)
    if mine is None:
        return None
    for run in meeting.fresh:
        tenure = record.tenure(run)
        if tenure is None or tenure.resource != mine.resource or tenure.worker == mine.worker:
            continue
        if mine.granted < tenure.granted < mine.ended:
            return tenure
    return None


def _fresh(meeting: _Meeting, record: Record) -> Iterator[str]:
    taken = _taken(meeting, record)
    if len(meeting.fresh) > _TOLD:
        first, last = meeting.fresh[0], meeting.fresh[-1]
        who = say.listed(say.name(run.worker) for run in meeting.fresh)
        same = {run.due for run in meeting.fresh} == {meeting.stale.due}
        what = say.run_of(first) if same else say.quoted(first.job)
        too = " too" if same else ""
        yield (f"{who} started {what}{too}, {say.within(first.started, last.started)}.")
    else:
        for run in meeting.fresh:
            tenure = record.tenure(run)
            if taken is not None and tenure is taken:
                yield (
                    f"{say.name(run.worker)} was granted "
                    f"{say.quoted(taken.resource)} at {say.moment(taken.granted)}, while "
                    f"{say.name(meeting.stale.worker)} still counted it its own, and ran "
                    f"{say.run_of(run)} from {say.moment(run.started)} to {say.moment(run.ended)}."
                )
            else:
                yield f"{_started(run, record)}{_until(run)}."
    if meeting.later:
        last = meeting.later[-1]
        yield (
            f"{say.counted(len(meeting.later), 'more run')} had a part in it, the "
            f"last one by {say.name(last.worker)} at {say.moment(last.started)}."
        )


def _went_on(stale: Run, blow: Blow | None) -> Iterator[str]:
    if blow is None or blow.type != "pause" or not stale.started < blow.healed <= stale.ended:
        return
    end = say.moment(stale.ended)
    after = "at once" if stale.ended - blow.healed < _AT_ONCE else f"at {end}"
    how = {Ending.FINISHED: f"finished it {after}", Ending.FAILED: f"gave it up {after}"}
    rest = how.get(stale.ending, f"was in it until {end}")
    who = say.name(stale.worker)
    yield f"{who} woke at {say.moment(blow.healed)}, still in its run, and {rest}."


def _together(violation: Violation) -> Iterator[str]:
    if not violation.overlaps:
        return
    first, more = violation.overlaps[0], violation.overlaps[1:]
    yield (
        f"{_number(first.most)} runs of {say.quoted(first.what)} were in progress at the same time "
        f"for {phrases.seconds(first.seconds)}, from {say.moment(first.start)}"
        + (
            f", and so {say.counted(len(more), 'more time')} until {say.moment(more[-1].end)}."
            if more
            else "."
        )
    )


def _unaware(meeting: _Meeting, record: Record) -> Iterator[str]:
    """Whether the one whose lease was gone heard of it."""
    mine, taken = record.tenure(meeting.stale), _taken(meeting, record)
    who = say.name(meeting.stale.worker)
    if mine is not None and _knew(meeting, record):
        yield f"{who} knew from {say.moment(mine.ended)} on that its lease was lost, and ran on."
    if mine is None or taken is None:
        return
    stretch = record.between(taken.granted - 1e-6, record.verdict.end + 60)
    lost = next(
        (
            event
            for event in stretch
            if event.kind == "lease.lost"
            and event.worker == meeting.stale.worker
            and event.lease == mine.lease
        ),
        None,
    )
    if lost is None:
        yield f"Nobody told {who}: no lease.lost was recorded."
    elif lost.at >= meeting.stale.ended - 1e-6:
        yield f"{who} learnt of it at {say.moment(lost.at)}, when its run was over."
    else:
        late = phrases.seconds(lost.at - taken.granted)
        finished = meeting.stale.ending is Ending.FINISHED
        went = " and ran on" if finished and meeting.stale.ended - lost.at > _AT_ONCE else ""
        yield (
            f"{who} learnt of it at {say.moment(lost.at)}, {late} after the other "
            f"was granted it{went}."
        )


def _knew(meeting: _Meeting, record: Record) -> bool:
    """Whether the first one had recorded the loss before another run began."""
    mine = record.tenure(meeting.stale)
    if mine is None or mine.released or not meeting.fresh:
        return False
    lost = any(
        (event.kind, event.worker, event.lease) == ("lease.lost", mine.worker, mine.lease)
        for event in record.between(mine.ended, mine.ended)
    )
    after = min(run.started for run in meeting.fresh)
    return lost and meeting.stale.started < mine.ended < after < meeting.stale.ended


def _effects(violation: Violation) -> Iterator[str]:
    for one in violation.twice[:1]:
        applied = sum(run.applied for run in one.runs)
        rejected = sum(run.rejected for run in one.runs)
        what = f"{say.quoted(one.job)} due at {say.moment(one.due)}"
        if applied > 1:
            yield f"{what} took effect {_times(applied)}."
        elif one.outcome is Outcome.DUPLICATE:
            yield f"{what} took effect more than once, by runs of which nobody saw the start."
        elif rejected:
            yield f"The sink refused {say.counted(rejected, 'effect')}: {what} took effect once."
    if len(violation.twice) > 1:
        last = violation.twice[-1]
        more = say.counted(len(violation.twice) - 1, "more due time")
        yield f"So did {more}, the last one {say.moment(last.due)}."


def _late_effect(meeting: _Meeting, record: Record) -> float | None:
    """When the first run's effect landed, if that was after one of a newer lease on the same."""
    mine, taken = record.tenure(meeting.stale), _taken(meeting, record)
    if mine is None or taken is None:
        return None
    mine_at = _applied(meeting.stale, record)
    others = [
        at
        for run in (*meeting.fresh, *meeting.later)
        if record.tenure(run) is taken and (at := _applied(run, record)) is not None
    ]
    return mine_at if mine_at is not None and any(at < mine_at for at in others) else None


def _applied(run: Run, record: Record) -> float | None:
    def its(event: Event) -> bool:
        return event.kind == "effect.applied" and event.run == run.run

    # A sink may stamp an effect a little after the run.
    return next((e.at for e in record.between(run.started, run.ended + 1.0) if its(e)), None)


def _remedy(violation: Violation, meeting: _Meeting, record: Record, late: bool) -> str | None:
    """What is certain from theory, by mechanism; nothing where it depends."""
    if late:
        return "a fencing token that the sink checks, which refuses an effect of an older lease"
    if any(one.outcome is Outcome.DUPLICATE for one in violation.twice):
        return "a sink that accepts one effect for each due time"
    if _knew(meeting, record):
        return "a run that stops once it learns that its lease is lost"
    taken, known = _taken(meeting, record), say.lifetime(record.verdict.trial)
    if taken is None or known is None:
        return None
    trial = record.verdict.trial
    never = trial.extra.get("algorithm", trial.approach) in _NEVER_RENEWED
    if violation.blow is not None and violation.blow.type == "pause":
        return _longer(meeting.stale, violation.blow, known[1], never)
    if violation.blow is None and never and meeting.stale.ended - meeting.stale.started > known[1]:
        return "a lease that is longer than the run, or renewed while it lasts"
    return None


def _longer(stale: Run, blow: Blow, lasts: float, never: bool) -> str | None:
    """How long a lease would have had to last for this pause to do no harm."""
    price = "at the price of a longer wait after a crash"
    if isinf(blow.healed) or not stale.started < blow.at <= stale.ended:
        return None
    if never:
        return f"a lease that outlasts the run, its pause included, {price}"
    return f"a lease that outlasts the pause, {price}" if lasts < blow.healed - blow.at else None


def _held_twice(violation: Violation, record: Record) -> Iterator[str]:
    first = violation.double_holds[0]
    holds = {hold.lease: hold for hold in record.holds}
    for hold in filter(None, map(holds.get, first.who)):
        how = "gave it up at" if hold.released else "had it until"
        yield (
            f"{say.name(hold.worker)} was granted {say.quoted(hold.resource)} at "
            f"{say.moment(hold.granted)} and {how} {say.moment(hold.ended)}."
        )
    more = len(violation.double_holds) - 1
    yield (
        f"{_number(first.most)} workers held it for {phrases.seconds(first.seconds)}, from "
        f"{say.moment(first.start)}"
        + (f", and so {say.counted(more, 'more time')}." if more else ".")
    )
    yield "No two runs met in that time."


def _beside(runs: Sequence[Run]) -> bool:
    ordered = sorted(runs, key=lambda run: run.started)
    return any(after.started < before.ended for before, after in pairwise(ordered))


def _times(count: int) -> str:
    return "twice" if count == 2 else f"{count} times"


def _number(count: int) -> str:
    words = ("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten")
    return words[count] if count < len(words) else str(count)
