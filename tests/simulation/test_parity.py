"""What a program does in virtual time is what it does on asyncio's own loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from harness.simulation.kernel import Kernel
from harness.simulation.loop import SimulatedLoop
from tests.simulation.programs import PROGRAMS, Log, Program, nap
from tests.virtual_time import VirtualTimeLoop


def simulated() -> SimulatedLoop:
    return SimulatedLoop(Kernel())


def virtual() -> VirtualTimeLoop:
    loop = VirtualTimeLoop()
    loop.set_exception_handler(lambda _loop, _context: None)
    return loop


def run(program: Program, factory: Callable[[], asyncio.AbstractEventLoop]) -> Log:
    log: Log = []

    async def main() -> None:
        start = asyncio.get_running_loop().time()
        await program(log)
        log.append(round(asyncio.get_running_loop().time() - start, 6))

    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main())
    return log


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_in_virtual_time_the_log_is_that_of_asyncio(program: Program) -> None:
    stock = run(program, virtual)
    assert len(stock) > 1
    assert run(program, simulated) == stock


def test_there_are_enough_programs() -> None:
    assert len(PROGRAMS) >= 25


async def sleeping(log: Log) -> None:
    await asyncio.gather(*(nap(log, str(s), s) for s in (0.09, 0.03, 0.06)))


async def timing_out(log: Log) -> None:
    try:
        async with asyncio.timeout(0.03):
            await nap(log, "long", 1)
    except TimeoutError:
        log.append("timeout")


async def grouped(log: Log) -> None:
    async def bad() -> None:
        await asyncio.sleep(0.03)
        raise ValueError

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(nap(log, "a", 0.01))
            group.create_task(nap(log, "b", 1))
            group.create_task(bad())
    except* ValueError:
        log.append("bad")


@pytest.mark.parametrize("program", [sleeping, timing_out, grouped])
def test_in_real_time_the_log_is_the_same_but_for_the_time(program: Program) -> None:
    assert run(program, simulated)[:-1] == run(program, asyncio.new_event_loop)[:-1]


def test_a_runner_may_run_several_programs_and_cancels_what_they_leave() -> None:
    def several(factory: Callable[[], asyncio.AbstractEventLoop]) -> Log:
        log: Log = []

        async def first() -> asyncio.Task[str]:
            task = asyncio.create_task(nap(log, "left", 10))
            await asyncio.sleep(1)
            return task

        with asyncio.Runner(loop_factory=factory) as runner:
            task = runner.run(first())
            log.append(task.done())
            log.append(runner.run(nap(log, "second", 1)))
        log.append(task.cancelled())
        return log

    assert several(simulated) == several(virtual)


def test_a_failing_program_raises_out_of_the_runner() -> None:
    async def bad() -> None:
        await asyncio.sleep(1)
        raise ValueError("bad")

    with asyncio.Runner(loop_factory=simulated) as runner, pytest.raises(ValueError, match="bad"):
        runner.run(bad())
