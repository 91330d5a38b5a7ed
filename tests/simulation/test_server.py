"""A server's executors, its queue, its ends and beginnings."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from harness.simulation.kernel import Kernel
from harness.simulation.loop import SimulatedLoop
from harness.simulation.network import Link
from harness.simulation.server import SimulatedServer


class Notes(SimulatedServer):
    """Notes when work is done, and what is called."""

    def __init__(self, kernel: Kernel, executors: int = 1) -> None:
        super().__init__(kernel, executors)
        self.log: list[Any] = []

    def note(self, what: Any) -> None:
        self.log.append((what, self.kernel.now))

    def crashed(self) -> None:
        self.note("crashed")

    def restarted(self) -> None:
        self.note("restarted")

    def wipe(self) -> None:
        self.note("wiped")

    def closed(self, connection: object) -> None:
        self.note("closed")

    def run(self, seconds: float) -> None:
        over: list[None] = []
        self.kernel.plan(seconds, over.append, None)
        self.kernel.run_until(lambda: bool(over))


@pytest.mark.parametrize(
    ("executors", "ends"), [(1, [2, 4, 6, 8]), (2, [2, 2, 4, 4]), (9, [2, 2, 2, 2])]
)
def test_each_executor_does_one_thing_at_a_time(executors: int, ends: list[float]) -> None:
    server = Notes(Kernel(), executors)
    for number in range(4):
        server.submit(2, server.note, number)
    server.run(20)
    assert server.log == list(enumerate(ends))


def test_what_work_submits_queues_behind_what_waits() -> None:
    server = Notes(Kernel())

    def first() -> None:
        server.note("first")
        server.submit(1, server.note, "of first")

    server.submit(1, first)
    server.submit(1, server.note, "second")
    server.run(5)
    assert server.log == [("first", 1), ("second", 2), ("of first", 3)]


def test_a_crash_drops_all_work_and_a_restart_takes_new() -> None:
    server = Notes(Kernel(), 2)
    for number in range(5):
        server.submit(2, server.note, number)
    server.run(1)
    server.crash()
    assert not server.up
    server.submit(1, server.note, "while down")
    server.run(5)
    server.restart(keep_data=True)
    for name in "abc":
        server.submit(1, server.note, name)
    server.run(5)
    assert server.log == [("crashed", 1), ("restarted", 6), ("a", 7), ("b", 7), ("c", 8)]


def test_a_restart_without_data_forgets_first() -> None:
    server = Notes(Kernel())
    server.crash()
    server.restart(keep_data=False)
    assert [what for what, _ in server.log] == ["crashed", "wiped", "restarted"]


def test_a_paused_server_ends_what_is_under_way_when_it_goes_on() -> None:
    server = Notes(Kernel())
    server.submit(2, server.note, "under way")
    server.submit(2, server.note, "queued")
    server.run(1)
    server.pause()
    server.submit(2, server.note, "sent while paused")
    server.run(9)
    assert server.log == []
    server.resume()
    server.resume()
    server.run(9)
    assert server.log == [("under way", 10), ("queued", 12), ("sent while paused", 14)]


def test_work_that_crashes_the_server_as_it_goes_on_ends_the_rest() -> None:
    server = Notes(Kernel(), 2)
    server.submit(1, server.crash)
    server.submit(1, server.note, "lost")
    server.pause()
    server.run(5)
    server.resume()
    server.restart(keep_data=True)
    for name in "abc":
        server.submit(1, server.note, name)
    server.run(5)
    assert [what for what, _ in server.log] == ["crashed", "restarted", "a", "b", "c"]
    assert server.log[-1] == ("c", 7)


def test_a_crash_ends_a_pause() -> None:
    server = Notes(Kernel())
    server.pause()
    server.submit(1, server.note, "lost")
    server.crash()
    server.restart(keep_data=True)
    server.submit(1, server.note, "new")
    server.run(3)
    assert server.log[2:] == [("new", 1)]


def test_its_clock_may_be_ahead() -> None:
    server = SimulatedServer(Kernel())
    server.offset = 30
    assert server.clock() == 30
    server.kernel.plan(5, print)
    server.kernel.step()
    assert server.clock() == 35


def test_it_knows_its_connections_until_either_side_closes_them() -> None:
    kernel = Kernel()
    server, loop, link = Notes(kernel), SimulatedLoop(kernel), Link(kernel, Random(1))
    resets: list[int] = []
    connections = [link.connect(loop) for _ in range(4)]
    for number, connection in enumerate(connections):
        connection.on_reset = lambda number=number: resets.append(number)
        assert server.accept(connection)
    connections[0].close(1)
    server.disconnect(connections[1])
    server.run(2)
    assert list(server.connections) == connections[2:]
    server.crash()
    server.run(1)
    assert resets == [1, 2, 3]
    assert server.connections == {}
    assert server.log == [("closed", 1), ("crashed", 2)]
    late = link.connect(loop)
    late.on_reset = lambda: resets.append(4)
    assert not server.accept(late)
    server.run(1)
    assert resets == [1, 2, 3, 4]
