"""Enqueue and claim in a stream: at least once, whatever goes wrong on the way."""

from __future__ import annotations

import asyncio

import pytest

from harness.approaches.redis_streams import RedisStreams
from harness.scenario.model import Job, Retry
from tests.approaches.fake_redis import FakeRedis, Store
from tests.approaches.link import Link, Trouble
from tests.service import Service, live

pytestmark = pytest.mark.virtual_time

LONG = Job("report", every=100.0, first=1.0, takes=1.5)


async def test_a_message_is_a_lease_of_its_own_given_up_before_it_is_acknowledged() -> None:
    service, store = Service(), Store()
    port = FakeRedis(store, Link(service.log.append))
    await live(service, RedisStreams(), [service.worker(port)], until=1.3)
    polls = ("> streams.read", "> streams.claim_idle")
    assert [line for line in service.log if line not in polls] == [
        "> streams.add",
        "lease.granted",
        "run.started",
        "effect.applied",
        "run.finished",
        "lease.released",
        "> streams.acknowledge",
        "worker.stopping",
    ]
    granted = service.seen("lease.granted")[0]
    assert (granted.resource, granted.job, granted.due) == ("report/1.000000", "report", 1.0)
    assert store.stream.pending == {}


async def test_each_worker_runs_one_message_at_a_time() -> None:
    service, store = Service(Job("report", every=0.5, first=0.5, takes=1.2)), Store()
    workers = [service.worker(FakeRedis(store), f"worker-{n}") for n in (1, 2)]
    await live(service, RedisStreams(), workers, until=2.1)
    for name in ("worker-1", "worker-2"):
        kinds = [event.kind for event in service.seen("run.started", "run.finished", worker=name)]
        assert kinds == ["run.started", "run.finished"] * (len(kinds) // 2)
    assert len(service.runs()) + len(store.stream.waiting) == 4
    assert max(service.runs_by_due().values()) == 1


@pytest.mark.parametrize(
    "troubles",
    [
        [Trouble.UNAVAILABLE, Trouble.UNAVAILABLE],
        [Trouble.REQUEST_LOST],
        [Trouble.ANSWER_LOST, Trouble.ANSWER_LOST],
    ],
)
async def test_adding_is_repeated_until_it_is_known_to_be_done(troubles: list[Trouble]) -> None:
    service = Service()
    port = FakeRedis(Store())
    port.link.next("streams.add", *troubles)
    await live(service, RedisStreams(), [service.worker(port)], until=1.9)
    assert service.runs_by_due() == {1.0: 1}
    assert port.link.asked.count("streams.add") == len(troubles) + 1


async def test_what_it_added_itself_is_read_at_once_and_what_others_did_within_a_poll() -> None:
    service, store = Service(), Store()
    loop = asyncio.get_running_loop()
    loop.call_later(1.5, store.stream.add, "report", 0.5, 0)
    await live(service, RedisStreams(poll=0.3), [service.worker(FakeRedis(store))], until=1.9)
    started = [event.at for event in service.seen("run.started")]
    assert started[0] == pytest.approx(1.0, abs=0.02)
    assert 1.5 < started[1] < 1.5 + 0.3 + 0.01


async def test_the_message_of_a_dead_worker_is_claimed_once_it_idled() -> None:
    service, store = Service(LONG), Store()
    approach = RedisStreams(min_idle=0.6, poll=0.1)
    dead = asyncio.create_task(approach.run(service.worker(FakeRedis(store), "worker-1")))
    await service.at(1.1)
    dead.cancel()
    await asyncio.wait({dead})
    await live(service, approach, [service.worker(FakeRedis(store), "worker-2")], until=4.0)
    assert service.runs("worker-1") == service.runs("worker-2") == [("report", 1.0)]
    taken = service.seen("lease.granted", worker="worker-2")[0]
    assert 1.6 < taken.at < 1.6 + 0.1 + 0.02
    assert [effect.worker for effect in service.sink.effects] == ["worker-2"]


@pytest.mark.parametrize(("refresh", "runs"), [(True, 1), (False, 2)])
async def test_a_run_longer_than_the_idle_time_must_be_refreshed(refresh: bool, runs: int) -> None:
    service, store = Service(LONG), Store()
    approach = RedisStreams(min_idle=1.0, refresh=refresh)
    workers = [service.worker(FakeRedis(store), f"worker-{n}") for n in (1, 2)]
    await live(service, approach, workers, until=2.6)
    assert service.runs_by_due() == {1.0: runs}
    assert bool(service.seen("lease.lost")) is (runs > 1)


@pytest.mark.parametrize(("on_lost", "acknowledged"), [("finish", True), ("abort", False)])
async def test_who_learns_that_its_message_was_claimed_says_lost(
    on_lost: str, acknowledged: bool
) -> None:
    service, store = Service(LONG), Store()
    port = FakeRedis(store)

    def take_away() -> None:
        (name,) = store.stream.pending
        assert store.stream.take_away(name)

    asyncio.get_running_loop().call_later(1.2, take_away)
    approach = RedisStreams(min_idle=0.9, on_lost=on_lost)  # type: ignore[arg-type]
    # Asked to stop before it could claim it itself.
    await live(service, approach, [service.worker(port)], until=1.25)
    assert 1.2 < service.seen("lease.lost")[0].at < 1.2 + 0.3 + 0.02
    assert ("streams.acknowledge" in port.link.asked) is acknowledged
    # What was not run to its end is left for others.
    assert bool(store.stream.pending) is not acknowledged


async def test_without_an_answer_it_believes_in_its_message_for_the_idle_time() -> None:
    service, store = Service(LONG), Store()
    port = FakeRedis(store)

    def cut() -> None:
        port.link.trouble = Trouble.REQUEST_LOST

    asyncio.get_running_loop().call_later(1.1, cut)
    approach = RedisStreams(min_idle=0.9, on_lost="abort")
    await live(service, approach, [service.worker(port)], until=2.5)
    assert service.seen("lease.lost")[0].at == pytest.approx(1.9, abs=0.01)
    assert service.sink.effects == []


async def test_an_acknowledgement_that_is_lost_is_a_run_again() -> None:
    service, store = Service(), Store()
    port = FakeRedis(store)
    port.link.next("streams.acknowledge", Trouble.REQUEST_LOST)
    await live(service, RedisStreams(min_idle=0.3), [service.worker(port)], until=1.9)
    assert service.runs_by_due() == {1.0: 2}


async def test_asked_to_stop_it_acknowledges_its_message_and_takes_no_other() -> None:
    service, store = Service(), Store()
    for due in (0.1, 0.2):
        store.stream.add("report", due, 0)
    await live(service, RedisStreams(), [service.worker(FakeRedis(store))], until=0.1)
    assert service.runs() == [("report", 0.1)]
    assert store.stream.pending == {}
    assert [message.due for message in store.stream.waiting] == [0.2]


@pytest.mark.parametrize(("retry", "runs"), [(None, 1), (Retry(attempts=3, backoff=0.1), 3)])
async def test_a_run_that_failed_after_its_retries_is_done(retry: Retry | None, runs: int) -> None:
    service, store = Service(), Store()
    worker = service.worker(FakeRedis(store), retry=retry)
    worker.fail_runs("failing-job#1", 1.0)
    await live(service, RedisStreams(), [worker], until=1.9)
    assert service.runs_by_due() == {1.0: runs}
    assert store.stream.pending == {}


async def test_asked_to_stop_between_two_attempts_it_leaves_its_message_to_others() -> None:
    service, store = Service(), Store()
    worker = service.worker(FakeRedis(store), retry=Retry(attempts=3, backoff=5.0))
    worker.fail_runs("failing-job#1", 1.0)
    await live(service, RedisStreams(), [worker], until=1.9)
    assert len(store.stream.pending) == 1


async def test_a_run_that_was_cancelled_is_not_acknowledged() -> None:
    service, store = Service(), Store()
    living = asyncio.create_task(RedisStreams().run(service.worker(FakeRedis(store))))
    await service.at(1.1)
    living.cancel()
    await asyncio.wait({living})
    assert [event.error for event in service.seen("run.failed")] == ["cancelled"]
    assert len(store.stream.pending) == 1
