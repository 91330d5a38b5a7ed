"""The trial's time, and a worker's own idea of it."""

from __future__ import annotations

import asyncio

import pytest

from harness.worker.clock import WorkerClock, since

pytestmark = pytest.mark.virtual_time


async def test_time_counts_from_the_start() -> None:
    loop = asyncio.get_running_loop()
    now = since(loop.time() + 0.5, loop)
    assert now() == -0.5
    await asyncio.sleep(2.0)
    assert now() == 1.5


@pytest.mark.parametrize("offset", [0.25, -0.25])
def test_a_clock_is_ahead_by_its_offset(offset: float) -> None:
    clock = WorkerClock(lambda: 3.0, offset)
    assert clock.now() == 3.0
    assert clock.own() == 3.0 + offset


class Host:
    """A host whose time goes as it is told."""

    def __init__(self) -> None:
        self.time = 10.0

    def now(self) -> float:
        return self.time


def test_a_clock_that_jumped_is_further_by_so_much_and_skews_add_up() -> None:
    clock = WorkerClock(Host().now, 0.25)
    clock.skew("one", 2.0, 0.0)
    assert clock.own() == 12.25
    clock.skew("other", -0.5, 0.0)
    assert (clock.now(), clock.own()) == (10.0, 11.75)
    # Told again, it is no further.
    clock.skew("other", -0.5, 0.0)
    assert clock.own() == 11.75


def test_a_clock_that_drifts_gains_so_much_a_second_from_then_on() -> None:
    host = Host()
    clock = WorkerClock(host.now)
    clock.skew("one", 0.0, 0.5)
    assert clock.own() == 10.0
    host.time = 14.0
    assert clock.own() == 16.0
    # What it has gained stays; from here on it gains half as much.
    clock.skew("other", 1.0, -0.25)
    assert clock.own() == 17.0
    host.time = 18.0
    assert clock.own() == 22.0
    assert clock.until(27.0) == 4.0


def test_a_clock_that_drifts_since_before_has_gained_that_much() -> None:
    host = Host()
    clock = WorkerClock(host.now)
    clock.skew("one", 1.0, 0.5, since=4.0)
    assert clock.own() == 14.0


def test_a_clock_set_right_is_as_it_was_meant_to_be() -> None:
    host = Host()
    clock = WorkerClock(host.now, -0.25)
    clock.skew("one", 2.0, 0.5)
    host.time = 20.0
    clock.unskew("one")
    assert clock.own() == 19.75
    host.time = 30.0
    assert clock.own() == 29.75


def test_who_sets_a_clock_right_undoes_no_more_than_it_did() -> None:
    host = Host()
    clock = WorkerClock(host.now)
    clock.skew("one", 2.0, 0.5)
    clock.skew("other", 1.0, 0.25)
    clock.unskew("nobody")
    host.time = 14.0
    clock.unskew("other")
    assert clock.own() == 18.0
    assert clock.until(21.0) == 2.0


@pytest.mark.parametrize(("drift", "seconds"), [(0.0, 6.0), (1.0, 3.0), (-0.5, 12.0)])
def test_what_passes_until_a_moment_depends_on_the_drift(drift: float, seconds: float) -> None:
    host = Host()
    clock = WorkerClock(host.now)
    clock.skew("one", 0.0, drift)
    assert clock.until(16.0) == seconds
    host.time += seconds
    assert clock.own() == 16.0


def test_no_clock_stands_still_or_runs_backwards() -> None:
    clock = WorkerClock(Host().now)
    with pytest.raises(ValueError, match="cannot lose 1 s a second"):
        clock.skew("one", 0.0, -1.0)
    clock.skew("one", 0.0, -0.5)
    with pytest.raises(ValueError, match=r"cannot lose 1\.1 s a second"):
        clock.skew("other", 0.0, -0.6)
    # It is as it was; told again, it loses no more than before.
    clock.skew("one", 0.0, -0.9)
    assert clock.until(10.1) == pytest.approx(1.0)
