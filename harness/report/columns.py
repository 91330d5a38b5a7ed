"""What the tables hold, whatever they are printed on: a row an approach, columns in groups."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harness.report import phrases
from harness.report.model import Comparison
from harness.verdict.measures import MEASURES, in_seconds, measured, never_ended
from harness.verdict.model import Result


def _never(_: Result) -> bool:
    return False


def _nothing(_: Result) -> str:
    return ""


@dataclass(frozen=True, kw_only=True)
class Column:
    """One figure of an approach.

    `text` is the figure with all that belongs to it; `figure` it alone, `beside` how sure it is or
    what it comes to, `value` what to sort by: None last. `short` is used where `text` does not fit.
    `measure` is its name in expectations. `alarming` says which values break a promise. `minor`
    columns are the first to go on a narrow terminal, from the left. `rare` ones are shown only
    where some approach has something to show.
    """

    key: str
    title: str
    meaning: str
    group: str
    value: Callable[[Result], float | None]
    figure: Callable[[Result], str]
    beside: Callable[[Result], str] = _nothing
    text: Callable[[Result], str]
    short: Callable[[Result], str] | None = None
    measure: str | None = None
    alarming: Callable[[Result], bool] = _never
    minor: bool = False
    rare: Callable[[Result], bool] | None = None


def _count(name: str, title: str, meaning: str, group: str, minor: bool = False) -> Column:
    """A plain number that a result has under this name."""

    def count(result: Result) -> int:
        found: int = getattr(result, name)
        return found

    return Column(
        key=name,
        title=title,
        meaning=meaning,
        group=group,
        value=count,
        figure=lambda r: f"{count(r)}",
        text=lambda r: f"{count(r)}",
        measure=name if name in MEASURES else None,
        minor=minor,
    )


def _rate(name: str, meaning: str) -> Column:
    """A share of the expected runs, with its interval."""

    def count(result: Result) -> int:
        found: int = getattr(result, name)
        return found

    return Column(
        key=name,
        title=name,
        meaning=f"{meaning}; share of runs with its 95 % interval, of none or all seen as if runs "
        "were independent",
        group=CORRECT,
        value=lambda r: count(r) / r.expected if r.expected else None,
        figure=lambda r: phrases.share(count(r), r.expected),
        beside=lambda r: phrases.share_range(count(r), r.expected, r.intervals.get(name)),
        text=lambda r: phrases.rate(count(r), r.expected, r.intervals.get(name)),
        short=lambda r: phrases.short_rate(count(r), r.expected, r.intervals.get(name)),
        measure=name,
        alarming=lambda r: count(r) > 0,
    )


def _quantile(kind: str, name: str, meaning: str, minor: bool = False) -> Column:
    """A quantile of a latency."""

    def figure(result: Result) -> str:
        return phrases.quantile(getattr(result, kind), name)

    def beside(result: Result) -> str:
        value = measured(f"{kind}_{name}", result)
        interval = result.intervals.get(f"{kind}_{name}")
        return "" if value is None or not interval else phrases.seconds_range(value, interval)

    def text(result: Result) -> str:
        return f"{figure(result)} ({beside(result)})" if beside(result) else figure(result)

    return Column(
        key=f"{kind}_{name}",
        title=f"{kind} {name}",
        meaning=meaning,
        group=AVAILABLE,
        value=lambda r: _or_endless(f"{kind}_{name}", r),
        figure=figure,
        beside=beside,
        text=text,
        short=figure,
        measure=f"{kind}_{name}",
        minor=minor,
    )


def _stretches(kind: str, title: str, meaning: str, minor: bool = False) -> Column:
    """How often something went on, and how long in all."""

    def often(result: Result) -> int:
        found: int = getattr(result, f"{kind}_count")
        return found

    def lasted(result: Result) -> float:
        found: float = getattr(result, f"{kind}_seconds")
        return found

    return Column(
        key=kind,
        title=title,
        meaning=meaning,
        group=CORRECT,
        value=often,
        figure=lambda r: f"{often(r)}",
        beside=lambda r: phrases.seconds(lasted(r)) if often(r) else "",
        text=lambda r: phrases.times(often(r), lasted(r)),
        measure=kind,
        alarming=lambda r: often(r) > 0,
        minor=minor,
        rare=(lambda r: often(r) > 0) if minor else None,
    )


CORRECT, AVAILABLE, COST = "every run once", "time without a start", "what it rests on"

RUNS = (
    _count("expected", "runs", "due times at which a job had to run, over all trials", CORRECT),
    _count("once", "once", "exactly one effect", CORRECT, minor=True),
    _rate("duplicate", "two or more effects for one due time"),
    _rate("missed", "no effect: not started, or lost with its worker, or failed"),
    _count(
        "overrun",
        "overrun",
        "not started because the job's run before was still in progress; no violation",
        CORRECT,
    ),
    _count("late", "late", "ran once, but started later than the grace allows", CORRECT),
    Column(
        key="extra",
        title="extra runs",
        meaning="starts beyond the first of a due time: while another was in progress / after one "
        "had completed / after all before were lost or failed (no violation)",
        group=CORRECT,
        value=lambda r: r.overlapping + r.repeated,
        figure=lambda r: f"{r.overlapping}/{r.repeated}/{r.retried}",
        text=lambda r: f"{r.overlapping}/{r.repeated}/{r.retried}",
        alarming=lambda r: r.overlapping + r.repeated > 0,
        minor=True,
        rare=lambda r: r.overlapping + r.repeated + r.retried > 0,
    ),
    _stretches(
        "overlap",
        "overlaps",
        "two runs of one job in progress at the same time: how often, and seconds in all",
    ),
    Column(
        key="suppressed",
        title="suppressed",
        meaning="effects that the sink refused: what idempotency saved",
        group=CORRECT,
        value=lambda r: r.suppressed,
        figure=lambda r: f"{r.suppressed}",
        text=lambda r: f"{r.suppressed}",
        measure="suppressed",
        rare=lambda r: r.suppressed > 0,
    ),
)

TIMES = (
    _quantile(
        "failover",
        "p50",
        "from a fault that hit the worker in charge to the job's next start by an able worker; "
        "the median with its 95 % interval",
    ),
    _quantile(
        "failover", "max", "the longest of these; what was not over by the end is longer than all"
    ),
    Column(
        key="unrecovered",
        title="unrecovered",
        meaning="of these, how many saw no such start before the trial's end",
        group=AVAILABLE,
        value=lambda r: measured("unrecovered", r),
        figure=lambda r: f"{r.failover.unrecovered}" if r.failover.samples else phrases.NOTHING,
        beside=lambda r: f"of {r.failover.samples}" if r.failover.samples else "",
        text=lambda r: f"{r.failover.unrecovered} of {r.failover.samples}",
        measure="unrecovered",
        alarming=lambda r: r.failover.unrecovered > 0,
    ),
    _quantile(
        "outage",
        "max",
        "longest stretch around such a fault without a start of the job, less its period",
    ),
    _quantile(
        "takeover",
        "p50",
        "from such a fault to the lease's grant to another worker",
        minor=True,
    ),
    _stretches(
        "double_hold",
        "held twice",
        "one lease in two workers' hands at the same time: how often, and seconds in all",
        minor=True,
    ),
    Column(
        key="calls_per_run",
        title="calls per run",
        meaning="requests to the coordinator for each expected run",
        group=COST,
        value=lambda r: r.calls_per_run,
        figure=lambda r: _calls(r),
        text=lambda r: _calls(r),
        measure="calls_per_run",
    ),
    Column(
        key="trials",
        title="trials",
        meaning="how often it was tried; invalid trials do not count",
        group=COST,
        value=lambda r: r.trials - r.invalid_trials,
        figure=lambda r: f"{r.trials}",
        beside=lambda r: f"{r.invalid_trials} invalid" if r.invalid_trials else "",
        text=lambda r: f"{r.trials}" + (f" ({r.invalid_trials} invalid)" * (r.invalid_trials > 0)),
        alarming=lambda r: r.invalid_trials > 0,
    ),
)


def tables(comparison: Comparison) -> list[tuple[Column, ...]]:
    """The columns of the two tables that are worth a place for this comparison."""
    return [
        tuple(c for c in columns if c.rare is None or any(map(c.rare, comparison.measured)))
        for columns in (RUNS, (*TIMES, _errors(comparison)))
    ]


def all_columns(comparison: Comparison) -> tuple[Column, ...]:
    """The columns of one table, group by group, and of every measure that is expected."""
    columns = [column for table in tables(comparison) for column in table]
    known = {column.measure for column in columns}
    asked = dict.fromkeys(one.measure for one in comparison.checks)
    columns += [_asked(name) for name in asked if name not in known]
    order = (CORRECT, AVAILABLE, COST)
    return tuple(sorted(columns, key=lambda column: order.index(column.group)))


def _asked(measure: str) -> Column:
    """A column for a measure that has none otherwise."""

    def figure(result: Result) -> str:
        value = measured(measure, result)
        if value is None:
            return phrases.BEYOND if never_ended(measure, result) else phrases.NOTHING
        return phrases.seconds(value) if in_seconds(measure) else f"{value:g}"

    return Column(
        key=measure,
        title=measure.replace("_", " "),
        meaning=f"{measure.replace('_', ' ')}, of which the scenario expects something",
        group=AVAILABLE if in_seconds(measure) else CORRECT,
        value=lambda r: _or_endless(measure, r),
        figure=figure,
        text=figure,
        measure=measure,
    )


def _errors(comparison: Comparison) -> Column:
    def count(result: Result) -> int:
        return sum(one.errors for one in comparison.valid_tallies(result.approach))

    return Column(
        key="errors",
        title="errors",
        meaning="requests to the coordinator that failed, or whose outcome is unknown",
        group=COST,
        value=count,
        figure=lambda r: f"{count(r)}",
        text=lambda r: f"{count(r)}",
        minor=True,
        rare=lambda r: count(r) > 0,
    )


def _calls(result: Result) -> str:
    return phrases.NOTHING if result.calls_per_run is None else f"{result.calls_per_run:.1f}"


def _or_endless(measure: str, result: Result) -> float | None:
    """What to sort by: beyond the end is more than any time."""
    value = measured(measure, result)
    return 1e9 if value is None and never_ended(measure, result) else value
