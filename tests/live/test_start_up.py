"""Many workers become ready. How fast, and against what, says `benchmarks/worker_startup.py`."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.live.trials import Trials

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(120),
    pytest.mark.asyncio(loop_scope="module"),
]

WORKERS = 50


@pytest.mark.parametrize("approach", ["redis-lock", "zookeeper-lock", "postgres-advisory-lock"])
async def test_fifty_workers_become_ready(
    trials: Trials, approach: str, record_property: Callable[[str, object], None]
) -> None:
    start = time.monotonic()
    async with trials.open(approach, workers=WORKERS) as trial:
        seconds = time.monotonic() - start
        assert len(trial.pids()) == WORKERS
        ready = {e.worker for e in trial.events.seen if e.kind == "worker.ready"}
        assert len(ready) == WORKERS
    print(f"{WORKERS} workers of {approach} were ready after {seconds:.2f} s")
    record_property("seconds", round(seconds, 3))
