"""Nodes that are one server: who leads after whom, and with what data."""

from __future__ import annotations

from random import Random

import pytest

from harness.simulation.kernel import Kernel
from harness.simulation.loop import SimulatedLoop
from harness.simulation.network import Link
from harness.simulation.nodes import ALONE, Nodes, Succession
from harness.simulation.server import SimulatedServer

BY_ITSELF = Succession(takes=2.0, unnoticed=1.0)
BY_OTHERS = Succession(takes=2.0, by_itself=False)
ENSEMBLE = Succession(takes=2.0, unnoticed=1.0, majority=True)


class Box(SimulatedServer):
    """Keeps one thing."""

    def __init__(self, kernel: Kernel) -> None:
        super().__init__(kernel)
        self.thing = ""

    def wipe(self) -> None:
        self.thing = ""

    def snapshot(self) -> str:
        return self.thing

    def restore(self, data: str) -> None:
        self.thing = data


def nodes_of(
    count: int, succession: Succession = ALONE, *, durable: bool = True
) -> tuple[Nodes, Box]:
    server = Box(Kernel())
    names = [f"box-{number + 1}" for number in range(count)]
    server.thing = "kept"
    return Nodes(server, names, succession, durable=durable), server


def leader(nodes: Nodes) -> str | None:
    """As a function, since a type checker takes it that an attribute stays what it was."""
    return nodes.leader


def leader_and_thing(nodes: Nodes, server: Box) -> tuple[str | None, str]:
    return nodes.leader, server.thing


def wait(server: SimulatedServer, seconds: float) -> None:
    over: list[None] = []
    server.kernel.plan(seconds, over.append, None)
    server.kernel.run_until(lambda: bool(over))


def test_a_single_node_is_down_until_it_is_started() -> None:
    nodes, server = nodes_of(1)
    assert leader(nodes) == "box-1"
    nodes.crash("box-1")
    wait(server, 100)
    assert (leader(nodes), nodes.is_down("box-1"), server.up) == (None, True, False)
    nodes.start("box-1", keep_data=True)
    assert (leader(nodes), nodes.is_down("box-1"), server.thing) == ("box-1", False, "kept")


@pytest.mark.parametrize(
    ("durable", "keep_data", "thing"),
    [(True, True, "kept"), (True, False, ""), (False, True, ""), (False, False, "")],
)
def test_a_single_node_has_its_data_where_it_keeps_them_and_is_to(
    durable: bool, keep_data: bool, thing: str
) -> None:
    nodes, server = nodes_of(1, durable=durable)
    nodes.crash("box-1")
    nodes.start("box-1", keep_data=keep_data)
    assert server.thing == thing


def test_a_single_node_that_stands_still_is_not_replaced() -> None:
    nodes, server = nodes_of(1)
    nodes.pause("box-1")
    wait(server, 100)
    assert (leader(nodes), server.up, server.paused) == (None, True, True)
    nodes.resume("box-1")
    assert (leader(nodes), server.paused) == ("box-1", False)


def test_another_node_leads_some_time_after_the_crash_and_nothing_is_lost() -> None:
    nodes, server = nodes_of(2, BY_ITSELF)
    nodes.crash("box-1")
    wait(server, 1.9)
    assert leader(nodes) is None
    wait(server, 0.2)
    assert leader_and_thing(nodes, server) == ("box-2", "kept")
    nodes.start("box-1", keep_data=False)
    assert leader_and_thing(nodes, server) == ("box-2", "kept")
    nodes.crash("box-2")
    wait(server, 3)
    # It followed the second one, and so has its data again.
    assert leader_and_thing(nodes, server) == ("box-1", "kept")


def test_a_primary_that_is_back_empty_before_it_is_missed_empties_its_followers() -> None:
    nodes, server = nodes_of(3, BY_ITSELF)
    nodes.crash("box-1")
    wait(server, 1)
    nodes.start("box-1", keep_data=False)
    assert leader_and_thing(nodes, server) == ("box-1", "")
    wait(server, 5)
    assert leader(nodes) == "box-1"


def test_an_election_that_came_too_late_does_not_speed_up_the_next() -> None:
    nodes, server = nodes_of(2, BY_ITSELF)
    nodes.crash("box-1")
    wait(server, 1)
    nodes.start("box-1", keep_data=True)
    nodes.crash("box-1")
    wait(server, 1.5)
    assert leader(nodes) is None
    wait(server, 1)
    assert leader(nodes) == "box-2"


