"""What the tables hold, whatever they are printed on: two tables, a row an approach."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harness.report import phrases
from harness.report.model import Comparison
from harness.verdict.model import Result


def _never(_: Result) -> bool:
    return False


@dataclass(frozen=True)
class Column:
    """One figure of an approach.

    `short` is used where `text` does not fit. `alarming` says which values break a promise.
    `minor` columns are the first to go on a narrow terminal, from the left. `rare` ones are shown
    only where some approach has something to show.
    """

    title: str
    meaning: str
    text: Callable[[Result], str]
    short: Callable[[Result], str] | None = None
    alarming: Callable[[Result], bool] = _never
    minor: bool = False
    rare: Callable[[Result], bool] | None = None


RUNS = (
    Column(
        "runs", "due times at which a job had to run, over all trials", lambda r: f"{r.expected}"
    ),
    Column("once", "exactly one effect", lambda r: f"{r.once}", minor=True),
    Column(
        "duplicate",
        "two or more effects for one due time; share of runs with its 95 % interval",
        lambda r: phrases.rate(r.duplicate, r.expected, r.intervals.get("duplicate")),
        lambda r: phrases.short_rate(r.duplicate, r.expected, r.intervals.get("duplicate")),
        alarming=lambda r: r.duplicate > 0,
    ),
    Column(
        "missed",
        "no effect: not started, or lost with its worker, or failed; share with its 95 % interval",
        lambda r: phrases.rate(r.missed, r.expected, r.intervals.get("missed")),
        lambda r: phrases.short_rate(r.missed, r.expected, r.intervals.get("missed")),
        alarming=lambda r: r.missed > 0,
    ),
    Column(
        "overrun",
        "not started because the job's run before was still in progress; no violation",
        lambda r: f"{r.overrun}",
    ),
    Column("late", "ran once, but started later than the grace allows", lambda r: f"{r.late}"),
    Column(
        "extra runs",
        "starts beyond the first of a due time: while another was in progress / after one had "
        "completed / after all before were lost or failed (no violation)",
        lambda r: f"{r.overlapping}/{r.repeated}/{r.retried}",
        alarming=lambda r: r.overlapping + r.repeated > 0,
        minor=True,
        rare=lambda r: r.overlapping + r.repeated + r.retried > 0,
    ),
    Column(
        "overlaps",
        "two runs of one job in progress at the same time: how often, and seconds in all",
        lambda r: phrases.times(r.overlap_count, r.overlap_seconds),
        alarming=lambda r: r.overlap_count > 0,
    ),
    Column(
        "suppressed",
        "effects that the sink refused: what idempotency saved",
        lambda r: f"{r.suppressed}",
        rare=lambda r: r.suppressed > 0,
    ),
)

TIMES = (
    Column(
        "failover p50",
        "from a fault that hit the worker in charge to the job's next start by an able worker",
        lambda r: _failover_p50(r),
        lambda r: phrases.quantile(r.failover, "p50"),
    ),
    Column("failover max", "the longest of these", lambda r: phrases.quantile(r.failover, "max")),
    Column(
        "unrecovered",
        "of these, how many saw no such start before the trial's end",
        lambda r: f"{r.failover.unrecovered} of {r.failover.samples}",
        alarming=lambda r: r.failover.unrecovered > 0,
    ),
    Column(
        "outage max",
        "longest stretch around such a fault without a start of the job, less its period",
        lambda r: phrases.quantile(r.outage, "max"),
    ),
    Column(
        "takeover p50",
        "from such a fault to the lease's grant to another worker",
        lambda r: phrases.quantile(r.takeover, "p50"),
        minor=True,
    ),
    Column(
        "held twice",
        "one lease in two workers' hands at the same time: how often, and seconds in all",
        lambda r: phrases.times(r.double_hold_count, r.double_hold_seconds),
        alarming=lambda r: r.double_hold_count > 0,
        minor=True,
        rare=lambda r: r.double_hold_count > 0,
    ),
    Column(
        "calls per run",
        "requests to the coordinator for each expected run",
        lambda r: phrases.NOTHING if r.calls_per_run is None else f"{r.calls_per_run:.1f}",
    ),
    Column(
        "trials",
        "how often it was tried; invalid trials do not count",
        lambda r: f"{r.trials}" + (f" ({r.invalid_trials} invalid)" if r.invalid_trials else ""),
        alarming=lambda r: r.invalid_trials > 0,
    ),
)


def tables(comparison: Comparison) -> list[tuple[Column, ...]]:
    """The columns of the two tables that are worth a place for this comparison."""
    return [
        tuple(c for c in columns if c.rare is None or any(map(c.rare, comparison.measured)))
        for columns in (RUNS, (*TIMES, _errors(comparison)))
    ]


def _errors(comparison: Comparison) -> Column:
    def count(result: Result) -> int:
        return sum(one.errors for one in comparison.valid_tallies(result.approach))

    return Column(
        "errors",
        "requests to the coordinator that failed, or whose outcome is unknown",
        lambda r: f"{count(r)}",
        minor=True,
        rare=lambda r: count(r) > 0,
    )


def _failover_p50(result: Result) -> str:
    text = phrases.quantile(result.failover, "p50")
    low, high = result.intervals.get("failover_p50", (None, None))
    if low is None or high is None or result.failover.quantiles.p50 is None:
        return text
    return f"{text} ({low:.2f}-{high:.2f})"
