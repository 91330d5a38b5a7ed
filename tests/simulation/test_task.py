"""The order in which asyncio treats tasks."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from harness.simulation.kernel import Kernel
from harness.simulation.loop import SimulatedLoop

PROGRAM = """
import asyncio
from harness.simulation.kernel import Kernel
from harness.simulation.loop import SimulatedLoop

log = []

async def nap(name):
    try:
        await asyncio.sleep(10)
    except asyncio.CancelledError:
        log.append(name)
        raise

async def main():
    for _ in range(3):
        tasks = {asyncio.create_task(nap(i)) for i in range(7)}
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

junk = [object() for _ in range(hash("junk") % 1000)]
SimulatedLoop(Kernel()).run_until_complete(main())
print(log)
"""


def cancelled(before: int, several: int) -> list[int]:
    log: list[int] = []

    async def nap(number: int) -> None:
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            log.append(number)
            raise

    async def fail() -> None:
        await asyncio.sleep(1)
        raise ValueError

    async def main() -> None:
        for _ in range(before):
            await asyncio.create_task(asyncio.sleep(0))
        try:
            async with asyncio.TaskGroup() as group:
                for number in range(several):
                    group.create_task(nap(number))
                group.create_task(fail())
        except* ValueError:
            pass

    SimulatedLoop(Kernel()).run_until_complete(main())
    return log


@pytest.mark.parametrize("before", [0, 1, 5, 29, 250])
@pytest.mark.parametrize("several", [1, 3, 20, 100])
def test_a_task_group_cancels_in_the_order_of_creation(before: int, several: int) -> None:
    assert cancelled(before, several) == list(range(several))


def test_sets_of_tasks_have_the_same_order_in_every_process() -> None:
    outputs = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1
    assert outputs.pop().count(",") == 20
