"""What sets the locks in Redis apart from each other."""

from __future__ import annotations

import asyncio

import pytest

from harness.approaches.redis_locks import RedisLock, RedisSetnx, RedisWatchdog
from harness.scenario.model import Job
from tests.approaches.fake_redis import FakeRedis, Store
from tests.approaches.link import Trouble
from tests.service import Service, live

pytestmark = pytest.mark.virtual_time

# Longer than the locks below live.
LONG = Job("report", every=10.0, first=1.0, takes=0.5)


@pytest.mark.parametrize(
    ("approach", "third"), [(RedisSetnx(ttl=0.4), True), (RedisLock(ttl=0.4), False)]
)
async def test_setnx_frees_a_lock_that_is_not_its_own(approach: RedisSetnx, third: bool) -> None:
    service, store = Service(LONG), Store()
    workers = [
        # Its lock runs out at 1.4, and it releases at 1.5 …
        service.worker(FakeRedis(store), "worker-1"),
        # … the one that this one holds since 1.45 …
        service.worker(FakeRedis(store), "worker-2", offset=-0.45),
        # … so that there is one for this one, too.
        service.worker(FakeRedis(store), "worker-3", offset=-0.55),
    ]
    await live(service, approach, workers, until=2.5)
    ran = [event.worker for event in service.seen("run.started")]
    assert ran == ["worker-1", "worker-2", "worker-3"] if third else ["worker-1", "worker-2"]


async def test_setnx_never_notices_that_it_lost_its_lock() -> None:
    service, store = Service(LONG), Store()
    asyncio.get_running_loop().call_later(1.1, store.put, "report", "somebody else", 60.0)
    await live(service, RedisSetnx(), [service.worker(FakeRedis(store))], until=2.5)
    assert service.seen("lease.lost") == []
    assert store.get("report") is None


async def test_setnx_does_not_clean_up_after_an_unknown_outcome() -> None:
    service, store = Service(LONG), Store()
    port = FakeRedis(store)
    port.link.next("set_if_absent", Trouble.ANSWER_LOST)
    await live(service, RedisSetnx(ttl=60.0), [service.worker(port)], until=2.5)
    assert service.story() == ["lease.requested", "lease.denied", "worker.stopping"]
    assert store.get("report") == "worker-1/1"


@pytest.mark.parametrize(("approach", "runs"), [(RedisLock, 2), (RedisWatchdog, 1)])
async def test_a_watchdog_keeps_the_lock_of_a_long_run(
    approach: type[RedisLock], runs: int
) -> None:
    service, store = Service(LONG), Store()
    workers = [
        service.worker(FakeRedis(store), "worker-1"),
        service.worker(FakeRedis(store), "worker-2", offset=-0.4),
    ]
    await live(service, approach(ttl=0.3), workers, until=2.5)
    assert service.runs_by_due() == {1.0: runs}


async def test_a_watchdog_renews_three_times_in_a_ttl_and_only_during_the_run() -> None:
    service, store = Service(LONG), Store()
    port = FakeRedis(store)
    await live(service, RedisWatchdog(ttl=0.3), [service.worker(port)], until=5.0)
    assert port.link.asked == ["set_if_absent", *["extend_if_equal"] * 4, "delete_if_equal"]
    assert service.seen("lease.lost") == []
    assert store.get("report") is None


async def test_one_failed_renewal_is_not_the_end() -> None:
    service = Service(LONG)
    port = FakeRedis(Store())
    port.link.next("extend_if_equal", Trouble.UNAVAILABLE, Trouble.REQUEST_LOST)
    await live(service, RedisWatchdog(ttl=0.6), [service.worker(port)], until=2.5)
    assert service.seen("lease.lost") == []


@pytest.mark.parametrize(
    ("on_lost", "end"),
    [("finish", ["effect.applied", "run.finished"]), ("abort", ["run.failed"])],
)
async def test_a_refused_renewal_says_lost(on_lost: str, end: list[str]) -> None:
    service, store = Service(LONG), Store()
    approach = RedisWatchdog(ttl=0.3, on_lost=on_lost)  # type: ignore[arg-type]
    asyncio.get_running_loop().call_later(1.05, store.delete, "report")
    await live(service, approach, [service.worker(FakeRedis(store))], until=2.5)
    assert service.story() == [
        "lease.requested",
        "lease.granted",
        "run.started",
        "lease.lost",
        *end,
        "lease.released",
        "worker.stopping",
    ]
    # With the renewal that came after the deletion, not when the ttl had passed.
    assert 1.05 < service.seen("lease.lost")[0].at < 1.15


@pytest.mark.parametrize("trouble", [Trouble.UNAVAILABLE, Trouble.REQUEST_LOST])
async def test_a_lock_is_lost_once_its_ttl_passed_without_an_answer(trouble: Trouble) -> None:
    service, store = Service(LONG), Store()
    port = FakeRedis(store)

    def cut() -> None:
        port.link.trouble = trouble

    asyncio.get_running_loop().call_later(1.05, cut)
    approach = RedisWatchdog(ttl=0.3, on_lost="abort")
    await live(service, approach, [service.worker(port)], until=2.5)
    assert service.seen("lease.lost")[0].at == pytest.approx(1.3, abs=0.001)
    assert service.sink.effects == []


@pytest.mark.parametrize(("cut_at", "lost_at"), [(1.15, 1.0 + 0.45), (1.36, 1.25 + 0.45)])
async def test_a_ttl_counts_from_the_request_not_from_its_answer(
    cut_at: float, lost_at: float
) -> None:
    service = Service(Job("report", every=10.0, first=1.0, takes=2.0))
    port = FakeRedis(Store())
    port.link.latency = 0.05

    def cut() -> None:
        port.link.trouble = Trouble.REQUEST_LOST

    # Asked for at 1.0, granted at 1.1; renewed at 1.25, answered at 1.35.
    asyncio.get_running_loop().call_later(cut_at, cut)
    await live(service, RedisWatchdog(ttl=0.45), [service.worker(port)], until=3.5)
    assert service.seen("lease.granted")[0].at == pytest.approx(1.1)
    assert service.seen("lease.lost")[0].at == pytest.approx(lost_at)


async def test_a_lock_granted_after_its_ttl_is_lost_at_once() -> None:
    service, store = Service(LONG), Store()
    port = FakeRedis(store)
    port.link.latency = 0.2
    approach = RedisWatchdog(ttl=0.3, on_lost="abort")
    await live(service, approach, [service.worker(port)], until=2.5)
    assert service.seen("run.failed")[0].at == pytest.approx(1.4)
    assert service.sink.effects == []
