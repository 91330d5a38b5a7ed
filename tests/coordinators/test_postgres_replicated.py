"""A Postgres that is broken: a primary and its standbys, and recovery of one server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import psutil
import psycopg
import pytest

from harness.coordinators.errors import CoordinatorError
from harness.coordinators.postgres.client import PostgresClient
from harness.coordinators.processes import freeze
from harness.coordinators.server import Node, Server, ServerError
from harness.scenario.model import Layout
from tests.coordinators.own_servers import Moments, Silent, answering, leading, node, running

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]

PAIR = Layout(replicas=1)


@asynccontextmanager
async def speaking(server: Server, to: Node) -> AsyncIterator[psycopg.AsyncConnection]:
    url = server.url([(to.host, to.port)])
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        yield connection


async def enqueue(connection: psycopg.AsyncConnection, job: str) -> None:
    await connection.execute("insert into mine.queue (job, due) values (%s, 0.5)", [job])


async def jobs(server: Server, at: Node | None = None) -> list[str]:
    async with speaking(server, at or await leading(server)) as connection:
        rows = await connection.execute("select job from mine.queue order by job")
        return [row[0] for row in await rows.fetchall()]


async def until_copied(server: Server, to: str, expected: list[str]) -> None:
    async with asyncio.timeout(20):
        while True:
            with suppress(psycopg.errors.UndefinedTable):
                if await jobs(server, node(server, to)) == expected:
                    return
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("lag", [0.0, 0.5])
async def test_a_committed_row_is_lost_with_a_lag_and_kept_without(lag: float) -> None:
    async with running("postgres", PAIR) as server:
        await server.create_namespace("mine")
        old = await leading(server)
        async with speaking(server, old) as connection:
            await enqueue(connection, "early")
            await until_copied(server, "postgres-2", ["early"])
            late = asyncio.create_task(server.fail_over(lag, Moments()))
            if lag:
                await until_senders_stand_still(server)
                await enqueue(connection, "late")
            assert await late == "postgres-2"
        assert not await answering(server, "postgres-1")
        assert await jobs(server) == ["early"]
        async with speaking(server, await leading(server)) as connection:
            await enqueue(connection, "new")


async def until_senders_stand_still(server: Server) -> None:
    def stopped() -> bool:
        states = [psutil.Process(pid).status() for pid in server.processes("postgres-1")]
        return psutil.STATUS_STOPPED in states

    async with asyncio.timeout(20):
        while not stopped():
            await asyncio.sleep(0.01)


async def test_the_crash_is_told_once_while_the_primary_lives() -> None:
    async with running("postgres", PAIR) as server:
        told = Moments(lambda: bool(server.processes("postgres-1")))
        await server.fail_over(0.0, told)
        assert told.seen == [True]


async def test_a_former_primary_follows_the_new_one() -> None:
    async with running("postgres", Layout(replicas=2)) as server:
        await server.create_namespace("mine")
        new = await server.fail_over(0.3, Moments())
        await server.restart("postgres-1", keep_data=True)
        async with speaking(server, await leading(server)) as connection:
            await enqueue(connection, "new")
        for one in server.nodes:
            await until_copied(server, one.name, ["new"])
        assert await server.leader() == new
        again = await server.fail_over(0.0, Moments())
        assert again != new
        assert await jobs(server) == ["new"]


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("layout", [Layout(), PAIR], ids=["alone", "with a standby"])
async def test_a_killed_primary_recovers_or_is_new(keep: bool, layout: Layout) -> None:
    async with running("postgres", layout) as server:
        await server.create_namespace("mine")
        await server.create_namespace("gone")
        await server.drop_namespace("gone")
        before = await leading(server)
        async with speaking(server, before) as connection:
            await enqueue(connection, "report")
        processes = server.processes("postgres-1")
        assert len(processes) > 3
        await server.kill("postgres-1")
        assert not any(psutil.pid_exists(pid) and is_running(pid) for pid in processes)
        with pytest.raises(ServerError, match="is not running"):
            await server.leader()
        await server.restart("postgres-1", keep)
        after = await leading(server)
        assert (after.name, after.port) == (before.name, before.port)
        left = ["report"] if keep else []
        assert await jobs(server) == left
        for one in server.nodes[1:]:
            await until_copied(server, one.name, left)
        async with speaking(server, after) as connection:
            rows = await connection.execute("select nspname from pg_namespace")
            assert "gone" not in [row[0] for row in await rows.fetchall()]


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def test_all_of_it_can_be_wiped_at_once() -> None:
    async with running("postgres", PAIR) as server:
        await server.create_namespace("mine")
        await server.fail_over(0.0, Moments())
        await server.restart("postgres-1", keep_data=False)
        names = [one.name for one in server.nodes]
        for name in names:
            await server.kill(name)
        await asyncio.gather(*(server.restart(name, keep_data=False) for name in names))
        async with speaking(server, await leading(server)) as connection:
            await enqueue(connection, "new")
        for name in names:
            await until_copied(server, name, ["new"])


async def test_a_client_follows_the_primary_and_never_hangs() -> None:
    async with running("postgres", PAIR) as server:
        await server.create_namespace("mine")
        url = server.url([(one.host, one.port) for one in server.nodes])
        client = PostgresClient(url, "mine", 0.5, Silent())
        assert await client.enqueue("report", 0.5)
        await server.fail_over(0.0, Moments())
        async with asyncio.timeout(20):
            while True:
                try:
                    async with asyncio.timeout(2.0):
                        await client.enqueue("report", 1.0)
                        break
                except CoordinatorError:
                    await asyncio.sleep(0.01)
        assert len(await jobs(server)) == 2
        await client.close()


async def test_a_client_gives_up_in_time_where_the_primary_stands_still() -> None:
    async with running("postgres", PAIR) as server:
        await server.create_namespace("mine")
        await freeze(server.processes("postgres-1")[0])
        url = server.url([(one.host, one.port) for one in server.nodes])
        client = PostgresClient(url, "mine", 0.3, Silent())
        with pytest.raises(CoordinatorError):
            async with asyncio.timeout(2.0):
                await client.enqueue("report", 0.5)
        await client.close()


async def test_a_standby_that_stands_still_keeps_no_client_from_the_primary() -> None:
    async with running("postgres", PAIR) as server:
        await server.create_namespace("mine")
        await freeze(server.processes("postgres-2")[0])
        # The standby first: asked in turn, it would take all the time that there is.
        url = server.url([(one.host, one.port) for one in reversed(server.nodes)])
        client = PostgresClient(url, "mine", 1.0, Silent())
        assert await client.enqueue("report", 0.5)
        await client.close()


async def test_what_postgres_cannot_do_is_said_in_one_line() -> None:
    async with running("postgres", Layout()) as server:
        with pytest.raises(ServerError, match="no standby"):
            await server.fail_over(0.0, Moments())
        with pytest.raises(ServerError, match="no clock"):
            await server.shift_clock("postgres-1", 1.0)
    with pytest.raises(ServerError, match="replicas"):
        async with running("postgres", Layout(nodes=3)):
            pass
