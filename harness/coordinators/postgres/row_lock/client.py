"""Row locks over psycopg."""

from __future__ import annotations

import asyncio

from psycopg.errors import LockNotAvailable
from psycopg.sql import SQL, Composed, Literal

from harness.coordinators.calls import CallLog, reported
from harness.coordinators.errors import Indeterminate, Unavailable
from harness.coordinators.giving_up import gives_up
from harness.coordinators.postgres.connection import Broken, Connection, Ended
from harness.coordinators.postgres.row_lock.port import RowLock
from harness.coordinators.postgres.transactions import OpenTransactions

CREATE = "INSERT INTO row_locks (name) VALUES (%s) ON CONFLICT DO NOTHING"

# In one message, as a claim is.
TRY = SQL("BEGIN; SELECT last_due FROM row_locks WHERE name = {name} FOR UPDATE NOWAIT")

WAIT = SQL("""
BEGIN;
SET LOCAL lock_timeout = {patience};
SELECT last_due FROM row_locks WHERE name = {name} FOR UPDATE
""")

NOTE = "UPDATE row_locks SET last_due = %s WHERE name = %s"


class RowLockClient:
    """One worker's row locks, each on a connection of its own."""

    def __init__(
        self, transactions: OpenTransactions, request_timeout: float, calls: CallLog
    ) -> None:
        self._transactions = transactions
        self._request_timeout = request_timeout
        self._calls = calls

    async def lock(self, name: str, patience: float | None = None) -> RowLock | None:
        """SELECT ... FOR UPDATE; None where another has the row, after `patience` if given."""
        deadline = self._deadline(patience or 0.0)
        with reported(self._calls, "row_locks.lock"):
            async with self._transactions.first_use(deadline) as connection:
                try:
                    row = await self._select(connection, name, patience, deadline)
                except Unavailable as refusal:
                    if not isinstance(refusal.__cause__, LockNotAvailable):
                        raise
                    await connection.execute("ROLLBACK", None, deadline)
                    await self._transactions.put_back(connection)
                    return None
                lock = RowLock(name, connection.pid, row[0])
                self._transactions.keep(lock, connection)
                return lock

    async def note(self, lock: RowLock, last_due: float) -> bool:
        """UPDATE the locked row. False where the session has ended before."""
        deadline = self._deadline()
        with reported(self._calls, "row_locks.note"):
            async with self._transactions.use(lock) as connection:
                if connection is None:
                    return False
                try:
                    await connection.execute(NOTE, [last_due, lock.name], deadline)
                except (Ended, Broken):
                    return False
                except Indeterminate as error:
                    # Nobody will ever commit it.
                    raise Unavailable(f"not committed: {error}") from error
                return True

    @gives_up
    async def commit(self, lock: RowLock) -> bool:
        """COMMIT, and so let the row go. False where the session has ended before."""
        deadline = self._deadline()
        with reported(self._calls, "row_locks.commit"):
            async with self._transactions.last_use(lock) as connection:
                if connection is None:
                    return False
                try:
                    await connection.execute("COMMIT", None, deadline)
                except Ended:
                    return False
                return True

    def _deadline(self, more: float = 0.0) -> float:
        return asyncio.get_running_loop().time() + self._request_timeout + more

    async def _select(
        self, connection: Connection, name: str, patience: float | None, deadline: float
    ) -> tuple[float | None]:
        """Lock the row in a new transaction; where there is none yet, make it first."""
        statements = _statements(name, patience)
        while True:
            cursor = await connection.execute(statements, None, deadline)
            while cursor.nextset():
                pass
            if (row := await cursor.fetchone()) is not None:
                return row
            await connection.execute("ROLLBACK", None, deadline)
            await connection.execute(CREATE, [name], deadline)


def _statements(name: str, patience: float | None) -> Composed:
    if patience is None:
        return TRY.format(name=Literal(name))
    milliseconds = max(1, round(patience * 1000))  # 0 would be no limit at all.
    return WAIT.format(name=Literal(name), patience=Literal(milliseconds))