def test_where_nobody_sees_to_it_nobody_takes_over() -> None:
    nodes, server = nodes_of(2, BY_OTHERS)
    nodes.crash("box-1")
    wait(server, 100)
    assert leader(nodes) is None
    nodes.start("box-1", keep_data=True)
    assert leader(nodes) == "box-1"


def test_a_follower_comes_and_goes_unnoticed() -> None:
    nodes, server = nodes_of(3, ENSEMBLE)
    for change in (nodes.crash, nodes.pause):
        change("box-3")
        wait(server, 5)
        assert (leader(nodes), server.up, server.paused) == ("box-1", True, False)
        nodes.resume("box-3")
        nodes.start("box-3", keep_data=True)
    assert nodes.heirs == ["box-2", "box-3"]


@pytest.mark.parametrize("succession", [BY_ITSELF, BY_OTHERS])
def test_a_fail_over_loses_what_was_not_replicated(succession: Succession) -> None:
    nodes, server = nodes_of(2, succession)
    data = server.snapshot()
    server.thing = "written since"
    nodes.fail_over(data)
    assert leader(nodes) is None
    wait(server, 3)
    assert leader_and_thing(nodes, server) == ("box-2", "kept")
    assert nodes.heirs == []


def test_a_leader_that_stands_still_is_missed_and_follows_when_it_goes_on() -> None:
    nodes, server = nodes_of(3, ENSEMBLE)
    link, loop = Link(server.kernel, Random(1)), SimulatedLoop(server.kernel)
    connection = link.connect(loop)
    server.accept(connection)
    nodes.pause("box-1")
    wait(server, 2.9)
    assert leader(nodes) is None
    assert server.paused
    assert not connection.client_closed
    wait(server, 0.2)
    assert leader_and_thing(nodes, server) == ("box-2", "kept")
    assert connection.client_closed
    nodes.resume("box-1")
    assert leader(nodes) == "box-2"


def test_a_short_standstill_of_the_leader_is_not_noticed() -> None:
    nodes, server = nodes_of(3, ENSEMBLE)
    nodes.pause("box-1")
    wait(server, 2)
    nodes.resume("box-1")
    wait(server, 5)
    assert leader(nodes) == "box-1"


def test_an_ensemble_works_only_with_a_majority() -> None:
    nodes, server = nodes_of(3, ENSEMBLE)
    nodes.crash("box-3")
    nodes.crash("box-2")
    assert leader(nodes) is None
    wait(server, 10)
    assert leader(nodes) is None
    nodes.start("box-2", keep_data=True)
    wait(server, 1.9)
    assert leader(nodes) is None
    wait(server, 0.2)
    assert leader_and_thing(nodes, server) == ("box-1", "kept")


def test_an_ensemble_has_its_data_as_long_as_one_of_its_nodes_does() -> None:
    nodes, server = nodes_of(3, ENSEMBLE)
    for name in nodes.names:
        nodes.crash(name)
    nodes.start("box-1", keep_data=False)
    nodes.start("box-2", keep_data=True)
    wait(server, 3)
    assert leader_and_thing(nodes, server) == ("box-2", "kept")
    for name in nodes.names[:2]:
        nodes.crash(name)
    for name in nodes.names[:2]:
        nodes.start(name, keep_data=False)
    wait(server, 3)
    assert leader_and_thing(nodes, server) == ("box-1", "")


def test_a_majority_that_stands_still_stops_an_ensemble_until_it_goes_on() -> None:
    nodes, server = nodes_of(3, ENSEMBLE)
    for name in nodes.names:
        nodes.pause(name)
    wait(server, 10)
    assert (leader(nodes), server.up, server.paused) == (None, True, True)
    for name in reversed(nodes.names):
        assert leader(nodes) is None
        nodes.resume(name)
    assert leader(nodes) == "box-1"


def test_those_that_go_on_first_do_not_wait_for_their_leader() -> None:
    nodes, server = nodes_of(3, ENSEMBLE)
    for name in nodes.names:
        nodes.pause(name)
    wait(server, 10)
    nodes.resume("box-3")
    nodes.resume("box-2")
    wait(server, 2.9)
    assert leader(nodes) is None
    wait(server, 0.2)
    assert leader(nodes) == "box-2"
