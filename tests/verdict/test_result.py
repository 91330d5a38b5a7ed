"""Trials summed up, and the JSON of it."""

from __future__ import annotations

import json
from zlib import crc32

import pytest

from harness.history.event import Event
from harness.verdict.model import Result, Verdict
from harness.verdict.result import result_as_json, skipped
from harness.verdict.result import summarize as summarize_tallies
from harness.verdict.tally import tally
from tests.verdict.building import failed, fault, judged, lease, life, ran, started, well


def summarize(approach: str, verdicts: list[Verdict]) -> Result:
    return summarize_tallies(approach, [tally(verdict) for verdict in verdicts])


def troubled() -> Verdict:
    """A trial with one of almost everything."""
    return judged(
        lease(0.9, "requested", "w1"),
        lease(1, "granted", "w1"),
        ran(1, "w1", "1", due=1, takes=0.5),
        ran(1.2, "w2", "1", due=1, takes=0.5),
        started(2, "w1", "2", due=2),
        lease(2.05, "granted", "w2"),
        fault(2.1, "crash", "w1"),
        life(2.1, "exited", "w1"),
        ran(2.2, "w2", "2", due=2),
        started(3, "w2", "3", due=3),
        Event(at=3.1, kind="effect.rejected", worker="w2", run="w2/w2/3", reason="stale"),
        failed(3.1, "w2", "3"),
        lease(3.5, "granted", "w3"),
        Event(at=3.9, kind="coordinator.calls", worker="w2", calls={"set": 6}),
    )


def test_counts_and_samples_are_pooled_over_trials() -> None:
    result = summarize("any", [troubled(), troubled(), judged(well(1, 2, 3))])
    assert (result.trials, result.invalid_trials, result.expected) == (3, 0, 9)
    assert (result.once, result.duplicate, result.overrun, result.missed) == (5, 2, 0, 2)
    assert (result.overlapping, result.repeated, result.retried) == (2, 0, 2)
    assert (result.overlap_count, result.max_concurrency) == (2, 2)
    assert result.overlap_seconds == pytest.approx(0.6)
    assert result.double_hold_count == 4
    assert result.suppressed == 2
    assert result.failover.samples == 2
    assert result.failover.quantiles.p50 == pytest.approx(0.1)
    assert result.takeover.quantiles.max == pytest.approx(1.4)
    assert result.lease_wait.max == pytest.approx(0.1)
    assert result.calls_per_run == pytest.approx(12 / 9)
    assert result.mechanisms == ("simulated",)
    low, high = result.intervals["duplicate"]
    assert low is not None
    assert high is not None
    assert low < 2 / 9 < high
    assert result.intervals["failover_p50"] == (None, None)


def test_invalid_trials_are_counted_and_nothing_else_of_them() -> None:
    broken = judged(
        ran(1, "w1", "1", due=1),
        ran(1, "w2", "1", due=1),
        Event(at=1, kind="fault.failed", fault="crash#1", error="no process"),
    )
    result = summarize("any", [broken, judged(well(1, 2, 3))])
    assert (result.trials, result.invalid_trials) == (2, 1)
    assert (result.expected, result.once, result.duplicate, result.overlap_count) == (3, 3, 0, 0)
    assert result.invalid == ("seed 7: fault crash#1 failed: no process",)


def test_of_invalid_trials_only_nothing_is_known() -> None:
    result = summarize("any", [judged(duration=0.5)])
    assert (result.trials, result.invalid_trials, result.expected) == (1, 1, 0)
    assert result.calls_per_run is None
    assert result.intervals["missed"] == (None, None)


def test_an_unrecovered_fault_is_counted_and_leaves_quantiles_open() -> None:
    lost = judged(well(1, 2), started(3, "w1", "1", due=3), fault(3.1, "crash", "w1"))
    result = summarize("any", [lost])
    assert (result.failover.samples, result.failover.unrecovered) == (1, 1)
    assert result.failover.quantiles.p50 is None
    assert result.failover.quantiles.max is None


def test_without_overlap_the_greatest_concurrency_is_one() -> None:
    assert summarize("any", [judged(well(1, 2, 3))]).max_concurrency == 1
    assert summarize("any", [judged()]).max_concurrency == 0


def test_a_skipped_approach_says_why() -> None:
    row = result_as_json(skipped("redis-lock", "redis-server is not installed"))
    assert row["skipped"] == "redis-server is not installed"
    assert row["trials"] == 0
    assert row["intervals"] == {
        "duplicate": [None, None],
        "missed": [None, None],
        "failover_p50": [None, None],
    }


def test_the_json_has_exactly_this_shape() -> None:
    row = json.loads(json.dumps(result_as_json(summarize("any", [troubled()])), allow_nan=False))
    assert row == {
        "approach": "any",
        "trials": 1,
        "invalid_trials": 0,
        "invalid": [],
        "expected": 3,
        "once": 1,
        "duplicate": 1,
        "overrun": 0,
        "late": 0,
        "suppressed": 1,
        "missed": {"total": 1, "never_started": 0, "lost": 0, "failed": 1},
        "extra_runs": {"overlapping": 1, "repeated": 0, "retried": 1},
        "overlap": {"count": 1, "seconds": 0.3, "max_concurrency": 2},
        "double_hold": {"count": 2, "seconds": 0.55},
        "failover": {
            "samples": 1, "unrecovered": 0, "p50": 0.1, "p95": 0.1, "p99": 0.1, "max": 0.1,
        },
        "takeover": {
            "samples": 1, "unrecovered": 0, "p50": 1.4, "p95": 1.4, "p99": 1.4, "max": 1.4,
        },
        "outage": {"samples": 1, "unrecovered": 0, "p50": 0, "p95": 0, "p99": 0, "max": 0},
        "lateness": {"p50": 0, "p95": 0, "p99": 0, "max": 0},
        "lease_wait": {"p50": 0.1, "p95": 0.1, "p99": 0.1, "max": 0.1},
        "calls_per_run": 2.0,
        "intervals": {
            "duplicate": [0.061492, 0.79234],
            "missed": [0.061492, 0.79234],
            "failover_p50": [None, None],
        },
        "mechanisms": ["simulated"],
        "skipped": None,
        "checksum": None,
    }  # fmt: skip


def test_the_checksum_is_that_of_all_histories_in_their_order() -> None:
    first, second = judged(well(1, 2, 3)), judged(duration=0.5)
    one = summarize_tallies("any", [tally(first, 1), tally(second, 2**32 - 1)])
    other = summarize_tallies("any", [tally(first, 2**32 - 1), tally(second, 1)])
    assert one.checksum == f"{crc32(bytes([0, 0, 0, 1, 255, 255, 255, 255])):08x}"
    assert other.checksum != one.checksum
    assert result_as_json(one)["checksum"] == one.checksum


def test_without_one_of_the_checksums_there_is_none() -> None:
    verdict = judged(well(1, 2, 3))
    assert summarize_tallies("any", [tally(verdict, 1), tally(verdict)]).checksum is None
