"""Whether an approach kept what it is for, in one badge and one sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from harness.history.trial import GRACE
from harness.report.broken import type_of
from harness.report.model import Comparison
from harness.report.phrases import JITTER, NO_HIT, clean, percent, seconds, why_not
from harness.report.stories.record import Record, outline_of
from harness.report.stories.story import Kind
from harness.report.stories.violations import Place, violations_in
from harness.verdict.model import Expected, Outcome, Result, Sample, Together
from harness.verdict.statistics import rate_interval


class Badge(StrEnum):
    """What an approach is worth under the faults that it met.

    unsafe: a due time had two effects, or a job ran beside itself though the approach promises
    that it does not. gaps: neither, but runs were missed, or jobs stood still for longer than the
    grace. overlaps: none of this, but runs of different due times met, which the approach does not
    promise to prevent. held: nothing of all this was seen.
    """

    UNSAFE = "unsafe"
    GAPS = "gaps"
    OVERLAPS = "overlaps"
    HELD = "held"
    NOT_MEASURED = "not measured"


SIGNS = {
    Badge.UNSAFE: "✗",
    Badge.GAPS: "!",
    Badge.OVERLAPS: "!",
    Badge.HELD: "✓",
    Badge.NOT_MEASURED: "?",
}

# During a fault of this type, and after it was healed.
_WHEN = {
    "pause": ("while its worker was paused", "after its worker was paused"),
    "crash": ("after a crash", "after a crash"),
    "partition": ("while its worker was cut off", "after its worker was cut off"),
    "expire": ("after its lease was expired", "after its lease was expired"),
    "stop": ("while a worker was stopped", "after a worker was stopped"),
    "delay": ("on slow links", "after its links were slow"),
    "jitter": ("on links of varying speed", "after its links were slow"),
    "loss": ("on lossy links", "after its links were lossy"),
    "reset": ("after its connections were reset", "after its connections were reset"),
    "refuse": ("while connections were refused", "after connections were refused"),
    "clock-skew": ("while a clock was wrong", "after a clock was wrong"),
    "thundering-herd": ("when all woke at once", "when all woke at once"),
    "failing-job": ("while runs failed", "after runs had failed"),
    "load-spike": ("under load", "after the load"),
    "coordinator-restart": ("after the coordinator restarted", "after the coordinator restarted"),
    "coordinator-outage": ("while the coordinator was down", "after the coordinator was down"),
    "coordinator-pause": ("while the coordinator stood still", "after it stood still"),
    "coordinator-failover": (
        "after the coordinator's failover",
        "after the coordinator's failover",
    ),
}

_NOUNS = {"expire": "lost lease"}


@dataclass(frozen=True, slots=True)
class Safety:
    """The badge of an approach; what, when, how much in `clauses`, the worst first.

    `basis` says on what they rest, `bound` what may still be where nothing was seen; `figure` is
    the one that the badge hangs on, short enough for a cell.
    """

    approach: str
    badge: Badge
    clauses: tuple[str, ...]
    basis: str
    bound: str
    figure: str

    @property
    def sentence(self) -> str:
        """All clauses, in one line without its full stop."""
        return "; ".join(self.clauses)

    @property
    def sign(self) -> str:
        """So that colour is not alone."""
        return SIGNS[self.badge]


def safety(comparison: Comparison, result: Result) -> Safety:
    """What became of one approach."""
    reason = why_not(result)
    if reason is not None:
        why = "skipped" if result.skipped is not None else "invalid"
        return Safety(result.approach, Badge.NOT_MEASURED, (reason,), "", "", why)
    badge = _badge(comparison, result)
    if badge is Badge.UNSAFE:
        kind = Kind.OVERLAP if result.overlap_count and not result.duplicate else Kind.DUPLICATE
        when = _when(comparison, result, kind)
        clauses = [*_ran_twice(comparison, result, when), _missed(result, ""), *_gaps(result)]
    elif badge is Badge.GAPS:
        when = _when(comparison, result, Kind.MISSED)
        clauses = [_missed(result, when), *_gaps(result), _none_twice(result), _met_freely(result)]
    else:
        clauses = [_held(result), _met_freely(result)]
    return Safety(
        result.approach,
        badge,
        tuple(filter(None, clauses)),
        _basis(comparison, result),
        _at_most(comparison, result),
        _figure(result, badge),
    )


def hits(comparison: Comparison, approach: str) -> dict[str, int]:
    """How many faults of each type hit a worker in charge, over all trials that count."""
    found: dict[str, int] = {}
    for one in comparison.valid_tallies(approach):
        for fault in sorted({sample.fault for sample in one.failover}):
            found[type_of(fault)] = found.get(type_of(fault), 0) + 1
    return found


def _badge(comparison: Comparison, result: Result) -> Badge:
    beside = result.overlap_count and comparison.configuration(result.approach).exclusive
    if result.duplicate or beside or result.overlapping or result.repeated:
        return Badge.UNSAFE
    longest = result.outage.quantiles.max
    out = result.outage.unrecovered or (longest is not None and longest > _grace(comparison))
    if result.missed or result.failover.unrecovered or out:
        return Badge.GAPS
    return Badge.OVERLAPS if result.overlap_count else Badge.HELD


def _grace(comparison: Comparison) -> float:
    given = comparison.setting.get("grace")
    if isinstance(given, int | float):
        return float(given)
    trials = [one.trial for found in comparison.verdicts.values() for one in found]
    return trials[0].grace if trials else GRACE


def _ran_twice(comparison: Comparison, result: Result, when: str) -> list[str]:
    clauses = []
    if result.duplicate:
        clauses.append(f"ran {_share(result, 'duplicate', result.duplicate)}")
        more = "twice" if result.max_concurrency <= 2 else "more than once"
        clauses[0] = clauses[0].replace(" of runs", f" of runs {more}{when}", 1)
        when = ""
    if result.overlap_count:
        trials = comparison.valid_tallies(result.approach)
        inside = sum(one.overlap_count > 0 for one in trials)
        many = f" in {inside} of {len(trials)} trials" if len(trials) > 1 else ""
        often = "once" if result.overlap_count == 1 else f"{result.overlap_count} times"
        clauses.append(
            f"ran a job beside itself{when} ({often}{many}, {seconds(result.overlap_seconds)} in "
            f"all, up to {result.max_concurrency} at once)"
        )
    extra = result.overlapping + result.repeated
    if not clauses and extra:
        clauses.append(f"started {extra} run{'s' if extra > 1 else ''} too many{when}")
    return clauses


def _none_twice(result: Result) -> str:
    return f"ran none of {result.expected} runs twice{_bound(result, 'duplicate')}"


def _met_freely(result: Result) -> str:
    """Overlap that breaks no promise; the reader's job may still mind it."""
    if not result.overlap_count:
        return ""
    often = _times(result.overlap_count, "time")
    return (
        f"runs of different due times overlapped ({often}, {seconds(result.overlap_seconds)} in "
        f"all, up to {result.max_concurrency} at once), which it does not promise to prevent"
    )


