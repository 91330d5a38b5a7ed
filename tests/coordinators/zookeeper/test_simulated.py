"""What is particular to the simulated ZooKeeper: to the moment, and through crashes and pauses."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from math import floor
from random import Random
from typing import Any, TypeVar

import pytest
from simpy.core import EmptySchedule

from harness.coordinators.errors import CoordinatorError, Indeterminate
from harness.coordinators.timing import uniform_timing
from harness.coordinators.zookeeper import simulated
from harness.coordinators.zookeeper.port import SessionState
from harness.simulation.kernel import Kernel
from harness.simulation.loop import SimulatedLoop
from harness.simulation.network import Connection, Link, Way

T = TypeVar("T")

CONNECTED, SUSPENDED, LOST = SessionState.CONNECTED, SessionState.SUSPENDED, SessionState.LOST

TIMEOUT = 1.5
TICK = 0.2
REQUEST_TIMEOUT = 1.0
OPERATIONS = ("create", "delete", "get", "set", "children", "watch")


class Silent:
    def called(self, operation: str) -> None: ...

    def failed(self, operation: str, error: str) -> None: ...


@dataclass
class Worker:
    """A client on a loop of its own."""

    loop: SimulatedLoop
    link: Link
    client: simulated.SimulatedZooKeeperClient
    seen: list[tuple[float, SessionState]]
    tasks: list[asyncio.Task[None]]

    def starts(self, what: Coroutine[Any, Any, None]) -> None:
        self.tasks.append(self.loop.create_task(what))

    async def does(self, what: Coroutine[Any, Any, T]) -> T:
        return await elsewhere(self.loop, what)

    def kill(self) -> None:
        self.loop.kill()
        self.link.hang_up()

    @property
    def states(self) -> list[SessionState]:
        return [state for _, state in self.seen]


async def elsewhere(loop: SimulatedLoop, what: Coroutine[Any, Any, T]) -> T:
    """Do it on another loop, and wait for it on ours."""
    done = asyncio.Event()
    task = loop.create_task(what)
    task.add_done_callback(lambda _: done.set())
    await done.wait()
    return task.result()


async def note(
    states: AsyncIterator[SessionState], kernel: Kernel, seen: list[tuple[float, SessionState]]
) -> None:
    async for state in states:
        seen.append((kernel.now, state))  # noqa: PERF401 - each as it comes


class World:
    def __init__(self, kernel: Kernel, tick: float = TICK) -> None:
        self.kernel = kernel
        self.server = simulated.SimulatedZooKeeper(
            kernel, uniform_timing(OPERATIONS, 0.002, 0.0005), tick
        )

    async def worker(self, name: object, timeout: float = TIMEOUT) -> Worker:
        loop = SimulatedLoop(self.kernel, str(name))
        link = Link(self.kernel, Random(f"link/{name}"))
        random = Random(f"client/{name}")
        client = await elsewhere(
            loop,
            simulated.connect(
                self.server, link, random, REQUEST_TIMEOUT, Silent(), session_timeout=timeout
            ),
        )
        worker = Worker(loop, link, client, [], [])
        worker.starts(note(client.states(), self.kernel, worker.seen))
        return worker

    def heard(self, worker: Worker) -> float:
        return self.server._sessions[worker.client.session].heard

    async def gone(self, path: str, within: float = 10.0) -> float:
        """When the server deletes a node, to the moment."""
        deadline = self.kernel.now + within
        while path in self.server.tree._nodes:
            assert self.kernel.now < deadline, f"{path} is still there"
            # Sessions end in whole milliseconds.
            await asyncio.sleep((floor(self.kernel.now * 1000 + 1e-6) + 1) / 1000 - self.kernel.now)
        return self.kernel.now


@pytest.fixture
async def world() -> World:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SimulatedLoop)
    return World(loop.kernel)


def expiry(heard: float, timeout: float, tick: float = TICK) -> float:
    ticks = floor(round((heard + timeout) / tick, 6)) + 1
    return ticks * tick


@pytest.mark.simulated
@pytest.mark.parametrize("timeout", [0.4, 1.0, 1.5, 4.0])
@pytest.mark.parametrize("after", [0.0, 0.05, 0.19, 0.2, 0.3173])
async def test_a_silent_session_expires_at_the_end_of_its_tick(
    world: World, timeout: float, after: float
) -> None:
    await asyncio.sleep(after)
    worker = await world.worker("a", timeout)
    await worker.does(worker.client.create("/lock", ephemeral=True))
    worker.link.cut()
    expected = expiry(world.heard(worker), timeout)
    assert await world.gone("/lock") == pytest.approx(expected, abs=0.0011)


@pytest.mark.simulated
async def test_a_session_that_is_heard_at_the_boundary_of_a_tick_gets_another_one(
    world: World,
) -> None:
    worker = await world.worker("a", 1.0)
    session = world.server._sessions[worker.client.session]
    await asyncio.sleep(0.1)
    worker.kill()
    for heard, ms in ((0.1999, 1200), (0.2, 1400), (0.3999, 1400), (0.4, 1600)):
        session.heard = heard
        assert world.server._due(session) == ms


@pytest.mark.simulated
async def test_heartbeats_keep_a_session_that_asks_for_nothing(world: World) -> None:
    worker = await world.worker("a", 1.0)
    await asyncio.sleep(600)
    assert worker.seen == []
    assert worker.client.state is CONNECTED


def killed(seed: int, until: list[float], tick: float = TICK) -> tuple[float, int]:
    """For how long the node of a killed worker is still there; and what it took to simulate."""
    kernel = Kernel()

    async def main() -> float:
        world = World(kernel, tick)
        worker = await world.worker(seed)
        await worker.does(worker.client.create("/lock", ephemeral=True))
        await asyncio.sleep(Random(seed).uniform(20, 21))
        worker.kill()
        at = kernel.now
        until.append(await world.gone("/lock"))
        return until[-1] - at

    return SimulatedLoop(kernel).run_until_complete(main()), kernel.processed


def test_what_a_killed_worker_leaves_goes_with_its_session() -> None:
    lasted = [killed(seed, [])[0] for seed in range(150)]
    # kazoo's heartbeats come after a third of the timeout, less up to 0.4 s.
    assert min(lasted) > TIMEOUT - TIMEOUT / 3
    assert max(lasted) <= TIMEOUT + TICK + 0.002
    assert max(lasted) - min(lasted) > 0.4


def test_heartbeats_without_messages_come_to_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    short: list[float] = []
    sizes = [killed(seed, short)[1] for seed in range(30)]
    monkeypatch.setattr(Connection, "clear", False)
    full: list[float] = []
    full_sizes = [killed(seed, full)[1] for seed in range(30)]
    assert short == full
    assert all(a < b for a, b in zip(sizes, full_sizes, strict=True))


def asked_in_vain(seed: int) -> int:
    """How many requests a client sends, every 0.5 s, until it knows that no answer comes back."""
    kernel = Kernel()

    async def ask(worker: Worker) -> None:
        with suppress(CoordinatorError):
            await worker.client.get("/")

    async def main() -> int:
        worker = await World(kernel).worker(seed, 2.0)
        await worker.does(ask(worker))
        worker.link.cut(Way.REPLIES)
        asked = 0
        await asyncio.sleep(0.5)
        while not worker.seen:
            worker.starts(ask(worker))
            asked += 1
            await asyncio.sleep(0.5)
        return asked

    return SimulatedLoop(kernel).run_until_complete(main())


def test_how_soon_a_missing_heartbeat_is_missed_begins_anew_with_each_request() -> None:
    asked = [asked_in_vain(seed) for seed in range(500)]
    # kazoo waits for 2/3 s less its jitter, which is below 0.5 s for 24 of its 40 values: once for
    # the heartbeat to be sent, and once more, after another request, to give it up.
    assert asked.count(1) / len(asked) == pytest.approx(0.6**2, abs=0.05)
    assert asked.count(2) / len(asked) == pytest.approx(2 * 0.6**2 * 0.4, abs=0.05)


@pytest.mark.simulated
async def test_a_worker_that_is_paused_for_too_long_learns_it_at_once(world: World) -> None:
    worker = await world.worker("a")
    session = worker.client.session
    await worker.does(worker.client.create("/lock", ephemeral=True))
    worker.loop.pause()
    paused_at = world.kernel.now
    assert await world.gone("/lock") == pytest.approx(expiry(paused_at, TIMEOUT), abs=0.0011)
    await asyncio.sleep(2)
    resumed = world.kernel.now
    assert worker.seen == []
    worker.loop.resume()
    await asyncio.sleep(0.5)
    assert worker.states == [SUSPENDED, LOST, CONNECTED]
    assert worker.seen[0][0] == pytest.approx(resumed, abs=0.001)
    assert worker.seen[1][0] <= resumed + 0.2
    assert worker.client.session != session


@pytest.mark.simulated
async def test_after_a_pause_its_work_or_its_session_may_be_first(world: World) -> None:
    first: Counter[SessionState] = Counter()

    async def work(worker: Worker, until: float) -> None:
        await asyncio.sleep(until - world.kernel.now)
        # What was due sets something going, which sets something going.
        for _ in range(5):
            await asyncio.sleep(0)
        first[worker.client.state] += 1

    workers = [await world.worker(number) for number in range(60)]
    for worker in workers:
        worker.starts(work(worker, world.kernel.now + 1))
        worker.loop.pause()
    await asyncio.sleep(3)
    for worker in workers:
        worker.loop.resume()
    await asyncio.sleep(0.5)
    assert first.keys() == {CONNECTED, SUSPENDED}
    assert 20 <= first[CONNECTED] <= 40
    assert all(worker.states == [SUSPENDED, LOST, CONNECTED] for worker in workers)


@pytest.mark.simulated
async def test_a_short_pause_of_a_worker_is_no_matter(world: World) -> None:
    worker = await world.worker("a")
    for _ in range(20):
        worker.loop.pause()
        await asyncio.sleep(0.9)
        worker.loop.resume()
        await asyncio.sleep(0.7)
    assert worker.seen == []


@pytest.mark.simulated
async def test_data_and_sessions_survive_a_crash_and_timers_start_anew(world: World) -> None:
    worker, dead = await world.worker("a"), await world.worker("dead")
    session = worker.client.session
    node = await worker.does(worker.client.create("/kept", ephemeral=True))
    await dead.does(dead.client.create("/lock", ephemeral=True))
    dead.kill()
    world.server.crash()
    await asyncio.sleep(5)
    assert worker.states == [SUSPENDED]
    world.server.restart(keep_data=True)
    restarted = world.kernel.now
    assert await world.gone("/lock") == pytest.approx(expiry(restarted, TIMEOUT), abs=0.0011)
    assert worker.states == [SUSPENDED, CONNECTED]
    assert worker.client.session == session
    assert await worker.does(worker.client.get("/kept")) == node
    later = await worker.does(worker.client.create("/later"))
    assert later.czxid > node.czxid


@pytest.mark.simulated
async def test_without_its_data_a_server_knows_no_session(world: World) -> None:
    worker = await world.worker("a")
    session = worker.client.session
    world.server.crash()
    world.server.restart(keep_data=False)
    await asyncio.sleep(0.5)
    assert worker.states == [SUSPENDED, LOST, CONNECTED]
    assert worker.client.session != session
    assert not world.server.forget(session)


@pytest.mark.simulated
async def test_without_its_data_a_server_refuses_whoever_has_seen_more_than_it(
    world: World,
) -> None:
    worker = await world.worker("a")
    for number in range(5):
        await worker.does(worker.client.create(f"/kept-{number}"))
    world.server.crash()
    world.server.restart(keep_data=False)
    await asyncio.sleep(5)
    assert worker.states == [SUSPENDED]
    other = await world.worker("b")
    for number in range(5):
        await other.does(other.client.create(f"/other-{number}"))
    await asyncio.sleep(0.5)
    assert worker.states == [SUSPENDED, LOST, CONNECTED]
    assert await worker.does(worker.client.get("/kept-0")) is None


@pytest.mark.simulated
async def test_a_request_that_a_crash_overtakes_is_indeterminate(world: World) -> None:
    worker = await world.worker("a")
    asking = asyncio.create_task(worker.does(worker.client.create("/lock")))
    await asyncio.sleep(0.0012)
    world.server.crash()
    with pytest.raises(Indeterminate):
        await asking
    assert not world.server.forget(worker.client.session)


@pytest.mark.simulated
async def test_a_server_that_stands_still_for_long_ends_all_sessions(world: World) -> None:
    workers = [await world.worker(name) for name in "ab"]
    for worker in workers:
        await worker.does(worker.client.create(f"/{worker.loop.name}", ephemeral=True))
    world.server.pause()
    await asyncio.sleep(1.2)
    assert [worker.states for worker in workers] == [[SUSPENDED], [SUSPENDED]]
    await asyncio.sleep(1.8)
    assert set(world.server.tree._nodes) == {"/", "/a", "/b"}
    world.server.resume()
    assert [worker.states for worker in workers] == [[SUSPENDED], [SUSPENDED]]
    await asyncio.sleep(0.5)
    assert [worker.states for worker in workers] == [[SUSPENDED, LOST, CONNECTED]] * 2
    assert set(world.server.tree._nodes) == {"/"}


@pytest.mark.simulated
async def test_a_session_expires_that_was_heard_shortly_before_the_server_stood_still(
    world: World,
) -> None:
    # Its place among those that come due was reckoned long before.
    worker = await world.worker("a", 4.0)
    await asyncio.sleep(3.9)
    await worker.does(worker.client.create("/lock", ephemeral=True))
    world.server.pause()
    await asyncio.sleep(10)
    world.server.resume()
    resumed = world.kernel.now
    assert await world.gone("/lock", 0.002) == pytest.approx(resumed, abs=0.0011)


@pytest.mark.simulated
async def test_what_reaches_a_server_that_stands_still_is_done_when_it_goes_on(
    world: World,
) -> None:
    worker = await world.worker("a", 4.0)
    world.server.pause()
    with pytest.raises(Indeterminate):
        await worker.does(worker.client.create("/late"))
    assert "/late" not in world.server.tree._nodes
    world.server.resume()
    await asyncio.sleep(0.01)
    assert "/late" in world.server.tree._nodes
    assert worker.states in ([], [SUSPENDED])


@pytest.mark.simulated
async def test_heartbeats_go_over_a_slow_and_lossy_link_as_well(world: World) -> None:
    worker = await world.worker("a")
    worker.link.slow(0.03)
    worker.link.lose(0.05)
    await asyncio.sleep(30)
    assert worker.client.state is CONNECTED
    assert LOST not in worker.states


def test_nothing_ticks_once_the_last_session_has_ended() -> None:
    kernel = Kernel()

    async def main() -> None:
        world = World(kernel)
        workers = [await world.worker(number) for number in range(3)]
        await asyncio.sleep(10)
        workers[0].kill()
        for worker in workers[1:]:
            await worker.does(worker.client.close())

    SimulatedLoop(kernel).run_until_complete(main())
    ended = kernel.now
    with suppress(EmptySchedule):
        while kernel.now < ended + 100:
            kernel.step()
    assert kernel.now <= ended + TIMEOUT + TICK


def trace(seed: int) -> list[object]:
    """All that happens to workers whose links, loops and server are disturbed at random."""
    kernel = Kernel()
    random = Random(seed)
    happened: list[object] = []

    async def busy(world: World, worker: Worker) -> None:
        for _ in range(60):
            await asyncio.sleep(0.1)
            with suppress(CoordinatorError):
                node = await worker.client.create("/queue/n-", ephemeral=True, sequential=True)
                happened.append((kernel.now, worker.loop.name, node))
                happened.append(await worker.client.children("/queue"))
                if random.random() < 0.5:
                    await worker.client.delete(node.path)

    async def main() -> None:
        world = World(kernel)
        workers = [await world.worker(f"{seed}/{number}") for number in range(4)]
        for worker in workers:
            worker.starts(busy(world, worker))
        for _ in range(12):
            victim = random.choice(workers)
            victim.link.cut()
            other = random.choice(workers)
            other.loop.pause()
            await asyncio.sleep(random.uniform(0, 2))
            victim.link.heal()
            other.loop.resume()
            random.choice(workers).link.reset()
            if random.random() < 0.3:
                world.server.pause()
                await asyncio.sleep(random.uniform(0, 3))
                world.server.resume()
            if random.random() < 0.2:
                world.server.crash()
                await asyncio.sleep(0.3)
                # With its data: an empty one would let nobody in.
                world.server.restart(keep_data=True)
        await asyncio.sleep(3)
        for worker in workers:
            times = [at for at, _ in worker.seen]
            assert times == sorted(times)
            assert worker.client.state is CONNECTED
            assert not worker.loop.errors
            happened.extend([worker.client.session, *worker.seen])

    SimulatedLoop(kernel).run_until_complete(main())
    return [*happened, kernel.now, kernel.processed]


def test_the_same_seed_gives_the_same_trace() -> None:
    for seed in range(5):
        assert trace(seed) == trace(seed)
    assert trace(1) != trace(2)
