"""A port behind a circuit breaker: closed, open, half open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable

import pytest

from harness.coordinators.errors import CoordinatorError, Indeterminate, Unavailable
from harness.coordinators.giving_up import gives_up
from harness.coordinators.zookeeper.port import NodeExists
from harness.scenario.model import CircuitBreaker
from tests.service import Service

pytestmark = pytest.mark.virtual_time

# After three failures in a row, for two seconds.
POLICY = CircuitBreaker(failures=3, open_for=2.0)


class Part:
    """Some of a port's operations."""

    def __init__(self, port: Port) -> None:
        self._port = port

    async def read(self) -> str:
        return await self._port.ask("part")


class Port:
    """Answers, unless told to fail; counts what arrives."""

    state = "connected"

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.takes = 0.0
        self.asked: list[str] = []
        self.nodes: tuple[Port, ...] = ()

    async def ask(self, what: str = "", *, twice: bool = False) -> str:
        self.asked.append(what)
        if self.takes:
            await asyncio.sleep(self.takes)
        if self.error is not None:
            raise self.error
        return what * (1 + twice)

    @gives_up
    async def unlock(self) -> str:
        return await self.ask("unlock")

    @property
    def part(self) -> Part:
        return Part(self)

    def session(self) -> str:
        return "session"

    async def changes(self) -> AsyncIterator[str]:
        yield self.state


class World:
    """A worker's guarded port, and the one behind it."""

    def __init__(self, policy: CircuitBreaker | None = POLICY, nodes: int = 0) -> None:
        self.service = Service()
        self.real = Port()
        self.real.nodes = tuple(Port() for _ in range(nodes))
        worker = self.service.worker(self.real, circuit_breaker=policy)
        self.port: Port = worker.port

    def story(self) -> list[tuple[str, float]]:
        return [(event.kind, round(event.at, 6)) for event in self.service.events]

    async def failures(self, count: int, error: type[Exception] = Unavailable) -> None:
        self.real.error = error("gone")
        for _ in range(count):
            with pytest.raises(error, match="gone"):
                await self.port.ask()


async def refused(call: Awaitable[object]) -> bool:
    """Whether it fails without being asked."""
    try:
        await call
    except Unavailable as error:
        return str(error) == "the circuit is open"
    except CoordinatorError:
        pass
    return False


async def test_answers_come_through() -> None:
    world = World()
    assert await world.port.ask("a", twice=True) == "aa"
    assert world.port.state == "connected"
    assert world.port.session() == "session"
    assert [change async for change in world.port.changes()] == ["connected"]
    assert world.story() == []


@pytest.mark.parametrize("error", [Unavailable, Indeterminate])
async def test_so_many_failures_in_a_row_open_it(error: type[Exception]) -> None:
    world = World()
    await world.failures(3, error)
    assert world.story() == [("circuit.opened", 0.0)]
    assert await refused(world.port.ask())
    assert len(world.real.asked) == 3


async def test_an_answer_in_between_starts_the_count_anew() -> None:
    world = World()
    for _ in range(3):
        await world.failures(2)
        world.real.error = None
        await world.port.ask()
    assert world.story() == []


async def test_a_definite_answer_is_no_failure() -> None:
    world = World()
    await world.failures(9, NodeExists)
    await world.failures(2)
    await world.failures(1, NodeExists)
    await world.failures(2)
    assert world.story() == []


async def test_after_its_time_one_call_closes_it() -> None:
    world = World()
    await world.failures(3)
    world.real.error = None
    await world.service.at(1.9)
    assert await refused(world.port.ask())
    await world.service.at(2.1)
    assert await world.port.ask("a") == "a"
    assert world.story() == [("circuit.opened", 0.0), ("circuit.closed", 2.1)]
    # And as many failures as ever open it again.
    await world.failures(2)
    assert len(world.story()) == 2
    await world.failures(1)
    assert world.story()[2:] == [("circuit.opened", 2.1)]


