"""Calls, errors, waiting, lateness, mechanisms."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.history.event import Event
from tests.verdict.building import fault, judged, lease, life, ran, well


def calls(at: float, **counts: int) -> Event:
    return Event(at=at, kind="coordinator.calls", worker="w1", calls=counts)


def test_calls_are_summed_up() -> None:
    verdict = judged(calls(1, set=3, get=1), calls(2, set=2), calls(4.5, get=1))
    assert verdict.calls == 7


def test_errors_are_counted() -> None:
    error = Event(at=1, kind="coordinator.error", worker="w1", operation="set", error="timeout")
    assert judged(error, error).errors == 2


def test_mechanisms_are_those_of_the_faults_that_took_effect() -> None:
    verdict = judged(
        fault(1, "pause", "w1", mechanism="signal"),
        fault(2, "crash", "w1", mechanism="signal"),
        fault(3, "partition", "w1", mechanism="proxy-stall"),
    )
    assert verdict.mechanisms == ("proxy-stall", "signal")


def test_lease_wait_is_from_requested_to_granted() -> None:
    verdict = judged(
        lease(1, "requested", "w1"),
        lease(1, "requested", "w2"),
        lease(1.2, "granted", "w1"),
        lease(1.2, "denied", "w2"),
        lease(1.9, "granted", "w2"),
    )
    assert list(verdict.lease_wait) == pytest.approx([0.2])


def test_who_asks_again_and_again_has_waited_since_the_first_time() -> None:
    asked = [lease(at, "requested", "w1") for at in (1, 1.5, 2)]
    assert list(judged(asked, lease(2.1, "granted", "w1")).lease_wait) == pytest.approx([1.1])


def test_leases_without_an_id_are_told_apart_by_resource() -> None:
    verdict = judged(
        replace(lease(1, "requested", "w1", "a"), lease=None),
        replace(lease(2, "requested", "w1", "b"), lease=None),
        replace(lease(2.5, "granted", "w1", "b"), lease=None),
        replace(lease(3, "granted", "w1", "a"), lease=None),
    )
    assert list(verdict.lease_wait) == pytest.approx([0.5, 2])


def test_a_request_of_an_earlier_life_is_not_waited_for() -> None:
    verdict = judged(
        lease(1, "requested", "w1"), life(1.1, "exited", "w1"), lease(3, "granted", "w1")
    )
    assert verdict.lease_wait == ()


def test_lateness_is_that_of_the_first_run_of_each_expected_due_time() -> None:
    verdict = judged(ran(1.2, "w1", "1", due=1), ran(1.6, "w2", "1", due=1), well(3))
    assert list(verdict.lateness) == pytest.approx([0.2, 0])
