"""Verdicts boiled down: nothing lost that is summed up, and little memory."""

from __future__ import annotations

import pickle
import tracemalloc

import pytest

from harness.history.trial import FaultLine
from harness.verdict.model import Outcome, Sample
from harness.verdict.tally import tally
from tests.verdict.building import failed, fault, judged, lease, ran, started, well


def test_it_holds_what_a_result_is_made_of() -> None:
    verdict = judged(
        lease(0.9, "requested", "w1"),
        lease(1, "granted", "w1"),
        ran(1, "w1", "1", due=1, takes=0.5),
        ran(1.2, "w2", "1", due=1, takes=0.5),
        started(2, "w1", "2", due=2),
        fault(2.1, "crash", "w1"),
        failed(3.1, "w2", "3"),
        faults=[FaultLine("crash#1", "crash", 2.1)],
    )
    small = tally(verdict, checksum=5)
    assert small.outcomes[Outcome.DUPLICATE] == 1
    assert small.outcomes[Outcome.LOST] == 1
    assert (small.overlap_count, small.concurrency) == (1, 2)
    assert list(small.lateness) == list(verdict.lateness)
    assert list(small.lease_wait) == pytest.approx([0.1])
    assert (small.seed, small.checksum, small.plans_faults) == (7, 5, True)
    assert tuple(small.failover) == verdict.failover
    assert tuple(small.outage) == verdict.outage
    assert tuple(small.takeover) == verdict.takeover
    assert pickle.loads(pickle.dumps(small)) == small


def test_samples_cut_off_by_the_end_stay_so() -> None:
    verdict = judged(well(1, 2), started(3, "w1", "1", due=3), fault(3.1, "crash", "w1"))
    (sample,) = tally(verdict).failover
    assert sample == Sample("crash#1", "report", 3.1, pytest.approx(0.9), censored=True)


@pytest.mark.parametrize(
    ("events", "flawless"),
    [
        ([well(1, 2, 3)], True),
        # A retry after a failure is what at-least-once promises.
        (
            [well(2, 3), started(1, "w1", "1", 1), failed(1.1, "w1", "1"), ran(1.2, "w9", "1", 1)],
            True,
        ),
        ([well(2, 3)], False),
        ([well(1, 2, 3), well(3, worker="w8")], False),
        ([well(1, 2), started(3, "w1", "1", 3), ran(3.9, "w2", "1", 3)], False),
        ([well(1, 2), ran(3, "w1", "1", 3), fault(3.05, "crash", "w1")], False),
    ],
)
def test_a_trial_is_flawless_or_not(events: list[list[object]], flawless: bool) -> None:
    assert tally(judged(*events)).flawless is flawless  # type: ignore[arg-type]


def test_an_invalid_trial_is_not_flawless() -> None:
    small = tally(judged(duration=0.5))
    assert not small.valid
    assert not small.flawless


def test_ten_thousand_small_trials_fit_in_little_memory() -> None:
    dues = [float(due) for due in range(1, 41)]
    leases = [
        lease(due, what, "w1", name=str(due))
        for due in dues
        for what in ("requested", "granted", "released")
    ]
    crashes = [fault(due + 0.05, "pause", "w9") for due in dues[::4]]
    verdict = judged(well(*dues), leases, crashes, duration=42.0)
    assert len(verdict.failover) == 10
    packed = pickle.dumps(tally(verdict))
    tracemalloc.start()
    try:
        kept = [pickle.loads(packed) for _ in range(200)]
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert used / len(kept) * 10_000 < 100e6
