"""How the library's scenarios are run for the table: how long, and live with which approaches."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

# `make oracle` sets it: then all approaches are run live, which takes half an hour.
EVERYTHING = "HARNESS_ORACLE"


# Seconds for all scenarios together.
PATIENCE = 7200 if os.environ.get(EVERYTHING) == "all" else 500


@dataclass(frozen=True, slots=True)
class Selection:
    """A scenario in the table. `duration` in which what it is about happens; None for its own.

    `live` are the approaches that are always run live, `workers` how many of them then; in
    simulation all are, with as many as the scenario says.
    """

    live: tuple[str, ...]
    duration: str | None = None
    workers: int | None = None


def _run(live: str, duration: str | None = None, workers: int | None = None) -> Selection:
    return Selection(tuple(live.split()), duration, workers)


SELECTED: Mapping[str, Selection] = {
    "steady": _run(
        "uncoordinated redis-setnx redis-lock redis-watchdog redis-fenced redis-pubsub redlock"
        " redis-leader redis-streams zookeeper-lock zookeeper-leader consistent-hash"
        " postgres-advisory-lock postgres-row-lock postgres-leader postgres-queue shedlock"
        " quartz-cluster",
        "8s",
        workers=2,
    ),
    "worker-crash": _run(
        "redis-lock redis-pubsub redis-streams zookeeper-leader consistent-hash"
        " postgres-advisory-lock postgres-queue quartz-cluster",
        "20s",
    ),
    "gc-pause": _run(
        "redis-setnx redis-lock redis-watchdog redis-leader zookeeper-lock zookeeper-leader"
        " postgres-advisory-lock postgres-queue",
        "18s",
    ),
    "network-partition": _run(
        "redis-setnx redis-lock redis-fenced redis-leader zookeeper-leader zookeeper-leader-ignore"
        " postgres-leader postgres-row-lock",
        "18s",
    ),
    "lease-expiry": _run(
        "redis-lock redis-leader redis-streams zookeeper-lock zookeeper-leader shedlock"
        " postgres-advisory-lock postgres-queue",
        "14s",
    ),
    "long-running-job": _run(
        "redis-setnx redis-lock redis-watchdog redlock zookeeper-lock postgres-row-lock shedlock"
        " quartz-cluster",
        "20s",
    ),
    "crash-mid-run": _run(
        "redis-lock redis-leader redis-streams zookeeper-leader postgres-advisory-lock"
        " postgres-queue quartz-cluster quartz-cluster-recovering"
    ),
    "zombie-worker": _run("redis-lock redis-fenced zookeeper-lock postgres-leader"),
    "split-brain": _run(
        "redis-leader zookeeper-leader zookeeper-leader-ignore postgres-leader"
        " postgres-leader-trusting consistent-hash-ignore",
        "18s",
    ),
    "lost-replies": _run("redis-setnx redis-lock zookeeper-lock postgres-advisory-lock"),
    "slow-network": _run("redis-lock redlock zookeeper-lock postgres-queue"),
    "coordinator-restart": _run("redis-lock zookeeper-lock shedlock", "14s"),
    "coordinator-outage": _run("redis-lock postgres-queue"),
    "coordinator-failover": _run("redis-lock zookeeper-lock"),
    "clock-skew": _run("shedlock shedlock-database-clock redis-lock"),
    "clock-spread": _run(
        "redis-lock redis-lock-per-run redis-pubsub zookeeper-leader shedlock-database-clock"
        " shedlock-at-least postgres-row-lock-waiting postgres-row-lock-rechecking"
    ),
    "rolling-deploy": _run("redis-lock redis-streams zookeeper-lock postgres-queue"),
    "thundering-herd": _run("redis-lock zookeeper-lock", workers=10),
    "failing-jobs": _run("redis-lock redis-lock-no-retry"),
    "load-spike": _run("redis-leader zookeeper-leader"),
    "migration": _run("redis-to-postgres setnx-to-lock lock-to-queue"),
}

MISFITS = {
    ("network-partition", "uncoordinated"),
}
"""What makes no sense together, and is skipped with that reason on any machine."""


def live_approaches(scenario: str) -> tuple[str, ...] | None:
    """The approaches that are run live; None for all."""
    return None if os.environ.get(EVERYTHING) == "all" else SELECTED[scenario].live


def runs_live(scenario: str, approach: str) -> bool:
    """Whether this approach is run live in this scenario."""
    chosen = live_approaches(scenario)
    return chosen is None or approach in chosen
