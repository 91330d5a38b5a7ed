"""The tables of a trial's schema beside the queue, and how to take a row's lease away."""

from collections.abc import Mapping
from typing import LiteralString

from harness.coordinators.postgres.leader_row import tables as leader_row
from harness.coordinators.postgres.quartz import tables as quartz
from harness.coordinators.postgres.row_lock import tables as row_lock
from harness.coordinators.postgres.shedlock import tables as shedlock

TABLES: tuple[LiteralString, ...] = (
    row_lock.TABLES,
    leader_row.TABLES,
    shedlock.TABLES,
    quartz.TABLES,
)
"""Statements that create them in `{schema}`."""

FREE: Mapping[str, LiteralString] = {
    "leader": leader_row.FREE,
    "shedlock": shedlock.FREE,
    "quartz_fired_triggers": quartz.FREE,
}
"""For each table whose rows stand for leases, the statement that frees the row of `key`."""
