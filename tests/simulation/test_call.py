"""A request of a client, and what ends its waiting."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from harness.simulation.call import Broken, Call, Expired
from harness.simulation.kernel import Kernel
from harness.simulation.loop import SimulatedLoop


class World:
    def __init__(self) -> None:
        self.kernel = Kernel()
        self.loop = SimulatedLoop(self.kernel)
        self.call: Call[str] = Call(self.loop, 5)

    def wait(self) -> Any:
        return self.loop.run_until_complete(self.call.wait())


def test_the_answer_is_returned() -> None:
    world = World()
    world.kernel.plan(1, world.call.answer, "yes")
    world.kernel.plan(2, world.call.answer, "late")
    assert not world.call.over
    assert world.wait() == "yes"
    assert world.call.over
    assert world.kernel.now == 1


def test_an_error_is_raised_as_it_is() -> None:
    world, error = World(), Broken("reset")
    world.kernel.plan(1, world.call.fail, error)
    world.kernel.plan(1, world.call.fail, Broken("again"))
    with pytest.raises(Broken) as caught:
        world.wait()
    assert caught.value is error


def test_patience_ends() -> None:
    world = World()
    world.kernel.plan(6, world.call.answer, "late")
    with pytest.raises(Expired):
        world.wait()
    assert world.kernel.now == 5


def test_patience_is_counted_on_the_clients_clock() -> None:
    kernel = Kernel()
    loop = SimulatedLoop(kernel, drift=1.0)
    with pytest.raises(Expired):
        loop.run_until_complete(Call[str](loop, 5).wait())
    assert kernel.now == 2.5


def test_after_a_pause_patience_has_ended_although_the_answer_is_there() -> None:
    world = World()
    task = world.loop.create_task(world.call.wait())
    world.kernel.plan(1, world.loop.pause)
    world.kernel.plan(2, world.loop.deliver, world.call.answer, "yes")
    world.kernel.plan(9, world.loop.resume)
    world.kernel.run_until(task.done)
    assert isinstance(task.exception(), Expired)


def test_after_a_pause_that_patience_outlasts_there_is_the_answer() -> None:
    world = World()
    task = world.loop.create_task(world.call.wait())
    world.kernel.plan(1, world.loop.pause)
    world.kernel.plan(2, world.loop.deliver, world.call.answer, "yes")
    world.kernel.plan(4, world.loop.resume)
    world.kernel.run_until(task.done)
    assert task.result() == "yes"


def test_who_gives_up_is_not_disturbed_any_more() -> None:
    world = World()

    async def give_up() -> None:
        async with asyncio.timeout(1):
            await world.call.wait()

    with pytest.raises(TimeoutError):
        world.loop.run_until_complete(give_up())
    world.call.answer("late")
    world.call.fail(Broken())
    world.loop.run_until_complete(asyncio.sleep(10))
    assert world.call.over
    assert world.loop.errors == []
