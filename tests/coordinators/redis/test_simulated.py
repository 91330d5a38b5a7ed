"""The simulated Redis: what no test can do to a real one, or see of it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest

from harness.coordinators.errors import CoordinatorError, Indeterminate, Unavailable
from harness.coordinators.redis.port import RedisPort
from harness.coordinators.redis.simulated import SimulatedRedis, SimulatedRedisClient, connect
from harness.coordinators.timing import Timing, uniform_timing
from harness.simulation.kernel import Kernel
from harness.simulation.latency import Latency
from harness.simulation.loop import SimulatedLoop
from harness.simulation.network import Link, Way

OPERATIONS = ("set_if_absent", "delete", "delete_if_equal", "extend_if_equal", "get")

# A round trip takes 10 ms, of which the server works for 2 ms.
TIMING = uniform_timing(OPERATIONS, 0.010, 0.002)
TIMEOUT = 1.0


class Silent:
    def called(self, operation: str) -> None: ...

    def failed(self, operation: str, error: str) -> None: ...


@dataclass
class World:
    """A server, and workers with a loop and a link each."""

    timing: Timing = TIMING
    kernel: Kernel = field(default_factory=Kernel)
    workers: list[tuple[SimulatedLoop, Link]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.server = SimulatedRedis(self.kernel, self.timing)

    def worker(self) -> tuple[SimulatedRedisClient, SimulatedLoop, Link]:
        """A client that has one connection open and idle."""
        number = len(self.workers)
        loop = SimulatedLoop(self.kernel, f"worker-{number}")
        link = Link(self.kernel, Random(f"link/{number}"))
        self.workers.append((loop, link))
        client = self.run(
            loop, connect(self.server, link, Random(f"client/{number}"), TIMEOUT, Silent())
        )
        return client, loop, link

    def run(self, loop: SimulatedLoop, asking: Coroutine[Any, Any, Any]) -> Any:
        return loop.run_until_complete(asking)

    def begin(self, loop: SimulatedLoop, asking: Coroutine[Any, Any, Any]) -> list[object]:
        """Ask in the background; the list gets the outcome."""
        outcome: list[object] = []

        async def note() -> None:
            try:
                outcome.append(await asking)
            except CoordinatorError as error:
                outcome.append(error)

        loop.call_soon(lambda: tasks.append(loop.create_task(note())))
        tasks: list[object] = []
        return outcome

    def pass_time(self, seconds: float) -> None:
        until = self.kernel.now + seconds
        self.kernel.plan(seconds, lambda: None)
        self.kernel.run_until(lambda: self.kernel.now >= until)


@pytest.fixture
def world() -> World:
    return World()


def test_a_request_takes_its_ways_and_its_service(world: World) -> None:
    client, loop, _ = world.worker()
    before = world.kernel.now
    world.run(loop, client.get("lock"))
    assert world.kernel.now - before == pytest.approx(0.010)


def test_a_first_request_pays_for_its_connection(world: World) -> None:
    world.worker()
    # The handshake, then the PING that opens a port.
    assert world.kernel.now == pytest.approx(0.020)


def test_a_refusal_takes_time_so_that_nobody_asks_again_in_the_same_instant(world: World) -> None:
    client, loop, link = world.worker()
    link.reset()
    link.refuse()
    before = world.kernel.now
    with pytest.raises(Unavailable):
        world.run(loop, client.get("lock"))
    assert world.kernel.now - before == pytest.approx(0.008)


def test_a_request_waits_for_the_service_of_the_one_before(world: World) -> None:
    workers = [world.worker() for _ in range(3)]
    before = world.kernel.now
    ends: list[float] = []

    async def ask(client: RedisPort) -> None:
        await client.get("lock")
        ends.append(world.kernel.now - before)

    for client, loop, _ in workers:
        world.begin(loop, ask(client))
    world.pass_time(0.1)
    assert ends == pytest.approx([0.010, 0.012, 0.014])


def test_requests_in_flight_open_connections_which_are_used_again(world: World) -> None:
    client, loop, link = world.worker()

    async def ask() -> None:
        await asyncio.gather(*(client.get("lock") for _ in range(4)))

    for _ in range(3):
        world.run(loop, ask())
        assert len(link.connections) == len(world.server.connections) == 4


def test_a_connection_whose_request_failed_is_closed_on_both_sides(world: World) -> None:
    client, loop, link = world.worker()
    link.cut()
    with pytest.raises(Indeterminate):
        world.run(loop, client.get("lock"))
    with pytest.raises(Unavailable):
        world.run(loop, client.get("lock"))
    assert all(connection.client_closed for connection in link.connections)
    link.heal()
    world.pass_time(0.1)
    assert len(link.connections) == len(world.server.connections) == 0


def test_a_crash_under_a_request_makes_it_indeterminate_and_not_done(world: World) -> None:
    client, loop, _ = world.worker()
    outcome = world.begin(loop, client.set_if_absent("lock", "a", 60.0))
    world.pass_time(0.005)
    world.server.crash()
    world.pass_time(0.1)
    assert isinstance(outcome[0], Indeterminate)
    world.server.restart(keep_data=True)
    assert world.run(loop, client.get("lock")) is None


def test_a_server_that_is_down_is_unavailable(world: World) -> None:
    client, loop, _ = world.worker()
    world.server.crash()
    world.pass_time(0.1)
    before = world.kernel.now
    for _ in range(3):
        with pytest.raises(Unavailable):
            world.run(loop, client.get("lock"))
    assert 0 < world.kernel.now - before < TIMEOUT


def test_a_crash_in_the_handshake_is_unavailable(world: World) -> None:
    client, loop, link = world.worker()
    link.reset()
    world.pass_time(0.1)
    outcome = world.begin(loop, client.get("lock"))
    world.pass_time(0.005)
    world.server.crash()
    world.pass_time(0.1)
    assert isinstance(outcome[0], Unavailable)


def test_a_restart_without_data_loses_every_key(world: World) -> None:
    client, loop, _ = world.worker()
    world.run(loop, client.set_if_absent("lock", "a", 60.0))
    world.server.crash()
    world.server.restart(keep_data=False)
    world.pass_time(0.1)
    assert world.run(loop, client.get("lock")) is None
    assert world.run(loop, client.set_if_absent("lock", "b", 60.0))


def test_a_restart_with_data_keeps_the_keys_and_when_they_expire(world: World) -> None:
    client, loop, _ = world.worker()
    world.run(loop, client.set_if_absent("short", "a", 1.0))
    world.run(loop, client.set_if_absent("long", "a", 60.0))
    world.server.crash()
    world.pass_time(2.0)
    world.server.restart(keep_data=True)
    assert world.run(loop, client.get("short")) is None
    assert world.run(loop, client.get("long")) == "a"
    world.pass_time(60.0)
    assert world.run(loop, client.get("long")) is None


def test_a_key_lives_for_its_milliseconds_and_no_more_than_one_longer(world: World) -> None:
    for offset in range(20):
        world.pass_time(0.00013)
        server = world.server
        assert server.set_if_absent(f"{offset}", "a", 5)
        world.pass_time(0.00499)
        assert server.get(f"{offset}") == "a"
        world.pass_time(0.00102)
        assert server.get(f"{offset}") is None


def test_keys_that_nobody_asks_for_are_freed_within_a_cycle(world: World) -> None:
    client, loop, _ = world.worker()
    world.server.offset = 1000.0
    for key, ttl in (("long", 60.0), ("short", 0.3), ("middle", 5.0)):
        world.run(loop, client.set_if_absent(key, "a", ttl))
    assert len(world.server) == 3
    for seconds, left in ((0.4, 2), (5.0, 1), (60.0, 0)):
        world.pass_time(seconds)
        assert len(world.server) == left


def test_a_server_without_keys_lets_no_timer_tick(world: World) -> None:
    client, loop, _ = world.worker()
    world.run(loop, client.set_if_absent("lock", "a", 0.3))
    world.pass_time(10.0)
    before = world.kernel.processed
    world.pass_time(3600.0)
    assert world.kernel.processed - before == 1


def test_a_key_that_lives_long_lets_no_timer_tick(world: World) -> None:
    client, loop, _ = world.worker()
    world.run(loop, client.set_if_absent("lock", "a", 3600.0))
    world.pass_time(10.0)
    before = world.kernel.processed
    world.pass_time(3000.0)
    assert world.kernel.processed - before == 1


def test_no_time_to_live_is_less_than_a_millisecond() -> None:
    world = World(uniform_timing(OPERATIONS, 0.0001, 0.00005))
    client, loop, _ = world.worker()
    for ttl in (0.0, 0.0001, -1.0):
        assert world.run(loop, client.set_if_absent("lock", "a", ttl))
        assert not world.run(loop, client.set_if_absent("lock", "a", ttl))
        world.pass_time(0.003)


def test_a_server_that_stands_still_or_is_down_frees_nothing(world: World) -> None:
    client, loop, _ = world.worker()
    for key in ("a", "b"):
        world.run(loop, client.set_if_absent(key, "a", 0.3))
    world.server.pause()
    world.pass_time(1.0)
    assert len(world.server) == 2
    world.server.resume()
    world.pass_time(0.2)
    assert len(world.server) == 0
    world.run(loop, client.set_if_absent("c", "a", 0.3))
    world.server.crash()
    world.pass_time(1.0)
    assert len(world.server) == 1
    world.server.restart(keep_data=True)
    world.pass_time(0.2)
    assert len(world.server) == 0


def test_a_jump_of_the_servers_clock_expires_keys(world: World) -> None:
    client, loop, _ = world.worker()
    world.run(loop, client.set_if_absent("lock", "a", 60.0))
    world.server.offset += 59.0
    assert world.run(loop, client.get("lock")) == "a"
    world.server.offset += 2.0
    assert world.run(loop, client.get("lock")) is None
    world.server.offset -= 61.0
    assert world.run(loop, client.get("lock")) is None


def test_a_server_clock_that_goes_back_keeps_keys_for_longer(world: World) -> None:
    client, loop, _ = world.worker()
    world.run(loop, client.set_if_absent("lock", "a", 1.0))
    world.server.offset -= 10.0
    world.pass_time(5.0)
    assert world.run(loop, client.get("lock")) == "a"
    world.pass_time(7.0)
    assert len(world.server) == 0


def test_a_server_that_stands_still_answers_when_it_goes_on(world: World) -> None:
    client, loop, _ = world.worker()
    world.server.pause()
    outcome = world.begin(loop, client.set_if_absent("lock", "a", 60.0))
    world.pass_time(0.5)
    assert outcome == []
    world.server.resume()
    world.pass_time(0.1)
    assert outcome == [True]


def test_what_a_server_was_sent_while_it_stood_still_is_done_though_nobody_waits(
    world: World,
) -> None:
    client, loop, _ = world.worker()
    world.server.pause()
    with pytest.raises(Indeterminate):
        world.run(loop, client.set_if_absent("lock", "a", 60.0))
    with pytest.raises(Unavailable):
        world.run(loop, client.set_if_absent("other", "a", 60.0))
    world.server.resume()
    assert world.run(loop, client.get("lock")) == "a"
    assert world.run(loop, client.get("other")) is None


def test_a_paused_worker_that_wakes_to_answer_and_timeout_together_does_not_know(
    world: World,
) -> None:
    client, loop, _ = world.worker()
    outcome = world.begin(loop, client.set_if_absent("lock", "a", 60.0))
    world.pass_time(0.001)
    loop.pause()
    world.pass_time(2 * TIMEOUT)
    loop.resume()
    world.pass_time(0.001)
    assert isinstance(outcome[0], Indeterminate)
    assert world.run(loop, client.get("lock")) == "a"


def test_a_worker_paused_in_the_handshake_for_too_long_sends_nothing(world: World) -> None:
    client, loop, link = world.worker()
    link.reset()
    world.pass_time(0.1)
    outcome = world.begin(loop, client.set_if_absent("lock", "a", 60.0))
    world.pass_time(0.001)
    loop.pause()
    world.pass_time(2 * TIMEOUT)
    loop.resume()
    world.pass_time(0.1)
    assert isinstance(outcome[0], Unavailable)
    assert world.run(loop, client.get("lock")) is None


def test_a_connection_that_was_reset_as_soon_as_it_was_made_is_noticed_at_once(
    world: World,
) -> None:
    client, loop, link = world.worker()
    link.reset()
    world.pass_time(0.1)
    outcome = world.begin(loop, client.get("lock"))
    world.pass_time(0.001)
    loop.pause()
    world.pass_time(0.1)
    link.reset()
    loop.resume()
    world.pass_time(0.001)
    assert isinstance(outcome[0], Indeterminate)


def test_a_worker_paused_for_a_while_takes_its_answer(world: World) -> None:
    client, loop, _ = world.worker()
    outcome = world.begin(loop, client.set_if_absent("lock", "a", 60.0))
    world.pass_time(0.001)
    loop.pause()
    world.pass_time(TIMEOUT / 2)
    assert outcome == []
    loop.resume()
    world.pass_time(0.001)
    assert outcome == [True]


def test_a_dead_worker_asks_for_nothing_more(world: World) -> None:
    client, loop, link = world.worker()
    other, other_loop, _ = world.worker()

    async def ask_on() -> None:
        for number in range(100):
            await client.set_if_absent(f"{number}", "a", 60.0)

    world.begin(loop, ask_on())
    world.pass_time(0.025)
    loop.kill()
    link.hang_up()
    world.pass_time(1.0)
    # Two were answered; the third was on its way, and arrived before the connection's end.
    values = [world.run(other_loop, other.get(f"{number}")) for number in range(5)]
    assert values == ["a", "a", "a", None, None]
    assert len(world.server.connections) == 1
    loop.bury()
    world.pass_time(1.0)
    assert len(world.server) == 3


def test_a_client_whose_connection_was_cut_off_at_the_server_learns_it_by_asking(
    world: World,
) -> None:
    client, loop, link = world.worker()
    link.cut(Way.REPLIES)
    world.server.crash()
    world.server.restart(keep_data=True)
    world.pass_time(0.1)
    with pytest.raises(Indeterminate):
        world.run(loop, client.set_if_absent("lock", "a", 60.0))
    link.heal()
    assert world.run(loop, client.get("lock")) is None


def test_a_slow_connection_leaves_less_time_for_the_answer(world: World) -> None:
    client, loop, link = world.worker()
    link.reset()
    link.slow(0.6, Way.REQUESTS)
    world.pass_time(0.1)
    before = world.kernel.now
    with pytest.raises(Indeterminate):
        world.run(loop, client.set_if_absent("lock", "a", 60.0))
    assert world.kernel.now - before == pytest.approx(TIMEOUT)
    link.heal()
    world.pass_time(1.0)
    assert world.run(loop, client.get("lock")) == "a"


def trace(seed: int) -> list[tuple[float, int, str, object]]:
    """What comes of three workers that compete for a key over links with troubles."""
    latencies = {operation: Latency((0.001, 0.004, 0.050)) for operation in OPERATIONS}
    timing = Timing({**latencies, "connect": Latency((0.002, 0.010))}, dict(TIMING.service))
    world = World(timing)
    random = Random(seed)
    lines: list[tuple[float, int, str, object]] = []

    async def compete(number: int, link: Link) -> None:
        client = await connect(world.server, link, Random(f"{seed}/{number}"), 0.1, Silent())
        while True:
            for operation, args in (
                ("set_if_absent", ("lock", f"{number}", 0.05)),
                ("extend_if_equal", ("lock", f"{number}", 0.05)),
                ("delete_if_equal", ("lock", f"{number}")),
            ):
                try:
                    outcome = await getattr(client, operation)(*args)
                except CoordinatorError as error:
                    outcome = repr(error)
                lines.append((world.kernel.now, number, operation, outcome))

    for number in range(3):
        loop = SimulatedLoop(world.kernel, f"{number}")
        link = Link(world.kernel, Random(f"{seed}/link/{number}"))
        world.begin(loop, compete(number, link))
        world.kernel.plan(random.random() + 0.1, link.cut)
        world.kernel.plan(random.random() + 1.1, link.heal)
        world.kernel.plan(random.random() * 2 + 0.1, link.reset)
    world.kernel.plan(2.5, world.server.crash)
    world.kernel.plan(2.6, lambda: world.server.restart(keep_data=False))
    world.pass_time(4.0)
    return lines


def test_the_same_seed_gives_the_same_trace() -> None:
    assert trace(1) == trace(1)
    assert trace(1) != trace(2)
    kinds = {str(outcome).partition("(")[0] for _, _, _, outcome in trace(1)}
    assert kinds == {"True", "False", "Unavailable", "Indeterminate"}
