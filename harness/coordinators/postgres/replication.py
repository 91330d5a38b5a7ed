"""How far a Postgres standby is, and how to make it stop there, or lead."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import LiteralString

from psycopg import AsyncConnection

from harness.coordinators.processes import freeze, send
from harness.coordinators.server import ServerError

_WRITTEN = "select pg_current_wal_lsn()::text"
_SENDERS = "select pid from pg_stat_replication"
_RECEIVED = "coalesce(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn(), '0/0')"
_PROMOTE = "select pg_promote()"


async def written(primary: AsyncConnection) -> str:
    """Up to where the primary has written its log."""
    return str(await _value(primary, _WRITTEN))


async def received(standby: AsyncConnection) -> int:
    """Up to where the standby has it, in bytes."""
    return int(str(await _value(standby, f"select ({_RECEIVED} - '0/0'::pg_lsn)::bigint")))


async def has_received(standby: AsyncConnection, position: str) -> bool:
    """Whether the standby has the primary's log up to there."""
    cursor = await standby.execute(f"select {_RECEIVED} >= %s::pg_lsn", [position])
    row = await cursor.fetchone()
    return row is not None and bool(row[0])


async def is_standby(connection: AsyncConnection) -> bool:
    """Whether it only follows, and takes no writes."""
    return bool(await _value(connection, "select pg_is_in_recovery()"))


async def promote(standby: AsyncConnection) -> None:
    """Make it a primary; returns once it takes writes. Raises ServerError."""
    if not await _value(standby, _PROMOTE) or await is_standby(standby):
        raise ServerError("the standby was not promoted")


@asynccontextmanager
async def standing_still(primary: AsyncConnection) -> AsyncIterator[None]:
    """Nothing gets from the primary to its standbys: those who send it stand still."""
    cursor = await primary.execute(_SENDERS)
    senders = [int(row[0]) for row in await cursor.fetchall()]
    try:
        for pid in senders:
            await freeze(pid)
        yield
    finally:
        send(senders, signal.SIGCONT)


async def _value(connection: AsyncConnection, query: LiteralString) -> object:
    row = await (await connection.execute(query)).fetchone()
    return None if row is None else row[0]
