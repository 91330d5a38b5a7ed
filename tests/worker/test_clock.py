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
