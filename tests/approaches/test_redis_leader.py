"""A leader in Redis: who leads, until when, and who knows."""

from __future__ import annotations

import asyncio

import pytest

from harness.approaches.redis_leader import RedisLeader
from harness.scenario.model import Job
from tests.approaches.fake_redis import FakeRedis, Store
from tests.approaches.link import Trouble
from tests.service import Service, live

pytestmark = pytest.mark.virtual_time

SEAT = "leader"


def cut(port: FakeRedis, trouble: Trouble | None = Trouble.REQUEST_LOST) -> None:
    port.link.trouble = trouble


async def test_one_leads_for_as_long_as_it_lives_and_asks_three_times_in_a_ttl() -> None:
    service, store = Service(), Store()
    port = FakeRedis(store)
    await live(service, RedisLeader(ttl=0.6), [service.worker(port)], until=2.1)
    assert port.link.asked[:2] == ["extend_if_equal", "set_if_absent"]
    assert port.link.asked[-1] == "delete_if_equal"
    renewals = port.link.asked[2:-1]
    assert renewals == ["extend_if_equal"] * len(renewals)
    assert len(renewals) == pytest.approx(2.1 / 0.2, abs=1)
    assert len(service.seen("lease.granted")) == 1
    assert service.seen("lease.lost") == []


async def test_who_resigns_frees_the_seat_for_the_next_poll() -> None:
    service, store = Service(), Store()
    approach = RedisLeader(ttl=60.0, poll=0.05)
    first = service.worker(FakeRedis(store), "worker-1")
    second = service.worker(FakeRedis(store), "worker-2")
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(approach.run(first))
        await service.at(0.5)
        tasks.create_task(approach.run(second))
        await service.at(1.5)
        first.stop()
        await service.at(2.5)
        second.stop()
    assert service.runs("worker-1") == [("report", 1.0)]
    assert service.runs("worker-2") == [("report", 2.0)]
    granted = service.seen("lease.granted", worker="worker-2")[0]
    assert 1.5 < granted.at < 1.6
    assert granted.extra["handle"] == SEAT
    assert store.get(SEAT) is None


async def test_nobody_takes_the_seat_of_another_when_it_resigns() -> None:
    service, store = Service(), Store()
    store.put(SEAT, "somebody else", 60.0)
    await live(service, RedisLeader(), [service.worker(FakeRedis(store))], until=1.5)
    assert store.get(SEAT) == "somebody else"
    assert service.runs() == []


async def test_the_next_leads_once_the_key_of_the_dead_expired_and_was_polled() -> None:
    service, store = Service(), Store()
    approach = RedisLeader(ttl=0.6, poll=0.1)
    dead = asyncio.create_task(approach.run(service.worker(FakeRedis(store), "worker-1")))
    await service.at(1.1)
    dead.cancel()
    await asyncio.wait({dead})
    await live(service, approach, [service.worker(FakeRedis(store), "worker-2")], until=2.5)
    granted = service.seen("lease.granted", worker="worker-2")[0]
    # ttl - age of the last renewal, which was up to ttl/3, and up to a poll.
    assert 1.1 + 0.4 - 0.01 < granted.at < 1.1 + 0.6 + 0.1 + 0.01
    assert service.runs("worker-2") == [("report", 2.0)]


@pytest.mark.parametrize("trouble", [Trouble.UNAVAILABLE, Trouble.REQUEST_LOST])
async def test_it_stops_leading_a_ttl_after_the_last_answered_request_was_sent(
    trouble: Trouble,
) -> None:
    service, store = Service(), Store()
    port = FakeRedis(store)
    # Sent at 0 and 0.2 and 0.404 …: the last one before the cut at 0.82.
    asyncio.get_running_loop().call_later(0.82, cut, port, trouble)
    await live(service, RedisLeader(ttl=0.6), [service.worker(port)], until=2.5)
    renewed = 4 * 0.2 + 3 * 0.002
    assert service.seen("lease.lost")[0].at == pytest.approx(renewed + 0.002 + 0.6, abs=0.01)
    # Before the key can have expired; so whatever came due later was nobody's.
    assert service.runs() == [("report", 1.0)]


