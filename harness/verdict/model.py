"""What a history proves, as data: one `Verdict` a trial, one `Result` an approach."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from harness.history.trial import TrialLine

# What a result gives a 95 % interval of: two rates, and a median in seconds.
INTERVALS = ("duplicate", "missed", "failover_p50")


class Outcome(StrEnum):
    """What became of one expected run; each gets exactly one."""

    ONCE = "once"
    DUPLICATE = "duplicate"
    OVERRUN = "overrun"
    NEVER_STARTED = "never_started"
    LOST = "lost"
    FAILED = "failed"

    @property
    def missed(self) -> bool:
        """Whether the due time saw no effect."""
        return self in (Outcome.NEVER_STARTED, Outcome.LOST, Outcome.FAILED)


class Ending(StrEnum):
    """How a run ended."""

    FINISHED = "finished"
    FAILED = "failed"
    DIED = "died"
    UNFINISHED = "unfinished"


class Extra(StrEnum):
    """Why a run beyond the first of its due time is one too many."""

    OVERLAPPING = "overlapping"
    REPEATED = "repeated"
    RETRIED = "retried"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One execution. `ended` is the moment at which it stopped being in progress."""

    run: str
    worker: str
    job: str
    due: float | None
    started: float
    ended: float
    ending: Ending
    applied: int = 0
    rejected: int = 0
    extra: Extra | None = None


@dataclass(frozen=True, slots=True)
class Expected:
    """One expected run, its outcome, and the runs that it got, by start."""

    job: str
    due: float
    outcome: Outcome
    late: bool = False
    runs: tuple[Run, ...] = ()


@dataclass(frozen=True, slots=True)
class Together:
    """A stretch in which what should be exclusive was not: an overlap or a double hold.

    `what` is the job or the resource; `who` names the runs or the leases that met in it.
    """

    what: str
    start: float
    end: float
    most: int
    who: tuple[str, ...]

    @property
    def seconds(self) -> float:
        """How long it lasted."""
        return self.end - self.start


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A lease in one worker's hands, from `granted` to `ended`, whether given up, lost or neither.

    Without `job` it covers all jobs; with `due`, that one run only.
    """

    worker: str
    lease: str
    resource: str
    granted: float
    ended: float
    released: bool = False
    lost: bool = False
    fence: int | None = None
    job: str | None = None
    due: float | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """One time-to-event after a fault at `at`; `censored` where the end came first."""

    fault: str
    what: str
    at: float
    seconds: float
    censored: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the history of one trial proves. Times in seconds since the trial's start.

    `invalid` gives the reasons for which the trial does not count, one line each; `partial` says
    that it was cut short and judged up to `end`: runs in progress there are in `runs`, but what
    became of their due times is not known, and they are not in `expected`.
    """

    trial: TrialLine
    path: Path | None
    end: float
    invalid: tuple[str, ...] = ()
    partial: bool = False
    expected: tuple[Expected, ...] = ()
    runs: tuple[Run, ...] = ()
    overlaps: tuple[Together, ...] = ()
    holds: tuple[Held, ...] = ()
    double_holds: tuple[Together, ...] = ()
    failover: tuple[Sample, ...] = ()
    outage: tuple[Sample, ...] = ()
    takeover: tuple[Sample, ...] = ()
    lateness: tuple[float, ...] = ()
    lease_wait: tuple[float, ...] = ()
    suppressed: int = 0
    calls: int = 0
    errors: int = 0
    mechanisms: tuple[str, ...] = ()

    @property
    def valid(self) -> bool:
        """Whether the trial counts."""
        return not self.invalid

    @property
    def flawless(self) -> bool:
        """Whether nothing went wrong: it counts, and nothing in it is a violation.

        No due time was missed or got two effects, no run was one too many, none met another of its
        job, and the jobs went on after every fault. Leases held twice are no flaw in themselves.
        """
        return not (
            self.invalid
            or self.overlaps
            or any(one.outcome.missed or one.outcome is Outcome.DUPLICATE for one in self.expected)
            or any(run.extra in (Extra.OVERLAPPING, Extra.REPEATED) for run in self.runs)
            or any(sample.censored for sample in self.failover)
        )


@dataclass(frozen=True, slots=True)
class Quantiles:
    """Quantiles in seconds; None where there was nothing to measure, or not enough."""

    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    max: float | None = None


@dataclass(frozen=True, slots=True)
class Latency:
    """Quantiles of samples of which some may be censored.

    A quantile that falls among the censored samples is None: it is only known to exceed them.
    """

    samples: int
    unrecovered: int
    quantiles: Quantiles


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One approach over all its valid trials: a line of the comparison.

    `checksum` is that of all histories, in hexadecimal: the same where all of them are.
    """

    approach: str
    trials: int
    invalid_trials: int
    expected: int = 0
    once: int = 0
    duplicate: int = 0
    overrun: int = 0
    never_started: int = 0
    lost: int = 0
    failed: int = 0
    late: int = 0
    suppressed: int = 0
    overlapping: int = 0
    repeated: int = 0
    retried: int = 0
    overlap_count: int = 0
    overlap_seconds: float = 0.0
    max_concurrency: int = 0
    double_hold_count: int = 0
    double_hold_seconds: float = 0.0
    failover: Latency = Latency(0, 0, Quantiles())
    takeover: Latency = Latency(0, 0, Quantiles())
    outage: Latency = Latency(0, 0, Quantiles())
    lateness: Quantiles = Quantiles()
    lease_wait: Quantiles = Quantiles()
    calls_per_run: float | None = None
    intervals: Mapping[str, tuple[float | None, float | None]] = field(
        default_factory=lambda: dict.fromkeys(INTERVALS, (None, None))
    )
    mechanisms: tuple[str, ...] = ()
    invalid: tuple[str, ...] = ()
    skipped: str | None = None
    checksum: str | None = None

    @property
    def missed(self) -> int:
        """Expected runs that saw no effect, for whatever reason."""
        return self.never_started + self.lost + self.failed