def _missed(result: Result, when: str) -> str:
    if not result.missed:
        return ""
    share = _share(result, "missed", result.missed)
    return f"missed {share.replace(' of runs', f' of runs{when}', 1)}"


def _gaps(result: Result) -> list[str]:
    clauses = []
    longest = result.outage.quantiles.max
    if longest is not None and longest >= JITTER:
        clauses.append(f"nobody ran a job for up to {seconds(longest)} longer than planned")
    for latency, what in (
        (result.outage, "a job was still out at the end"),
        (result.failover, "a job did not start again before the end"),
    ):
        if latency.unrecovered:
            clauses.append(f"{latency.unrecovered} of {latency.samples} times {what}")
    return clauses


def _held(result: Result) -> str:
    if not result.expected:
        return "no run was expected"
    text = f"ran each of {result.expected} runs once, none twice, none missed"
    if result.overrun:
        text = f"ran none of {result.expected} runs twice and missed none, {result.overrun} overran"
    longest = result.outage.quantiles.max
    gap = "" if longest is None or longest < JITTER else f"; no gap above {seconds(longest)}"
    return f"{text}{_bound(result, 'duplicate')}{gap}"


def _share(result: Result, name: str, count: int) -> str:
    low, high = result.intervals.get(name, (None, None))
    sure = "" if low is None or high is None else f"; 95 %: {percent(low)}-{percent(high)} %"
    share = percent(count / max(1, result.expected))
    return f"{share} % of runs ({count} of {result.expected}{sure})"


def _bound(result: Result, name: str) -> str:
    high = result.intervals.get(name, (None, None))[1]
    return "" if high is None else f" (95 %: below {percent(high)} %)"


def _basis(comparison: Comparison, result: Result) -> str:
    """On how many trials and faults it rests."""
    count = len(comparison.valid_tallies(result.approach)) or result.trials - result.invalid_trials
    trials = _times(count, "trial")
    met = _met(comparison, result.approach)
    if met:
        return f"{trials}, in which {met} hit a worker in charge"
    planned = comparison.plans_faults(result.approach)
    return f"{trials}; {NO_HIT}" if planned else f"{trials}, no fault planned"


