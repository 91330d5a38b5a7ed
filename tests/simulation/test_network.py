"""Connections over a link: order, cuts, losses and ends."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from harness.simulation.kernel import Kernel
from harness.simulation.loop import SimulatedLoop
from harness.simulation.network import Connection, Link, Way


class World:
    """A client, a link and a server that notes what arrives."""

    def __init__(self, seed: int = 1) -> None:
        self.kernel = Kernel()
        self.loop = SimulatedLoop(self.kernel)
        self.link = Link(self.kernel, Random(seed))
        self.log: list[Any] = []

    def connect(self, name: str = "c") -> Connection:
        connection = self.link.connect(self.loop)
        connection.on_close = lambda: self.note(f"{name} closed")
        connection.on_reset = lambda: self.note(f"{name} reset")
        return connection

    def note(self, what: Any) -> None:
        self.log.append((what, round(self.kernel.now, 9)))

    def run(self, seconds: float) -> None:
        over: list[None] = []
        self.kernel.plan(seconds, over.append, None)
        self.kernel.run_until(lambda: bool(over))

    @property
    def what(self) -> list[Any]:
        return [what for what, _ in self.log]


def test_nothing_overtakes_on_a_connection_but_on_another_it_does() -> None:
    world = World()
    first, second = world.connect(), world.connect()
    first.request(3, world.note, "slow")
    first.request(1, world.note, "fast")
    second.request(2, world.note, "other")
    first.reply(3, world.note, "slow reply")
    first.reply(1, world.note, "fast reply")
    world.run(5)
    assert world.log == [
        ("other", 2),
        ("slow", 3),
        ("fast", 3),
        ("slow reply", 3),
        ("fast reply", 3),
    ]


def test_the_order_holds_for_any_delays() -> None:
    world, random = World(), Random(5)
    connection = world.connect()
    world.link.lose(0.2)
    for number in range(2000):
        world.kernel.plan(
            number * 0.001,
            lambda number=number: connection.request(random.random() * 0.1, world.note, number),
        )
    world.run(1000)
    assert world.what == list(range(2000))


def test_a_cut_stops_one_way_and_lets_the_other_pass() -> None:
    world = World()
    connection = world.connect()
    world.link.cut(Way.REPLIES)
    assert not world.link.open
    connection.request(1, world.note, "request")
    connection.reply(1, world.note, "reply")
    world.run(5)
    assert world.log == [("request", 1)]
    world.link.heal()
    world.run(1)
    assert world.log == [("request", 1), ("reply", 5)]


def test_what_is_under_way_waits_for_the_end_of_a_cut_and_keeps_its_order() -> None:
    world = World()
    connection = world.connect()
    connection.request(1, world.note, "under way")
    world.run(0.5)
    world.link.cut()
    connection.request(1, world.note, "sent while cut")
    # Due at the very moment of healing.
    connection.request(9.5, world.note, "due at the end")
    world.run(5)
    assert world.log == []
    world.kernel.plan(4.5, world.link.heal)
    world.run(4.4)
    connection.request(0.1, world.note, "and again")
    world.run(5)
    assert world.what == ["under way", "sent while cut", "due at the end", "and again"]
    assert {at for _, at in world.log} == {10.0}


def test_who_cuts_again_while_it_heals_holds_the_rest_back() -> None:
    world = World()
    connection = world.connect()
    world.link.cut()
    connection.request(1, world.link.cut)
    connection.request(1, world.note, "behind")
    world.run(2)
    world.link.heal()
    world.run(2)
    assert world.log == []
    world.link.heal()
    world.run(1)
    assert world.what == ["behind"]


def test_a_slow_link_adds_to_each_way_that_it_is_told() -> None:
    world = World()
    connection = world.connect()
    world.link.slow(2, Way.REQUESTS)
    connection.request(1, world.note, "request")
    connection.reply(1, world.note, "reply")
    world.run(5)
    world.link.heal()
    connection.request(1, world.note, "healed")
    world.run(5)
    assert world.log == [("reply", 1), ("request", 3), ("healed", 6)]


def arrivals_over_a_link_with_jitter(seed: int) -> list[float]:
    world = World(seed)
    world.link.slow(0.2, jitter=0.5)
    sent = world.kernel.now
    for number in range(300):
        # Each over a connection of its own, on which nothing can be in its way.
        world.connect().request(1, world.note, number)
    world.run(5)
    return [moment - sent for _, moment in sorted(world.log)]


def test_jitter_moves_what_is_sent_both_ways_but_nothing_is_faster_than_without() -> None:
    arrivals = arrivals_over_a_link_with_jitter(seed=1)
    assert min(arrivals) == 1
    assert 1.6 < max(arrivals) <= 1.7
    assert sum(arrivals) / len(arrivals) == pytest.approx(1.245, abs=0.05)


def test_jitter_is_the_same_for_the_same_seed() -> None:
    first, again, other = map(arrivals_over_a_link_with_jitter, (1, 1, 2))
    assert first == again != other


def test_jitter_lets_nothing_overtake_and_ends_with_the_disturbance() -> None:
    world = World()
    connection = world.connect()
    world.link.slow(1, jitter=1)
    for number in range(100):
        connection.request(1, world.note, number)
    world.run(9)
    assert world.what == list(range(100))
    assert len({moment for _, moment in world.log}) > 1
    world.link.heal()
    connection.request(1, world.note, "healed")
    world.run(5)
    assert world.log[-1] == ("healed", 10)


def test_losses_are_delays_of_retransmission_and_the_same_for_the_same_seed() -> None:
    def delays(seed: int) -> list[float]:
        world = World(seed)
        world.link.lose(0.5)
        for _ in range(200):
            world.connect().request(0, lambda: world.note("arrived"))
        world.run(500)
        return [at for _, at in world.log]

    assert delays(1) == delays(1) != delays(2)
    # 0, then 0.2, then 0.2 + 0.4, then 0.2 + 0.4 + 0.8, ...
    allowed = {round(0.2 * (2**lost - 1), 9) for lost in range(12)}
    assert set(delays(1)) <= allowed
    assert 70 < delays(1).count(0.0) < 130
    assert len(delays(1)) == 200


def test_a_close_arrives_behind_the_requests() -> None:
    world = World()
    connection = world.connect()
    connection.request(3, world.note, "last")
    connection.close(1)
    connection.close(1)
    connection.request(1, world.note, "too late")
    connection.reply(1, world.note, "to nobody")
    world.run(5)
    assert world.log == [("last", 3), ("c closed", 3)]
    assert world.link.connections == {}


def test_a_reset_by_the_server_arrives_behind_the_replies() -> None:
    world = World()
    connection = world.connect()
    connection.reply(3, world.note, "last")
    connection.reset(1)
    connection.reply(1, world.note, "too late")
    connection.request(1, world.note, "to nobody")
    world.run(5)
    assert world.log == [("last", 3), ("c reset", 3)]
    assert world.link.connections == {}


def test_a_reset_of_the_link_is_seen_by_both_sides_at_once_whatever_is_cut() -> None:
    world = World()
    connection = world.connect()
    connection.request(1, world.note, "lost")
    connection.reply(1, world.note, "lost too")
    world.link.cut()
    world.link.reset()
    world.link.heal()
    world.run(5)
    assert sorted(world.log) == [("c closed", 0), ("c reset", 0)]


def test_a_link_refuses_until_it_is_healed() -> None:
    world = World()
    world.link.refuse()
    with pytest.raises(ConnectionRefusedError):
        world.connect()
    world.link.heal()
    world.connect()


def test_hanging_up_closes_every_connection_in_order_also_of_the_dead() -> None:
    world = World()
    first, _ = world.connect("first"), world.connect("second")
    first.request(2, world.note, "sent before")
    world.loop.kill()
    first.request(1, world.note, "sent by the dead")
    world.link.hang_up()
    world.run(5)
    assert world.log == [("second closed", 0), ("sent before", 2), ("first closed", 2)]


def test_a_paused_client_gets_its_replies_when_it_goes_on() -> None:
    world = World()
    connection = world.connect()
    world.loop.pause()
    connection.reply(1, world.note, "one")
    connection.reply(2, world.note, "two")
    connection.reset(2)
    connection.reply(2, world.note, "after the reset")
    world.run(5)
    assert world.log == []
    world.loop.resume()
    world.run(1)
    assert world.log == [("one", 5), ("two", 5), ("c reset", 5)]


def test_a_dead_client_gets_none() -> None:
    world = World()
    connection = world.connect()
    connection.reply(1, world.note, "reply")
    world.loop.kill()
    connection.broken()
    world.run(5)
    assert world.log == [("c closed", 0)]
