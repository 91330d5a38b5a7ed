"""The leader's row over psycopg: each operation is one statement."""

from __future__ import annotations

from harness.coordinators.giving_up import gives_up
from harness.coordinators.postgres.connection import Execute
from harness.coordinators.postgres.leader_row.port import SEAT

ELECT = """
INSERT INTO leader AS seat (name, holder, expires_at, epoch)
VALUES (%s, %s, clock_timestamp() + make_interval(secs => %s), 1)
ON CONFLICT (name) DO UPDATE SET
    holder = excluded.holder,
    expires_at = excluded.expires_at,
    epoch = seat.epoch + (seat.holder <> excluded.holder)::int
WHERE seat.expires_at < clock_timestamp() OR seat.holder = excluded.holder
RETURNING epoch
"""

RENEW = """
UPDATE leader SET expires_at = clock_timestamp() + make_interval(secs => %s)
WHERE name = %s AND holder = %s AND epoch = %s
RETURNING epoch
"""

RESIGN = """
UPDATE leader SET holder = '', expires_at = '-infinity' WHERE name = %s AND holder = %s
"""

LAST_RUN = "SELECT due FROM leader_runs WHERE job = %s"

NOTE_RUN = """
INSERT INTO leader_runs AS noted (job, due) VALUES (%s, %s)
ON CONFLICT (job) DO UPDATE SET due = greatest(noted.due, excluded.due)
"""


class LeaderRowClient:
    """The leader's row and notes, on the worker's session."""

    def __init__(self, execute: Execute) -> None:
        self._execute = execute

    async def elect(self, holder: str, ttl: float) -> int | None:
        """Take the seat for `ttl` seconds where it is free or ours; the epoch, None where not."""
        row = await self._execute("leader_row.elect", ELECT, [SEAT, holder, ttl])
        return None if row is None else row[0]

    async def renew(self, holder: str, epoch: int, ttl: float) -> bool:
        """Keep the seat for `ttl` seconds from now. False where it is another's, or was."""
        row = await self._execute("leader_row.renew", RENEW, [ttl, SEAT, holder, epoch])
        return row is not None

    @gives_up
    async def resign(self, holder: str) -> None:
        """Free the seat, if it is ours."""
        await self._execute("leader_row.resign", RESIGN, [SEAT, holder])

    async def last_run(self, job: str) -> float | None:
        """The latest due time of the job that was noted."""
        row = await self._execute("leader_row.last_run", LAST_RUN, [job])
        return None if row is None else row[0]

    async def note_run(self, job: str, due: float) -> None:
        """Note a due time of the job; an earlier one than is noted changes nothing."""
        await self._execute("leader_row.note_run", NOTE_RUN, [job, due])
