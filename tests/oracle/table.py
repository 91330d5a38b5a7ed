"""What theory says must come out, whatever the runtime: one table of scenario, approach and sign.

Sources of the rows, by their mark:

- locks: Redis documentation, "Distributed Locks with Redis": exclusion holds within the validity
  time only. Kleppmann, "How to do distributed locking": a run that outlives it, or a pause, and two
  run at once. A lock that is renewed outlives any job, but no pause of its holder.
- sessions: ZooKeeper's recipes of locks and leader election, and its programmer's guide on
  sessions: the session of a client that is silent for its timeout ends, and its ephemeral nodes
  go. Curator, "Error handling": only who stops at SUSPENDED is sure not to lead beside another.
- connections: PostgreSQL documentation, "Advisory Locks": held until the session ends, for which
  neither time nor silence is a reason.
- queue: PostgreSQL documentation, "SELECT", SKIP LOCKED: a claim is a row lock, which dies with its
  session; then the run is claimed again.
- none: every instance's timer fires.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

SHORTENED: Mapping[str, str] = {
    "steady": "10s",
    "worker-crash": "20s",
    "gc-pause": "18s",
    "network-partition": "18s",
    "lease-expiry": "14s",
    "long-running-job": "14s",
}
"""The scenarios, each with a duration in which what it is about happens at least once."""

MISFITS = {("network-partition", "uncoordinated")}
"""What makes no sense together, and is skipped with that reason on any machine."""


class Sign(StrEnum):
    """What can be said of a count."""

    NONE = "none"
    SOME = "some"
    EVERY = "every"

    def holds(self, count: int, expected: int) -> bool:
        """Whether the count is as it should be, of `expected` runs."""
        match self:
            case Sign.NONE:
                return count == 0
            case Sign.SOME:
                return count > 0
        return count == expected > 0


@dataclass(frozen=True, slots=True)
class Row:
    """One statement: under this scenario, this approach has so much of this measure.

    `measure` is a path into a result of results.json, its keys joined by dots.
    """

    scenario: str
    approach: str
    measure: str
    sign: Sign

    def __str__(self) -> str:
        return f"{self.scenario} {self.approach} {self.measure} {self.sign}"

    def holds(self, result: Mapping[str, Any]) -> bool:
        """Whether a result bears it out. Who was not hit did not recover either."""
        *above, last = self.measure.split(".")
        if last == "unrecovered" and not measured(result, ".".join([*above, "samples"])):
            return False
        return self.sign.holds(measured(result, self.measure), result["expected"])


def measured(result: Mapping[str, Any], measure: str) -> Any:
    """What a result has at the path."""
    value: Any = result
    for key in measure.split("."):
        value = value[key]
    return value


_OVERLAP = "overlap.count"

# Scenario, approaches, measures, sign.
_TABLE: tuple[tuple[str, str, str, Sign], ...] = (
    (
        "steady",
        "redis-setnx redis-lock redis-watchdog zookeeper-lock zookeeper-leader"
        " postgres-advisory-lock postgres-queue",
        f"duplicate missed.total {_OVERLAP}",
        Sign.NONE,
    ),
    ("steady", "uncoordinated", "duplicate", Sign.EVERY),  # none
    # locks: the pause, and the job, outlast the time to live.
    ("gc-pause", "redis-setnx redis-lock redis-watchdog", _OVERLAP, Sign.SOME),
    ("long-running-job", "redis-setnx redis-lock", _OVERLAP, Sign.SOME),
    ("long-running-job", "redis-watchdog", _OVERLAP, Sign.NONE),
    # sessions: silent during the pause, alive during a long job.
    ("gc-pause", "zookeeper-lock zookeeper-leader", _OVERLAP, Sign.SOME),
    ("long-running-job", "zookeeper-lock zookeeper-leader", _OVERLAP, Sign.NONE),
    ("network-partition", "zookeeper-leader", _OVERLAP, Sign.NONE),
    ("network-partition", "zookeeper-leader-ignore", _OVERLAP, Sign.SOME),
    # locks: the run under way is over before its lock has run out.
    ("network-partition", "redis-lock redis-watchdog", _OVERLAP, Sign.NONE),
    # connections: open through pause, partition and a long job.
    ("gc-pause", "postgres-advisory-lock", _OVERLAP, Sign.NONE),
    ("long-running-job", "postgres-advisory-lock", _OVERLAP, Sign.NONE),
    ("network-partition", "postgres-advisory-lock", _OVERLAP, Sign.NONE),
    # queue: the paused claim stays, the one whose session was ended is claimed again.
    ("gc-pause", "postgres-queue", "duplicate missed.total", Sign.NONE),
    ("lease-expiry", "postgres-queue", "duplicate", Sign.SOME),
    # A lease that the coordinator forgot is free, while its holder runs on.
    (
        "lease-expiry",
        "redis-setnx redis-lock redis-watchdog zookeeper-lock zookeeper-leader"
        " postgres-advisory-lock postgres-queue",
        _OVERLAP,
        Sign.SOME,
    ),
    # Whatever a crash takes with it, the others go on.
    (
        "worker-crash",
        "redis-setnx redis-lock redis-watchdog zookeeper-lock zookeeper-leader"
        " postgres-advisory-lock postgres-queue",
        "failover.unrecovered takeover.unrecovered outage.unrecovered",
        Sign.NONE,
    ),
    ("worker-crash", "uncoordinated", "failover.unrecovered outage.unrecovered", Sign.NONE),
    ("worker-crash", "postgres-queue", "missed.total", Sign.NONE),
)

ORACLE: tuple[Row, ...] = tuple(
    Row(scenario, approach, measure, sign)
    for scenario, approaches, measures, sign in _TABLE
    for approach in approaches.split()
    for measure in measures.split()
)
