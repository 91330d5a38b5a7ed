"""How long until many workers are ready, each connected to its coordinator.

    python -m benchmarks.worker_startup

Seconds from the first fork to the last `worker.ready`, the best and the worst of some rounds; the
servers and the warm parent of the workers run already. Beside it, what it would take to start
as many fresh interpreters with the same clients, one after the other: a few are measured, in turns
with the rest, and scaled up.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence

from harness.coordinators.sources import locate
from harness.history.event import Event
from harness.runtimes.ground import Ground, open_ground
from harness.runtimes.launcher import Launcher
from harness.runtimes.process import ProcessCluster
from harness.runtimes.spec import Assignment, ClusterSpec, System
from harness.scenario.model import Job
from harness.worker.sink import Policy

APPROACHES = {
    "redis": "redis-lock",
    "zookeeper": "zookeeper-lock",
    "postgres": "postgres-advisory-lock",
}
CROWDS = (10, 50)
BOUND = 3.0  # s; what 50 workers may take
ROUNDS = 3
FRESH = 5  # interpreters started a round
IMPORTS = "import redis.asyncio, kazoo.client, psycopg"


class Nowhere:
    """A recorder that keeps nothing."""

    def record(self, event: Event) -> None:
        """Drop it."""


async def ready_after(ground: Ground, coordinator: str, workers: int, name: str) -> float:
    """Seconds until that many workers are ready."""
    names = [f"worker-{number}" for number in range(1, workers + 1)]
    system = System(coordinator)
    assignment = Assignment(approach=APPROACHES[coordinator], parameters={}, system=system)
    spec = ClusterSpec(
        seed=1,
        jobs=(Job("report", 60.0, 60.0),),
        assignments=dict.fromkeys(names, assignment),
        offsets=dict.fromkeys(names, 0.0),
        misfire_grace=1.0,
        max_instances=1,
        request_timeout=1.0,
        policy=Policy.NONE,
    )
    cluster = ProcessCluster(ground, spec, name, Nowhere(), {system: ground.servers[coordinator]})
    start = time.monotonic()
    try:
        await cluster.set_up()
        return time.monotonic() - start
    finally:
        await cluster.close()


def fresh_interpreter() -> float:
    """Seconds to start one that loads the same clients, and to end it."""
    start = time.monotonic()
    subprocess.run([sys.executable, "-c", IMPORTS], check=True)
    return time.monotonic() - start


async def measure() -> bool:
    """Measure and print; true where 50 workers kept within the bound everywhere."""
    found = locate(os.environ)
    seconds: dict[tuple[str, int], list[float]] = defaultdict(list)
    fresh: list[float] = []
    with Launcher() as launcher:
        async with open_ground(launcher, found, set(APPROACHES)) as ground:
            for count in range(ROUNDS):
                fresh += [fresh_interpreter() for _ in range(FRESH)]
                for coordinator in ground.servers:
                    for workers in CROWDS:
                        name = f"bench_{coordinator}_{workers}_{count}"
                        took = await ready_after(ground, coordinator, workers, name)
                        seconds[coordinator, workers].append(took)
            for coordinator, why in ground.missing.items():
                print(f"{coordinator}: not measured: {why}")
    return report(seconds, min(fresh))


def report(seconds: Mapping[tuple[str, int], Sequence[float]], fresh: float) -> bool:
    """Print a row a crowd; true where the greatest kept within the bound everywhere."""
    print(f"{'':12}{'workers':>8}{'best, s':>10}{'worst, s':>10}{'fresh, s':>10}{'ratio':>8}")
    slow = []
    for (coordinator, workers), rounds in seconds.items():
        best, one_by_one = min(rounds), fresh * workers
        row = f"{coordinator:12}{workers:8}{best:10.2f}{max(rounds):10.2f}{one_by_one:10.2f}"
        print(f"{row}{best / one_by_one:8.3f}")
        if workers == max(CROWDS) and best > BOUND:
            slow.append(coordinator)
    print(
        f"{max(CROWDS)} workers within {BOUND:g} s: {'not ' + ', '.join(slow) if slow else 'yes'}"
    )
    return not slow


if __name__ == "__main__":
    sys.exit(0 if asyncio.run(measure()) else 1)
