"""ShedLock's table over psycopg: each operation is one statement."""

from __future__ import annotations

from harness.coordinators.giving_up import gives_up
from harness.coordinators.postgres.connection import Execute

LOCK = """
INSERT INTO shedlock AS held (name, locked_at, lock_until, locked_by)
SELECT %s, clock.now, clock.now + %s, %s
FROM (SELECT coalesce(%s::float8, extract(epoch FROM clock_timestamp())::float8) AS now) AS clock
ON CONFLICT (name) DO UPDATE SET
    locked_at = excluded.locked_at,
    lock_until = excluded.lock_until,
    locked_by = excluded.locked_by
WHERE held.lock_until <= excluded.locked_at
RETURNING name
"""

UNLOCK = """
UPDATE shedlock SET
    lock_until = greatest(
        coalesce(%s::float8, extract(epoch FROM clock_timestamp())::float8), locked_at + %s
    ),
    locked_by = ''
WHERE name = %s AND locked_by = %s
RETURNING name
"""


class ShedLockClient:
    """ShedLock's table, on the worker's session."""

    def __init__(self, execute: Execute) -> None:
        self._execute = execute

    async def lock(self, name: str, owner: str, at_most_for: float, now: float | None) -> bool:
        """Lock it for `at_most_for` seconds, where it is new or its lock_until has passed."""
        row = await self._execute("shedlock.lock", LOCK, [name, at_most_for, owner, now])
        return row is not None

    @gives_up
    async def unlock(self, name: str, owner: str, at_least_for: float, now: float | None) -> bool:
        """Let it be free as of now, or `at_least_for` seconds after it was locked if later."""
        row = await self._execute("shedlock.unlock", UNLOCK, [now, at_least_for, name, owner])
        return row is not None
