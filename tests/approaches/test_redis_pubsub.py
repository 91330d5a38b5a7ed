"""Losers that wait to be told: when they try again, and what they must not run."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from harness.approaches.redis_pubsub import RedisPubSub
from harness.scenario.model import Job
from tests.approaches.fake_redis import FakeRedis, Store
from tests.approaches.link import Trouble
from tests.service import Service, live

pytestmark = pytest.mark.virtual_time

# Runs shorter than the waiting of those who lost.
ONCE = Job("report", every=100.0, first=1.0, takes=0.4)


async def test_a_due_time_that_was_run_is_not_run_again_by_those_who_waited() -> None:
    service, store = Service(ONCE), Store()
    ports = [FakeRedis(store) for _ in range(4)]
    workers = [service.worker(port, f"worker-{n}") for n, port in enumerate(ports)]
    await live(service, RedisPubSub(poll=60.0), workers, until=3.0)
    assert service.runs_by_due() == {1.0: 1}
    # All of them woke up, tried, and found it done.
    asked = [Counter(port.link.asked) for port in ports]
    assert sorted(each["set_unless"] for each in asked) == [1, 3, 3, 3]
    assert all(event.at < 1.45 for event in service.seen("lease.denied"))
    assert store.inboxes["released:report"] == []


async def test_an_instance_whose_clock_is_late_by_more_than_the_run_does_not_run_it_again() -> None:
    service, store = Service(ONCE), Store()
    workers = [
        service.worker(FakeRedis(store), "worker-1"),
        service.worker(FakeRedis(store), "worker-2", offset=-0.9),
    ]
    await live(service, RedisPubSub(), workers, until=4.0)
    assert service.runs_by_due() == {1.0: 1}


async def test_a_due_time_that_found_the_job_running_is_run_after_its_release() -> None:
    # Each worker drops what comes due while it runs the job itself; the other one waits for it.
    service = Service(Job("report", every=1.0, first=1.0, takes=1.2))
    store = Store()
    workers = [service.worker(FakeRedis(store), f"worker-{n}") for n in (1, 2)]
    await live(service, RedisPubSub(poll=60.0), workers, until=4.1)
    assert service.runs_by_due()[2.0] == 1
    second = next(event for event in service.seen("run.started") if event.due == 2.0)
    assert second.at == pytest.approx(2.2, abs=0.02)
    assert max(service.runs_by_due().values()) == 1


async def crashed(service: Service, approach: RedisPubSub, store: Store) -> None:
    """Somebody takes the lock at 1 and dies at 1.2."""
    holder = asyncio.create_task(approach.run(service.worker(FakeRedis(store), "worker-1")))
    await service.at(1.2)
    holder.cancel()
    await asyncio.wait({holder})


@pytest.mark.parametrize(("fallback", "runs"), [(True, 2), (False, 1)])
async def test_a_crashed_holder_tells_nobody(fallback: bool, runs: int) -> None:
    service, store = Service(ONCE), Store()
    approach = RedisPubSub(ttl=0.6, poll=0.1, fallback=fallback)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(crashed(service, approach, store))
        other = service.worker(FakeRedis(store), "worker-2", offset=-0.05)
        await live(service, approach, [other], until=10.0)
    assert service.runs_by_due() == {1.0: runs}
    if fallback:
        taken = service.seen("lease.granted", worker="worker-2")[0]
        assert 1.6 < taken.at < 1.6 + 0.1 + 0.01
    else:
        # For all of `wait`, though the lock was free after 0.6 s.
        denied = service.seen("lease.denied", worker="worker-2")[0]
        assert denied.at == pytest.approx(1.05 + 5.0, abs=0.01)


async def test_nobody_waits_for_longer_than_told() -> None:
    service, store = Service(ONCE), Store()
    store.put("report", "somebody else")
    worker = service.worker(FakeRedis(store))
    await live(service, RedisPubSub(wait=0.7), [worker], until=4.0)
    assert service.seen("lease.denied")[0].at == pytest.approx(1.7, abs=0.02)


@pytest.mark.parametrize("fallback", [True, False])
async def test_a_subscription_that_is_lost_is_made_again(fallback: bool) -> None:
    service, store = Service(ONCE), Store()
    store.put("report", "somebody else")
    port = FakeRedis(store)
    loop = asyncio.get_running_loop()
    loop.call_later(1.2, store.break_subscriptions)

    def release() -> None:
        store.delete("report")
        assert store.publish("released:report", "report") == 1

    loop.call_later(1.75, release)
    approach = RedisPubSub(poll=0.4, fallback=fallback)
    await live(service, approach, [service.worker(port)], until=4.0)
    assert port.link.asked.count("channels.subscribe") == 2
    assert service.seen("run.started")[0].at == pytest.approx(1.75, abs=0.01)


async def test_who_cannot_subscribe_polls() -> None:
    service, store = Service(ONCE), Store()
    store.put("report", "somebody else", 0.5 + 1.0)
    port = FakeRedis(store)
    port.link.next("channels.subscribe", *[Trouble.UNAVAILABLE] * 100)
    await live(service, RedisPubSub(), [service.worker(port)], until=4.0)
    assert 1.5 < service.seen("run.started")[0].at < 1.62


async def test_a_release_between_the_try_and_the_subscription_is_not_missed() -> None:
    service, store = Service(ONCE), Store()
    store.put("report", "somebody else")
    port = FakeRedis(store)
    port.link.latency = 0.05
    # Tried at 1.05, and subscribed at 1.15.
    asyncio.get_running_loop().call_later(1.1, store.delete, "report")
    await live(service, RedisPubSub(fallback=False), [service.worker(port)], until=4.0)
    assert service.seen("run.started")[0].at == pytest.approx(1.3, abs=0.01)


async def test_who_is_asked_to_stop_takes_no_lock_that_it_waited_for() -> None:
    service, store = Service(ONCE), Store()
    store.put("report", "somebody else")
    worker = service.worker(FakeRedis(store))
    asyncio.get_running_loop().call_later(1.51, store.delete, "report")
    await live(service, RedisPubSub(poll=0.3), [worker], until=1.5)
    assert service.now() < 1.9
    assert service.runs() == []


async def test_a_holder_that_lost_its_lock_still_says_what_it_ran() -> None:
    service, store = Service(ONCE), Store()
    asyncio.get_running_loop().call_later(1.1, store.put, "report", "somebody else", 0.2)
    await live(service, RedisPubSub(), [service.worker(FakeRedis(store))], until=3.0)
    assert service.story()[-3:] == ["lease.released", "lease.lost", "worker.stopping"]
    assert store.get("done:report/1.0") is not None


async def test_marks_are_forgotten_after_a_while() -> None:
    service, store = Service(ONCE), Store()
    worker = service.worker(FakeRedis(store))
    await live(service, RedisPubSub(remember=2.0, wait=1.0), [worker], until=2.0)
    assert store.get("done:report/1.0") is not None
    await asyncio.sleep(2.0)
    assert store.get("done:report/1.0") is None


async def test_an_instance_starts_no_run_beside_its_own_when_its_lock_ran_out() -> None:
    # Two due times wait in worker-1 when it takes the lock for one of them, which runs out.
    service, store = Service(Job("report", every=0.5, first=1.0, takes=1.0)), Store()
    store.put("report", "somebody else", 1.7)
    worker = service.worker(FakeRedis(store))
    await live(service, RedisPubSub(ttl=0.4), [worker], until=4.0)
    story = [event.kind for event in service.seen("run.started", "run.finished")]
    assert story == ["run.started", "run.finished"] * (len(story) // 2)
    assert len(service.runs()) > 1


def test_a_mark_forgotten_before_who_waits_looks_is_refused() -> None:
    with pytest.raises(ValueError, match="remember must be more than wait, 5s, not 5s"):
        RedisPubSub(remember=5.0)
