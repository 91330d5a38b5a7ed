"""Tokens that come with a lock."""

from __future__ import annotations

import asyncio

import pytest

from harness.approaches.redis_fenced import RedisFenced
from harness.scenario.model import Job
from harness.worker.memory_sink import MemorySink
from harness.worker.sink import Policy
from tests.approaches.fake_redis import FakeRedis, Store
from tests.service import Service, live

pytestmark = pytest.mark.virtual_time


async def test_each_lock_of_a_job_has_the_next_token() -> None:
    service = Service(Job("report", 1.0, 1.0, takes=0.2), Job("billing", 1.0, 1.5, takes=0.2))
    store = Store()
    workers = [service.worker(FakeRedis(store), f"worker-{number}") for number in (1, 2)]
    await live(service, RedisFenced(), workers, until=3.25)
    for job, tokens in (("report", [1, 2, 3]), ("billing", [1, 2])):
        assert [effect.fence for effect in service.sink.effects if effect.job == job] == tokens


@pytest.mark.parametrize("key", ["job", "run"])
async def test_tokens_are_the_jobs_whatever_is_locked(key: str) -> None:
    service = Service()
    approach = RedisFenced(key=key)  # type: ignore[arg-type]
    await live(service, approach, [service.worker(FakeRedis(Store()))], until=3.5)
    assert [effect.fence for effect in service.sink.effects] == [1, 2, 3]


async def test_a_loser_takes_no_token() -> None:
    service, store = Service(), Store()
    workers = [service.worker(FakeRedis(store), f"worker-{number}") for number in (1, 2, 3)]
    await live(service, RedisFenced(), workers, until=2.5)
    assert store.get("fence:report") == "2"


async def test_after_a_loss_of_data_tokens_begin_again_and_the_sink_refuses_them() -> None:
    service, store = Service(), Store()
    service.sink = MemorySink(Policy.FENCING)  # type: ignore[assignment]
    store.put("fence:report", "4")
    asyncio.get_running_loop().call_later(1.5, store.delete, "fence:report")
    await live(service, RedisFenced(), [service.worker(FakeRedis(store))], until=2.5)
    assert [event.fence for event in service.seen("lease.granted")] == [5, 1]
    assert [event.due for event in service.seen("effect.applied")] == [1.0]
    (rejected,) = service.seen("effect.rejected")
    assert (rejected.due, rejected.reason) == (2.0, "stale")