async def test_a_call_that_fails_after_its_time_keeps_it_open_for_as_long_again() -> None:
    world = World()
    await world.failures(3)
    await world.service.at(2.5)
    await world.failures(1)
    await world.service.at(4.4)
    assert await refused(world.port.ask())
    await world.service.at(4.6)
    world.real.error = None
    assert not await refused(world.port.ask())
    assert world.story() == [("circuit.opened", 0.0), ("circuit.closed", 4.6)]


async def test_half_open_only_one_call_is_let_through() -> None:
    world = World()
    await world.failures(3)
    world.real.error, world.real.takes = None, 0.5
    await world.service.at(2.1)
    calls = [world.port.ask("tried"), world.port.ask("late"), world.port.ask("later")]
    assert await asyncio.gather(*map(refused, calls)) == [False, True, True]
    assert world.real.asked[3:] == ["tried"]


async def test_a_call_that_was_cancelled_leaves_room_for_the_next() -> None:
    world = World()
    await world.failures(3)
    world.real.error, world.real.takes = None, 5.0
    await world.service.at(2.1)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await world.port.ask()
    assert world.story() == [("circuit.opened", 0.0)]
    world.real.takes = 0.0
    assert not await refused(world.port.ask())


async def test_a_trial_that_waits_for_long_keeps_nobody_from_asking() -> None:
    world = World()
    await world.failures(3)
    world.real.error, world.real.takes = None, 10.0
    await world.service.at(2.1)
    waiting = asyncio.create_task(world.port.ask("lock"))
    await world.service.at(4.0)
    assert await refused(world.port.ask())
    # Another one for each time that it was to be open.
    await world.service.at(4.2)
    world.real.takes = 0.0
    assert await world.port.ask("a") == "a"
    assert world.story() == [("circuit.opened", 0.0), ("circuit.closed", 4.2)]
    await world.failures(3)
    world.real.error = None
    # What was tried at an earlier opening does not end this one.
    assert await waiting == "lock"
    assert [kind for kind, _ in world.story()][2:] == ["circuit.opened"]


async def test_what_gives_something_up_is_never_refused() -> None:
    world = World()
    await world.failures(3)
    with pytest.raises(Unavailable, match="gone"):
        await world.port.unlock()
    world.real.error = None
    assert await world.port.unlock() == "unlock"
    # That neither closes it nor keeps it open.
    assert await refused(world.port.ask())
    await world.service.at(2.1)
    assert await world.port.unlock() == "unlock"
    assert world.story() == [("circuit.opened", 0.0), ("circuit.closed", 2.1)]


async def test_who_gives_something_up_does_not_wait_for_a_trial() -> None:
    world = World()
    await world.failures(3)
    world.real.error, world.real.takes = None, 0.5
    await world.service.at(2.1)
    calls = [world.port.ask("tried"), world.port.unlock(), world.port.ask("late")]
    assert await asyncio.gather(*map(refused, calls)) == [False, False, True]


async def test_what_was_under_way_when_it_opened_changes_nothing() -> None:
    world = World()
    world.real.takes = 1.0
    under_way = asyncio.create_task(world.port.ask())
    await asyncio.sleep(0)
    world.real.takes = 0.0
    await world.failures(3)
    world.real.error = None
    await under_way
    assert world.story() == [("circuit.opened", 0.0)]
    assert await refused(world.port.ask())


async def test_what_groups_operations_is_behind_the_same_breaker() -> None:
    world = World()
    await world.failures(2)
    with pytest.raises(Unavailable, match="gone"):
        await world.port.part.read()
    assert world.story() == [("circuit.opened", 0.0)]
    assert await refused(world.port.part.read())


async def test_each_node_has_a_breaker_of_its_own() -> None:
    world = World(nodes=3)
    world.real.nodes[1].error = Unavailable("gone")
    for _ in range(4):
        done = await asyncio.gather(*(refused(node.ask()) for node in world.port.nodes))
    assert done == [False, True, False]
    [opened] = world.service.events
    assert (opened.kind, opened.extra) == ("circuit.opened", {"node": 2})
    assert len(world.real.nodes[1].asked) == 3


async def test_without_a_policy_nothing_is_guarded() -> None:
    world = World(policy=None)
    assert world.port is world.real
