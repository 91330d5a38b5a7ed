"""Redlock: what a majority of servers says, and in what time."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from harness.approaches.redlock import Redlock
from harness.scenario.model import Job, Layout
from tests.approaches.fake_redis import FakeNodes, Store, nodes_of
from tests.approaches.link import Trouble
from tests.service import Service, live

pytestmark = pytest.mark.virtual_time

LONG = Job("report", every=100.0, first=1.0, takes=0.5)


def five() -> list[Store]:
    return [Store() for _ in range(5)]


def cut(nodes: FakeNodes, count: int, trouble: Trouble | None = Trouble.REQUEST_LOST) -> None:
    for node in nodes.nodes[:count]:
        node.link.trouble = trouble


def held(stores: list[Store]) -> list[str | None]:
    return [store.get("report") for store in stores]


async def test_it_is_granted_by_all_and_given_up_on_all() -> None:
    service, stores = Service(LONG), five()
    loop = asyncio.get_running_loop()
    seen: list[str | None] = []
    loop.call_later(1.2, lambda: seen.extend(held(stores)))
    await live(service, Redlock(), [service.worker(nodes_of(stores))], until=3.0)
    assert seen == ["worker-1/1"] * 5
    assert held(stores) == [None] * 5
    assert service.runs_by_due() == {1.0: 1}


@pytest.mark.parametrize(("down", "runs"), [(2, 1), (3, 0)])
@pytest.mark.parametrize("trouble", [Trouble.UNAVAILABLE, Trouble.REQUEST_LOST])
async def test_a_minority_of_servers_can_be_missed(down: int, runs: int, trouble: Trouble) -> None:
    service, stores = Service(LONG), five()
    nodes = nodes_of(stores)
    cut(nodes, down, trouble)
    await live(service, Redlock(), [service.worker(nodes)], until=5.0)
    assert len(service.runs()) == runs
    assert held(stores) == [None] * 5


async def test_what_was_not_won_is_given_up_even_where_no_answer_came() -> None:
    service, stores = Service(LONG), five()
    nodes = nodes_of(stores)
    for number, node in enumerate(nodes.nodes):
        node.link.next("set_if_absent", Trouble.ANSWER_LOST)
        if number < 3:
            stores[number].put("report", "somebody else")
    await live(service, Redlock(retries=0), [service.worker(nodes)], until=3.0)
    assert held(stores) == ["somebody else"] * 3 + [None] * 2
    assert service.story() == ["lease.requested", "lease.denied", "worker.stopping"]


async def test_a_majority_that_came_too_late_is_none() -> None:
    service, stores = Service(LONG), five()
    nodes = nodes_of(stores)
    for node in nodes.nodes:
        node.link.latency = 0.15
    await live(service, Redlock(ttl=0.3, retries=0), [service.worker(nodes)], until=3.0)
    # 300 ms for the answer: the ttl less the drift was over.
    assert service.runs() == []
    service, stores = Service(LONG), five()
    nodes = nodes_of(stores)
    for node in nodes.nodes:
        node.link.latency = 0.14
    await live(service, Redlock(ttl=0.3, retries=0), [service.worker(nodes)], until=3.0)
    assert service.runs_by_due() == {1.0: 1}


async def test_who_sees_that_another_has_a_majority_skips() -> None:
    service, stores = Service(LONG), five()
    for store in stores[:3]:
        store.put("report", "somebody else", 60.0)
    nodes = nodes_of(stores)
    await live(service, Redlock(), [service.worker(nodes)], until=3.0)
    asked = Counter(nodes.nodes[0].link.asked)
    assert asked == {"set_if_absent": 1, "get": 1, "delete_if_equal": 1}
    assert service.seen("lease.denied")[0].at == pytest.approx(1.006)


@pytest.mark.parametrize("seed", range(10))
async def test_a_run_longer_than_a_retry_takes_is_not_run_again(seed: int) -> None:
    job = Job("report", every=100.0, first=1.0, takes=0.06)
    service, stores = Service(job, seed=seed), five()
    workers = [service.worker(nodes_of(stores), f"worker-{n}") for n in range(5)]
    await live(service, Redlock(), workers, until=3.0)
    assert service.runs_by_due() == {1.0: 1}


async def test_where_the_votes_are_split_one_wins_in_the_end() -> None:
    service, stores = Service(LONG), five()
    ports = [nodes_of(stores) for _ in range(3)]
    # Each is the first at some of the servers, so that nobody has three of them.
    for first, port in enumerate(ports):
        for number, node in enumerate(port.nodes):
            node.link.latency = 0.001 if number % 3 == first else 0.002
    workers = [service.worker(port, f"worker-{n}") for n, port in enumerate(ports)]
    await live(service, Redlock(), workers, until=3.0)
    assert service.runs_by_due() == {1.0: 1}
    tries = [port.nodes[0].link.asked.count("set_if_absent") for port in ports]
    assert min(tries) > 1
    started = service.seen("run.started")[0].at
    assert 1.01 < started < 1.0 + 5 * 0.06


async def test_it_gives_up_after_its_retries() -> None:
    service, stores = Service(LONG), five()
    for number, store in enumerate(stores[:4]):
        store.put("report", f"somebody-{number}", 60.0)
    nodes = nodes_of(stores)
    await live(service, Redlock(retries=2), [service.worker(nodes)], until=3.0)
    assert nodes.nodes[4].link.asked.count("set_if_absent") == 3
    assert service.runs() == []


@pytest.mark.parametrize(("lost", "told"), [(2, False), (3, True)])
async def test_a_release_that_finds_most_of_it_gone_says_lost(lost: int, told: bool) -> None:
    service, stores = Service(LONG), five()

    def restart() -> None:
        for store in stores[:lost]:
            store.delete("report")

    asyncio.get_running_loop().call_later(1.2, restart)
    await live(service, Redlock(), [service.worker(nodes_of(stores))], until=3.0)
    assert bool(service.seen("lease.lost")) is told


# The classic: of five servers three have the key, one of them comes back empty.
@pytest.mark.parametrize(("unreached", "runs"), [(2, 2), (0, 1)])
async def test_a_server_that_lost_its_keys_gives_a_second_majority(
    unreached: int, runs: int
) -> None:
    service, stores = Service(LONG), five()
    first = nodes_of(stores)
    cut(first, unreached, Trouble.UNAVAILABLE)
    asyncio.get_running_loop().call_later(1.2, stores[4].delete, "report")
    workers = [
        service.worker(first, "worker-1"),
        service.worker(nodes_of(stores), "worker-2", offset=-0.3),
    ]
    await live(service, Redlock(), workers, until=3.0)
    assert service.runs_by_due() == {1.0: runs}


def test_it_asks_for_independent_servers() -> None:
    approach = Redlock(nodes=3, node_timeout=0.02)
    assert approach.layout(Layout(replicas=1, persistent=True)) == Layout(nodes=3, persistent=True)
    assert approach.connection() == {"independent": True, "node_timeout": 0.02}


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ({"nodes": 0}, "nodes must be 1 to 7, not 0"),
        ({"nodes": 9}, "nodes must be 1 to 7, not 9"),
        ({"nodes": 4}, "nodes must be odd: of 4, no more may fail than of 3"),
        ({"ttl": 0.1}, "must be more than node_timeout, 100ms, not 100ms"),
        ({"ttl": 0.002, "node_timeout": 0.001}, "node_timeout, 1ms, not 2ms"),
    ],
)
def test_what_could_never_be_held_is_refused(parameters: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Redlock(**parameters)
