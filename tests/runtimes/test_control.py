"""What a worker is told gets to it, in order, also while it stands still."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator

import pytest

from harness.runtimes.control import ControlPipe, Order


class Pipe:
    """Both ends of a control pipe."""

    def __init__(self) -> None:
        self.ends = list(os.pipe())
        self.control = ControlPipe(self.ends[0])
        self.obeyed: list[Order] = []

    def say(self, text: str) -> None:
        os.write(self.ends[1], text.encode())

    def hang_up(self) -> None:
        os.close(self.ends.pop())


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    for end in pipe.ends:
        os.close(end)


async def until_obeyed(pipe: Pipe, count: int) -> None:
    async with asyncio.timeout(10):
        while len(pipe.obeyed) < count:
            await asyncio.sleep(0.001)


async def test_lines_come_in_order_however_they_are_cut(pipe: Pipe) -> None:
    pipe.say('{"a": 1}\n{"b"')
    assert await pipe.control.receive() == {"a": 1}
    waiting = asyncio.ensure_future(pipe.control.receive())
    await asyncio.sleep(0)
    pipe.say(": 2}\n")
    assert await waiting == {"b": 2}


async def test_the_end_of_the_pipe_is_an_error(pipe: Pipe) -> None:
    pipe.hang_up()
    with pytest.raises(EOFError):
        await pipe.control.receive()


async def test_what_came_before_somebody_listens_is_not_lost(pipe: Pipe) -> None:
    pipe.say('{"start": 1}\n{"a": 1}\n')
    assert await pipe.control.receive() == {"start": 1}
    pipe.control.listen(pipe.obeyed.append)
    assert pipe.obeyed == [{"a": 1}]
    pipe.say('{"b": 2}\n')
    await until_obeyed(pipe, 2)
    assert pipe.obeyed == [{"a": 1}, {"b": 2}]


async def test_standing_still_ends_when_told_to_go_on(pipe: Pipe) -> None:
    pipe.control.listen(pipe.obeyed.append)
    said = threading.Event()

    def tell() -> None:
        said.set()
        pipe.say('{"go": true}\n')

    teller = threading.Timer(0.05, tell)
    teller.start()
    pipe.control.stand_still()
    assert said.is_set()
    assert pipe.obeyed == []
    teller.join()


async def test_what_is_told_meanwhile_is_done_and_the_rest_afterwards(pipe: Pipe) -> None:
    pipe.control.listen(pipe.obeyed.append)
    pipe.say('{"a": 1}\n{"go": true}\n{"b": 2}\n')
    pipe.control.stand_still()
    assert pipe.obeyed == [{"a": 1}]
    await until_obeyed(pipe, 2)
    assert pipe.obeyed == [{"a": 1}, {"b": 2}]


async def test_every_standstill_needs_its_own_word(pipe: Pipe) -> None:
    pipe.control.listen(pipe.obeyed.append)
    pipe.say('{"go": true}\n{"go": true}\n{"a": 1}\n')
    pipe.control.stand_still()
    pipe.control.stand_still()
    await until_obeyed(pipe, 1)
    assert pipe.obeyed == [{"a": 1}]


async def test_nobody_stands_still_once_nobody_can_tell_them_to_go_on(pipe: Pipe) -> None:
    pipe.control.listen(pipe.obeyed.append)
    pipe.hang_up()
    pipe.control.stand_still()
    pipe.control.stand_still()