async def test_a_lease_counts_from_the_request_that_was_granted() -> None:
    service, store = Service(), Store()
    port = FakeRedis(store)
    port.link.latency = 0.05
    store.put(SEAT, "somebody else", 0.5)
    asyncio.get_running_loop().call_later(0.75, cut, port)
    await live(service, RedisLeader(ttl=0.9, poll=0.1), [service.worker(port)], until=2.5)
    granted = service.seen("lease.granted")[0].at
    assert service.seen("lease.lost")[0].at == pytest.approx(granted - 0.1 + 0.9, abs=0.001)


async def test_a_single_failed_renewal_is_not_the_end() -> None:
    service, store = Service(), Store()
    port = FakeRedis(store)
    await_election = [Trouble.UNAVAILABLE]
    port.link.next("extend_if_equal", *await_election)
    asyncio.get_running_loop().call_later(
        0.5, port.link.next, "extend_if_equal", Trouble.REQUEST_LOST
    )
    await live(service, RedisLeader(ttl=0.6), [service.worker(port)], until=2.5)
    assert service.seen("lease.lost") == []
    assert service.runs_by_due() == {1.0: 1, 2.0: 1}


async def test_a_renewal_that_is_refused_ends_the_term_at_once() -> None:
    service, store = Service(), Store()
    asyncio.get_running_loop().call_later(1.5, store.put, SEAT, "somebody else", 60.0)
    await live(service, RedisLeader(ttl=0.6), [service.worker(FakeRedis(store))], until=2.5)
    assert 1.5 < service.seen("lease.lost")[0].at < 1.5 + 0.2 + 0.01
    assert service.runs_by_due() == {1.0: 1}


async def test_an_election_whose_answer_was_lost_is_found_out_by_asking_again() -> None:
    service, store = Service(), Store()
    port = FakeRedis(store)
    port.link.next("set_if_absent", Trouble.ANSWER_LOST)
    await live(service, RedisLeader(ttl=60.0, poll=0.1), [service.worker(port)], until=1.5)
    assert port.link.asked[:3] == ["extend_if_equal", "set_if_absent", "extend_if_equal"]
    assert service.seen("lease.granted")[0].at < 0.3
    assert service.runs() == [("report", 1.0)]


async def test_a_standby_asks_once_a_poll() -> None:
    service, store = Service(), Store()
    store.put(SEAT, "somebody else", 60.0)
    port = FakeRedis(store)
    await live(service, RedisLeader(poll=0.25), [service.worker(port)], until=2.5)
    assert port.link.asked[0] == "extend_if_equal"
    assert set(port.link.asked[1:-1]) == {"set_if_absent"}
    assert len(port.link.asked[1:-1]) == pytest.approx(10, abs=1)


@pytest.mark.parametrize(
    ("catch_up", "runs"),
    [("none", [1.0, 5.0]), ("latest", [1.0, 4.0, 5.0]), ("all", [1.0, 2.0, 3.0, 4.0, 5.0])],
)
async def test_its_marks_tell_the_next_leader_where_to_go_on(
    catch_up: str, runs: list[float]
) -> None:
    service, store = Service(Job("report", every=1.0, first=1.0, takes=0.1)), Store()
    approach = RedisLeader(ttl=0.6, catch_up=catch_up)  # type: ignore[arg-type]
    dead = asyncio.create_task(approach.run(service.worker(FakeRedis(store), "worker-1")))
    await service.at(1.5)
    dead.cancel()
    await asyncio.wait({dead})
    # Due times 2, 3 and 4 see no leader.
    store.put(SEAT, "nobody", 4.3 - 1.5)
    await live(service, approach, [service.worker(FakeRedis(store), "worker-2")], until=5.5)
    assert [due for _, due in service.runs()] == runs


async def test_a_key_that_is_over_when_its_answer_comes_is_none() -> None:
    service = Service()
    port = FakeRedis(Store())
    port.link.latency = 0.1
    await live(service, RedisLeader(ttl=0.05, poll=1.0), [service.worker(port)], until=4.5)
    assert service.seen("lease.granted") == []
    # And it asks no more often than it polls.
    assert port.link.asked.count("set_if_absent") <= 5
