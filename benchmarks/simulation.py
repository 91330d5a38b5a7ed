"""How fast virtual time goes: beside bare SimPy, and in whole trials.

    python -m benchmarks.simulation

First, tasks that sleep over and over, each in an event loop of its own, against as many SimPy
processes that wait for timeouts, in turns. An event is what the kernel runs: a timer that fires, a
callback of a loop. Then trials of one approach a family, without any fault: how many virtual
seconds go by in one second of processor time, all included but the verdict.
"""

from __future__ import annotations

import asyncio
import gc
import resource
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import simpy

from harness.cli.app import CATALOG
from harness.history.event import Event
from harness.runtimes.calibration import default_calibration
from harness.scenario.loading import load_scenario
from harness.scenario.overrides import with_overrides
from harness.simulation.kernel import Kernel
from harness.simulation.loop import SimulatedLoop
from harness.trial import Trial, simulate

ROUNDS = 7
SLEEPS = 200_000  # a round
SLEEPERS = (10, 1000)
APPROACHES = ("redis-lock", "zookeeper-leader", "postgres-queue")
# Workers, and virtual seconds of a trial with so many.
SIZES = ((5, 600.0), (10, 600.0), (100, 60.0), (1000, 30.0))
SCENARIO = Path(__file__).parents[1] / "scenarios" / "steady.yaml"


async def sleep_on(period: float) -> None:
    """Sleep over and over."""
    while True:
        await asyncio.sleep(period)


def ours(sleepers: int, until: float) -> float:
    """Events per second of processor time, of event loops on our kernel."""
    kernel = Kernel()
    loops = [SimulatedLoop(kernel, str(number)) for number in range(sleepers)]
    for number, loop in enumerate(loops):
        loop.call_soon(loop.create_task, sleep_on(1 + number * 1e-4))
    over: list[bool] = []
    kernel.plan(until, over.append, True)
    start = time.process_time()
    kernel.run_until(lambda: bool(over))
    rate = kernel.processed / (time.process_time() - start)
    for loop in loops:
        loop.close()
    return rate


def bare(sleepers: int, until: float) -> float:
    """Events per second of processor time, of SimPy's own processes."""
    env = simpy.Environment()

    def wait_on(period: float) -> simpy.events.ProcessGenerator:
        while True:
            yield env.timeout(period)

    for number in range(sleepers):
        env.process(wait_on(1 + number * 1e-4))
    start = time.process_time()
    env.run(until=until)
    return sleepers * until / (time.process_time() - start)


def compare_kernels() -> None:
    """Print the ratio of events per second."""
    print("events per second of processor time: our loops / bare SimPy = ratio (median)")
    for sleepers in SLEEPERS:
        until = float(SLEEPS // sleepers)
        pairs = [(ours(sleepers, until), bare(sleepers, until)) for _ in range(ROUNDS)]
        ratio = statistics.median(mine / theirs for mine, theirs in pairs)
        mine = statistics.median(pair[0] for pair in pairs)
        theirs = statistics.median(pair[1] for pair in pairs)
        print(f"  {sleepers:>5} sleepers: {mine:>9,.0f} / {theirs:>9,.0f} = {ratio:.2f}")


class Counter:
    """Counts events."""

    def __init__(self) -> None:
        self.count = 0

    def record(self, event: Event) -> None:
        """One more."""
        self.count += 1


def run_trial(approach: str, workers: int, duration: float) -> None:
    """Print how fast one trial went."""
    scenario = with_overrides(
        load_scenario(SCENARIO, CATALOG),
        CATALOG,
        workers=workers,
        duration=duration,
        approaches=[approach],
    )
    trial = Trial(scenario=scenario, choice=scenario.approaches[0], seed=1, runtime="sim", extra={})
    counter = Counter()
    say: Callable[[str], None] = print
    start = time.process_time()
    error = simulate(trial, default_calibration(), counter, say)
    seconds = time.process_time() - start
    assert error is None, error
    print(
        f"  {approach:<18} {workers:>5} workers: {duration / seconds:>7,.0f} virtual seconds"
        f" a second, {counter.count / seconds:>8,.0f} recorded events a second"
    )


def main() -> None:
    """Print both."""
    # As in the processes that run trials: what is loaded is not gone over again and again.
    gc.freeze()
    compare_kernels()
    print("trials of `steady`, jobs every 1 s and 2 s:")
    for approach in APPROACHES:
        for workers, duration in SIZES:
            run_trial(approach, workers, duration)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory: {peak:.0f} MiB")


if __name__ == "__main__":
    main()
