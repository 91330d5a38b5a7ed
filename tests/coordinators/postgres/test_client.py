"""What is particular to the real Postgres client."""

import asyncio
from collections.abc import AsyncIterator

import psycopg
import pytest

from harness.coordinators.errors import Indeterminate, Unavailable
from harness.coordinators.postgres.client import PostgresClient, connect
from harness.coordinators.server import Server

pytestmark = pytest.mark.live

NAMESPACE = "postgres_client"

SLOW_COMMIT = """
CREATE FUNCTION {0}.dawdle() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_sleep(2); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER slow AFTER UPDATE ON {0}.queue DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION {0}.dawdle()
"""


class Silent:
    def called(self, operation: str) -> None: ...

    def failed(self, operation: str, error: str) -> None: ...


@pytest.fixture
def url(postgres_server: Server) -> str:
    return postgres_server.url([(node.host, node.port) for node in postgres_server.nodes])


@pytest.fixture
async def client(postgres_server: Server, url: str) -> AsyncIterator[PostgresClient]:
    await postgres_server.create_namespace(NAMESPACE)
    client = await connect(url, NAMESPACE, 1.0, Silent())
    yield client
    await client.close()
    await postgres_server.drop_namespace(NAMESPACE)


async def ask(url: str, query: str) -> list[tuple[object, ...]]:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as admin:
        cursor = await admin.execute(query)
        return await cursor.fetchall() if cursor.description else []


async def test_a_commit_whose_answer_does_not_come_is_indeterminate(
    client: PostgresClient, url: str
) -> None:
    await ask(url, SLOW_COMMIT.format(NAMESPACE))
    await client.enqueue("report", 0.5)
    claim = await client.claim()
    assert claim is not None
    with pytest.raises(Indeterminate):
        await client.complete(claim)
    async with asyncio.timeout(10):
        # The server commits it all the same.
        while await ask(url, f"SELECT done FROM {NAMESPACE}.queue") != [(True,)]:
            await asyncio.sleep(0.05)


async def test_what_the_server_refuses_is_unavailable_and_costs_no_session(
    client: PostgresClient, url: str
) -> None:
    lock = await client.try_advisory_lock("report")
    assert lock is not None
    await ask(url, f"ALTER TABLE {NAMESPACE}.queue RENAME TO elsewhere")
    with pytest.raises(Unavailable, match="UndefinedTable"):
        await client.enqueue("report", 0.5)
    with pytest.raises(Unavailable, match="UndefinedTable"):
        await client.claim()
    await ask(url, f"ALTER TABLE {NAMESPACE}.elsewhere RENAME TO queue")
    assert await client.enqueue("report", 0.5)
    assert await client.claim() is not None
    assert await client.advisory_unlock(lock)


async def test_sessions_carry_the_name_of_their_namespace(client: PostgresClient, url: str) -> None:
    assert await client.claim() is None
    query = f"SELECT count(*) FROM pg_stat_activity WHERE application_name = '{NAMESPACE}'"
    assert await ask(url, query) == [(2,)]


async def test_a_session_that_ended_while_idle_is_replaced_without_an_error(
    client: PostgresClient, postgres_server: Server
) -> None:
    lock = await client.try_advisory_lock("report")
    assert lock is not None
    await postgres_server.forget(NAMESPACE, str(lock.session))
    await asyncio.sleep(0.1)
    again = await client.try_advisory_lock("report")
    assert again is not None
    assert again.session != lock.session
