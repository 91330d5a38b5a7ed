"""The Postgres port over psycopg."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from hashlib import blake2b
from typing import Any, LiteralString, TypeVar

from psycopg import AsyncCursor

from harness.coordinators.calls import CallLog, reported
from harness.coordinators.errors import Indeterminate, Unavailable
from harness.coordinators.giving_up import gives_up
from harness.coordinators.postgres.connection import Broken, Connection, Ended
from harness.coordinators.postgres.leader_row.client import LeaderRowClient
from harness.coordinators.postgres.port import AdvisoryLock, Claim
from harness.coordinators.postgres.quartz.client import QuartzClient
from harness.coordinators.postgres.row_lock.client import RowLockClient
from harness.coordinators.postgres.shedlock.client import ShedLockClient
from harness.coordinators.postgres.transactions import OpenTransactions

T = TypeVar("T")

LOCK = "SELECT pg_try_advisory_lock(%s)"

UNLOCK = "SELECT pg_advisory_unlock(%s)"

ENQUEUE = "INSERT INTO queue (job, due) VALUES (%s, %s) ON CONFLICT DO NOTHING"

CLAIM = """
BEGIN;
SELECT job, due FROM queue WHERE NOT done ORDER BY due, job FOR UPDATE SKIP LOCKED LIMIT 1
"""

COMPLETE = "UPDATE queue SET done = true WHERE job = %s AND due = %s"


async def connect(
    url: str, namespace: str, request_timeout: float, calls: CallLog
) -> PostgresClient:
    """A client whose session is open within `request_timeout` seconds; raises Unavailable.

    Its tables are those of the schema `namespace`, and its locks are of no other namespace.
    """
    client = PostgresClient(url, namespace, request_timeout, calls)
    await client.open()
    return client


class Statements:
    """The statements of one operation, all within its deadline."""

    def __init__(self, session: Connection, deadline: float) -> None:
        self._session = session
        self._deadline = deadline

    async def execute(
        self, query: LiteralString, parameters: Sequence[object] | None = None
    ) -> AsyncCursor[tuple[Any, ...]]:
        """Run a statement; raises Unavailable or Indeterminate."""
        return await self._session.execute(query, parameters, self._deadline)


class PostgresClient:
    """One worker's connections to Postgres: its session, one for each transaction that it holds.

    Statements on the session wait for each other. A connection that broke or did not answer in
    time is closed, and the next operation opens another: locks and claims went with the first.
    """

    def __init__(self, url: str, namespace: str, request_timeout: float, calls: CallLog) -> None:
        self._url = url
        self._namespace = namespace
        self._request_timeout = request_timeout
        self._calls = calls
        self._session: Connection | None = None
        self._turn = asyncio.Lock()
        self._closed = False
        self.transactions = OpenTransactions(self._open_connection)
        self.row_locks = RowLockClient(self.transactions, request_timeout, calls)
        self.leader_row = LeaderRowClient(self.execute)
        self.shedlock = ShedLockClient(self.execute)
        self.quartz = QuartzClient(self.transact)

    async def open(self) -> None:
        """Open the session; not counted, as it is no operation."""
        async with self._open_session(self._deadline()):
            pass

    async def try_advisory_lock(self, name: str) -> AdvisoryLock | None:
        """pg_try_advisory_lock on the worker's session; None where another session holds it."""
        deadline = self._deadline()
        with reported(self._calls, "try_advisory_lock"):
            async with self._open_session(deadline) as session:
                cursor = await session.execute(LOCK, [self._lock_key(name)], deadline)
                row = await cursor.fetchone()
                return AdvisoryLock(name, session.pid) if row and row[0] else None

    @gives_up
    async def advisory_unlock(self, lock: AdvisoryLock) -> bool:
        """pg_advisory_unlock. False where that session has ended, and the lock with it."""
        deadline = self._deadline()
        with reported(self._calls, "advisory_unlock"):
            async with self._session_turn(deadline) as session:
                if session is None or session.pid != lock.session:
                    return False
                try:
                    cursor = await session.execute(UNLOCK, [self._lock_key(lock.name)], deadline)
                except (Ended, Broken):
                    return False
                row = await cursor.fetchone()
                return bool(row and row[0])

    async def enqueue(self, job: str, due: float) -> bool:
        """Insert the run, unique by (job, due). False where it was there already."""
        deadline = self._deadline()
        with reported(self._calls, "enqueue"):
            async with self._open_session(deadline) as session:
                cursor = await session.execute(ENQUEUE, [job, due], deadline)
                return cursor.rowcount == 1

    async def execute(
        self, operation: str, query: LiteralString, parameters: Sequence[object]
    ) -> tuple[Any, ...] | None:
        """Run one statement on the worker's session, and commit it; the first row, if any."""
        deadline = self._deadline()
        with reported(self._calls, operation):
            async with self._open_session(deadline) as session:
                cursor = await session.execute(query, parameters, deadline)
                return await cursor.fetchone() if cursor.description else None

    async def transact(self, operation: str, work: Callable[[Statements], Awaitable[T]]) -> T:
        """Do `work` in one transaction on the worker's session: all of it, or nothing."""
        deadline = self._deadline()
        with reported(self._calls, operation):
            async with self._open_session(deadline) as session:
                statements = Statements(session, deadline)
                try:
                    await statements.execute("BEGIN")
                    result = await work(statements)
                except Indeterminate as error:
                    # Nobody will ever commit it.
                    raise Unavailable(f"not committed: {error}") from error
                except BaseException:
                    with suppress(Unavailable, Indeterminate):
                        await statements.execute("ROLLBACK")
                    raise
                await statements.execute("COMMIT")
                return result

    async def claim(self) -> Claim | None:
        """Lock the oldest open run that nobody has locked (FOR UPDATE SKIP LOCKED).

        The transaction stays open, on a connection of its own, until `complete` or `give_back`.
        """
        deadline = self._deadline()
        with reported(self._calls, "claim"):
            async with self.transactions.first_use(deadline) as connection:
                cursor = await connection.execute(CLAIM, None, deadline)
                cursor.nextset()
                row = await cursor.fetchone()
                if row is None:
                    await connection.execute("ROLLBACK", None, deadline)
                    await self.transactions.put_back(connection)
                    return None
                claim = Claim(row[0], row[1], connection.pid)
                self.transactions.keep(claim, connection)
                return claim

    @gives_up
    async def complete(self, claim: Claim) -> bool:
        """Mark the claimed run as done and commit. False where its session has ended before."""
        deadline = self._deadline()
        with reported(self._calls, "complete"):
            async with self.transactions.last_use(claim) as connection:
                if connection is None:
                    return False
                try:
                    await connection.execute(COMPLETE, [claim.job, claim.due], deadline)
                except (Ended, Broken):
                    return False
                except Indeterminate as error:
                    # Nobody will ever commit it.
                    raise Unavailable(f"not committed: {error}") from error
                try:
                    await connection.execute("COMMIT", None, deadline)
                except Ended:
                    return False
                return True

    @gives_up
    async def give_back(self, claim: Claim) -> None:
        """Roll back: the run is open for others again."""
        deadline = self._deadline()
        with reported(self._calls, "give_back"):
            async with self.transactions.last_use(claim) as connection:
                if connection is not None:
                    with suppress(Ended, Broken):
                        await connection.execute("ROLLBACK", None, deadline)

    async def close(self) -> None:
        """Close every connection at once; what they held ends with them."""
        self._closed = True
        await self.transactions.close()
        if self._session is not None:
            await self._session.close()

    def _deadline(self) -> float:
        return asyncio.get_running_loop().time() + self._request_timeout

    def _lock_key(self, name: str) -> int:
        digest = blake2b(f"{self._namespace}/{name}".encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big", signed=True)

    async def _open_connection(self, deadline: float) -> Connection:
        if self._closed:
            raise Unavailable("the client is closed")
        return await Connection.open(self._url, self._namespace, deadline)

    @asynccontextmanager
    async def _session_turn(self, deadline: float) -> AsyncIterator[Connection | None]:
        """The session for oneself; None where it has ended."""
        try:
            async with asyncio.timeout_at(deadline):
                await self._turn.acquire()
        except TimeoutError as error:
            raise Unavailable("the session was busy all the time") from error
        try:
            if self._session is not None and not self._session.is_open():
                await self._session.close()
                self._session = None
            yield self._session
        finally:
            self._turn.release()

    @asynccontextmanager
    async def _open_session(self, deadline: float) -> AsyncIterator[Connection]:
        """The session for oneself, a new one where it has ended."""
        async with self._session_turn(deadline) as session:
            if session is None:
                session = self._session = await self._open_connection(deadline)
            yield session
