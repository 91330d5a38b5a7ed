"""What clients see while their coordinator is down or stands still, and what they find after it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator

import pytest

from harness.coordinators.errors import CoordinatorError, Indeterminate, Unavailable
from harness.coordinators.machine import Machine
from harness.coordinators.postgres.port import PostgresPort
from harness.coordinators.redis.port import RedisPort
from harness.coordinators.server import Server
from harness.coordinators.sources import find, server_for
from harness.coordinators.zookeeper.port import SessionState, ZooKeeperPort
from harness.runtimes.launcher import Launcher
from harness.scenario.model import Layout
from tests.coordinators.conformance.conftest import Bench

RedisBench = Bench[RedisPort]
ZooKeeperBench = Bench[ZooKeeperPort]
PostgresBench = Bench[PostgresPort]


# The benches run real servers of these names, and these are broken: no other test may have them.


@pytest.fixture(scope="module")
def redis_server() -> Iterator[Server]:
    yield from _own("redis", Layout(persistent=True))


@pytest.fixture(scope="module")
def zookeeper_server() -> Iterator[Server]:
    yield from _own("zookeeper", Layout())


@pytest.fixture(scope="module")
def postgres_server() -> Iterator[Server]:
    yield from _own("postgres", Layout())


def _own(name: str, layout: Layout) -> Iterator[Server]:
    given = f"HARNESS_{name.upper()}_URL"
    found = find(Machine({key: value for key, value in os.environ.items() if key != given}), name)
    if found.make is None:
        pytest.skip(f"no {name} on this machine; to get it: {found.remedy}")
    server = server_for(found, layout)
    with Launcher() as launcher:
        asyncio.run(server.start(launcher))
        yield server
        asyncio.run(server.stop())


async def test_redis_is_unavailable_while_it_is_down(redis: RedisBench) -> None:
    opened = await redis.open_port()
    assert await opened.port.set_if_absent("lock", "a", 60.0)
    await redis.crash()
    for _ in range(3):
        async with redis.in_time():
            # The first one may still go out over a connection whose end nobody has seen yet.
            with pytest.raises(CoordinatorError):
                await opened.port.get("lock")
    with pytest.raises(Unavailable):
        await opened.port.get("lock")
    with pytest.raises(Unavailable):
        await redis.open_port()
    await redis.start(keep_data=True)
    assert await redis.eventually(lambda: opened.port.get("lock")) == "a"


@pytest.mark.parametrize("keep_data", [True, False])
async def test_redis_has_its_keys_after_a_restart_with_its_data(
    redis: RedisBench, keep_data: bool
) -> None:
    one, two = await redis.open_port(), await redis.open_port()
    assert await one.port.set_if_absent("lock", "a", 60.0)
    assert await one.port.set_if_absent("short", "a", 0.5)
    await redis.crash()
    await asyncio.sleep(0.6)
    await redis.start(keep_data=keep_data)
    assert await two.port.set_if_absent("lock", "b", 60.0) is not keep_data
    # Its time to live went on while nobody was there.
    assert await two.port.set_if_absent("short", "b", 60.0)
    assert await one.port.delete_if_equal("lock", "a") is keep_data


async def test_redis_answers_nobody_while_it_stands_still(redis: RedisBench) -> None:
    one, two = await redis.open_port(), await redis.open_port()
    await redis.stand_still()
    async with redis.in_time():
        with pytest.raises(Indeterminate):
            await one.port.set_if_absent("lock", "a", 60.0)
    async with redis.in_time():
        with pytest.raises(CoordinatorError):
            await redis.open_port()
    await redis.go_on()
    # What was sent meanwhile is done.
    assert await redis.eventually(lambda: two.port.get("lock")) == "a"


async def test_a_zookeeper_session_outlives_a_restart_with_its_data(
    zookeeper: ZooKeeperBench,
) -> None:
    one, two = await zookeeper.open_port(), await zookeeper.open_port()
    session = one.port.session
    await one.port.create("/lock", ephemeral=True)
    states = one.port.states()
    await zookeeper.crash()
    assert await anext(states) is SessionState.SUSPENDED
    with pytest.raises(Unavailable):
        await one.port.get("/lock")
    await zookeeper.start(keep_data=True)
    assert await anext(states) is SessionState.CONNECTED
    assert one.port.session == session
    assert await zookeeper.eventually(lambda: two.port.get("/lock"))


async def test_a_zookeeper_session_is_lost_with_its_data_which_its_client_learns_late(
    zookeeper: ZooKeeperBench,
) -> None:
    one = await zookeeper.open_port()
    session = one.port.session
    for number in range(20):
        await one.port.create(f"/node-{number}", ephemeral=True)
    states = one.port.states()
    await zookeeper.crash()
    await zookeeper.start(keep_data=False)
    assert await anext(states) is SessionState.SUSPENDED
    # It has seen later transactions than the server has: that lets it not in.
    await asyncio.sleep(1.0)
    assert one.port.state is SessionState.SUSPENDED
    two = await zookeeper.open_port()
    for number in range(40):
        await two.port.create(f"/other-{number}", ephemeral=True)
    async with asyncio.timeout(10):
        assert await anext(states) is SessionState.LOST
        assert await anext(states) is SessionState.CONNECTED
    assert one.port.session != session
    assert await one.port.get("/node-0") is None


async def test_zookeeper_ends_no_session_while_it_stands_still_for_a_moment(
    zookeeper: ZooKeeperBench,
) -> None:
    opened = await zookeeper.open_port()
    await opened.port.create("/lock", ephemeral=True)
    await zookeeper.stand_still()
    async with zookeeper.in_time():
        with pytest.raises(CoordinatorError):
            await opened.port.get("/lock")
    await zookeeper.go_on()
    assert await zookeeper.eventually(lambda: opened.port.get("/lock"))


@pytest.mark.parametrize("keep_data", [True, False])
async def test_postgres_has_what_was_committed_after_a_restart_with_its_data(
    postgres: PostgresBench, keep_data: bool
) -> None:
    opened = await postgres.open_port()
    assert await opened.port.enqueue("done", 1.0)
    claim = await opened.port.claim()
    assert claim is not None
    assert await opened.port.complete(claim)
    assert await opened.port.enqueue("open", 2.0)
    await postgres.crash()
    await postgres.start(keep_data=keep_data)
    assert await postgres.eventually(lambda: _works(opened.port))
    assert await opened.port.enqueue("done", 1.0) is not keep_data
    claim = await opened.port.claim()
    assert claim is not None
    assert claim.job == ("open" if keep_data else "done")


async def test_locks_and_claims_of_postgres_end_with_a_crash(postgres: PostgresBench) -> None:
    one, two = await postgres.open_port(), await postgres.open_port()
    lock = await one.port.try_advisory_lock("report")
    assert lock is not None
    await one.port.enqueue("report", 1.0)
    claim = await one.port.claim()
    assert claim is not None
    await postgres.crash()
    async with postgres.in_time():
        with pytest.raises(CoordinatorError):
            await two.port.try_advisory_lock("report")
    await postgres.start(keep_data=True)
    assert await postgres.eventually(lambda: two.port.try_advisory_lock("report"))
    assert not await one.port.advisory_unlock(lock)
    assert not await one.port.complete(claim)
    again = await two.port.claim()
    assert again is not None
    assert again.job == "report"


async def test_postgres_answers_nobody_while_it_stands_still(postgres: PostgresBench) -> None:
    one, two = await postgres.open_port(), await postgres.open_port()
    assert await two.port.try_advisory_lock("other")
    await postgres.stand_still()
    async with postgres.in_time():
        with pytest.raises(Indeterminate):
            await one.port.try_advisory_lock("report")
    async with postgres.in_time():
        with pytest.raises(CoordinatorError):
            await postgres.open_port()
    await postgres.go_on()
    # Its session was given up, and so the lock is free, whoever got it meanwhile.
    assert await postgres.eventually(lambda: two.port.try_advisory_lock("report"))


async def _works(port: PostgresPort) -> bool:
    return await port.enqueue("probe", 99.0)
