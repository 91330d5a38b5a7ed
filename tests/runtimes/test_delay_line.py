"""What is delayed arrives in order, each in its time."""

from __future__ import annotations

import asyncio

import pytest

from harness.runtimes.delay_line import DelayLine

pytestmark = pytest.mark.virtual_time


class Receiver:
    """Notes what arrived, and when."""

    def __init__(self) -> None:
        self.got: list[tuple[str, float]] = []
        self.line = DelayLine()
        self._start = asyncio.get_running_loop().time()

    def send(self, what: str, delay: float) -> None:
        self.line.put(lambda: self.got.append((what, self.passed())), delay)

    def passed(self) -> float:
        return round(asyncio.get_running_loop().time() - self._start, 6)


async def test_each_arrives_after_its_delay() -> None:
    receiver = Receiver()
    receiver.send("a", 1.0)
    await asyncio.sleep(0.5)
    receiver.send("b", 1.0)
    await asyncio.sleep(5)
    assert receiver.got == [("a", 1.0), ("b", 1.5)]


async def test_without_delay_it_arrives_at_once() -> None:
    receiver = Receiver()
    receiver.send("a", 0.0)
    assert receiver.got == [("a", 0.0)]


async def test_nothing_overtakes() -> None:
    receiver = Receiver()
    receiver.send("a", 2.0)
    receiver.send("b", 0.0)
    receiver.send("c", 1.0)
    await asyncio.sleep(5)
    assert receiver.got == [("a", 2.0), ("b", 2.0), ("c", 2.0)]


async def test_held_it_lets_nothing_arrive_and_then_what_is_due() -> None:
    receiver = Receiver()
    receiver.send("a", 1.0)
    receiver.line.hold(True)
    receiver.send("b", 0.0)
    await asyncio.sleep(3)
    receiver.send("c", 2.0)
    assert receiver.got == []
    receiver.line.hold(False)
    assert receiver.got == [("a", 3.0), ("b", 3.0)]
    await asyncio.sleep(5)
    assert receiver.got[2:] == [("c", 5.0)]


async def test_cleared_it_forgets_what_is_on_its_way_and_goes_on() -> None:
    receiver = Receiver()
    receiver.send("a", 1.0)
    receiver.line.clear()
    await asyncio.sleep(2)
    receiver.send("b", 1.0)
    await asyncio.sleep(2)
    assert receiver.got == [("b", 3.0)]


async def test_what_arrives_may_clear_the_line() -> None:
    receiver = Receiver()
    receiver.line.put(receiver.line.clear, 1.0)
    receiver.send("a", 1.0)
    await asyncio.sleep(5)
    assert receiver.got == []