def _at_most(comparison: Comparison, result: Result) -> str:
    """How often faults may break what they were not seen to break."""
    met = _met(comparison, result.approach)
    if not met or _badge(comparison, result) is Badge.UNSAFE:
        return ""
    total = sum(hits(comparison, result.approach).values())
    high = rate_interval([(0, total)])[1] or 1.0
    return f"None of {met} made it run twice (95 %: below {percent(high)} % of them do)."


def _met(comparison: Comparison, approach: str) -> str:
    """The faults that hit a worker in charge, counted; nothing where none did."""
    found = hits(comparison, approach)
    return " and ".join(_times(number, _noun(kind)) for kind, number in found.items())


def _noun(kind: str) -> str:
    return _NOUNS.get(kind, clean(kind, 30))


def _times(count: int, noun: str) -> str:
    ending = "" if count == 1 else "es" if noun.endswith(("s", "sh", "ch")) else "s"
    return f"{count} {noun}{ending}"


def _figure(result: Result, badge: Badge) -> str:
    if badge is Badge.UNSAFE and result.duplicate:
        return f"{percent(result.duplicate / max(1, result.expected))} % twice"
    if badge is Badge.UNSAFE:
        extra = result.overlapping + result.repeated
        return _overlaps(result) if result.overlap_count else f"{extra} too many"
    if badge is Badge.GAPS and result.missed:
        return f"{percent(result.missed / max(1, result.expected))} % missed"
    if badge is Badge.GAPS:
        longest = result.outage.quantiles.max
        return "out at the end" if longest is None else f"{seconds(longest)} out"
    if badge is Badge.OVERLAPS:
        return _overlaps(result)
    high = result.intervals.get("duplicate", (None, None))[1]
    return "0" if high is None else f"0 (< {percent(high)} %)"


def _overlaps(result: Result) -> str:
    """How often in a trial: what is put side by side may have had other numbers of them."""
    trials = result.trials - result.invalid_trials
    if trials <= 1:
        return _times(result.overlap_count, "overlap")
    return f"{result.overlap_count / trials:.3g} overlaps a trial"


@dataclass(frozen=True, slots=True)
class _Cause:
    """What led to one thing that went wrong, as its story has it.

    `type` is that of the fault, None where none was active, empty where that is not known; `during`
    says that the fault was still on.
    """

    type: str | None
    during: bool = False


def _causes(comparison: Comparison, result: Result, kind: Kind) -> list[_Cause]:
    """Of all that went wrong in this way, in the trials that can be looked at."""
    found = []
    for verdict in comparison.valid_verdicts(result.approach):
        record = outline_of(verdict)
        for violation in violations_in(record):
            found += [
                _cause(place, record)
                for place in violation.places
                if place.kind is kind and _counts(place.what, result)
            ]
    return found


def _counts(what: Expected | Together | Sample | None, result: Result) -> bool:
    """Whether it is among what is counted: where effects came twice, those due times alone."""
    if isinstance(what, Expected) and not what.outcome.missed and result.duplicate:
        return what.outcome is Outcome.DUPLICATE
    return True


def _cause(place: Place, record: Record) -> _Cause:
    blow = place.blow
    if blow is not None:
        return _Cause(blow.type, place.at <= blow.healed)
    if not record.known:
        return _Cause("")
    # Who asks nobody needs no fault, whatever else is broken.
    alone = not record.leased and place.kind is not Kind.MISSED
    others = record.active(place.at - record.verdict.trial.grace, place.at)
    return _Cause("" if others and not alone else None)


def _when(comparison: Comparison, result: Result, kind: Kind) -> str:
    """When these happened, in words with a blank before; nothing where nothing is known."""
    causes = _causes(comparison, result, kind)
    counts = Counter(one.type for one in causes)
    if not counts.keys() - {""}:
        return ""
    phrases = {
        type_: _phrase(type_, {one.during for one in causes if one.type == type_})
        for type_ in counts
    }
    if len(counts) == 1:
        return " even without a fault" if None in counts else f" {next(iter(phrases.values()))}"
    seen = len(comparison.valid_verdicts(result.approach))
    some = seen < len(comparison.valid_tallies(result.approach))
    where = f"of {len(causes)} places" + (f" in {_times(seen, 'trial')} looked at" if some else "")
    first, *others = counts.most_common()
    told = [f"{phrases[first[0]]} in {first[1]} {where}"]
    told += [f"{phrases[type_]} in {count}" for type_, count in others]
    return f" {', '.join(told[:-1])} and {told[-1]}"


def _phrase(kind: str | None, during: Collection[bool]) -> str:
    if not kind:
        return "without a fault" if kind is None else "for no known cause"
    name = clean(kind, 30)
    on, after = _WHEN.get(kind, (f"during {name}", f"after {name}"))
    if len(during) == 2 and on != after:
        return f"{on} and after that"
    return on if True in during else after
