"""Trials made up from distributions that are known."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from random import Random
from typing import Any

from harness.verdict.model import Outcome
from harness.verdict.tally import Samples, Stretches, Tally


def samples(seconds: list[float], end: float = 1e9) -> Samples:
    """Samples of one job, censored where they exceed `end`."""
    return Samples(
        faults=tuple(f"crash#{place}" for place, _ in enumerate(seconds)),
        whats=("report",) * len(seconds),
        at=array("d", [0.0] * len(seconds)),
        seconds=array("d", [min(one, end) for one in seconds]),
        censored=bytes(one > end for one in seconds),
    )


def make_tally(seed: int = 1, **changes: Any) -> Tally:
    """A trial of 50 runs in which nothing happened, changed as told."""
    fields: dict[str, Any] = {
        "seed": seed,
        "invalid": (),
        "partial": False,
        "outcomes": {Outcome.ONCE: 50},
        "extras": {},
        "late": 0,
        "suppressed": 0,
        "overlap_count": 0,
        "overlap_seconds": 0.0,
        "concurrency": 1,
        "double_hold_count": 0,
        "double_hold_seconds": 0.0,
        "duration": 30.0,
        "overlaps": Stretches(),
        "failover": samples([]),
        "takeover": samples([]),
        "outage": samples([]),
        "lateness": array("d"),
        "lease_wait": array("d"),
        "calls": 100,
        "errors": 0,
        "mechanisms": ("signal",),
        "plans_faults": True,
        "flawless": True,
        "checksum": None,
    }
    return Tally(**{**fields, **changes})


def trial(
    random: Random,
    *,
    slower: float = 1.0,
    waits: float = 1.0,
    calls: float = 1.0,
    duplicates: float = 0.02,
    end: float = 1e9,
) -> Tally:
    """A trial by chance: failovers of about 2 s, half of it common to the whole trial."""
    mood = random.lognormvariate(0, 0.15)
    failovers = [
        slower * 2 * mood * random.lognormvariate(0, 0.15) for _ in range(random.randint(2, 6))
    ]
    twice = sum(random.random() < duplicates for _ in range(50))
    return make_tally(
        seed=random.randrange(10**6),
        outcomes={Outcome.ONCE: 50 - twice, Outcome.DUPLICATE: twice},
        overlap_count=twice,
        failover=samples(failovers, end),
        takeover=samples([0.9 * one for one in failovers], end),
        outage=samples([1.2 * one for one in failovers], end),
        lateness=array("d", [0.001 * random.lognormvariate(0, 0.5) for _ in range(50)]),
        lease_wait=array("d", [waits * 0.004 * random.lognormvariate(0, 0.8) for _ in range(80)]),
        calls=round(calls * random.gauss(120, 6)),
    )


def trials(count: int, seed: object, **how: float) -> list[Tally]:
    """So many of them."""
    random = Random(f"{seed}")
    return [trial(random, **how) for _ in range(count)]


def counting(count: int, seed: object, rate: Callable[[Random], float]) -> list[Tally]:
    """Trials with so many missed runs each as `rate` says, by chance."""
    random = Random(f"{seed}")
    found = []
    for _ in range(count):
        chance = rate(random)
        missed = sum(random.random() < chance for _ in range(50))
        outcomes = {Outcome.ONCE: 50 - missed, Outcome.NEVER_STARTED: missed}
        found.append(make_tally(outcomes=outcomes, calls=0))
    return found
