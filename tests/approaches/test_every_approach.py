"""What every approach does as long as nothing goes wrong."""

from __future__ import annotations

import asyncio
import dataclasses
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from harness.approaches import APPROACHES
from harness.approaches.approach import Approach
from harness.scenario.model import Layout
from tests.approaches.fake_postgres import Database, FakePostgres
from tests.approaches.fake_redis import FakeRedis, Store, nodes_of
from tests.approaches.fake_zookeeper import Ensemble, FakeZooKeeper
from tests.service import Service, live

pytestmark = pytest.mark.virtual_time

COORDINATED = sorted(name for name, kind in APPROACHES.items() if kind.coordinator is not None)


def ports(approach: Approach[Any]) -> Callable[[], Any]:
    """Makes ports to one coordinator, one a worker."""
    coordinator = approach.coordinator
    if coordinator is None:
        return lambda: None
    if approach.connection().get("independent"):
        stores = [Store() for _ in range(approach.layout(Layout()).nodes)]
        return lambda: nodes_of(stores)
    if coordinator == "redis":
        store = Store()
        return lambda: FakeRedis(store)
    if coordinator == "zookeeper":
        ensemble = Ensemble()
        return lambda: FakeZooKeeper(ensemble)
    if coordinator == "postgres":
        database = Database()
        return lambda: FakePostgres(database)
    raise NotImplementedError(f"no {coordinator} in memory")


async def quiet_service(name: str) -> Service:
    """Three instances without a fault until 4.5: due at 1, 2, 3 and 4."""
    approach = APPROACHES[name]()
    service, port = Service(), ports(approach)
    workers = [service.worker(port(), f"worker-{number}") for number in (1, 2, 3)]
    await live(service, approach, workers, until=4.5)
    return service


@pytest.mark.parametrize("name", COORDINATED)
async def test_every_due_time_is_run_once(name: str) -> None:
    service = await quiet_service(name)
    assert service.runs() == [("report", 1.0), ("report", 2.0), ("report", 3.0), ("report", 4.0)]
    assert [effect.due for effect in service.sink.effects] == [1.0, 2.0, 3.0, 4.0]
    assert service.seen("lease.lost", "run.failed") == []


@pytest.mark.parametrize("name", COORDINATED)
async def test_every_lease_is_granted_with_a_handle_and_given_up(name: str) -> None:
    service = await quiet_service(name)
    granted = service.seen("lease.granted")
    assert granted
    assert all(event.extra["handle"] for event in granted)
    released = {event.lease for event in service.seen("lease.released")}
    assert released == {event.lease for event in granted}


@pytest.mark.parametrize("name", COORDINATED)
async def test_its_leases_carry_a_token_where_it_says_so(name: str) -> None:
    service = await quiet_service(name)
    fences = [effect.fence for effect in service.sink.effects]
    if APPROACHES[name].fenced:
        assert None not in fences
        assert fences == sorted(fences)  # type: ignore[type-var]
    else:
        assert fences == [None] * 4


@pytest.mark.parametrize("name", COORDINATED)
async def test_runs_lie_between_grant_and_release_of_their_lease(name: str) -> None:
    service = await quiet_service(name)
    held: Counter[str | None] = Counter()
    for event in service.events:
        held[event.worker] += event.kind == "lease.granted"
        held[event.worker] -= event.kind == "lease.released"
        if event.kind in ("run.started", "effect.applied", "run.finished"):
            assert held[event.worker] > 0, event


@pytest.mark.parametrize("name", sorted(APPROACHES))
async def test_it_leaves_no_task_behind(name: str) -> None:
    await quiet_service(name)
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize("name", sorted(APPROACHES))
def test_it_is_rebuilt_from_its_parameters_and_explains_itself(name: str) -> None:
    approach = APPROACHES[name]()
    assert type(approach)(**dataclasses.asdict(approach)) == approach
    assert type(approach).__doc__


async def test_uncoordinated_runs_every_due_time_on_every_instance() -> None:
    service = await quiet_service("uncoordinated")
    assert service.runs_by_due() == {1.0: 3, 2.0: 3, 3.0: 3, 4.0: 3}
    assert service.seen("lease.requested", "lease.granted") == []
